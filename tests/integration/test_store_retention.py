"""A series that comes back in the very moment in which retention or a deletion removes it keeps its labels."""

from __future__ import annotations

import asyncio
import threading

import pytest
from prometheus_client import CollectorRegistry

from anyascope.clock import ManualClock
from anyascope.model.metrics import HistogramSample, MetricBatch, MetricMetadata, MetricType
from anyascope.store import families
from anyascope.store.chdb import ChdbStore, StoreOptions
from support.telemetry import NOW_MS, labels, samples, selected

HOUR_MS, DAY_MS = 3_600_000, 86_400_000
BACK, OTHER = labels("back", job="a"), labels("other", job="a")
OLD_MS, AGE_MS = NOW_MS - 40 * DAY_MS, NOW_MS - 30 * DAY_MS
LATE_OLD_MS = OLD_MS + HOUR_MS


async def opened(directory):
    clock, registry = ManualClock(), CollectorRegistry()
    return await ChdbStore.open(directory, options=StoreOptions(), clock=clock, registry=registry)


@pytest.fixture
async def store(tmp_path):
    made = await opened(tmp_path)
    await made.metrics.write_metrics(samples((BACK, OLD_MS, 1.0)))
    await made.metrics.flush()
    yield made
    await made.close()


class Gate:
    """Stands before a function: who calls it waits until the gate opens."""

    def __init__(self, function):
        self._function = function
        self._reached = threading.Event()
        self._is_open = threading.Event()

    def before_work(self, *arguments):
        """For a function that runs on a thread."""
        self._reached.set()
        assert self._is_open.wait(60)
        return self._function(*arguments)

    async def before_wait(self, *arguments, **options):
        """For one that runs on the loop."""
        self._reached.set()
        await asyncio.to_thread(self._is_open.wait, 60)
        return await self._function(*arguments, **options)

    async def reached(self):
        assert await asyncio.to_thread(self._reached.wait, 60)

    def open(self):
        self._is_open.set()


async def kept_after_restart(store, directory):
    """What a restarted store has of the series, and what it says of itself."""
    await store.close()
    again = await opened(directory)
    try:
        return (await selected(again, "__name__=back")).get(BACK), again.found_at_start
    finally:
        await again.close()


async def test_a_sample_on_its_way_keeps_its_series(store, tmp_path, monkeypatch):
    """While a sample of a series is written to the journal, retention does not remove the series."""
    gate = Gate(store.metrics.journal.append)
    monkeypatch.setattr(store.metrics.journal, "append", gate.before_work)
    # Covered by what is noted of the series: its row is not written again.
    writing = asyncio.create_task(store.metrics.write_metrics(samples((BACK, OLD_MS + 1, 2.0))))
    await gate.reached()

    await store.metrics.forget_before(AGE_MS)
    gate.open()
    await writing

    assert await selected(store, "__name__=back") == {BACK: [(OLD_MS, 1.0), (OLD_MS + 1, 2.0)]}
    assert await kept_after_restart(store, tmp_path) == ([(OLD_MS, 1.0), (OLD_MS + 1, 2.0)], [])


async def test_a_series_that_came_back_while_retention_waited_stays(store, tmp_path, monkeypatch):
    """Retention that waits for another writer removes what is quiet when its turn comes, not what was quiet before."""
    await store.metrics.write_metrics(samples((BACK, AGE_MS - 1, 2.0)))  # noted, so that the next one needs no row
    gate = Gate(store._engine.insert)
    monkeypatch.setattr(store._engine, "insert", gate.before_wait)
    other = asyncio.create_task(store.metrics.write_metrics(samples((OTHER, NOW_MS, 1.0))))
    await gate.reached()
    removing = asyncio.create_task(store.metrics.forget_before(AGE_MS))
    await asyncio.sleep(0)  # it has begun, and waits for its turn

    await store.metrics.write_metrics(samples((BACK, AGE_MS + 1, 3.0)))
    gate.open()
    await asyncio.gather(other, removing)

    assert (await selected(store, "__name__=back"))[BACK][-1] == (AGE_MS + 1, 3.0)
    kept, found = await kept_after_restart(store, tmp_path)
    assert (kept[-1], found) == ((AGE_MS + 1, 3.0), [])


async def test_a_series_that_comes_back_during_its_removal_is_written_down_again(store, tmp_path, monkeypatch):
    """A sample that comes while the rows of its series are deleted waits for that, and then has a row of its own."""
    gate = Gate(store._engine.command)
    monkeypatch.setattr(store._engine, "command", gate.before_wait)
    removing = asyncio.create_task(store.metrics.forget_before(AGE_MS))
    await gate.reached()

    histogram = HistogramSample(BACK, NOW_MS, 1.0, 1.0, 0, 0.0, 0.0)
    batch = MetricBatch(samples=samples((BACK, NOW_MS, 2.0)).samples, histograms=(histogram,))
    writing = asyncio.create_task(store.metrics.write_metrics(batch))
    gate.open()
    await asyncio.gather(removing, writing)

    assert (await selected(store, "__name__=back"))[BACK][-1] == (NOW_MS, 2.0)
    kept, found = await kept_after_restart(store, tmp_path)
    assert (kept[-1], found) == ((NOW_MS, 2.0), [])


async def test_a_deletion_keeps_the_series_of_a_sample_on_its_way(store, tmp_path, monkeypatch):
    """A deletion of all that a series has does not take the labels of a sample that is being written."""
    gate = Gate(store.metrics.journal.append)
    monkeypatch.setattr(store.metrics.journal, "append", gate.before_work)
    writing = asyncio.create_task(store.metrics.write_metrics(samples((BACK, OLD_MS + 1, 2.0))))
    await gate.reached()

    deleting = asyncio.create_task(store.metrics.delete([()], start_ms=0, end_ms=OLD_MS))
    await asyncio.sleep(0)
    gate.open()
    await asyncio.gather(deleting, writing)

    assert await kept_after_restart(store, tmp_path) == ([(OLD_MS + 1, 2.0)], [])


async def test_what_metrics_without_series_said_is_gone_from_disk(store, tmp_path, monkeypatch):
    """Metadata that were forgotten because there are too many do not come back with a restart."""
    monkeypatch.setattr(families, "CROWDED", 1)
    kept, gone = MetricMetadata("back", MetricType.GAUGE, "Stays."), MetricMetadata("it's\n'", MetricType.GAUGE)
    await store.metrics.write_metrics(MetricBatch(metadata=(kept, gone)))
    await store.metrics.flush()

    await store.metrics.forget_before(OLD_MS - 1)
    assert await store.metrics.metadata() == [kept]

    await store.close()
    again = await opened(tmp_path)
    try:
        assert await again.metrics.metadata() == [kept]
    finally:
        await again.close()
