"""Functions, by example: what the conformance scripts assume known, and the edges that they leave out."""

from __future__ import annotations

import math

import pytest

from anyascope.promql.errors import QueryError
from anyascope.promql.functions.labelling import natural
from support.promql import answers, loaded, named, ranged

COUNTER = "load 15s\n    requests_total 0+10x40"


async def test_rate_is_extrapolated_to_the_edges_of_the_window() -> None:
    """Samples that nearly reach both edges stand for the whole window."""
    engine = await loaded(COUNTER)

    assert await answers(engine, "increase(requests_total[1m])", 305) == {(): pytest.approx(40)}
    assert await answers(engine, "rate(requests_total[1m])", 305) == {(): pytest.approx(10 / 15)}


async def test_rate_does_not_reach_below_zero() -> None:
    """A counter that would have been negative at the window's start began within the window."""
    engine = await loaded("load 15s\n    young_total _x10 1 11 21")

    assert await answers(engine, "increase(young_total[2m])", 180) == {(): pytest.approx(21)}


async def test_a_restart_of_a_counter_is_not_a_fall() -> None:
    """What it had counted is carried on; `delta` does not."""
    engine = await loaded("load 15s\n    requests_total 0 100 200 5 105")

    assert (await answers(engine, "increase(requests_total[61s])", 60))[()] == pytest.approx(305)
    assert (await answers(engine, "delta(requests_total[61s])", 60))[()] == pytest.approx(105 * 61 / 60)
    assert await answers(engine, "resets(requests_total[61s])", 60) == {(): 1}


async def test_one_sample_makes_no_rate() -> None:
    """Nothing is said of it."""
    engine = await loaded(COUNTER)

    assert await answers(engine, "rate(requests_total[10s])", 600) == {}


async def test_a_gap_ends_the_extrapolation() -> None:
    """Where samples are missing the series is taken to end half a distance further."""
    engine = await loaded("load 15s\n    requests_total 0+10x4")

    assert (await answers(engine, "increase(requests_total[5m])", 300))[()] == pytest.approx(40 * 67.5 / 60)


async def test_windows_are_open_on_the_left() -> None:
    """A sample at the left edge is not seen, one at the right edge is."""
    engine = await loaded("load 1m\n    up 1 1 1 1")

    assert await answers(engine, "count_over_time(up[2m])", 180) == {(): 2}


async def test_sums_keep_what_large_values_would_swallow() -> None:
    """Compensated addition, over time and over series."""
    engine = await loaded('load 10s\n    m{n="1"} 1 1e100 1 -1e100\n    m{n="2"} 1e100\n    m{n="3"} -1e100')

    assert await answers(engine, 'sum_over_time(m{n="1"}[1m])', 30) == {(("n", "1"),): 2}
    assert await answers(engine, 'avg_over_time(m{n="1"}[1m])', 30) == {(("n", "1"),): 0.5}
    assert await answers(engine, "sum(m)", 0) == {(): 1}


async def test_means_do_not_overflow() -> None:
    """The mean of two huge values is huge, not infinite."""
    engine = await loaded('load 10s\n    m{n="1"} 1.5e308 1.5e308\n    m{n="2"} _ 1.5e308')

    assert await answers(engine, 'avg_over_time(m{n="1"}[1m])', 10) == {(("n", "1"),): pytest.approx(1.5e308)}
    assert await answers(engine, "avg(m)", 10) == {(): pytest.approx(1.5e308)}
    assert await answers(engine, "sum(m)", 10) == {(): math.inf}


async def test_one_series_does_not_reach_into_the_next() -> None:
    """NaN, infinities and falls between series change nothing in the neighbour."""
    engine = await loaded('load 10s\n    m_total{n="1"} 5 NaN Inf\n    m_total{n="2"} 1 2 3\n    m_total{n="3"} 2 2 2')

    assert (await answers(engine, "sum_over_time(m_total[1m])", 20))[(("n", "2"),)] == 6
    assert (await answers(engine, "increase(m_total[21s])", 20))[(("n", "2"),)] == pytest.approx(2 * 21 / 20)
    assert (await answers(engine, "changes(m_total[1m])", 20))[(("n", "3"),)] == 0


