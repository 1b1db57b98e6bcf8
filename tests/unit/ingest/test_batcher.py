"""Group commit."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest
from prometheus_client import CollectorRegistry

from anyascope.clock import ManualClock
from anyascope.errors import InvalidInputError, OverloadedError, UnavailableError
from anyascope.ids import CountedIds
from anyascope.ingest.batcher import Lane
from anyascope.ingest.options import LaneOptions
from anyascope.ingest.tally import Signal, Tally
from anyascope.ports import HealthStatus

OPTIONS = LaneOptions(queue_rows_max=100, queue_bytes_max=10_000, flush_rows_max=50, linger_s=0.1)


class Table:
    """A store that can be slow, and can refuse."""

    def __init__(self) -> None:
        self.flushes: list[list[str]] = []
        self.tokens: list[str] = []
        self.told: list[str] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.faults: dict[str, Exception] = {}

    async def write(self, items: Sequence[str], token: str) -> None:
        await self.gate.wait()
        for item in items:
            if item in self.faults:
                raise self.faults[item]
        self.flushes.append(list(items))
        self.tokens.append(token)

    def stored(self, items: Sequence[str]) -> None:
        self.told += items


class Bench:
    def __init__(self, options: LaneOptions = OPTIONS) -> None:
        self.clock = ManualClock()
        self.table = Table()
        self.registry = CollectorRegistry()
        self.lane: Lane[str] = Lane(
            Signal.LOGS,
            write=self.table.write,
            stored=self.table.stored,
            options=options,
            clock=self.clock,
            ids=CountedIds(),
            tally=Tally(registry=self.registry),
        )
        self.lane.start()

    def put(self, item: str, *, rows: int = 1, size_bytes: int = 10) -> asyncio.Task[None]:
        return asyncio.create_task(self.lane.put(item, rows=rows, size_bytes=size_bytes))

    async def settle(self, seconds: float = 0.0) -> None:
        await self.clock.advance(seconds)


@pytest.fixture
async def bench():
    bench = Bench()
    yield bench
    bench.table.gate.set()
    bench.table.faults.clear()
    await asyncio.wait_for(bench.lane.drain(), 60)


async def test_an_idle_lane_flushes_at_once(bench: Bench) -> None:
    """What arrives after a pause does not wait for company."""
    put = bench.put("a")
    await bench.settle()
    assert put.done()
    assert bench.table.flushes == [["a"]]


async def test_what_arrives_soon_after_waits_for_the_next_flush(bench: Bench) -> None:
    """Within 100 ms of a flush's start everything gathers; then one insert serves all."""
    first = bench.put("a")
    await bench.settle()
    others = [bench.put("b"), bench.put("c")]
    await bench.settle(0.05)
    late = bench.put("d")
    await bench.settle(0.04)
    assert first.done()
    assert not any(put.done() for put in (*others, late))
    await bench.settle(0.02)
    assert bench.table.flushes == [["a"], ["b", "c", "d"]]
    assert all(put.done() for put in (*others, late))


async def test_nobody_is_answered_before_the_commit(bench: Bench) -> None:
    """While the store writes, callers wait."""
    bench.table.gate.clear()
    put = bench.put("a")
    await bench.settle(5)
    assert not put.done()
    bench.table.gate.set()
    await bench.settle()
    assert put.done()


async def test_what_arrives_during_a_flush_is_in_the_next(bench: Bench) -> None:
    """One flush at a time: the second takes all that came meanwhile."""
    bench.table.gate.clear()
    puts = [bench.put("a")]
    await bench.settle()
    puts += [bench.put("b"), bench.put("c")]
    await bench.settle(1)
    bench.table.gate.set()
    await bench.settle()
    assert bench.table.flushes == [["a"], ["b", "c"]]
    assert all(put.done() for put in puts)


async def test_a_whole_flush_does_not_linger(bench: Bench) -> None:
    """Once an insert is full there is nothing to wait for."""
    bench.put("a")
    await bench.settle()
    bench.put("b", rows=49)
    bench.put("c", rows=1)
    await bench.settle()
    assert bench.table.flushes == [["a"], ["b", "c"]]


async def test_a_flush_is_bounded(bench: Bench) -> None:
    """What does not fit goes into the next one; an item is never parted."""
    bench.put("a")
    await bench.settle()
    for item in ("b", "c", "d"):
        bench.put(item, rows=30)
    await bench.settle(1)
    assert bench.table.flushes == [["a"], ["b"], ["c"], ["d"]]


async def test_every_flush_has_its_token(bench: Bench) -> None:
    """A token names a flush, so that a store can tell a repetition."""
    for item in ("a", "b"):
        bench.put(item)
        await bench.settle(1)
    assert len(set(bench.table.tokens)) == 2
    assert all(bench.table.tokens)


