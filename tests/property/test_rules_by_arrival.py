"""Evaluation by arrival concludes what evaluation by interval concludes, only sooner, and nothing that was not so."""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

from anyascope.clock import NS_PER_S, ManualClock
from anyascope.model.labels import labels_of
from anyascope.model.metrics import STALE_NAN, MetricBatch, SampleBatch
from anyascope.promql.engine import Engine
from anyascope.rules.options import RulesOptions
from anyascope.rules.runner import slot_after
from anyascope.store.memory.metrics import MemoryMetrics
from support.rules_house import Pipe, RulesHouse

INTERVAL_S = 10  # of the group, and between samples: each evaluation by time sees each sample
DENSE_S = 1  # an interval so short that it sees all there is to see
DEBOUNCE_S = 0.2
LATE_S = 4
SLOTS = 14
SERIES = labels_of({"__name__": "x", "job": "a"})
SAMPLES = st.lists(
    st.sampled_from(["1", "1", "1", "0", "0", "missing", "stale", "late 0", "late 1"]), min_size=4, max_size=SLOTS
)
# `for` and `keep_firing_for`: none, whole intervals, and what runs out between two of them.
HOLDS = st.sampled_from([(hold_s, keep_s) for hold_s in (0, 10, 20, 25, 30) for keep_s in (0, 10, 15)])


class Deaf(Pipe):
    """Tells nobody of arrivals: evaluation is by time alone."""

    def on_metrics(self, listener):
        return lambda: None


@dataclass(frozen=True, slots=True)
class Episode:
    """When an alert began to fire, and when that ended, in seconds."""

    start_s: float
    end_s: float


async def episodes(rule, samples, *, pipe, interval_s, offset_s):
    """Every firing of the rule over the samples, one each `INTERVAL_S` from `offset_s` on."""
    clock, store = ManualClock(), MemoryMetrics()
    began_ns = clock.now_ns()
    engine = Engine(store, clock=clock, registry=CollectorRegistry())
    house = RulesHouse(
        engine=engine, pipe=pipe(store), clock=clock, options=RulesOptions(debounce_s=DEBOUNCE_S, resend_s=1e9)
    )
    await house.start(f"groups: [{{name: g, interval: {interval_s}s, rules: [{rule}]}}]")
    await clock.advance(offset_s)
    for sample in samples:
        if sample != "missing":
            value = STALE_NAN if sample == "stale" else float(sample[-1])
            time_ms = house.now_ms() - (LATE_S * 1000 if sample.startswith("late") else 0)
            batch = MetricBatch(SampleBatch.of([(SERIES, time_ms, value)]))
            await house.pipe.metrics(batch, source="test")
        await clock.advance(INTERVAL_S)
    await clock.advance(4 * INTERVAL_S)
    end_s = (clock.now_ns() - began_ns) / NS_PER_S
    ends = {alert.starts_ns: alert.ends_ns for alert in house.sink.take()}
    await house.rules.stop()
    engine.close()
    return [
        Episode((start_ns - began_ns) / NS_PER_S, min((ends[start_ns] - began_ns) / NS_PER_S, end_s))
        for start_ns in sorted(ends)
    ]


def near(time_s, other_s, *, early_s, late_s):
    return other_s - early_s <= time_s <= other_s + late_s


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    SAMPLES,
    HOLDS,
    st.integers(1, INTERVAL_S - 1),
)
async def test_sooner_and_nothing_else(samples, holds, offset_s):
    """What an interval finds, arrivals find within the debounce or sooner, and nothing else; whole intervals held throughout.

    Late samples, gaps and staleness markers included, with `for` and `keep_firing_for`.
    """
    hold_s, keep_s = holds
    rule = f"{{alert: A, expr: x > 0, for: {hold_s}s, keep_firing_for: {keep_s}s}}"
    by_arrival = await episodes(rule, samples, pipe=Pipe, interval_s=INTERVAL_S, offset_s=offset_s)
    by_interval = await episodes(rule, samples, pipe=Deaf, interval_s=INTERVAL_S, offset_s=offset_s)
    by_second = await episodes(rule, samples, pipe=Deaf, interval_s=DENSE_S, offset_s=offset_s)
    event(f"episodes: {min(len(by_arrival), 3)}")

    slow_s = INTERVAL_S + DEBOUNCE_S
    assert len(by_arrival) == len(by_interval)
    for found, expected in zip(by_arrival, by_interval, strict=True):
        assert near(found.start_s, expected.start_s, early_s=slow_s, late_s=DEBOUNCE_S), (by_arrival, by_interval)
        assert near(found.end_s, expected.end_s, early_s=slow_s, late_s=DEBOUNCE_S), (by_arrival, by_interval)
    if hold_s % INTERVAL_S or keep_s % INTERVAL_S:
        return  # one evaluation a second sees them run out between two samples, which no interval does
    for found in by_arrival:
        # `for` and `keep_firing_for` run out between arrivals: that is seen by the next evaluation, within the interval.
        assert any(
            near(found.start_s, true.start_s, early_s=DENSE_S, late_s=slow_s)
            and near(found.end_s, true.end_s, early_s=DENSE_S, late_s=slow_s)
            for true in by_second
        ), (found, by_second)