@pytest.mark.parametrize(
    ("query", "value"),
    [
        ("stddev_over_time(m[1m])", math.sqrt(1.25)),
        ("quantile_over_time(0.5, m[1m])", 2.5),
        ("quantile_over_time(2, m[1m])", math.inf),
        ("min_over_time(m[1m])", 1),
        ("max_over_time(m[1m])", 4),
        ("idelta(m[1m])", 1),
        ("irate(m[1m])", 0.1),
        ("deriv(m[1m])", 0.1),
        ("predict_linear(m[1m], 100)", 14),
        ("mad_over_time(m[1m])", 1),
        ("ts_of_max_over_time(m[1m])", 30),
        ("double_exponential_smoothing(m[1m], 0.5, 0.5)", 4),
        ("present_over_time(m[1m])", 1),
    ],
)
async def test_functions_of_a_window(query: str, value: float) -> None:
    """One window, one number."""
    engine = await loaded("load 10s\n    m 1 2 3 4")

    assert await answers(engine, query, 30) == {(): pytest.approx(value)}


@pytest.mark.parametrize(
    ("query", "value"),
    [
        ("year(m)", 2024),
        ("month(m)", 2),
        ("day_of_month(m)", 29),
        ("day_of_year(m)", 60),
        ("day_of_week(m)", 4),
        ("days_in_month(m)", 29),
        ("hour(m)", 23),
        ("minute(m)", 59),
    ],
)
async def test_the_calendar_knows_leap_years(query: str, value: float) -> None:
    """29 February 2024, a Thursday, a second before midnight."""
    engine = await loaded("load 10s\n    m 1709251199")

    assert await answers(engine, query, 0) == {(): value}


async def test_round_goes_up_on_ties() -> None:
    """Also below zero, and to multiples."""
    engine = await loaded('load 1m\n    m{n="1"} 2.5\n    m{n="2"} -2.5\n    m{n="3"} 13')

    assert await answers(engine, "round(m)", 0) == {(("n", "1"),): 3, (("n", "2"),): -2, (("n", "3"),): 13}
    assert (await answers(engine, "round(m, 5)", 0))[(("n", "3"),)] == 15


async def test_absent_says_what_was_asked_for() -> None:
    """With the labels that the selector names exactly; nothing where there is something."""
    engine = await loaded('load 1m\n    up{job="a"} 1')

    assert await answers(engine, 'absent(up{job="b",zone=~"x.*"})', 0) == {(("job", "b"),): 1}
    assert await answers(engine, 'absent(up{job="a"})', 0) == {}
    assert await ranged(engine, 'absent_over_time(up{job="a"}[1m])', (0, 120, 60)) == {(("job", "a"),): {60: 1, 120: 1}}


async def test_label_replace_uses_go_templates() -> None:
    """Named groups, braces and `$$`; the whole value must match; an empty result removes the label."""
    engine = await loaded('load 1m\n    up{job="a-1"} 1')

    async def made(template: str, pattern: str) -> object:
        return list(await answers(engine, f'label_replace(up, "new", "{template}", "job", "{pattern}")', 0))

    assert await made("${2}_$$_$name", "(?P<name>.)-(.)") == [named("up", job="a-1", new="1_$_a")]
    assert await made("$1x", "(.)-.") == [named("up", job="a-1")]
    assert await made("y", "a") == [named("up", job="a-1")]
    assert await made("y$" + "9" * 5000, "(.)-.") == [named("up", job="a-1", new="y")]


async def test_an_invalid_pattern_is_an_error() -> None:
    """It is known only when the query is evaluated."""
    engine = await loaded("load 1m\n    up 1")

    with pytest.raises(QueryError, match="invalid regular expression in label_replace"):
        await answers(engine, 'label_replace(up, "a", "", "b", "(")', 0)


