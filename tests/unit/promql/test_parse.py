"""Reading queries."""

from __future__ import annotations

import math

import pytest

from anyascope.errors import UnsupportedError
from anyascope.model.labels import Matcher, MatchOp
from anyascope.promql.errors import QuerySyntaxError
from anyascope.promql.parse import parse
from anyascope.promql.syntax import (
    Aggregate,
    Binary,
    Call,
    Cardinality,
    Edge,
    Expression,
    Negate,
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
    assert parse(query).metric_names == names


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("", "unknown position: parse error: no expression found in input"),
        ("sum(", "1:5: parse error: unclosed left parenthesis"),
        ("foo(1)", '1:1: parse error: unknown function with name "foo"'),
        ("up up", '1:4: parse error: unexpected identifier "up"'),
        ("1 +\n * 2", "2:2: parse error: unexpected <op:*>"),
        ("sum(a b)", '1:7: parse error: unexpected identifier "b" in aggregation'),
        ("sum by a (b)", '1:8: parse error: unexpected identifier "a" in grouping opts, expected "("'),
        ("sum by (a b) (c)", '1:11: parse error: unexpected identifier "b" in grouping opts, expected "," or ")"'),
        ("up{a}", '1:5: parse error: unexpected "}" in label matching, expected label matching operator'),
        ("up{a=1}", "1:6: parse error: unexpected character inside braces: '1'"),
        ("up[5m", "1:6: parse error: unclosed left bracket"),
        ("up[5m] offset", "1:14: parse error: unexpected end of input in offset"),
        ("up offset 1m offset 2m", "1:1: parse error: offset may not be set multiple times"),
        ("up @ 1 @ 2", "1:1: parse error: @ <timestamp> may not be set multiple times"),
        ("sum(up) offset 1m", "1:1: parse error: offset modifier must be preceded by an instant vector selector"),
        ("sum(up)[5m]", "1:8: parse error: ranges only allowed for vector selectors"),
        ("up offset 1m [5m]", "1:14: parse error: no offset modifiers allowed before range"),
        ("up[0]", "1:4: parse error: duration must be greater than 0"),
        ("up[5q]", '1:4: parse error: bad number or duration syntax: "5"'),
        ("up[1s1h]", '1:4: parse error: not a valid duration string: "1s1h"'),
        ("topk(up)", "wrong number of arguments for aggregate expression provided, expected 2, got 1"),
        ("sum()", "1:1: parse error: no arguments for aggregate expression provided"),
        ("abs(up,)", "1:7: parse error: trailing commas not allowed in function call args"),
        ("round(up, 1, 2)", 'expected at most 2 argument(s) in call to "round", got 3'),
        ("up and 1", 'set operator "and" not allowed in binary scalar expression'),
        ("up + bool 1", "1:4: parse error: bool modifier can only be used on comparison operators"),
        ("a + on (x) group_left (x) b", 'label "x" must not occur in ON and GROUP clause at once'),
        ("a and on (x) group_left b", 'no grouping allowed for "and" operation'),
        ('-"a"', "1:1: parse error: unary expression only allowed on expressions of type scalar or instant vector"),
        ('up{__name__="b"}', '1:1: parse error: metric name must not be set twice: "up" or "b"'),
        ('label_join(up, "\\q", "", "")', "1:16: parse error: unknown escape sequence U+0071 'q'"),
        ("up @ Inf", "timestamp out of bounds for @ modifier: +Inf"),
        ("up[5m - 5m:]", "1:4: parse error: duration must be greater than 0"),
        ("up[5m / 0s]", "1:7: parse error: division by zero"),
        ("up anchored smoothed", "anchored and smoothed modifiers cannot be used together"),
        ("up +", "1:5: parse error: unexpected end of input"),
        ('up{a="b', "1:6: parse error: unterminated quoted string"),
        ("up ! 1", "1:4: parse error: unexpected character after '!': ' '"),
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


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("info(up)", '1:1: parse error: function "info" is not enabled'),
        ("sum(mad_over_time(up[5m]))", '1:5: parse error: function "mad_over_time" is not enabled'),
        ("limitk(1, up)", "limitk() is experimental and must be enabled with --enable-feature=promql-experimental-fu"),
        ("a + fill(0) b", "1:1: parse error: binop fill modifiers are experimental and not enabled"),
        ("rate(up[5m] anchored)", "1:6: parse error: anchored modifier is experimental and not enabled"),
        ("rate(up[5m + 1m])", "1:9: parse error: experimental duration expression is not enabled"),
        ("up offset -step()", "1:12: parse error: experimental duration expression is not enabled"),
    ],
)
def test_what_is_experimental_must_be_enabled(query: str, message: str) -> None:
    """Prometheus' own message says which feature it is; with it the query is read."""
    with pytest.raises(QuerySyntaxError) as caught:
        parse(query, frozenset())

    assert message in str(caught.value)
    assert parse(query).text == query


