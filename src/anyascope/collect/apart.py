"""Work that may hang, on a thread of its own: a file of a network mount that is gone is waited for without end."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections import deque
from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T")


class Apart:
    """Does blocking work beside the event loop, one piece after the other; what hangs here holds up this only.

    The pool that `asyncio.to_thread` uses is everybody's: a few reads that hang occupy all of it. The thread is there while
    there is work. It is a daemon: the end of the process does not wait for it.

    Args:
        name: of the thread.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._lock = threading.Lock()
        self._waiting: deque[Callable[[], None]] = deque()
        self._is_running = False

    async def run(self, work: Callable[[], T]) -> T:
        """What the work returns or raises. Work that was not begun when this is cancelled is never done."""
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[T] = loop.create_future()

        def told() -> None:
            try:
                result = work()
            except Exception as error:  # noqa: BLE001  # whoever waits for the work is told
                _tell(loop, answer, answer.set_exception, error)
            else:
                _tell(loop, answer, answer.set_result, result)

        self.leave(told)
        try:
            return await answer
        finally:
            with self._lock, contextlib.suppress(ValueError):
                self._waiting.remove(told)

    def leave(self, work: Callable[[], None]) -> None:
        """Have it done after what was asked for before; nobody waits for it, and it must not raise."""
        with self._lock:
            self._waiting.append(work)
            if not self._is_running:
                self._is_running = True
                threading.Thread(target=self._work_off, name=self._name, daemon=True).start()

    def _work_off(self) -> None:
        while True:
            with self._lock:
                if not self._waiting:
                    self._is_running = False
                    return
                work = self._waiting.popleft()
            work()


def _tell(
    loop: asyncio.AbstractEventLoop, answer: asyncio.Future[Any], tell: Callable[[Any], None], found: object
) -> None:
    with contextlib.suppress(RuntimeError):  # the loop was closed meanwhile: nobody waits any more
        loop.call_soon_threadsafe(lambda: None if answer.done() else tell(found))
