"""The engine: what it asks the store, what it allows, what it answers."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Sequence

import numpy as np
import pytest
from prometheus_client import CollectorRegistry

from anyascope.clock import SystemClock
from anyascope.errors import InvalidInputError, LimitExceededError, UnsupportedError
from anyascope.frames.samples import SampleFrame
from anyascope.model.metrics import HistogramSample
from anyascope.promql import evaluate
from anyascope.promql.engine import Engine
from anyascope.promql.errors import QueryError, QuerySyntaxError, QueryTimeoutError
from anyascope.promql.options import EngineOptions, QueryLimits
from anyascope.promql.result import ResultKind
from anyascope.promql.signatures import Feature
from anyascope.store.api.metrics import Selection
from anyascope.store.memory.metrics import MemoryMetrics
from support.collecting import until
from support.promql import answers, loaded, named, ranged, store_of

LOAD = """
load 1m
    requests_total{code="200"} 0+60x10
    requests_total{code="500"} 0+6x10
    temperature 20 21 NaN 23 stale
"""


class Recording(MemoryMetrics):
    """A store that remembers what it was asked."""

    def __init__(self, store: MemoryMetrics) -> None:
        self._store = store
        self.asked: list[Selection] = []

    async def select(self, selection: Selection) -> SampleFrame:
        self.asked.append(selection)
        return await self._store.select(selection)

    async def select_histograms(self, selection: Selection) -> Sequence[HistogramSample]:
        return await self._store.select_histograms(selection)


class Slow(MemoryMetrics):
    """A store that does not answer in time."""

    async def select(self, selection: Selection) -> SampleFrame:
        await asyncio.sleep(60)
        return await super().select(selection)


async def asked_by(query: str, *, start_ms: int = 600_000, end_ms: int = 600_000, step_ms: int = 0) -> list[Selection]:
    store = Recording(await store_of(LOAD))
    engine = Engine(store, clock=SystemClock(), registry=CollectorRegistry())
    if step_ms:
        await engine.range(query, start_ms, end_ms, step_ms)
    else:
        await engine.instant(query, start_ms)
    return store.asked


async def test_an_instant_selector_sees_the_newest_sample_within_the_lookback() -> None:
    """The look-back's left bound is exclusive: a sample exactly as old as it is gone."""
    engine = await loaded("load 1m\n    up 1")

    assert await answers(engine, "up", 299.999) == {named("up"): 1}
    assert await answers(engine, "up", 300) == {}


async def test_the_lookback_can_be_given() -> None:
    """A query may look further back than the engine does by itself."""
    engine = await loaded("load 1m\n    up 1")

    assert len(await engine.instant("up", 600_000, lookback_ms=601_000)) == 1


async def test_a_stale_marker_ends_a_series_at_once() -> None:
    """After the marker there is no value, though the samples before are young; NaN is a value."""
    engine = await loaded(LOAD)

    assert math.isnan((await answers(engine, "temperature", 120))[named("temperature")])
    assert await answers(engine, "temperature", 240) == {}
    assert await answers(engine, "count_over_time(temperature[5m])", 290) == {(): 4}


async def test_the_windows_of_all_selectors_are_asked_for_exactly() -> None:
    """Range, offset and look-back widen what is read; both ends are inclusive."""
    [ranged_over] = await asked_by(
        "rate(requests_total[5m] offset 1m)", start_ms=300_000, end_ms=600_000, step_ms=60_000
    )
    [newest] = await asked_by("requests_total")

    assert (ranged_over.start_ms, ranged_over.end_ms) == (-60_000 + 1, 540_000)
    assert (newest.start_ms, newest.end_ms) == (300_001, 600_000)


async def test_a_subquery_asks_for_its_own_steps_and_what_they_need() -> None:
    """The first step of a subquery is the first multiple of its step after the left edge."""
    [asked] = await asked_by("max_over_time(requests_total[5m:2m])")

    assert (asked.start_ms, asked.end_ms) == (360_000 - 300_000 + 1, 600_000)


async def test_the_same_selection_is_read_once() -> None:
    """Selectors with the same matchers share a read where their stretches touch, and only there."""
    assert len(await asked_by("rate(requests_total[5m]) / rate(requests_total[9m])")) == 1
    assert len(await asked_by("requests_total - requests_total offset 1d")) == 2
    assert len(await asked_by('requests_total{code="200"} / requests_total')) == 2


async def test_a_range_query_has_a_value_at_each_step() -> None:
    """Steps begin at the start and end at or before the end."""
    engine = await loaded(LOAD)

    found = await ranged(engine, "sum(requests_total)", (0, 150, 60))

    assert found == {(): {0: 0, 60: 66, 120: 132}}


async def test_a_range_query_is_sorted_by_labels() -> None:
    """Whatever order an operator makes."""
    engine = await loaded(LOAD)

    result = await engine.range("topk(5, requests_total)", 0, 600_000, 60_000)

    assert list(result.frame.labels) == sorted(result.frame.labels)


