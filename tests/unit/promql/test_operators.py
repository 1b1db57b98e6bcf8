"""Operators between vectors, and aggregations."""

from __future__ import annotations

import math

import pytest

from anyascope.promql.errors import QueryError
from support.promql import answers, loaded, named, ranged

DUPLICATES = (
    'found duplicate series for the match group {path="/x"} on the right hand-side of the operation: '
    '[{__name__="errors", node="b", path="/x"}, {__name__="errors", node="a", path="/x"}];'
    "many-to-many matching not allowed: matching labels must be unique on one side"
)
LOAD = """
load 1m
    errors{node="a",path="/x"} 1 2 stale 4
    errors{node="b",path="/x"} 5 6 7 8
    total{node="a"} 10 20 30 40
    total{node="b"} 50 60 70 80
    info{node="a",zone="z1"} 1
    info{node="b",zone="z2"} 1
    lone{node="c"} 3
"""


async def test_series_meet_by_their_labels() -> None:
    """On the named ones, at the steps at which both are present."""
    engine = await loaded(LOAD)

    found = await ranged(engine, "errors / on (node) total", (0, 180, 60))

    assert found[(("node", "a"),)] == {0: 0.1, 60: 0.1, 180: 0.1}


async def test_ignoring_leaves_labels_out_of_the_match() -> None:
    """And out of the result."""
    engine = await loaded(LOAD)

    assert await answers(engine, "errors - ignoring (path) total", 0) == {(("node", "a"),): -9, (("node", "b"),): -45}


async def test_group_left_brings_labels_along() -> None:
    """From the one side; the many side keeps its own."""
    engine = await loaded(LOAD)

    found = await answers(engine, "errors * on (node) group_left (zone) info", 0)

    assert found == {
        (("node", "a"), ("path", "/x"), ("zone", "z1")): 1,
        (("node", "b"), ("path", "/x"), ("zone", "z2")): 5,
    }


async def test_group_right_swaps_the_sides_but_not_the_operands() -> None:
    """`-` still takes the right from the left."""
    engine = await loaded(LOAD)

    found = await answers(engine, "total - on (node) group_right () errors", 0)

    assert found[(("node", "a"), ("path", "/x"))] == 9


@pytest.mark.parametrize(
    ("query", "message"),
    [
        (
            'errors * on (path) {__name__=~"errors"}',
            DUPLICATES,
        ),
        (
            "errors * on (path) sum by (path) (errors)",
            "multiple matches for labels: many-to-one matching must be explicit (group_left/group_right)",
        ),
        (
            "errors * on (path) group_left (node) sum by (path) (errors)",
            "multiple matches for labels: grouping labels must ensure unique matches",
        ),
    ],
)
async def test_a_match_that_is_not_unique_is_an_error(query: str, message: str) -> None:
    """In Prometheus' words."""
    engine = await loaded(LOAD)

    with pytest.raises(QueryError) as caught:
        await answers(engine, query, 0)

    assert str(caught.value) == message


async def test_doubles_that_are_never_there_together_are_none() -> None:
    """Series of one signature may follow one another."""
    engine = await loaded('load 1m\n    a 1 1 1\n    b{n="1"} 2 stale\n    b{n="2"} _ 3 3')

    assert await ranged(engine, "a * on () b", (0, 120, 60)) == {(): {0: 2, 60: 3, 120: 3}}


async def test_a_comparison_keeps_the_vectors_element() -> None:
    """On whichever side of a scalar it stands; with `bool` it is 0 or 1 without a name."""
    engine = await loaded(LOAD)

    assert await answers(engine, "4 < errors", 0) == {named("errors", node="b", path="/x"): 5}
    assert await answers(engine, "lone > bool 3", 0) == {(("node", "c"),): 0}
    assert await answers(engine, "1 > bool 0", 0) == {(): 1}


async def test_set_operators_judge_every_step_for_itself() -> None:
    """`and`, `unless` and `or` look at who is present at that step."""
    engine = await loaded(LOAD)

    both = await ranged(engine, "total and on (node) errors", (60, 120, 60))
    neither = await ranged(engine, "total unless on (node) errors", (60, 120, 60))
    either = await ranged(engine, "errors or on (node) total", (60, 120, 60))

    assert both == {named("total", node="a"): {60: 20}, named("total", node="b"): {60: 60, 120: 70}}
    assert neither == {named("total", node="a"): {120: 30}}
    assert either[named("total", node="a")] == {120: 30}
    assert named("total", node="b") not in either


async def test_arithmetic_is_gos() -> None:
    """The sign of `%` is the left operand's; division by zero is infinite."""
    engine = await loaded("load 1m\n    m -7")

    assert await answers(engine, "m % 4", 0) == {(): -3}
    assert await answers(engine, "m / 0", 0) == {(): -math.inf}
    assert await answers(engine, "2 ^ 3 ^ 2", 0) == {(): 512}


