"""Secrets do not show."""

from __future__ import annotations

import json

import pytest

from anyascope.errors import InvalidInputError
from anyascope.model.secret import Secret, SecretFile


def test_does_not_print():
    """However it is written out, the text is not there."""
    secret = Secret("hunter2")
    assert [str(secret), repr(secret), f"{secret}", f"{[secret]}"] == ["<secret>", "<secret>", "<secret>", "[<secret>]"]
    with pytest.raises(TypeError):
        json.dumps(secret)
    assert secret.reveal() == "hunter2"


def test_compares_by_text():
    """Equal texts are equal secrets; a file is not its path's text."""
    assert Secret("a") == Secret("a")
    assert len({Secret("a"), Secret("a"), Secret("b")}) == 2
    assert Secret("a") != SecretFile("a")
    assert not Secret("")


def test_a_file_is_read_at_each_use(tmp_path):
    """A rotated secret counts at once; a missing or binary file says what is wrong."""
    path = tmp_path / "token"
    secret = SecretFile(str(path))
    with pytest.raises(InvalidInputError, match="cannot be read"):
        secret.reveal()
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(InvalidInputError, match="cannot be read"):
        secret.reveal()
    path.write_text(" one\n")
    assert secret.reveal() == "one"
    path.write_text("two\n")
    assert secret.reveal() == "two"
