"""A bounded queue between the host's threads and the one that encodes."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

from anyascope.sdk.delivery.bell import Bell
from anyascope.sdk.delivery.process import enrol, exit_remaining_s
from anyascope.sdk.delivery.tally import Reason, Tally
from anyascope.sdk.delivery.thread import LazyThread
from anyascope.sdk.guard import tell_once

T = TypeVar("T")

REST_S = (
    0.0001  # between slices: a thread that computes holds the host's up by 5 ms at a time (the interpreter's switch)
)
HURRY_SLICES = (
    4  # slices at once while half a batch or more waits: each has its price, and a host that is so busy pays it in full
)
PROMPT_LINGER_S = 0.01  # so that the events of one step travel in one body
FLUSH_WITHIN_S = 5.0  # of a flush that names no bound


class BatchQueue(Generic[T]):
    """Takes items at once and hands them on in batches from a thread of its own, which starts with the first item.

    `put` takes no lock that the other thread holds while it encodes or writes; a full queue loses its oldest item, which is
    counted: what is happening now is worth more than what was. A forked child starts with an empty queue.

    Args:
        export: takes a batch; runs in the queue's thread, and in that of the exit handler.
        tally: where drops are counted.
        signal: under which name.
        queue_max: items that wait at most, at least 1.
        delay_ms: how long an item waits for others.
        batch_max: items that are waited for, and handed on at once, at least 1.
        is_prompt: hand on at once instead: an item waits for others `PROMPT_LINGER_S` only.
        slice_max: fewer items handed on at once, with a rest after each, where the exporter can take them so; the host's
            threads get the interpreter in between. While half a batch waits it is `HURRY_SLICES` as many, and while the queue is
            half full there is no rest.
    """

    flush_order = 0

    def __init__(
        self,
        export: Callable[[list[T]], None],
        *,
        tally: Tally,
        signal: str,
        queue_max: int,
        delay_ms: int,
        batch_max: int,
        slice_max: int | None = None,
        is_prompt: bool = False,
    ) -> None:
        self.signal = signal
        self._export = export
        self._tally = tally
        self._queue_max = max(queue_max, 1)
        self._delay_s = max(delay_ms, 1) / 1000
        self._batch_max = min(max(batch_max, 1), self._queue_max)
        self._slice_max = min(max(slice_max or self._batch_max, 1), self._batch_max)
        self._ring_at = 1 if is_prompt else self._batch_max
        self._linger_s = PROMPT_LINGER_S if is_prompt else 0.0
        self._is_closed = False
        self._thread = LazyThread(f"{signal}-queue", self._run)
        self.after_fork()
        enrol(self)

    def after_fork(self) -> None:
        """Empty, with no thread and new locks."""
        self._items: deque[T] = deque()
        self._flushes: deque[threading.Event] = deque()
        self._bell = Bell()
        self._draining = threading.Lock()
        self._thread.after_fork()

    @property
    def depth(self) -> int:
        """Items that wait."""
        return len(self._items)

    def put(self, item: T) -> None:
        """Take an item; never waits."""
        if self._is_closed:
            self._tally.dropped(self.signal, Reason.SHUTDOWN)
            return
        items = self._items
        if len(items) >= self._queue_max:
            self._make_room(items)
        items.append(item)
        self._thread.ensure()
        if len(items) >= self._ring_at:
            self._bell.ring()

    def flush(self, within_s: float = FLUSH_WITHIN_S) -> bool:
        """Hand on what waits; whether all of it was within `within_s`."""
        if not self._items and not self._draining.locked():
            return True
        deadline_s = time.monotonic() + exit_remaining_s(within_s)
        if not self._thread.ensure():
            return self._drain_here(deadline_s)
        done = threading.Event()
        self._flushes.append(done)
        self._bell.ring()
        return done.wait(max(deadline_s - time.monotonic(), 0.0))

    def close(self, within_s: float = FLUSH_WITHIN_S) -> None:
        """Hand on what waits, and take nothing more; what is left after `within_s` is counted as dropped."""
        if self._is_closed:
            return
        self.flush(within_s)
        self._is_closed = True
        self._bell.ring()
        left = 0
        while self._pop() is not None:
            left += 1
        self._tally.dropped(self.signal, Reason.SHUTDOWN, left)

    def flush_at_exit(self, deadline_s: float) -> None:
        self.flush(deadline_s - time.monotonic())

    def _make_room(self, items: deque[T]) -> None:
        try:
            while len(items) >= self._queue_max:
                items.popleft()
                self._tally.dropped(self.signal, Reason.QUEUE_FULL)
        except IndexError:
            return  # the other thread has just taken all

    def _run(self) -> None:
        while not self._is_closed:
            if self._bell.wait(self._delay_s) and self._linger_s and not self._flushes:
                time.sleep(self._linger_s)
            flushes = [self._flushes.popleft() for _ in range(len(self._flushes))]
            with self._draining:
                self._drain()
            for done in flushes:
                done.set()

    def _drain(self) -> None:
        while batch := self._batch():
            try:
                self._export(batch)
            except Exception as error:  # noqa: BLE001  # the thread must outlive any exporter
                self._tally.dropped(self.signal, Reason.EXPORT_FAILED, len(batch))
                tell_once(f"exporting {self.signal}", error)
            if self._slice_max < self._batch_max and 0 < len(self._items) < self._queue_max // 2:
                time.sleep(REST_S)

    def _drain_here(self, deadline_s: float) -> bool:
        if not self._draining.acquire(timeout=max(deadline_s - time.monotonic(), 0.0)):
            return False
        try:
            self._drain()
        finally:
            self._draining.release()
        return True

    def _batch(self) -> list[T]:
        batch: list[T] = []
        size = self._slice_max
        if len(self._items) > self._batch_max // 2:
            size = min(HURRY_SLICES * size, self._batch_max)
        while len(batch) < size and (item := self._pop()) is not None:
            batch.append(item)
        return batch

    def _pop(self) -> T | None:
        try:
            return self._items.popleft()
        except IndexError:
            return None