@pytest.mark.parametrize(
    ("text", "same_as"),
    [
        ("-1 ^ 2", "-(1 ^ 2)"),
        ("2 ^ 3 ^ 2", "2 ^ (3 ^ 2)"),
        ("a - b - c", "(a - b) - c"),
        ("-a * b", "(-a) * b"),
        ("a or b and c", "a or (b and c)"),
        ("a == b + c", "a == (b + c)"),
        ("a atan2 b / c", "(a atan2 b) / c"),
        ("a unless b or c and d", "(a unless b) or (c and d)"),
    ],
)
def test_operators_bind_as_in_prometheus(text: str, same_as: str) -> None:
    """The tree is that of the text with parentheses."""
    assert shape(parse(text).root) == shape(parse(same_as).root)


def shape(node: Expression) -> object:
    """The tree without places."""
    match node:
        case Binary():
            return (node.operator, shape(node.left), shape(node.right))
        case Negate() | Once():
            return (type(node).__name__, shape(node.body))
        case Number():
            return node.value
        case Select():
            return node.matchers
    raise AssertionError(node)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0x1F", 31),
        ("010", 8),
        ("08", 8),
        ("1_000", 1000),
        (".5", 0.5),
        ("1e-3", 0.001),
        ("5m", 300),
        ("1h30m", 5400),
        ("+Inf", math.inf),
        ("-0.5", -0.5),
        ("1d12h", 129600),
        ("1ms", 0.001),
    ],
)
def test_numbers_are_read_as_go_reads_them(text: str, value: float) -> None:
    """Hexadecimal, octal, with underscores, and durations as seconds."""
    root = parse(text).root

    assert isinstance(root, Number)
    assert root.value == value


@pytest.mark.parametrize(
    ("text", "range_ms", "offset_ms"),
    [
        ("up[5m]", 300_000, 0),
        ("up[90]", 90_000, 0),
        ("up[1.5]", 1_500, 0),
        ("up[1h / 2]", 1_800_000, 0),
        ("up[2 * (1m + 30s)]", 180_000, 0),
        ("up[-1m + 5m]", 240_000, 0),
        ("up[max_of(1m, 2m)]", 120_000, 0),
        ("up[1m] offset -(2 * 30s)", 60_000, -60_000),
        ("up[step() + 1m] offset range()", 90_000, 600_000),
    ],
)
def test_durations_are_computed(text: str, range_ms: int, offset_ms: int) -> None:
    """At once, or as soon as the query's steps are known."""
    node = parse(text).at_steps(step_ms=30_000, range_ms=600_000).selectors[0]

    assert (node.range_ms, node.offset_ms) == (range_ms, offset_ms)


@pytest.mark.parametrize(
    "word", ["sum", "by", "offset", "start", "fill", "and", "min_of", "anchored", "step", "without"]
)
def test_words_of_the_language_may_name_metrics(word: str) -> None:
    """Where a metric is wanted, and labels everywhere."""
    query = parse(f'{word} + sum by ({word}) (a{{{word}="x"}})')

    assert query.metric_names == {word, "a"}
