"""What the store remembers of the disk is what stands there, whatever is written late, deleted or flushed meanwhile."""

from __future__ import annotations

import asyncio
import random

import pytest
from prometheus_client import CollectorRegistry

from anyascope.clock import ManualClock
from anyascope.model.metrics import HistogramSample, MetricBatch
from anyascope.store.api.metrics import Selection
from anyascope.store.api.retention import RetentionPolicy
from anyascope.store.chdb import ChdbStore, StoreOptions
from anyascope.store.chdb.metrics import HotOptions
from support.telemetry import FOREVER_MS, NOW_MS, labels, matchers, samples, selected

HOUR_MS, MINUTE_MS = 3_600_000, 60_000
SERIES = [labels("up", n=str(number)) for number in range(6)]
FIRST_MS = NOW_MS - 3 * HOUR_MS
STEPS = 120


@pytest.fixture
async def store(tmp_path):
    clock = ManualClock()
    options = StoreOptions(hot=HotOptions(window_s=1_800.0))
    made = await ChdbStore.open(tmp_path, options=options, clock=clock, registry=CollectorRegistry())
    made.manual = clock
    yield made
    await made.close()


async def fill(store):
    """A sample a minute of each series over three hours, in the tables."""
    held = {}
    for series in SERIES:
        for minute in range(180):
            held[series, FIRST_MS + minute * MINUTE_MS] = float(minute)
    await store.metrics.write_metrics(samples(*((series, at, value) for (series, at), value in held.items())))
    await store.metrics.flush()
    return held


def expected(held, start_ms, end_ms):
    found = {}
    for (series, at_ms), value in sorted(held.items()):
        if start_ms <= at_ms <= end_ms:
            found.setdefault(series, []).append((at_ms, value))
    return found


async def from_disk(store, start_ms, end_ms):
    frame = await store.metrics.select(Selection(matchers("__name__=up"), start_ms, end_ms))
    return frame.disk_samples


async def test_the_second_question_reads_nothing(store):
    """What was read once, for this stretch or one around it, is not read again; across the seam too."""
    held = await fill(store)
    stretch = (FIRST_MS + 20 * MINUTE_MS, NOW_MS)

    assert await from_disk(store, *stretch) > 0
    assert await selected(store, "__name__=up", start_ms=stretch[0], end_ms=stretch[1]) == expected(held, *stretch)
    assert await from_disk(store, *stretch) == 0
    assert await from_disk(store, stretch[0] + HOUR_MS, stretch[0] + HOUR_MS + MINUTE_MS) == 0
    inner = (stretch[0] + 7, stretch[0] + HOUR_MS - 7)
    assert await selected(store, "n=3", start_ms=inner[0], end_ms=inner[1]) == {
        SERIES[3]: expected(held, *inner)[SERIES[3]]
    }


async def test_whatever_happens_between(store):
    """Late and repeated samples, deletions, flushes and the moving window: each answer is what was written."""
    held = await fill(store)
    chance = random.Random(7)
    for _ in range(STEPS):
        start_ms = FIRST_MS + chance.randrange(170) * MINUTE_MS
        end_ms = start_ms + chance.randrange(90) * MINUTE_MS
        match chance.randrange(8):
            case 0 | 1:
                rows = [(chance.choice(SERIES), start_ms + chance.choice((0, 1)), chance.random()) for _ in range(3)]
                held.update({(series, at_ms): value for series, at_ms, value in rows})
                await store.metrics.write_metrics(samples(*rows))
            case 2:
                await store.metrics.flush()
            case 3:
                number = chance.randrange(len(SERIES))
                await store.metrics.delete([matchers(f"n={number}")], start_ms=start_ms, end_ms=start_ms + MINUTE_MS)
                for key in [(SERIES[number], start_ms + more) for more in (0, 1, MINUTE_MS)]:
                    held.pop(key, None)
            case 4:
                await store.manual.advance(30)
                now_ms = store.manual.now_ns() // 1_000_000
                held[SERIES[0], now_ms] = 1.0
                await store.metrics.write_metrics(samples((SERIES[0], now_ms, 1.0)))
        found = await selected(store, "__name__=up", start_ms=start_ms, end_ms=end_ms)
        assert found == expected(held, start_ms, end_ms)


async def test_a_read_under_way_does_not_bring_back_what_was_deleted(store):
    """A deletion beside reads: afterwards nobody finds what is gone."""
    await fill(store)
    stretch = (FIRST_MS, FIRST_MS + 30 * MINUTE_MS)
    for minute in range(5):
        at_ms = FIRST_MS + minute * MINUTE_MS
        reads = [asyncio.create_task(selected(store, "n=1", start_ms=stretch[0], end_ms=stretch[1])) for _ in range(3)]
        await store.metrics.delete([matchers("n=1")], start_ms=at_ms, end_ms=at_ms)
        await asyncio.gather(*reads)
        found = await selected(store, "n=1", start_ms=stretch[0], end_ms=stretch[1])
        assert at_ms not in dict(found[SERIES[1]])


async def test_series_that_are_gone_are_no_histogram_series_any_more(tmp_path):
    """Deleted or past their age: memory does not grow with every series that ever was, and what comes again counts again."""
    registry = CollectorRegistry()
    clock = ManualClock()
    store = await ChdbStore.open(tmp_path, options=StoreOptions(), clock=clock, registry=registry)

    def known():
        return registry.get_sample_value("anyascope_store_histogram_series")

    async def write(*names, at_ms=NOW_MS):
        found = (HistogramSample(labels(name), at_ms, 1.0, 1.0, 0, 0.0, 0.0) for name in names)
        await store.metrics.write_metrics(MetricBatch(histograms=tuple(found)))

    try:
        await write("kept", "deleted")
        await write("aged", at_ms=NOW_MS - 40 * 86_400_000)
        assert known() == 3
        await store.metrics.delete([matchers("__name__=deleted")], start_ms=0, end_ms=FOREVER_MS)
        assert known() == 2
        await store.keeper.apply_retention({"metrics": RetentionPolicy(30)})
        assert known() == 1
        await write("deleted")
        assert known() == 2
        found = await store.metrics.select_histograms(Selection(matchers("__name__=deleted"), 0, FOREVER_MS))
        assert [each.labels for each in found] == [labels("deleted")]
    finally:
        await store.close()
