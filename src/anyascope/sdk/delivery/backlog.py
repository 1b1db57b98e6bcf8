"""Encoded bodies that wait for their far end: what a courier needs of them, and the kind that lives in memory."""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass
from typing import Protocol

from anyascope.sdk.delivery.tally import Reason, Tally

OUTBOX_BYTES_MAX = 4 * 1024 * 1024  # a signal; some 20,000 spans, an hour of a quiet service, a minute of a busy one
PARCEL_BYTES_MAX = 1024 * 1024  # of joined bodies in one request; collectors take 4 to 20 MB
BODY_BYTES_MAX = 3 * 1024 * 1024  # of one body; gRPC receivers refuse messages over 4 MB


@dataclass(frozen=True, slots=True)
class Body:
    """An encoded request and how many spans, records or points stand in it."""

    data: bytes
    items: int


class Backlog(Protocol):
    """Bodies of one signal, oldest first. One courier takes; any thread puts."""

    def put(self, body: Body) -> None:
        """Keep it, as long as it can be."""

    def look_around(self) -> None:
        """Find what others left for us; now and then at most."""

    def take(self, bytes_max: int) -> list[Body]:
        """The oldest bodies, together at most `bytes_max` but at least one; empty where nothing waits.

        They stay in the backlog until `done` says otherwise.
        """

    def done(self, count: int) -> None:
        """The first `count` of the taken ones need nothing more; the others wait again, in their old order."""

    def waiting(self) -> tuple[int, int]:
        """Items and bytes that wait."""

    def drop_all(self) -> int:
        """Forget what would go with the process, and give the number of items."""

    def close(self) -> None:
        """Let go of files."""

    def after_fork(self) -> None:
        """Forget what is the parent's, in the child."""


class MemoryBacklog:
    """Bodies in memory; beyond `bytes_max` the oldest are dropped and counted."""

    def __init__(self, *, signal: str, tally: Tally, bytes_max: int = OUTBOX_BYTES_MAX) -> None:
        self._signal = signal
        self._tally = tally
        self._bytes_max = bytes_max
        self.after_fork()

    def after_fork(self) -> None:
        self._lock = threading.RLock()  # held for some bytes of bookkeeping, never while anything is sent
        self._bodies: deque[Body] = deque()
        self._taken: list[Body] = []
        self._bytes = 0

    def put(self, body: Body) -> None:
        with self._lock:
            self._bodies.append(body)
            self._bytes += len(body.data)
            self._shrink()

    def look_around(self) -> None:
        """Memory is nobody else's."""

    def take(self, bytes_max: int) -> list[Body]:
        with self._lock:
            self.done(0)
            size = 0
            while self._bodies and (not self._taken or size + len(self._bodies[0].data) <= bytes_max):
                self._taken.append(self._bodies.popleft())
                size += len(self._taken[-1].data)
            return list(self._taken)

    def done(self, count: int) -> None:
        with self._lock:
            self._bytes -= sum(len(body.data) for body in self._taken[:count])
            self._bodies.extendleft(reversed(self._taken[count:]))
            self._taken = []
            self._shrink()

    def waiting(self) -> tuple[int, int]:
        with self._lock:
            items = sum(body.items for body in self._bodies) + sum(body.items for body in self._taken)
            return items, self._bytes

    def drop_all(self) -> int:
        with self._lock:
            items, _ = self.waiting()
            self._bodies.clear()
            self._taken = []
            self._bytes = 0
            return items

    def close(self) -> None:
        """There is nothing to let go of."""

    def _shrink(self) -> None:
        while self._bytes > self._bytes_max and self._bodies:
            oldest = self._bodies.popleft()
            self._bytes -= len(oldest.data)
            self._tally.dropped(self._signal, Reason.OUTBOX_FULL, oldest.items)
