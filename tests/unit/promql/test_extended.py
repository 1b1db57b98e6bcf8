"""`anchored` and `smoothed`: what lies beyond the edges of a range stands in for extrapolation."""

from __future__ import annotations

import pytest

from anyascope.promql.errors import QueryError
from support.promql import answers, loaded, named, ranged

LOAD = """
load 10s
    requests_total{n="a"} 0 10 20 5 15 25
    requests_total{n="b"} 1 1 1 1 1 1
    temperature 20 21 19 _ _ 30
"""
NAMELESS = {n: named("", n=n) for n in "ab"}


@pytest.mark.parametrize(
    ("query", "at_s", "value"),
    [
        ("increase(requests_total{n='a'}[20s] anchored)", 20, 20),  # from the sample at the left edge
        ("increase(requests_total{n='a'}[20s] anchored)", 25, 20),  # 0 at 5 s, nothing after 20 s
        ("increase(requests_total{n='a'}[25s] anchored)", 40, 25),  # 10 to 20, a restart, 5 and 10 more
        ("rate(requests_total{n='a'}[20s] anchored)", 20, 1),
        ("delta(requests_total{n='a'}[20s] anchored)", 40, -5),
        ("resets(requests_total{n='a'}[20s] anchored)", 35, 1),
        ("changes(requests_total{n='b'}[20s] anchored)", 35, 0),
        ("increase(requests_total{n='a'}[10s] smoothed)", 15, 10),  # 5 at 5 s, 15 at 15 s
        ("increase(requests_total{n='a'}[10s] smoothed)", 25, 7.5),  # 15 at 15 s, 20, and half of the 5 since
        ("rate(requests_total{n='a'}[10s] smoothed)", 45, 1),
    ],
)
async def test_edges_are_taken_from_the_samples_around_them(query: str, at_s: int, value: float) -> None:
    """The newest sample before an edge, or the line between those around it; a restart counts from zero."""
    found = await answers(await loaded(LOAD), query, at_s)

    assert list(found.values()) == [pytest.approx(value)]


async def test_a_range_query_gives_what_instant_queries_give() -> None:
    """Step by step."""
    engine = await loaded(LOAD)
    query = "increase(requests_total[20s] smoothed)"

    steps = await ranged(engine, query, (10, 50, 5))

    for at_s in range(10, 51, 5):
        alone = await answers(engine, query, at_s)
        assert {labels: values[at_s] for labels, values in steps.items() if at_s in values} == alone


async def test_an_instant_selector_is_smoothed_between_its_neighbours() -> None:
    """The name stays; after the last sample that one stands."""
    engine = await loaded(LOAD)

    assert await answers(engine, "temperature smoothed", 5) == {named("temperature"): 20.5}
    assert await answers(engine, "temperature smoothed", 35) == {named("temperature"): 24.5}
    assert await answers(engine, "temperature smoothed", 60) == {named("temperature"): 30}


async def test_functions_that_would_count_samples_beyond_the_edges_are_refused() -> None:
    """With the list of those that do not."""
    engine = await loaded(LOAD)

    with pytest.raises(
        QueryError, match="smoothed modifier can only be used with: delta, increase, rate - not with resets"
    ):
        await answers(engine, "resets(requests_total[1m] smoothed)", 60)


async def test_native_histograms_are_interpolated() -> None:
    """Count, sum and buckets alike."""
    engine = await loaded("load 10s\n    h {{schema:0 sum:0 count:0}}+{{schema:0 sum:4 count:2 buckets:[1 1]}}x5")

    assert list((await answers(engine, "histogram_sum(increase(h[10s] smoothed))", 25)).values()) == [pytest.approx(4)]
    assert list((await answers(engine, "histogram_count(h smoothed)", 15)).values()) == [pytest.approx(3)]
