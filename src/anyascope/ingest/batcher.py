"""Group commit: requests wait together, one insert serves all of them, each is answered after it."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

import structlog

from anyascope.clock import NS_PER_MS, NS_PER_S, Clock
from anyascope.errors import AnyascopeError, OverloadedError, UnavailableError
from anyascope.ids import Ids
from anyascope.ingest.options import LaneOptions
from anyascope.ingest.tally import Signal, Tally
from anyascope.ports import ComponentHealth, HealthStatus

T = TypeVar("T")

RETRY_FULL_S = 1.0  # a full queue is worked off in a few flushes
RETRY_FAILED_S = 5.0  # a store that fails needs somebody to look; senders keep their data meanwhile
FULL_SHARE_WARNED = 0.8  # of the queue: from here on the lane calls itself degraded

log = structlog.get_logger("anyascope.ingest")


@dataclass(slots=True)
class _Waiting(Generic[T]):
    item: T
    rows: int
    size_bytes: int
    done: asyncio.Future[None]


class Lane(Generic[T]):
    """The queue of one signal and the one flush at a time that empties it.

    A flush starts at once where the lane is idle and the last one began `linger_s` ago; otherwise what arrives waits
    that long, or until `flush_rows_max` rows wait, so that a busy table sees few large inserts.

    Args:
        write: stores the items of one flush under a deduplication token, all or nothing.
        stored: told of the items after the commit, before their callers are answered.
    """

    def __init__(
        self,
        signal: Signal,
        *,
        write: Callable[[Sequence[T], str], Awaitable[None]],
        stored: Callable[[Sequence[T]], None],
        options: LaneOptions,
        clock: Clock,
        ids: Ids,
        tally: Tally,
    ) -> None:
        self._signal = signal
        self._write = write
        self._stored = stored
        self._options = options
        self._clock = clock
        self._ids = ids
        self._tally = tally
        self._queue: deque[_Waiting[T]] = deque()
        self._rows = 0
        self._bytes = 0
        self._arrived = asyncio.Event()
        self._hurry = asyncio.Event()  # the queue holds a whole flush, or the lane is closing
        self._closing = False
        self._flush_began_ns = -options.linger_s * NS_PER_S
        self._fault = ""
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Flush from now on."""
        self._task = asyncio.create_task(self._run(), name=f"ingest-{self._signal.value}")

    async def drain(self) -> None:
        """Take nothing more, store what waits, and end."""
        self._closing = True
        self._arrived.set()
        self._hurry.set()
        if self._task is not None:
            await self._task

    async def put(self, item: T, *, rows: int, size_bytes: int) -> None:
        """Return once the item is durable.

        Raises:
            OverloadedError: the queue is full; nothing was taken.
            UnavailableError: the lane is closing, or the store did not take the flush.
        """
        self._check_room(rows, size_bytes)
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._queue.append(_Waiting(item, rows, size_bytes, done))
        self._count(rows, size_bytes)
        self._arrived.set()
        if self._rows >= self._options.flush_rows_max:
            self._hurry.set()
        await done

    def health(self) -> ComponentHealth:
        """Unhealthy while the store refuses, degraded while the queue is nearly full."""
        name = f"ingest.{self._signal.value}"
        if self._fault:
            return ComponentHealth(
                name,
                "receiver",
                HealthStatus.UNHEALTHY,
                message=f"the last flush failed: {self._fault}",
                advice="look at free disk space and at the store's own health; senders keep their data and retry",
            )
        share = max(self._rows / self._options.queue_rows_max, self._bytes / self._options.queue_bytes_max)
        if share >= FULL_SHARE_WARNED:
            return ComponentHealth(
                name,
                "receiver",
                HealthStatus.DEGRADED,
                message=f"{self._rows} rows wait, the queue is {share:.0%} full",
                advice="more arrives than the disk takes; send less, or give the server more CPU",
            )
        return ComponentHealth(name, "receiver", HealthStatus.HEALTHY, message=f"{self._rows} rows wait")

    def _check_room(self, rows: int, size_bytes: int) -> None:
        if self._closing:
            raise UnavailableError("the server is shutting down", retry_after_s=RETRY_FAILED_S)
        # One item alone is always let in: the bodies' own limit bounds it.
        if self._queue and (
            self._rows + rows > self._options.queue_rows_max or self._bytes + size_bytes > self._options.queue_bytes_max
        ):
            self._tally.queue_full(self._signal)
            raise OverloadedError(
                f"the queue for {self._signal.value} is full ({self._rows} rows wait)", retry_after_s=RETRY_FULL_S
            )

    def _count(self, rows: int, size_bytes: int) -> None:
        self._rows += rows
        self._bytes += size_bytes
        self._tally.queue(self._signal, rows=self._rows, size_bytes=self._bytes)

    async def _run(self) -> None:
        while True:
            await self._arrived.wait()
            if self._queue:
                await self._linger()
                await self._flush(self._take())
            elif self._closing:
                return
            else:
                self._arrived.clear()

    async def _linger(self) -> None:
        since_s = (self._clock.monotonic_ns() - self._flush_began_ns) / NS_PER_S
        rest_s = self._options.linger_s - since_s
        if rest_s <= 0 or self._hurry.is_set():
            return
        pause = asyncio.ensure_future(self._clock.sleep(rest_s))
        hurry = asyncio.ensure_future(self._hurry.wait())
        await asyncio.wait((pause, hurry), return_when=asyncio.FIRST_COMPLETED)
        pause.cancel()
        hurry.cancel()

    def _take(self) -> list[_Waiting[T]]:
        taken = [self._queue.popleft()]
        rows = taken[0].rows
        while self._queue and rows + self._queue[0].rows <= self._options.flush_rows_max:
            taken.append(self._queue.popleft())
            rows += taken[-1].rows
        self._count(-rows, -sum(waiting.size_bytes for waiting in taken))
        if self._rows < self._options.flush_rows_max and not self._closing:
            self._hurry.clear()
        return taken

    async def _flush(self, taken: list[_Waiting[T]]) -> None:
        self._flush_began_ns = self._clock.monotonic_ns()
        try:
            await self._write([waiting.item for waiting in taken], self._ids.next())
        except Exception as error:  # noqa: BLE001  # whatever the store says, callers must hear it and the lane goes on
            await self._failed(taken, error)
            return
        took_ns = self._clock.monotonic_ns() - self._flush_began_ns
        rows = sum(waiting.rows for waiting in taken)
        self._fault = ""
        self._tally.flushed(self._signal, rows=rows, seconds=took_ns / NS_PER_S)
        log.debug("batch_stored", signal=self._signal.value, rows=rows, duration_ms=took_ns // NS_PER_MS)
        self._stored([waiting.item for waiting in taken])
        for waiting in taken:
            if not waiting.done.done():  # its caller may have gone away
                waiting.done.set_result(None)

    async def _failed(self, taken: list[_Waiting[T]], error: Exception) -> None:
        self._tally.flush_failed(self._signal)
        if len(taken) > 1 and not isinstance(error, UnavailableError):
            # Something in the flush was indigestible: store each alone, so that only its own sender hears of it.
            for waiting in taken:
                await self._flush([waiting])
            return
        self._fault = str(error) or type(error).__name__
        log.warning("flush_failed", signal=self._signal.value, rows=sum(w.rows for w in taken), error=self._fault)
        told = error
        if not isinstance(error, AnyascopeError):
            told = UnavailableError(f"the store did not take the batch: {self._fault}", retry_after_s=RETRY_FAILED_S)
        for waiting in taken:
            if not waiting.done.done():
                waiting.done.set_exception(told)