async def test_a_histograms_quantile_is_interpolated() -> None:
    """Within the bucket that the rank falls into; counts that fall are made to rise, and that is said."""
    engine = await loaded(
        'load 1m\n    h_bucket{le="1"} 10\n    h_bucket{le="2"} 20\n    h_bucket{le="4"} 15\n    h_bucket{le="+Inf"} 20'
    )

    assert await answers(engine, "histogram_quantile(0.75, h_bucket)", 0) == {(): 1.5}
    assert await answers(engine, "histogram_quantile(1, h_bucket)", 0) == {(): 2}
    notes = (await engine.instant("histogram_quantile(0.5, h_bucket)", 0)).infos
    assert notes
    assert "needed to be fixed for monotonicity" in notes[0]


async def test_histograms_with_different_buckets_stand_side_by_side() -> None:
    """Each has its own bounds, and may lack some at some steps."""
    engine = await loaded(
        """load 1m
        h_bucket{n="1",le="1"} 10 _ 10
        h_bucket{n="1",le="2"} 20 20 20
        h_bucket{n="1",le="+Inf"} 20 20 20
        h_bucket{n="2",le="10"} 4 4 4
        h_bucket{n="2",le="+Inf"} 4 4 4
        """
    )

    found = await ranged(engine, "histogram_quantile(0.5, last_over_time(h_bucket[30s]))", (0, 120, 60))

    assert found == {(("n", "1"),): {0: 1, 60: 1, 120: 1}, (("n", "2"),): {0: 5, 60: 5, 120: 5}}


async def test_a_fraction_of_a_histogram() -> None:
    """The inverse of the quantile."""
    engine = await loaded('load 1m\n    h_bucket{le="1"} 10\n    h_bucket{le="2"} 20\n    h_bucket{le="+Inf"} 20')

    assert await answers(engine, "histogram_fraction(0, 1.5, h_bucket)", 0) == {(): 0.75}


async def test_sorting_is_for_instant_queries() -> None:
    """A range is always in the order of labels, and says that sorting does nothing."""
    engine = await loaded('load 1m\n    m{n="a10"} 1\n    m{n="a2"} 3\n    m{n="b"} NaN')

    assert [labels[1][1] for labels in await answers(engine, "sort_desc(m)", 0)] == ["a2", "a10", "b"]
    assert [labels[1][1] for labels in await answers(engine, 'sort_by_label(m, "n")', 0)] == ["a2", "a10", "b"]

    result = await engine.range("sort(m)", 0, 0, 1_000)
    assert result.warnings[0].startswith("PromQL warning: sort is ineffective for range queries")


def test_numbers_of_any_length_have_an_order() -> None:
    """Leading zeros do not count, and a number longer than Python reads is a large one."""
    texts = ["a10", "a9", "a" + "9" * 5000, "a007", "b"]
    assert sorted(texts, key=natural) == ["a007", "a9", "a10", "a" + "9" * 5000, "b"]


async def test_timestamp_is_the_samples_own() -> None:
    """Of a selector; of anything else it is the step."""
    engine = await loaded("load 1m\n    m 1")

    assert await answers(engine, "timestamp(m)", 100) == {(): 0}
    assert await answers(engine, "timestamp(m + 1)", 100) == {(): 100}


async def test_a_pinned_selector_is_the_same_at_every_step() -> None:
    """`@` fixes the time, also in windows and subqueries."""
    engine = await loaded(COUNTER)

    assert await ranged(engine, "sum(requests_total @ 30)", (0, 120, 60)) == {(): {0: 20, 60: 20, 120: 20}}
    assert await ranged(engine, "max_over_time(requests_total[1m] @ end())", (0, 120, 60)) == {
        (): {0: 80, 60: 80, 120: 80}
    }
    assert await ranged(engine, "max_over_time(requests_total[30s:15s] @ start())", (60, 120, 60)) == {
        (): {60: 40, 120: 40}
    }


async def test_a_negative_offset_looks_ahead() -> None:
    """The sample of a minute later."""
    engine = await loaded(COUNTER)

    assert await answers(engine, "sum(requests_total offset -1m)", 60) == {(): 80}
