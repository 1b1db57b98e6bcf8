"""What the tests of metrics share."""

from __future__ import annotations

import contextlib

import pytest
from prometheus_client import values

from anyascope.sdk.guard import forget_told
from support.far_end import far_end


@pytest.fixture(autouse=True)
def told_anew():
    """Each test hears of a fault for the first time."""
    forget_told()


@pytest.fixture
def end():
    """A far end that takes everything, until it is told otherwise."""
    with far_end() as end:
        yield end


class SharedFolder:
    """Multiprocess mode within one process: `process(pid)` says which process is meant from here on."""

    def __init__(self, path):
        self.path = path
        self.pid = 5_000_001  # beyond the most that Linux can give out (2^22): no such process lives

    @contextlib.contextmanager
    def process(self, pid):
        former, self.pid = self.pid, pid
        try:
            yield
        finally:
            self.pid = former


@pytest.fixture
def shared(tmp_path, monkeypatch):
    """A folder of files that several processes share, and new metrics in it."""
    folder = SharedFolder(tmp_path / "metrics")
    folder.path.mkdir()
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(folder.path))
    kind = values.MultiProcessValue(lambda: folder.pid)
    monkeypatch.setattr(values, "ValueClass", kind)
    monkeypatch.setattr("os.getpid", lambda: folder.pid)
    yield folder
    kind.close_all_files()
