"""`anyascope up` before the server runs."""

from __future__ import annotations

import gc
import signal

import pytest

from anyascope.app import main as app_main
from anyascope.cli import main


@pytest.fixture
def _as_before():
    """The process of the tests gets its signals and its garbage collector back."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    yield
    signal.pthread_sigmask(signal.SIG_SETMASK, before)
    gc.enable()


@pytest.mark.usefixtures("_as_before")
def test_a_reload_during_the_start_waits(monkeypatch):
    """SIGHUP ends a process that does not handle it yet; it is held back until the server can reload."""
    blocked: list[bool] = []

    def run_server(_sources) -> int:
        blocked.append(signal.SIGHUP in signal.pthread_sigmask(signal.SIG_BLOCK, ()))
        return 0

    monkeypatch.setattr(app_main, "run_server", run_server)
    assert main.run(["up", "--store", "memory"]) == 0
    assert blocked == [True]