async def test_scalars_and_strings_have_their_kinds() -> None:
    """`1 + 1` is a scalar, a literal a string; as a range the scalar is a series without labels."""
    engine = await loaded(LOAD)

    scalar = await engine.instant("1 + 1", 0)
    text = await engine.instant('"a"', 0)

    assert (scalar.kind, list(scalar.pairs())) == (ResultKind.SCALAR, [((), 2.0)])
    assert (text.kind, text.text) == (ResultKind.STRING, "a")
    assert await ranged(engine, "1 + 1", (0, 60, 60)) == {(): {0: 2, 60: 2}}


async def test_a_range_selector_gives_its_samples_as_they_are() -> None:
    """Times are the samples' own; markers are left out."""
    engine = await loaded(LOAD)

    result = await engine.instant("temperature[4m]", 250_000)

    assert result.kind is ResultKind.MATRIX
    assert result.frame.times_ms.tolist() == [60_000, 120_000, 180_000]


async def test_metric_names_are_dropped_where_the_meaning_changes() -> None:
    """By functions and arithmetic, not by comparison; series that then are the same are an error."""
    engine = await loaded('load 1m\n    a{x="1"} 1\n    b{x="1"} 2')

    assert await answers(engine, "a > 0", 0) == {named("a", x="1"): 1}
    assert await answers(engine, "-a", 0) == {(("x", "1"),): -1}
    assert await answers(engine, "sum by (__name__) (-a)", 0) == {(): -1}
    with pytest.raises(QueryError, match="vector cannot contain metrics with the same labelset"):
        await answers(engine, 'abs({__name__=~"a|b"})', 0)


async def test_a_note_names_its_place_in_the_query() -> None:
    """Infos and warnings end in line and column of what they speak of."""
    engine = await loaded(LOAD)

    info = await engine.instant("1 +\n rate(temperature[5m])", 120_000)
    warning = await engine.instant("quantile(7, temperature)", 60_000)

    ending = 'name does not end in _total/_sum/_count/_bucket: "temperature" (2:7)'
    assert info.infos == (f"PromQL info: metric might not be a counter, {ending}",)
    assert warning.warnings == ("PromQL warning: quantile value should be between 0 and 1, got 7 (1:10)",)


async def test_a_result_tells_what_it_took() -> None:
    """Series and samples that the selectors read are counted once each."""
    engine = await loaded(LOAD)

    result = await engine.instant("requests_total + requests_total", 600_000)

    assert (result.stats.series, result.stats.samples) == (2, 10)


async def test_too_many_steps_are_refused() -> None:
    """11,000 points a series, as Prometheus has it."""
    engine = await loaded(LOAD)

    await engine.range("1", 0, 11_000_000, 1_000)
    with pytest.raises(InvalidInputError, match="exceeded maximum resolution of 11,000 points per timeseries"):
        await engine.range("1", 0, 11_001_000, 1_000)


async def test_a_range_must_make_sense() -> None:
    """Step above zero, end after start, no range vector at the root."""
    engine = await loaded(LOAD)

    with pytest.raises(InvalidInputError, match="zero or negative"):
        await engine.range("1", 0, 1, 0)
    with pytest.raises(InvalidInputError, match="must not be before"):
        await engine.range("1", 1, 0, 1)
    with pytest.raises(InvalidInputError, match='invalid expression type "range vector"'):
        await engine.range("temperature[5m]", 0, 1, 1)


async def test_a_query_that_holds_too_many_values_ends() -> None:
    """The limit counts what is read and what any part of the query holds."""
    engine = await loaded(LOAD)

    with pytest.raises(LimitExceededError, match="too many samples"):
        await engine.range("requests_total", 0, 600_000, 1_000, limits=QueryLimits(samples_max=1_000))
    with pytest.raises(LimitExceededError, match="too many samples"):
        await engine.instant("max_over_time(temperature[100d:1s])", 0, limits=QueryLimits(samples_max=1_000))


PARTED = [
    "rate(requests_total[5m])",
    "predict_linear(temperature[10m], 600)",
    "quantile_over_time(scalar(temperature) / 100, requests_total[10m])",
    "avg_over_time(rate(requests_total[2m])[10m:30s])",
    "absent_over_time(nothing[5m])",
    'last_over_time({__name__=~".+"}[5m])',
    'label_replace(rate({__name__=~".+"}[5m]), "x", "y", "", "")',
]


