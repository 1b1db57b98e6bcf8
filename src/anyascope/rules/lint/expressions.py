"""Lints of one expression."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from anyascope.model.labels import METRIC_NAME, Matcher, MatchOp
from anyascope.promql.result import ResultKind
from anyascope.promql.syntax import (
    COMPARISONS,
    Aggregate,
    Binary,
    Call,
    Expression,
    Negate,
    Number,
    Once,
    Select,
    Subquery,
    Text,
    kind_of,
    unwrapped,
    walk,
)
from anyascope.rules.lint.finding import Lint
from anyascope.rules.lint.outcomes import contradiction_of, outcome_of, shown_matcher
from anyascope.wire.durations import format_duration_ms

OF_COUNTERS = frozenset({"rate", "irate", "increase"})
_WINDOWED = OF_COUNTERS | {"delta", "idelta", "deriv", "predict_linear"}  # these need two samples
_SIGNS = frozenset("\\.+*?()|[]{}^$")
# What takes a new value with each request, customer or payment, whatever service tells it. Names that are bounded somewhere,
# such as `url`, `path` or `address`, are not here.
_UNBOUNDED = frozenset(
    {
        *("client_ip", "customer_id", "email", "remote_addr", "uri", "user_agent", "user_id", "username"),
        *("correlation_id", "guid", "request_id", "session", "session_id", "span_id", "trace_id", "uuid"),
        *("block_hash", "invoice_id", "order_id", "payment_hash", "tx_hash", "txid", "utxo", "wtxid"),
    }
)

Told = Iterator[tuple[Lint, str]]


@dataclass(frozen=True, slots=True)
class ExprContext:
    """What expressions are judged against; `scrape_interval_ms` is how often samples come."""

    scrape_interval_ms: int


def lint_expression(root: Expression, context: ExprContext) -> Told:
    """What is odd about an expression, whatever rule it belongs to."""
    if never := outcome_of(root).never:
        yield Lint.IMPOSSIBLE, f"this never gives anything: {never}"
    for node in walk(root):
        match node:
            case Call():
                yield from _of_windows(node, context)
            case Select():
                yield from _of_matchers(node)
            case Aggregate():
                yield from _of_grouping(node)
    yield from _of_counters(root)


def lint_condition(root: Expression) -> Told:
    """Whether an alert's expression is a condition at all."""
    node = unwrapped(root)
    while isinstance(node, Negate):
        node = unwrapped(node.body)
    if isinstance(node, Binary) and node.operator in COMPARISONS and node.returns_bool:
        yield Lint.COMPARISON, "`bool` gives 0 where the comparison does not hold, and 0 fires as 1 does: remove `bool`"
    elif not is_constant(root) and not _has_condition(root):
        yield Lint.COMPARISON, "this has no condition: it fires as long as the series exist, whatever their values"


def is_constant(root: Expression) -> bool:
    """`vector(1)` and its like are meant to fire always: they watch the way of an alert to its reader."""
    return not any(isinstance(node, Select) for node in walk(root))


def _has_condition(root: Expression) -> bool:
    for node in walk(root):
        match node:
            case Binary(operator=operator):
                if operator in ("unless", "and") or (operator in COMPARISONS and not node.returns_bool):
                    return True
            case Call(name="absent" | "absent_over_time"):
                return True
            case Select(matchers=matchers) if any(
                m.name in (METRIC_NAME, "alertname") and m.value.startswith("ALERTS") for m in matchers
            ):
                return True
    return False


def reads_one_sample(root: Expression) -> bool:
    """Whether a single odd sample is enough to change the answer: nothing in it looks at a window."""
    return not any(isinstance(node, Select | Subquery) and node.range_ms for node in walk(root))


def _of_windows(node: Call, context: ExprContext) -> Told:
    if node.name not in _WINDOWED:
        return
    window = next((unwrapped(a) for a in node.arguments if kind_of(a) is ResultKind.MATRIX), None)
    if isinstance(window, Select) and window.range_ms < 2 * context.scrape_interval_ms:
        need, found = format_duration_ms(2 * context.scrape_interval_ms), format_duration_ms(window.range_ms)
        every = format_duration_ms(context.scrape_interval_ms)
        yield (
            Lint.RATE,
            f"{node.name}() over {found} needs two samples in it, and they come every {every}: use {need} or more",
        )


def _of_counters(root: Expression) -> Told:
    """The order of `rate` and `sum`: once counters are added up, the restart of one can no longer be seen."""
    for node in walk(root):
        if not (isinstance(node, Call) and node.name in OF_COUNTERS):
            continue
        body = unwrapped(node.arguments[0])
        if isinstance(body, Subquery):
            inner = unwrapped(body.body)
            if isinstance(inner, Aggregate) and inner.operator == "sum":
                yield Lint.RATE, f"{node.name}() of a sum does not see restarts: sum the rates, sum({node.name}(…))"


def _of_matchers(node: Select) -> Told:
    if contradiction_of(node.matchers):
        return  # promql/impossible has told of it where it matters
    for matcher in node.matchers:
        if matcher.op not in (MatchOp.REGEX, MatchOp.NOT_REGEX):
            continue
        shown, value = shown_matcher(matcher), matcher.value
        if matcher.op is MatchOp.REGEX and value in (".*", "(.*)") and len(node.matchers) > 1:
            yield Lint.REGEXP, f"{shown} matches everything, also series without the label: remove it"
        elif value and not _SIGNS.intersection(value):
            yield Lint.REGEXP, f"{shown} has no pattern: use {matcher.name}{_plain(matcher)}"
        elif value.startswith("^") or (value.endswith("$") and not value.endswith("\\$")):
            yield Lint.REGEXP, f"{shown} is anchored twice: patterns match the whole value anyway"


def _plain(matcher: Matcher) -> str:
    operator = "=" if matcher.op is MatchOp.REGEX else "!="
    return f'{operator}"{matcher.value}"'


def _of_grouping(node: Aggregate) -> Told:
    unbounded = [] if node.is_without else sorted(_UNBOUNDED.intersection(node.grouping))
    if unbounded:
        yield (
            Lint.CARDINALITY,
            f"{node.operator} by({', '.join(unbounded)}) makes a series for each value, without bound",
        )
    if node.operator == "count_values" and isinstance(node.parameter, Text):
        yield Lint.CARDINALITY, f'count_values("{node.parameter.value}", …) makes a series for each value that occurs'


def selectors_expected(root: Expression) -> Iterator[Select]:
    """Selectors that are meant to find series: all but those whose absence is looked for, or made up for with `or`."""
    match root:
        case Call(name="absent" | "absent_over_time"):
            return
        case Select():
            yield root
        case Binary(operator="or"):
            yield from selectors_expected(root.left)
        case Binary(operator="unless"):
            yield from selectors_expected(root.left)
        case Binary(left=left, right=right):
            yield from selectors_expected(left)
            yield from selectors_expected(right)
        case Once(body=body) | Negate(body=body) | Subquery(body=body):
            yield from selectors_expected(body)
        case Aggregate(body=body, parameter=parameter):
            yield from selectors_expected(body)
            if parameter is not None and not isinstance(parameter, Number | Text):
                yield from selectors_expected(parameter)
        case Call(arguments=arguments):
            for argument in arguments:
                yield from selectors_expected(argument)
