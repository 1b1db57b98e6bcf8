"""What can be said of an expression's answer without data: between which values it lies, that it is never there, or always.

Everything is on the safe side: what is not known is unknown, and an expression is only called impossible where no data
whatever can make it true.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

import re2

from anyascope.model.labels import METRIC_NAME, Matcher, MatchOp
from anyascope.promql.result import ResultKind
from anyascope.promql.syntax import (
    COMPARISONS,
    SET_OPERATORS,
    Aggregate,
    Binary,
    Call,
    Expression,
    Negate,
    Number,
    Once,
    Select,
    Subquery,
    kind_of,
    unwrapped,
)

_FLIPPED = {">": "<", "<": ">", ">=": "<=", "<=": ">=", "==": "==", "!=": "!="}


@dataclass(frozen=True, slots=True)
class Outcome:
    """What is known of an answer.

    Attributes:
        low, high: every value lies between them, both inclusive.
        never: why the answer is always empty; empty where it is not so, or not known.
        is_always: the answer is never empty.
    """

    low: float = -math.inf
    high: float = math.inf
    never: str = ""
    is_always: bool = False

    def scaled(self, low: float, high: float) -> Outcome:
        """The same with other bounds."""
        return replace(self, low=low, high=high)


UNKNOWN = Outcome()
_NEVER_NEGATIVE = (0.0, math.inf)
# What functions give, whatever their arguments hold.
_OF_FUNCTION: dict[str, tuple[float, float]] = {
    "abs": _NEVER_NEGATIVE,
    "absent": (1.0, 1.0),
    "absent_over_time": (1.0, 1.0),
    "changes": _NEVER_NEGATIVE,
    "count_over_time": (1.0, math.inf),
    "day_of_month": (1.0, 31.0),
    "day_of_week": (0.0, 6.0),
    "day_of_year": (1.0, 366.0),
    "days_in_month": (28.0, 31.0),
    "histogram_count": _NEVER_NEGATIVE,
    "histogram_fraction": (0.0, 1.0),
    "hour": (0.0, 23.0),
    "increase": _NEVER_NEGATIVE,
    "irate": _NEVER_NEGATIVE,
    "minute": (0.0, 59.0),
    "month": (1.0, 12.0),
    "present_over_time": (1.0, 1.0),
    "rate": _NEVER_NEGATIVE,
    "resets": _NEVER_NEGATIVE,
    "sgn": (-1.0, 1.0),
    "sqrt": _NEVER_NEGATIVE,
    "stddev_over_time": _NEVER_NEGATIVE,
    "stdvar_over_time": _NEVER_NEGATIVE,
    "time": _NEVER_NEGATIVE,
}
_OF_AGGREGATION: dict[str, tuple[float, float]] = {
    "count": (1.0, math.inf),
    "count_values": (1.0, math.inf),
    "group": (1.0, 1.0),
    "stddev": _NEVER_NEGATIVE,
    "stdvar": _NEVER_NEGATIVE,
}
# These choose among the values of their argument, or lie between them.
_KEEPING = frozenset(
    {
        *("avg", "bottomk", "limit_ratio", "limitk", "max", "min", "topk"),
        *("avg_over_time", "first_over_time", "last_over_time", "max_over_time", "min_over_time"),
        *(
            "label_join",
            "label_replace",
            "scalar",
            "sort",
            "sort_by_label",
            "sort_by_label_desc",
            "sort_desc",
            "vector",
        ),
    }
)
_OF_METRIC: dict[str, tuple[float, float]] = {
    "ALERTS": (1.0, 1.0),
    "probe_success": (0.0, 1.0),
    "scrape_duration_seconds": _NEVER_NEGATIVE,
    "up": (0.0, 1.0),
}
_COUNTER = re.compile(r".*_(total|bucket|count)")


def outcome_of(node: Expression) -> Outcome:  # noqa: PLR0911 — one return a kind of node
    """What is known of an expression's answer."""
    match node:
        case Once(body=body) | Subquery(body=body):
            return outcome_of(body)
        case Number(value=value):
            return Outcome(value, value, is_always=True)
        case Select():
            return _of_select(node)
        case Negate(body=body):
            inner = outcome_of(body)
            return inner.scaled(-inner.high, -inner.low)
        case Aggregate():
            return _of_aggregate(node)
        case Binary():
            return _of_binary(node)
        case Call():
            return _of_call(node)
    return UNKNOWN


def _of_select(node: Select) -> Outcome:
    names = [m.value for m in node.matchers if m.name == METRIC_NAME and m.op is MatchOp.EQUAL]
    name = names[0] if names else ""
    low, high = _OF_METRIC.get(name, _NEVER_NEGATIVE if _COUNTER.fullmatch(name) else (-math.inf, math.inf))
    return Outcome(low, high, never=contradiction_of(node.matchers))


