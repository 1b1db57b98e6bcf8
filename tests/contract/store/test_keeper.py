"""What every store does about how much it keeps."""

from __future__ import annotations

from anyascope.model.metrics import HistogramSample, MetricBatch
from anyascope.store.api.logs import EVERYTHING, LogQuery
from anyascope.store.api.retention import RetentionPolicy
from support.telemetry import (
    FOREVER_MS,
    NOW_MS,
    NOW_NS,
    labels,
    log_batch,
    record,
    samples,
    selected,
    span,
    span_batch,
)

DAY_MS = 86_400_000
DAY_NS = DAY_MS * 1_000_000
UP, GONE = labels("up"), labels("gone")


async def fill(store):
    """One row of each signal on each of the last 40 days."""
    for age in range(40):
        await store.metrics.write_metrics(samples((UP, NOW_MS - age * DAY_MS, float(age))))
        await store.logs.write_logs([log_batch(record(f"l{age}", NOW_NS - age * DAY_NS))])
        await store.spans.write_spans([span_batch(span(age + 1, trace=age + 1, start_ns=NOW_NS - age * DAY_NS))])
    await store.metrics.write_metrics(samples((GONE, NOW_MS - 35 * DAY_MS, 1.0)))


async def test_usage_counts_rows_and_their_stretch(store):
    """Usage gives rows and the oldest and newest time of each signal, histograms included."""
    empty = await store.keeper.usage()
    assert {name: (each.rows, each.oldest_ns, each.newest_ns) for name, each in empty.items()} == {
        "metrics": (0, 0, 0),
        "logs": (0, 0, 0),
        "traces": (0, 0, 0),
    }
    await store.metrics.write_metrics(
        MetricBatch(
            samples=samples((UP, NOW_MS, 1.0)).samples,
            histograms=(HistogramSample(labels("h"), NOW_MS - 5, 1.0, 1.0, 0, 0.0, 0.0),),
        )
    )
    await store.logs.write_logs([log_batch(record("x", NOW_NS + 1), record("y"))])
    await store.spans.write_spans([span_batch(span(1))])

    usage = await store.keeper.usage()

    assert {name: (each.rows, each.oldest_ns, each.newest_ns) for name, each in usage.items()} == {
        "metrics": (2, NOW_NS - 5_000_000, NOW_NS),
        "logs": (2, NOW_NS, NOW_NS + 1),
        "traces": (1, NOW_NS, NOW_NS),
    }


async def test_what_is_past_its_age_goes(store):
    """Retention by age removes what is older, to within a day, and the series that ended before."""
    await fill(store)
    policies = {"metrics": RetentionPolicy(30), "logs": RetentionPolicy(10), "traces": RetentionPolicy(3)}

    await store.keeper.apply_retention(policies)

    kept = await selected(store, "__name__=up")
    ages = sorted((NOW_MS - time_ms) // DAY_MS for time_ms, _ in kept[UP])
    assert ages[:31] == list(range(31))
    assert len(ages) <= 32
    assert await store.metrics.series([], start_ms=0, end_ms=FOREVER_MS) == [UP]
    logs = (await store.logs.search(LogQuery(EVERYTHING, 0, NOW_NS + 1))).records
    assert 11 <= len(logs) <= 12
    assert len(await store.spans.spans_of([age.to_bytes(16, "big") for age in range(1, 41)])) in (4, 5)
    assert await store.keeper.apply_retention(policies) == 0


async def test_a_signal_without_a_policy_stays(store):
    """Nothing is removed of a signal that no policy names."""
    await fill(store)
    before = await store.keeper.usage()

    await store.keeper.apply_retention({})

    assert {name: each.rows for name, each in (await store.keeper.usage()).items()} == {
        name: each.rows for name, each in before.items()
    }


async def test_a_sound_store_has_no_faults(store):
    """A store that is well reports nothing."""
    await fill(store)

    assert await store.keeper.faults() == []
