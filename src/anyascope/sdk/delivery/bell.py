"""Wakes a thread, from any other thread, from a signal handler and from a finaliser."""

from __future__ import annotations

import contextlib
import threading


class Bell:
    """One thread waits, everybody may ring; a ring that nobody waits for is kept, further ones add nothing.

    A bare lock that is handed over rather than held: `threading.Event` takes a lock of its own in `set`, on which a signal
    handler that interrupts a `set` would wait for ever.
    """

    def __init__(self) -> None:
        self._silence = threading.Lock()
        self._silence.acquire()

    def ring(self) -> None:
        """Wake the waiting thread; never waits."""
        if self._silence.locked():
            with contextlib.suppress(RuntimeError):  # another thread rang in between
                self._silence.release()

    def wait(self, timeout_s: float) -> bool:
        """Whether it rang within `timeout_s`; a negative time-out is 0."""
        return self._silence.acquire(timeout=min(max(timeout_s, 0.0), threading.TIMEOUT_MAX))