@pytest.mark.parametrize("query", PARTED)
@pytest.mark.parametrize(("name", "limit"), [("SAMPLES_AT_ONCE_MAX", 30), ("CELLS_AT_ONCE_MAX", 20)])
async def test_a_query_is_the_same_in_parts(monkeypatch, query: str, name: str, limit: int) -> None:
    """However many series and steps are looked at before the time is."""
    engine = await loaded(LOAD)
    whole = await engine.range(query, 0, 900_000, 60_000)
    monkeypatch.setattr(evaluate, name, limit)
    parted = await engine.range(query, 0, 900_000, 60_000)
    assert list(parted.frame.labels) == list(whole.frame.labels)
    for column in ("offsets", "times_ms", "values"):
        np.testing.assert_array_equal(getattr(parted.frame, column), getattr(whole.frame, column))
    assert (parted.warnings, parted.infos) == (whole.warnings, whole.infos)


async def test_steps_of_subqueries_are_evaluated_beside_the_loop() -> None:
    """A query that reads next to nothing may have much to do."""
    engine = await loaded(LOAD)
    endless = asyncio.create_task(engine.instant("sum_over_time(sum_over_time(vector(1)[20d:1s])[20d:1s])", 0))
    await until(lambda: bool(engine.running and engine._threads._threads))
    for _ in range(3):
        await asyncio.sleep(0.01)
        assert not endless.done()
    endless.cancel()
    with pytest.raises(asyncio.CancelledError):
        await endless


async def test_a_query_that_takes_too_long_ends() -> None:
    """Waiting for the store counts."""
    engine = Engine(Slow(), clock=SystemClock(), registry=CollectorRegistry())

    with pytest.raises(QueryTimeoutError):
        await engine.instant("up", 0, limits=QueryLimits(timeout_s=0.05))


async def test_an_evaluation_that_takes_too_long_ends() -> None:
    """The deadline is looked at between the parts of a query."""
    engine = await loaded(LOAD)

    with pytest.raises(QueryTimeoutError):
        await engine.instant("requests_total", 0, limits=QueryLimits(timeout_s=0.0))


async def test_what_nobody_waits_for_ends() -> None:
    """An evaluation on its thread ends soon after its asker went away, and its slot is free at once."""
    engine = await loaded("load 1s\n    big_total 0+1x30000", EngineOptions(concurrency_max=1))
    asked = asyncio.create_task(engine.range("quantile_over_time(0.5, big_total[30000s])", 0, 30_000_000, 3_000))
    async with asyncio.timeout(60):
        await until(lambda: bool(engine.running and engine._threads._threads))
        assert [each.text for each in engine.running] == ["quantile_over_time(0.5, big_total[30000s])"]
        asked.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asked
        assert engine.running == []
        # One thread: it answers only once it let go of what was cancelled.
        assert (await engine.instant("count_over_time(big_total[30001s])", 30_000_000)).frame.values.tolist() == [
            30_001
        ]


async def test_limits_can_be_exchanged() -> None:
    """The next query is held by the new ones."""
    engine = await loaded(LOAD)
    await engine.range("temperature", 0, 600_000, 60_000)
    engine.reload(EngineOptions(steps_max=3, limits=QueryLimits(series_max=1)))
    with pytest.raises(InvalidInputError, match="exceeded maximum resolution of 3 points"):
        await engine.range("temperature", 0, 600_000, 60_000)
    with pytest.raises(LimitExceededError, match="at most 1 may be read"):
        await engine.instant("requests_total", 60_000)


async def test_a_large_query_is_evaluated_beside_the_loop() -> None:
    """The answer is the same."""
    engine = await loaded("load 1s\n    big_total 0+1x30000")

    assert await answers(engine, "count_over_time(big_total[30001s])", 30_000) == {(): 30_001}


async def test_unknown_functions_name_themselves() -> None:
    """What the grammar knows and the engine does not is refused by name."""
    engine = await loaded(LOAD)

    with pytest.raises(UnsupportedError, match="start_timestamp"):
        await engine.instant("start_timestamp(temperature)", 60_000)


async def test_failures_are_counted_by_code() -> None:
    """And successes by how long they took."""
    registry = CollectorRegistry()
    engine = Engine(MemoryMetrics(), clock=SystemClock(), registry=registry)

    await engine.instant("1", 0)
    with pytest.raises(QuerySyntaxError):
        await engine.instant("1 +", 0)

    assert registry.get_sample_value("anyascope_query_failures_total", {"code": "invalid_query"}) == 1
    assert registry.get_sample_value("anyascope_query_duration_seconds_count", {"kind": "instant"}) == 1
    assert registry.get_sample_value("anyascope_query_running") == 0


async def test_a_query_is_read_once() -> None:
    """Plans are remembered, up to a limit."""
    engine = await loaded(LOAD)

    assert engine.parse("temperature") is engine.parse("temperature")


async def test_names_may_stay_until_the_end() -> None:
    """With delayed removal an outer label function still sees the name."""
    engine = await loaded(LOAD, EngineOptions(features=frozenset({Feature.DELAYED_NAME_REMOVAL})))
    query = 'label_replace(rate(requests_total{code="200"}[5m]), "was", "$1", "__name__", "(.+)")'

    assert list(await answers(engine, query, 600)) == [(("code", "200"), ("was", "requests_total"))]
