"""One process a data directory."""

from __future__ import annotations

import os

import pytest

from anyascope.errors import ConflictError, UnavailableError
from anyascope.store.chdb.lock import DirectoryLock


def test_a_directory_in_use_names_its_holder(tmp_path):
    """The second one is told who has it, in one line."""
    lock = DirectoryLock(tmp_path / "new")

    with pytest.raises(ConflictError, match=rf"in use by process {os.getpid()}\Z"):
        DirectoryLock(tmp_path / "new")

    lock.release()
    DirectoryLock(tmp_path / "new").release()


def test_a_path_that_is_no_directory_is_refused(tmp_path):
    """A file in the place of the directory is said to be unusable."""
    (tmp_path / "file").write_text("")

    with pytest.raises(UnavailableError, match="cannot be used"):
        DirectoryLock(tmp_path / "file")


def test_a_holder_that_died_is_remembered(tmp_path):
    """A lock that was not released tells the next holder whose it was; a released one tells nothing."""
    (tmp_path / "anyascope.lock").write_text("4711")

    lock = DirectoryLock(tmp_path)
    assert lock.left_by == "4711"
    lock.release()

    lock = DirectoryLock(tmp_path)
    assert lock.left_by == ""
    lock.release()