BLOCKS = st.lists(st.integers(0, 3), min_size=SLOTS, max_size=SLOTS)
SAMPLE_AT_S = 3.0  # of each interval, after its blocks


async def in_blocks(hold, samples, blocks, *, pipe):
    """(interval in which it fires, in which it ends) of every firing of `for: N blocks`.

    Each interval begins behind its evaluation by time, has some blocks, then a sample, and ends with the next evaluation.
    """
    clock, store = ManualClock(), MemoryMetrics()
    engine = Engine(store, clock=clock, registry=CollectorRegistry())
    house = RulesHouse(
        engine=engine, pipe=pipe(store), clock=clock, options=RulesOptions(debounce_s=DEBOUNCE_S, resend_s=1e9)
    )
    rule = f"{{alert: A, expr: x > 0, for: {hold} blocks}}"
    await house.start(f"groups: [{{name: g, interval: {INTERVAL_S}s, rules: [{rule}]}}]")
    slot_ns = slot_after(clock.now_ns(), "r.yml;g", INTERVAL_S * NS_PER_S)
    await clock.advance((slot_ns - clock.now_ns()) / NS_PER_S)
    began_ns, height = clock.now_ns(), 100
    for sample, count in zip(samples, blocks, strict=True):
        await clock.advance(0.1)
        for new in range(height, height + count + 1):  # the height of before is told once more
            await house.send({"__name__": "bitcoin_blocks", "chain": "main"}, new)
            await clock.advance(DEBOUNCE_S)
        height += count
        await clock.advance(SAMPLE_AT_S - 0.1 - (count + 1) * DEBOUNCE_S)
        await house.send({"__name__": "x"}, sample)
        await clock.advance(INTERVAL_S - SAMPLE_AT_S)
    ends = {alert.starts_ns: alert.ends_ns for alert in house.sink.take()}
    end_ns = clock.now_ns()
    await house.rules.stop()
    engine.close()

    def interval_of(time_ns):
        return (time_ns - began_ns - 1) // (INTERVAL_S * NS_PER_S)

    return [(interval_of(start), interval_of(end) if end <= end_ns else None) for start, end in sorted(ends.items())]


def by_definition(hold, samples, blocks):
    """The same: so many blocks since the height at which the condition was first found."""
    found, height, since, begun = [], 100, None, None
    for interval, (sample, count) in enumerate(zip(samples, blocks, strict=True)):
        height += count
        if since is not None and begun is None and height - since >= hold:
            begun = interval
        if not sample and begun is not None:
            found.append((begun, interval))
        if not sample:
            since = begun = None
        elif since is None:
            since = height
    return [*found, (begun, None)] if begun is not None else found


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.sampled_from([1, 1, 1, 0]), min_size=SLOTS, max_size=SLOTS), BLOCKS, st.integers(1, 4))
async def test_blocks_are_counted_alike(samples, blocks, hold):
    """Of `for: N blocks` both conclude the same: firing with the Nth block, and not before.

    But for a condition that ceases between the Nth block and the next evaluation by time: that has seen neither.
    """
    expected = by_definition(hold, samples, blocks)
    event(f"firings: {min(len(expected), 3)}")
    assert await in_blocks(hold, samples, blocks, pipe=Pipe) == expected
    seen = [(start, end) for start, end in expected if start != end]
    assert await in_blocks(hold, samples, blocks, pipe=Deaf) == seen