def contradiction_of(matchers: tuple[Matcher, ...]) -> str:
    """Why no series can match; empty where one may."""
    for first in matchers:
        if first.op is MatchOp.NOT_REGEX and first.value in (".*", "(.*)"):
            return f'{first.name}!~"{first.value}" matches no series'
        if first.op is not MatchOp.EQUAL:
            continue
        for second in matchers:
            if second.name == first.name and not _admits(second, first.value):
                return f"{shown_matcher(first)} and {shown_matcher(second)} contradict each other"
    return ""


def shown_matcher(matcher: Matcher) -> str:
    """As PromQL writes it."""
    return f'{matcher.name}{matcher.op.value}"{matcher.value}"'


def _admits(matcher: Matcher, value: str) -> bool:
    match matcher.op:
        case MatchOp.EQUAL:
            return matcher.value == value
        case MatchOp.NOT_EQUAL:
            return matcher.value != value
        case MatchOp.REGEX:
            return re2.fullmatch(matcher.value, value) is not None
        case MatchOp.NOT_REGEX:
            return re2.fullmatch(matcher.value, value) is None


def _of_aggregate(node: Aggregate) -> Outcome:
    inner = outcome_of(node.body)
    if node.operator in _OF_AGGREGATION:
        return inner.scaled(*_OF_AGGREGATION[node.operator])
    if node.operator in _KEEPING:
        return inner
    if node.operator == "sum" and inner.low >= 0:
        return inner.scaled(inner.low, math.inf)
    return inner.scaled(-math.inf, math.inf)


def _of_call(node: Call) -> Outcome:
    inner = [outcome_of(argument) for argument in node.arguments if kind_of(argument) is not ResultKind.STRING]
    if node.name in ("absent", "absent_over_time"):
        is_there = inner[0].is_always
        never = f"{node.name}() of something that is always there gives nothing" if is_there else ""
        return Outcome(1.0, 1.0, never=never, is_always=bool(inner[0].never))
    vectors = [
        known
        for argument, known in zip(node.arguments, inner, strict=False)
        if kind_of(argument) in (ResultKind.VECTOR, ResultKind.MATRIX)
    ]
    never = next((known.never for known in vectors if known.never), "") if node.name != "scalar" else ""
    is_scalar = node.returns is ResultKind.SCALAR or node.name == "vector" or not node.arguments
    is_always = not never and (is_scalar or (bool(vectors) and all(known.is_always for known in vectors)))
    low, high = _bounds_of_call(node, inner)
    return Outcome(low, high, never, is_always)


def _bounds_of_call(node: Call, inner: list[Outcome]) -> tuple[float, float]:
    if node.name in _KEEPING and inner:
        return inner[0].low, inner[0].high
    match node.name, inner:
        case "clamp", [body, least, most] if least.low <= most.high:
            return max(body.low, least.low), min(body.high, most.high)
        case "clamp_min", [body, least]:
            return max(body.low, least.low), max(body.high, least.high)
        case "clamp_max", [body, most]:
            return min(body.low, most.low), min(body.high, most.high)
    return _OF_FUNCTION.get(node.name, (-math.inf, math.inf))


def _of_binary(node: Binary) -> Outcome:
    left, right = outcome_of(node.left), outcome_of(node.right)
    if node.operator in SET_OPERATORS:
        return _of_sets(node, left, right)
    never = left.never or right.never
    both_vectors = ResultKind.SCALAR not in (kind_of(node.left), kind_of(node.right))
    is_always = left.is_always and right.is_always and not both_vectors
    if node.operator not in COMPARISONS:
        low, high = _computed(node.operator, left, right)
        return Outcome(low, high, never, is_always)
    if node.returns_bool or kind_of(node) is ResultKind.SCALAR:
        return Outcome(0.0, 1.0, never, is_always)
    return _compared(node, left, right, never)


def _of_sets(node: Binary, left: Outcome, right: Outcome) -> Outcome:
    if node.operator == "and":
        return replace(left, never=left.never or right.never or _conflict(node), is_always=False)
    if node.operator == "unless":
        is_same = shape_of(node.left) == shape_of(node.right) and not node.matching.is_on
        never = left.never or ("it takes away what it has" if is_same else "")
        return replace(left, never=never, is_always=left.is_always and bool(right.never))
    is_always = left.is_always or right.is_always
    if left.never or right.never:
        other = right if left.never else left
        return replace(other, is_always=is_always)
    return Outcome(min(left.low, right.low), max(left.high, right.high), is_always=is_always)


