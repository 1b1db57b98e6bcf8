"""The live tail: one reader's view of what is being stored."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Sequence
from dataclasses import replace

from anyascope.api.encode import encode
from anyascope.api.render import log_row
from anyascope.api.sse import KEEP_ALIVE, OPENING, Stream, event
from anyascope.clock import NS_PER_S, Clock
from anyascope.model.logs import LogBatch, LogRecord
from anyascope.ports import Arrivals
from anyascope.store.api.matching import Predicate

WAITING_ROWS_MAX = (
    20_000  # rows that a slow reader may lie behind, half a second of full load; they are shared, not copied
)
SENT_ROWS_PER_S_MAX = 2_000  # more than a page can draw, and a hundred times what a person can read
TURN_ROWS = 500  # rows looked at before others have their turn: about 2 ms


class Tail:
    """Collects what arrives, filters it, and gives it out as events.

    What arrives is only put aside at once; it is looked at when the reader's turn comes. Where the reader lies too far
    behind, whole batches are left out and counted, so that storing never waits for reading.
    """

    def __init__(self, arrivals: Arrivals, stream: Stream, *, holds: Predicate | None, clock: Clock) -> None:
        self._arrivals = arrivals
        self._stream = stream
        self._holds = holds
        self._clock = clock
        self._waiting: deque[LogBatch] = deque()
        self._waiting_rows = 0
        self._dropped_rows = 0
        self._second = 0
        self._sent_in_second = 0

    async def chunks(self) -> AsyncGenerator[bytes, None]:
        """Events, until the stream is closed."""
        stop = self._arrivals.on_logs(self._offer)
        try:
            yield OPENING
            while not self._stream.is_closed:
                if not await self._stream.woken():
                    yield KEEP_ALIVE
                    continue
                while self._waiting:
                    batch = self._waiting.popleft()
                    self._waiting_rows -= len(batch)
                    for first in range(0, len(batch), TURN_ROWS):
                        if chunk := self._events(batch, range(first, min(first + TURN_ROWS, len(batch)))):
                            yield chunk
                        await asyncio.sleep(0)
                if chunk := self._drops():
                    yield chunk
        finally:
            stop()

    def _offer(self, batches: Sequence[LogBatch]) -> None:
        for batch in batches:
            if self._waiting_rows + len(batch) > WAITING_ROWS_MAX:
                self._dropped_rows += len(batch)
            else:
                self._waiting.append(batch)
                self._waiting_rows += len(batch)
        self._stream.wake()

    def _events(self, batch: LogBatch, rows: range) -> bytes:
        found = []
        for row in rows:
            record = batch.record(row)
            if self._holds is None or self._holds(record):
                if self._may_send():
                    found.append(event("row", encode(log_row(self._dated(record)))))
                else:
                    self._dropped_rows += 1
        return b"".join(found)

    def _may_send(self) -> bool:
        second = self._clock.monotonic_ns() // NS_PER_S
        if second != self._second:
            self._second, self._sent_in_second = second, 0
        self._sent_in_second += 1
        return self._sent_in_second <= SENT_ROWS_PER_S_MAX

    def _dated(self, record: LogRecord) -> LogRecord:
        # As the store does it: a record without a time gets its observed time, or the time of writing.
        return record if record.time_ns or record.observed_ns else replace(record, time_ns=self._clock.now_ns())

    def _drops(self) -> bytes:
        if not self._dropped_rows:
            return b""
        told = event("dropped", encode({"rows": self._dropped_rows}))
        self._dropped_rows = 0
        return told