@pytest.mark.parametrize(
    ("query", "value"),
    [
        ("sum(total)", 60),
        ("avg(total)", 30),
        ("min(total)", 10),
        ("max(total)", 50),
        ("count(total)", 2),
        ("group(total)", 1),
        ("stddev(total)", 20),
        ("stdvar(total)", 400),
        ("quantile(0.25, total)", 20),
        ("count(nothing)", None),
    ],
)
async def test_aggregations(query: str, value: float | None) -> None:
    """Of all series; of none nothing."""
    engine = await loaded(LOAD)

    assert await answers(engine, query, 0) == ({} if value is None else {(): value})


async def test_by_and_without_are_each_others_opposite() -> None:
    """A label that is absent does not appear."""
    engine = await loaded(LOAD)

    assert await answers(engine, "sum by (path, none) (errors)", 0) == {(("path", "/x"),): 6}
    assert await answers(engine, "sum without (node) (errors)", 0) == {(("path", "/x"),): 6}


async def test_a_group_is_absent_where_its_series_are() -> None:
    """Absent values count for nothing, NaN does."""
    engine = await loaded(LOAD)

    assert await ranged(engine, "sum by (node) (last_over_time(errors[30s]))", (60, 120, 60)) == {
        (("node", "a"),): {60: 2},
        (("node", "b"),): {60: 6, 120: 7},
    }


async def test_topk_lists_the_largest_first() -> None:
    """At each step of a range they may be others; NaN comes last."""
    engine = await loaded('load 1m\n    m{n="1"} 1 9\n    m{n="2"} 5 5\n    m{n="3"} NaN NaN')

    assert [labels[1][1] for labels in await answers(engine, "topk(3, m)", 0)] == ["2", "1", "3"]
    assert [labels[1][1] for labels in await answers(engine, "bottomk(2, m)", 0)] == ["1", "2"]
    assert await ranged(engine, "topk(1, m)", (0, 60, 60)) == {named("m", n="1"): {60: 9}, named("m", n="2"): {0: 5}}
    assert await answers(engine, "topk(0, m)", 0) == {}


async def test_the_k_of_topk_may_change() -> None:
    """It is a scalar like any other."""
    engine = await loaded('load 1m\n    m{n="1"} 1 1\n    m{n="2"} 2 2\n    k 1 2')

    assert await ranged(engine, "count(topk(scalar(k), m))", (0, 60, 60)) == {(): {0: 1, 60: 2}}
    with pytest.raises(QueryError, match="Parameter value is NaN"):
        await answers(engine, "topk(NaN, m)", 0)


async def test_values_can_be_counted() -> None:
    """The value becomes a label, written as Go writes it."""
    engine = await loaded('load 1m\n    m{n="1"} 0.1\n    m{n="2"} 0.1\n    m{n="3"} 1e21')

    assert await answers(engine, 'count_values("v", m)', 0) == {
        (("v", "0.1"),): 2,
        (("v", "1000000000000000000000"),): 1,
    }


async def test_limit_ratio_chooses_by_the_hash_of_labels() -> None:
    """A ratio and the negative of its complement share the series between them; the choice does not change with time."""
    engine = await loaded("load 1m\n" + "\n".join(f'    m{{i="{number}"}} 1 1 1' for number in range(40)))

    some = set(await answers(engine, "limit_ratio(0.3, m)", 0))
    others = set(await answers(engine, "limit_ratio(-0.7, m)", 60))

    assert len(some) + len(others) == len(some | others) == 40
    assert 4 < len(some) < 20
    assert set(await answers(engine, "limit_ratio(0.3, m)", 120)) == some


async def test_a_ratio_out_of_bounds_is_capped() -> None:
    """With a warning; NaN is an error."""
    engine = await loaded(LOAD)
    result = await engine.instant("limit_ratio(1.5, total)", 0)

    assert result.warnings == ("PromQL warning: ratio value should be between -1 and 1, got 1.5, capping to 1 (1:13)",)
    assert len(result) == 2
    with pytest.raises(QueryError, match="Ratio value is NaN"):
        await answers(engine, "limit_ratio(NaN, total)", 0)


async def test_a_number_stands_in_for_what_a_side_lacks() -> None:
    """`fill_left` and `fill_right` name the side; what has no partner and no number is left out."""
    engine = await loaded('load 1m\n    a{x="1"} 1\n    a{x="2"} 2\n    b{x="2"} 20\n    b{x="3"} 30')

    assert await answers(engine, "a + fill_right(5) b", 0) == {named("", x="1"): 6, named("", x="2"): 22}
    assert await answers(engine, "a + fill_left(-5) b", 0) == {named("", x="2"): 22, named("", x="3"): 25}
    assert len(await answers(engine, "a + fill(0) b", 0)) == 3