async def test_listeners_hear_after_the_commit_and_before_the_callers(bench: Bench) -> None:
    """What was told is durable; who was answered can rely on it having been told."""
    put = bench.put("a")
    put.add_done_callback(lambda _: bench.table.told.append("answered"))
    await bench.settle()
    assert bench.table.told == ["a", "answered"]


async def test_a_failure_reaches_the_callers_of_its_flush_only(bench: Bench) -> None:
    """Those of the failed flush hear it, those before and after do not."""
    before = bench.put("a")
    await bench.settle(1)
    bench.table.faults["b"] = UnavailableError("disk full", retry_after_s=5)
    failed = [bench.put("b"), bench.put("c")]
    await bench.settle(1)
    bench.table.faults.clear()
    after = bench.put("d")
    await bench.settle(1)
    assert before.exception() is None
    assert [type(put.exception()) for put in failed] == [UnavailableError, UnavailableError]
    assert after.exception() is None
    assert bench.table.flushes == [["a"], ["d"]]


async def test_an_indigestible_item_fails_alone(bench: Bench) -> None:
    """Where the store chokes on one item, the others of the flush are stored without it."""
    bench.put("a")
    await bench.settle()
    bench.table.faults["c"] = InvalidInputError("c is bad")
    puts = [bench.put(item) for item in ("b", "c", "d")]
    await bench.settle(1)
    assert [type(put.exception()) for put in puts] == [type(None), InvalidInputError, type(None)]
    assert bench.table.flushes == [["a"], ["b"], ["d"]]


async def test_a_store_that_breaks_is_unavailable(bench: Bench) -> None:
    """An unexpected error tells the sender to come back, and ends nothing."""
    bench.table.faults["a"] = ZeroDivisionError("oops")
    put = bench.put("a")
    await bench.settle()
    fault = put.exception()
    assert isinstance(fault, UnavailableError)
    assert fault.retry_after_s > 0
    again = bench.put("b")
    await bench.settle(1)
    assert again.exception() is None


async def test_a_full_queue_turns_away(bench: Bench) -> None:
    """Beyond its rows the queue takes nothing; the sender is told when to come back."""
    bench.table.gate.clear()
    bench.put("flushing")
    await bench.settle()
    bench.put("b", rows=100)
    await bench.settle()
    with pytest.raises(OverloadedError) as caught:
        await bench.lane.put("c", rows=1, size_bytes=10)
    assert caught.value.retry_after_s > 0
    assert bench.registry.get_sample_value("anyascope_ingest_queue_full_total", {"signal": "logs"}) == 1


async def test_bytes_bound_the_queue_too(bench: Bench) -> None:
    """Few rows may be many bytes."""
    bench.table.gate.clear()
    bench.put("flushing")
    await bench.settle()
    bench.put("b", size_bytes=9_999)
    await bench.settle()
    with pytest.raises(OverloadedError):
        await bench.lane.put("c", rows=1, size_bytes=2)


async def test_an_item_larger_than_the_queue_passes_alone(bench: Bench) -> None:
    """An empty queue takes any item: its size was bounded before."""
    put = bench.put("whale", rows=1000, size_bytes=10**9)
    await bench.settle()
    assert put.exception() is None


async def test_a_caller_that_goes_away_harms_nobody(bench: Bench) -> None:
    """Its rows are stored with the others'."""
    bench.table.gate.clear()
    gone, stays = bench.put("a"), bench.put("b")
    await bench.settle()
    gone.cancel()
    bench.table.gate.set()
    await bench.settle(1)
    assert stays.done()
    assert [item for flush in bench.table.flushes for item in flush] == ["a", "b"]


async def test_draining_stores_what_waits_and_takes_no_more() -> None:
    """A stop loses nothing that was put in."""
    bench = Bench()
    puts = [bench.put("a")]
    await bench.settle()
    puts += [bench.put("b"), bench.put("c")]
    await bench.settle()
    await asyncio.wait_for(bench.lane.drain(), 60)
    assert bench.table.flushes == [["a"], ["b", "c"]]
    await asyncio.gather(*puts)
    with pytest.raises(UnavailableError):
        await bench.lane.put("d", rows=1, size_bytes=1)


async def test_health_tells_a_store_that_refuses_and_a_queue_that_fills(bench: Bench) -> None:
    """Healthy, degraded when nearly full, unhealthy while flushes fail, healthy again."""
    assert bench.lane.health().status is HealthStatus.HEALTHY
    bench.table.gate.clear()
    bench.put("flushing")
    await bench.settle()
    bench.put("b", rows=90)
    await bench.settle()
    assert bench.lane.health().status is HealthStatus.DEGRADED
    bench.table.faults["b"] = UnavailableError("disk full", retry_after_s=5)
    refused = bench.lane
    bench.table.gate.set()
    await bench.settle(1)
    assert refused.health().status is HealthStatus.UNHEALTHY
    assert "disk full" in refused.health().message
    bench.table.faults.clear()
    bench.put("c")
    await bench.settle(1)
    assert bench.lane.health().status is HealthStatus.HEALTHY
