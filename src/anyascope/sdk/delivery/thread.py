"""A background thread that starts with the first need of it, and anew in a forked child."""

from __future__ import annotations

import threading
from collections.abc import Callable

from anyascope.sdk.delivery.process import expect_exit
from anyascope.sdk.guard import tell_once


class LazyThread:
    """Runs `run` in a daemon thread named `anyascope-<name>` once somebody says that it is needed."""

    def __init__(self, name: str, run: Callable[[], None]) -> None:
        self._name = f"anyascope-{name}"
        self._run = run
        self.after_fork()

    def after_fork(self) -> None:
        """The parent's thread does not exist here."""
        self._starting = threading.RLock()
        self._is_running = False

    def ensure(self) -> bool:
        """Whether it runs; it does, unless the system gives no more threads or the interpreter is ending."""
        return self._is_running or self._begin()

    def end_unless(self, is_needed: Callable[[], bool]) -> bool:
        """Asked by the thread itself: whether it may end. The next need starts a new one."""
        with self._starting:
            self._is_running = is_needed()
            return not self._is_running

    def _begin(self) -> bool:
        with self._starting:
            if not self._is_running:
                try:
                    threading.Thread(target=self._run, name=self._name, daemon=True).start()
                except RuntimeError as error:
                    tell_once(f"starting the thread {self._name}", error)
                    return False
                self._is_running = True
                expect_exit()
        return True
