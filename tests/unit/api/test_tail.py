"""The live tail, reader by reader."""

from __future__ import annotations

import asyncio
import json

import pytest
from prometheus_client import CollectorRegistry

from anyascope.api.sse import KEEP_ALIVE, OPENING, Streams
from anyascope.api.tail import SENT_ROWS_PER_S_MAX, WAITING_ROWS_MAX, Tail
from anyascope.client.client import read_events
from anyascope.clock import ManualClock
from anyascope.model.logs import LogRecord
from anyascope.store.api.logs import Words
from anyascope.store.api.matching import predicate_of
from support.own_api import Listeners, batch_of


def rows(count, body="signing failed"):
    return batch_of(*[LogRecord(time_ns=n + 1, body=body) for n in range(count)])


class Reader:
    """A tail whose chunks a test reads one by one."""

    def __init__(self, *, query=None, keep_alive_s=3_600.0):
        self.arrivals = Listeners()
        self.clock = ManualClock()
        self.streams = Streams(registry=CollectorRegistry(), keep_alive_s=keep_alive_s)
        self.stream = self.streams.open()
        holds = predicate_of(Words(query)) if query else None
        self.chunks = Tail(self.arrivals, self.stream, holds=holds, clock=self.clock).chunks()

    async def begin(self):
        assert await anext(self.chunks) == OPENING
        self.next = asyncio.ensure_future(anext(self.chunks))
        await asyncio.sleep(0)
        assert self.arrivals.of_logs

    async def events(self):
        chunk = await asyncio.wait_for(self.next, 60)
        self.next = asyncio.ensure_future(anext(self.chunks))
        return [(name, json.loads(data)) for name, data in read_events(iter(chunk.decode().split("\n")))]

    async def end(self):
        self.streams.close()
        with pytest.raises(StopAsyncIteration):
            await asyncio.wait_for(self.next, 60)


async def test_a_reader_gets_what_is_stored_from_then_on():
    """Each row that meets the query is an event, in order."""
    reader = Reader(query="failed")
    await reader.begin()
    reader.arrivals.arrive(batch_of(LogRecord(1, "all well"), LogRecord(2, "signing failed"), LogRecord(3, "failed")))
    assert [(name, row["body"]) for name, row in await reader.events()] == [
        ("row", "signing failed"),
        ("row", "failed"),
    ]
    await reader.end()


async def test_a_row_without_a_time_gets_the_time_of_writing():
    """As the store does it."""
    reader = Reader()
    await reader.begin()
    reader.arrivals.arrive(batch_of(LogRecord(0, "no time"), LogRecord(0, "observed", observed_ns=10**9)))
    times = [row["time"] for _, row in await reader.events()]
    assert times == ["2023-11-14T22:13:20.000000000Z", "1970-01-01T00:00:01.000000000Z"]
    await reader.end()


async def test_a_reader_who_lies_too_far_behind_loses_batches_and_is_told():
    """What waits for a reader is bounded; what did not fit is counted, and storing never waits."""
    reader = Reader(query="needle")
    await reader.begin()
    for _ in range(3):
        reader.arrivals.arrive(rows(WAITING_ROWS_MAX // 2))
    assert await reader.events() == [("dropped", {"rows": WAITING_ROWS_MAX // 2})]
    await reader.end()


async def test_more_rows_than_a_page_can_draw_are_left_out_and_counted():
    """A second has its most rows; the next second begins anew."""
    reader = Reader()
    await reader.begin()
    reader.arrivals.arrive(rows(SENT_ROWS_PER_S_MAX + 5))
    told = []
    while len(told) <= SENT_ROWS_PER_S_MAX:
        told += await reader.events()
    assert [name for name, _ in told].count("row") == SENT_ROWS_PER_S_MAX
    assert told[-1] == ("dropped", {"rows": 5})
    await reader.clock.advance(1)
    reader.arrivals.arrive(rows(1))
    assert [name for name, _ in await reader.events()] == ["row"]
    await reader.end()


async def test_silence_is_broken_by_comments():
    """A proxy does not cut a connection on which something is said."""
    reader = Reader(keep_alive_s=0.01)
    await reader.begin()
    assert await asyncio.wait_for(reader.next, 60) == KEEP_ALIVE
    reader.next = asyncio.ensure_future(anext(reader.chunks))
    await reader.end()


async def test_a_reader_who_leaves_is_forgotten():
    """Nothing is collected for nobody."""
    reader = Reader()
    await reader.begin()
    reader.next.cancel()
    await asyncio.gather(reader.next, return_exceptions=True)
    await reader.chunks.aclose()
    assert reader.arrivals.of_logs == []
