"""Queries written in order, and told as a tree; what is expected was answered by a Prometheus 3.5."""

from __future__ import annotations

import pytest

from anyascope.promql.layout import laid_out, on_one_line
from anyascope.promql.parse import parse
from anyascope.promql.written import written

LONG = "a_very_long_name_of_a_metric_that_fills_half_a_line"

SHORT = [
    ('sum by(job,instance)(rate(a{b="c"}[5m])) / ignoring(x) group_left(y) b',
     'sum by (job, instance) (rate(a{b="c"}[5m])) / ignoring (x) group_left (y) b'),
    ("a{}", "a"),
    ('{__name__="a"}', '{__name__="a"}'),
    ('{"odd name"}', '{__name__="odd name"}'),
    ('a{"x.y"="c",b="d"}', 'a{"x.y"="c",b="d"}'),
    ('a{z="1",b="2"}', 'a{b="2",z="1"}'),
    ("a @ 100.5", "a @ 100.500"),
    ("a@-5", "a @ -5.000"),
    ("a[5m] offset -5m @ 3", "a[5m] @ 3.000 offset -5m"),
    ("a[5m:1m] @ end() offset 5m", "a[5m:1m] @ end() offset 5m"),
    ("a[5m:]", "a[5m:]"),
    ("-(aaa+b)", "-(aaa + b)"),
    ("- - a", "--a"),
    ("+a", "+a"),
    ("-+a", "-+a"),
    ("+1", "1"),
    ("1h", "1h"),
    ("-1h", "-1h"),
    ("topk by (x) (5,a)", "topk by (x) (5, a)"),
    ("sum(a) by ()", "sum(a)"),
    ("sum without() (a)", "sum without () (a)"),
    ("a == bool on(x) b", "a == bool on (x) b"),
    ("a + on() b", "a + on () b"),
    ("a + ignoring() b", "a + b"),
    ("a + on(x) group_left() b", "a + on (x) group_left () b"),
    ("'single\\'quoted'", '"single\'quoted"'),
    ('"\\u00e9\\x41\\n"', '"éA\\n"'),
    ("1e100", "1" + 100 * "0"),
    ("a[86400s]", "a[1d]"),
    ("Inf", "+Inf"),
    ("# comment\na + # more\nb", "a + b"),
    ("time() - 5", "time() - 5"),
]  # fmt: skip

BROKEN = [
    (
        f"sum({LONG}+{LONG}) by (x)",
        f"sum by (x) (\n    {LONG}\n  +\n    {LONG}\n)",
    ),
    (
        f'label_replace({LONG}{LONG},"b","$1","c","(.*)")',
        f'label_replace(\n  {LONG}{LONG},\n  "b",\n  "$1",\n  "c",\n  "(.*)"\n)',
    ),
    (
        f"topk(5,{LONG} * {LONG})",
        f"topk(\n  5,\n    {LONG}\n  *\n    {LONG}\n)",
    ),
    (
        f"({LONG} unless on(x) {LONG})",
        f"(\n    {LONG}\n  unless on (x)\n    {LONG}\n)",
    ),
    (
        f"max_over_time(sum({LONG}{LONG})[5m:1m] offset 5m)",
        f"max_over_time(\n  sum(\n    {LONG}{LONG}\n  )[5m:1m] offset 5m\n)",
    ),
    (f"-({LONG} + {LONG})", f"-(\n    {LONG}\n  +\n    {LONG}\n)"),
]


@pytest.mark.parametrize(("text", "expected"), [*SHORT, *BROKEN])
def test_queries_are_laid_out_as_upstream_does(text: str, expected: str) -> None:
    """What is laid out means the same, and is laid out the same again."""
    assert laid_out(text) == expected
    assert laid_out(expected) == expected
    assert parse(expected).metric_names == parse(text).metric_names


@pytest.mark.parametrize(("text", "_"), BROKEN)
def test_on_one_line_nothing_is_broken(text: str, _: str) -> None:
    """However long it gets."""
    assert "\n" not in on_one_line(text)


def test_a_selector_is_told_whole() -> None:
    """The name stands behind the other matchers, as upstream has it."""
    assert written('rate(a{b=~"c"}[5m] offset 1m @ 3)') == {
        "type": "call",
        "func": {"name": "rate", "argTypes": ["matrix"], "variadic": 0, "returnType": "vector"},
        "args": [
            {
                "type": "matrixSelector",
                "name": "a",
                "matchers": [
                    {"name": "b", "type": "=~", "value": "c"},
                    {"name": "__name__", "type": "=", "value": "a"},
                ],
                "range": 300_000,
                "offset": 60_000,
                "timestamp": 3_000,
                "startOrEnd": None,
            }
        ],
    }


def test_operators_are_told_with_their_matching() -> None:
    """Set operators meet many to many; between numbers there is nothing to match."""
    found = written("a and on(x) b == bool (1 + 2)")

    assert (found["op"], found["matching"]) == (
        "and",
        {"card": "many-to-many", "labels": ["x"], "on": True, "include": []},
    )
    assert (found["rhs"]["bool"], found["rhs"]["matching"]) == (True, None)
    assert found["rhs"]["rhs"]["type"] == "parenExpr"


def test_aggregations_are_told_with_their_parameter() -> None:
    """And with the order of their labels."""
    found = written('count_values without (z, b) ("v", a @ start())')

    assert (found["op"], found["grouping"], found["without"]) == ("count_values", ["z", "b"], True)
    assert found["param"] == {"type": "stringLiteral", "val": "v"}
    assert found["expr"]["startOrEnd"] == "start"