def _compared(node: Binary, left: Outcome, right: Outcome, never: str) -> Outcome:
    """A comparison that filters: what is left of the vector's values."""
    operator = node.operator
    if kind_of(node.left) is ResultKind.SCALAR:
        left, right, operator = right, left, _FLIPPED[operator]
    if not never and _is_impossible(left, operator, right):
        is_count = left.low == 1 and math.isinf(left.high)
        hint = "; a count of nothing gives nothing: use absent()" if is_count else ""
        never = f"{_shown(left)}, so that it is never {operator} {_shown_bound(right, operator)}{hint}"
    low, high = left.low, left.high
    if operator in (">", ">=", "=="):
        low = max(low, right.low)
    if operator in ("<", "<=", "=="):
        high = min(high, right.high)
    is_certain = left.is_always and _is_certain(left, operator, right) and kind_of(node.right) is ResultKind.SCALAR
    return Outcome(low, high, never, is_certain and not never)


def _is_impossible(left: Outcome, operator: str, right: Outcome) -> bool:
    match operator:
        case ">":
            return left.high <= right.low
        case ">=":
            return left.high < right.low
        case "<":
            return left.low >= right.high
        case "<=":
            return left.low > right.high
        case "==":
            return left.high < right.low or left.low > right.high
    return left.low == left.high == right.low == right.high


def _is_certain(left: Outcome, operator: str, right: Outcome) -> bool:
    match operator:
        case ">":
            return left.low > right.high
        case ">=":
            return left.low >= right.high
        case "<":
            return left.high < right.low
        case "<=":
            return left.high <= right.low
    return operator == "==" and left.low == left.high == right.low == right.high


def _shown(known: Outcome) -> str:
    if known.low == known.high:
        return f"what is compared is always {known.low:g}"
    if math.isinf(known.high):
        return f"what is compared is never below {known.low:g}"
    if math.isinf(known.low):
        return f"what is compared is never above {known.high:g}"
    return f"what is compared lies between {known.low:g} and {known.high:g}"


def _shown_bound(known: Outcome, operator: str) -> str:
    bound = known.low if operator in (">", ">=") or math.isinf(known.high) else known.high
    return f"{bound:g}"


def _computed(operator: str, left: Outcome, right: Outcome) -> tuple[float, float]:
    """The bounds of arithmetic; infinite where an operand is unbounded in a way that leaves the result open."""
    if operator == "+":
        return left.low + right.low, left.high + right.high
    if operator == "-":
        return left.low - right.high, left.high - right.low
    is_scale = right.low == right.high and math.isfinite(right.low)
    if operator == "*" and (is_scale or (left.low == left.high and math.isfinite(left.low))):
        body, factor = (left, right.low) if is_scale else (right, left.low)
        return _times(body, factor)
    if operator == "/" and is_scale and right.low != 0:
        return _times(left, 1 / right.low)
    if operator in ("*", "/") and left.low >= 0 and right.low >= 0:
        return 0.0, math.inf
    return -math.inf, math.inf


def _times(body: Outcome, factor: float) -> tuple[float, float]:
    if factor == 0:
        return -math.inf, math.inf  # infinity times zero is NaN; nothing is claimed
    ends = sorted((body.low * factor, body.high * factor))
    return ends[0], ends[1]


# --- conditions on the same thing -------------------------------------------------------------------------------------


def _conflict(node: Binary) -> str:
    """Whether `and` joins two bounds on the same expression that no value meets; only where series meet themselves."""
    if node.matching.is_on or node.matching.labels:
        return ""
    found: dict[str, Outcome] = {}
    for shape, bound in _conditions(node):
        known = found.get(shape, UNKNOWN)
        low, high = max(known.low, bound.low), min(known.high, bound.high)
        if low > high:
            return f"no value is at least {low:g} and at most {high:g}"
        found[shape] = Outcome(low, high)
    return ""


def _conditions(node: Expression) -> Iterator[tuple[str, Outcome]]:
    """(what is compared, between which numbers it must lie) of all parts that `and` joins."""
    if not isinstance(node, Binary):
        return
    if node.operator == "and" and not node.matching.is_on and not node.matching.labels:
        yield from _conditions(node.left)
        yield from _conditions(node.right)
    elif node.operator in COMPARISONS and not node.returns_bool and isinstance(unwrapped(node.right), Number):
        bound = outcome_of(node.right).low
        yield shape_of(node.left), _compared(node, UNKNOWN, Outcome(bound, bound), "")
        yield from _conditions(node.left)


def shape_of(node: Expression) -> str:
    """A text that is the same for the same expression wherever it stands."""
    return re.sub(r"(slot|pos)=-?\d+", "", repr(node))
