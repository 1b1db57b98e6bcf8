"""Reading queries."""

from __future__ import annotations

import pytest

from anyascope.errors import UnsupportedError
from anyascope.model.labels import Matcher, MatchOp
from anyascope.promql.errors import QuerySyntaxError
from anyascope.promql.parse import metric_names_read, parse
from anyascope.promql.syntax import (
    Aggregate,
    Binary,
    Call,
    Cardinality,
    Edge,
    Number,
    Once,
    Select,
    Subquery,
    Text,
    walk,
)


def test_a_selector_has_all_its_parts() -> None:
    """Name, matchers, range, offset and `@` are read."""
    node = parse('rate(up{job="a",zone!~"b.*"}[5m] offset -1m @ 12.5)').selectors[0]

    assert node.matchers == (
        Matcher("__name__", MatchOp.EQUAL, "up"),
        Matcher("job", MatchOp.EQUAL, "a"),
        Matcher("zone", MatchOp.NOT_REGEX, "b.*"),
    )
    assert (node.range_ms, node.offset_ms, node.anchor) == (300_000, -60_000, 12_500)


def test_an_anchor_before_1970_keeps_its_sign() -> None:
    """`@ -5` is five seconds before 1970."""
    assert parse("up @ -5").selectors[0].anchor == -5_000


def test_edges_are_anchors() -> None:
    """`@ start()` and `@ end()` name the query's edges, also on subqueries."""
    query = parse("max_over_time(up[5m:1m] @ end()) + up @ start()")

    anchors = [node.anchor for node in walk(query.root) if isinstance(node, Select | Subquery)]
    assert anchors == [Edge.END, None, Edge.START]


def test_an_aggregation_has_its_grouping() -> None:
    """`without` and the parameter are read, wherever the grouping stands."""
    node = parse("topk(3, up) without (job, a)").root

    assert isinstance(node, Aggregate)
    assert (node.operator, node.grouping, node.is_without) == ("topk", ("a", "job"), True)
    assert isinstance(node.parameter, Number)


def test_matching_has_its_cardinality() -> None:
    """`on`, `group_right` and what it brings are read."""
    node = parse("a * on (x) group_right (y) b").root

    assert isinstance(node, Binary)
    assert node.matching.labels == ("x",)
    assert node.matching.is_on
    assert node.matching.cardinality is Cardinality.ONE_TO_MANY
    assert node.matching.include == ("y",)


def test_what_never_changes_is_evaluated_once() -> None:
    """A part whose selectors are all pinned is wrapped; one that depends on the time is not."""
    node = parse("sum(up @ 5) + up").root

    assert isinstance(node, Binary)
    assert isinstance(node.left, Once)
    assert not isinstance(node.right, Once)
    assert not any(isinstance(each, Once) for each in walk(parse("time() + 1").root))


def test_nodes_know_their_place() -> None:
    """Each node begins where it begins in the text, whatever stands around it."""
    text = 'sum by (a) (rate(x{l="rate(y"}[5m] offset 1m)) / on (b) group_left (c) (-4 + min(z @ start()))'
    found = [text[node.pos :] for node in walk(parse(text).root) if isinstance(node, Select | Call | Aggregate)]

    assert [each[:4] for each in found] == ["sum ", "rate", "x{l=", "min(", "z @ "]


def test_a_string_is_read_as_go_reads_it() -> None:
    """An escape of a byte is that byte, which may be no UTF-8."""
    text = parse('label_replace(up, "a\\xff", "\\u00e9", "", "")')

    assert [node.value for node in walk(text.root) if isinstance(node, Text)] == ["a\ufffd", "é", "", ""]


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("rate(a[5m]) / b", {"a", "b"}),
        ('{__name__="a"}', {"a"}),
        ('{"a.b"}', {"a.b"}),
        ("1 + 2", set()),
        ('{job="x"}', None),
        ('a + {__name__=~"b.*"}', None),
    ],
)
def test_the_metrics_that_are_read_are_known(query: str, names: set[str] | None) -> None:
    """None stands for any metric."""
    assert metric_names_read(query) == names


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("", "1:1: parse error: no expression found in input"),
        ("sum(", "1:5: parse error: unclosed left parenthesis"),
        ("foo(1)", '1:1: parse error: unknown function with name "foo"'),
        ("up up", '1:4: parse error: unexpected identifier "up"'),
        ("1 +\n * 2", '2:2: parse error: unexpected "*"'),
        ("up +", "1:5: parse error: unexpected end of input"),
        ('up{a="b', "1:6: parse error: unterminated quoted string"),
        ("up ! 1", "1:4: parse error: unexpected character: '!'"),
        ("rate(up)", 'parse error: expected type range vector in call to function "rate", got instant vector'),
        ("{}", "parse error: vector selector must contain at least one non-empty matcher"),
        ('up{a=~"("}', "parse error: "),
        ("1 == 1", "comparisons between scalars must use BOOL modifier"),
    ],
)
def test_a_mistake_is_named_with_its_place(query: str, message: str) -> None:
    """The message says line, column and what is wrong, in Prometheus' words."""
    with pytest.raises(QuerySyntaxError) as caught:
        parse(query)

    assert message in str(caught.value)


@pytest.mark.parametrize(
    "query", ["(" * 5_000 + "1" + ")" * 5_000, "1" + "+1" * 5_000, "-" * 10_000 + "1", "x" * 100_000]
)
def test_a_hostile_query_is_refused_before_the_grammar_sees_it(query: str) -> None:
    """Nesting and length have limits: the grammar would take minutes, or the whole stack."""
    with pytest.raises(UnsupportedError):
        parse(query)


@pytest.mark.parametrize("query", ['up{a="1" or b="2"}', "a + fill(0) b"])
def test_what_is_not_evaluated_says_so(query: str) -> None:
    """Syntax that the grammar knows and the evaluator does not is refused by name."""
    with pytest.raises(UnsupportedError, match="not evaluated"):
        parse(query)
