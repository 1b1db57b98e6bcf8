"""The tree of a query, as the evaluator walks it.

Nodes are immutable and carry `pos`, the character at which they begin in the text (-1 where that is unknown), for the
annotations that name a place.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from typing import TypeAlias

from anyascope.model.labels import Matcher
from anyascope.promql.durations import Length
from anyascope.promql.result import ResultKind

SET_OPERATORS = frozenset({"and", "or", "unless"})
TRIM_OPERATORS = frozenset({"</", ">/"})
COMPARISONS = frozenset({"==", "!=", ">", "<", ">=", "<="})
AGGREGATIONS_WITH_PARAMETER = frozenset({"topk", "bottomk", "quantile", "count_values", "limitk", "limit_ratio"})

# Their answer depends on the time of evaluation even where their arguments do not.
TIME_DEPENDENT = frozenset(
    {
        "day_of_month",
        "day_of_week",
        "day_of_year",
        "days_in_month",
        "hour",
        "minute",
        "month",
        "predict_linear",
        "time",
        "timestamp",
        "year",
    }
)


class Edge(Enum):
    """`@ start()` and `@ end()`: the first and the last step of the whole query."""

    START = "start()"
    END = "end()"


Anchor: TypeAlias = int | Edge | None
"""Where `@` pins a selector: UTC milliseconds, an edge of the query, or nowhere."""


@dataclass(frozen=True, slots=True)
class Number:
    """A number literal."""

    value: float
    pos: int = -1


@dataclass(frozen=True, slots=True)
class Text:
    """A string literal."""

    value: str
    pos: int = -1


class Extension(Enum):
    """What a selector does about the edges of its range."""

    ANCHORED = "anchored"  # the newest sample at or before an edge stands at it
    SMOOTHED = "smoothed"  # the value at an edge is interpolated


@dataclass(frozen=True, slots=True)
class Lengths:
    """What a selector's or a subquery's durations are computed from, where they depend on the steps of the query."""

    range: Length | None = None
    step: Length | None = None
    offset: Length | None = None


@dataclass(frozen=True, slots=True)
class Select:
    """An instant or a range selector.

    Attributes:
        matchers: with one on `__name__` where the query names a metric.
        offset_ms: how far before the step (negative: after) it looks.
        anchor: the time that stands in for the step's own.
        range_ms: of a range selector; 0 is an instant selector.
        slot: its number in the query, from 0; what is fetched for it lies there.
        extension: of `anchored` and `smoothed`.
        lengths: where durations await the query's steps; until then those in milliseconds are not its own.
    """

    matchers: tuple[Matcher, ...]
    offset_ms: int = 0
    anchor: Anchor = None
    range_ms: int = 0
    slot: int = 0
    pos: int = -1
    extension: Extension | None = None
    lengths: Lengths | None = None


@dataclass(frozen=True, slots=True)
class Subquery:
    """`body[range:step]`; a step of 0 is the engine's default. `lengths` as in `Select`."""

    body: Expression
    range_ms: int
    step_ms: int = 0
    offset_ms: int = 0
    anchor: Anchor = None
    pos: int = -1
    lengths: Lengths | None = None


@dataclass(frozen=True, slots=True)
class Call:
    """A function with its arguments; `returns` is the kind of its value."""

    name: str
    arguments: tuple[Expression, ...]
    returns: ResultKind = ResultKind.VECTOR
    pos: int = -1


@dataclass(frozen=True, slots=True)
class Aggregate:
    """An aggregation. `by` keeps the labels of `grouping`, `without` (`is_without`) drops them.

    `body_pos` is where the body begins, with its parentheses.
    """

    operator: str
    body: Expression
    parameter: Expression | None = None
    grouping: tuple[str, ...] = ()
    is_without: bool = False
    pos: int = -1
    body_pos: int = -1


class Cardinality(Enum):
    """How many series of each side may meet."""

    ONE_TO_ONE = "one-to-one"
    MANY_TO_ONE = "many-to-one"  # group_left
    ONE_TO_MANY = "one-to-many"  # group_right


@dataclass(frozen=True, slots=True)
class Matching:
    """Which labels two vectors are matched by: those of `on`, or all but those of `ignoring` (`is_on` false).

    `fill_left` and `fill_right` stand in for what a side lacks.
    """

    labels: tuple[str, ...] = ()
    is_on: bool = False
    cardinality: Cardinality = Cardinality.ONE_TO_ONE
    include: tuple[str, ...] = ()
    fill_left: float | None = None
    fill_right: float | None = None

    @property
    def fills(self) -> bool:
        """Whether a side stands in for the other."""
        return self.fill_left is not None or self.fill_right is not None


@dataclass(frozen=True, slots=True)
class Binary:
    """Two operands and their operator."""

    operator: str
    left: Expression
    right: Expression
    matching: Matching = Matching()
    returns_bool: bool = False
    pos: int = -1


@dataclass(frozen=True, slots=True)
class Negate:
    """Unary minus."""

    body: Expression
    pos: int = -1


@dataclass(frozen=True, slots=True)
class Once:
    """A part whose value is the same at every step: it is evaluated at the first and repeated."""

    body: Expression

    @property
    def pos(self) -> int:
        """Where the part begins."""
        return self.body.pos


Expression: TypeAlias = Number | Text | Select | Subquery | Call | Aggregate | Binary | Negate | Once


def kind_of(expression: Expression) -> ResultKind:  # noqa: PLR0911 — one return a kind of node
    """The kind of value that the expression has at one step."""
    match expression:
        case Number():
            return ResultKind.SCALAR
        case Text():
            return ResultKind.STRING
        case Select(range_ms=range_ms):
            return ResultKind.MATRIX if range_ms else ResultKind.VECTOR
        case Subquery():
            return ResultKind.MATRIX
        case Call(returns=returns):
            return returns
        case Aggregate():
            return ResultKind.VECTOR
        case Binary(left=left, right=right):
            both = kind_of(left) is ResultKind.SCALAR and kind_of(right) is ResultKind.SCALAR
            return ResultKind.SCALAR if both else ResultKind.VECTOR
        case Negate(body=body) | Once(body=body):
            return kind_of(body)


def is_range(node: Expression) -> bool:
    """Whether the expression is a range vector."""
    return isinstance(node, Subquery) or (isinstance(node, Select) and node.range_ms > 0)


def children(expression: Expression) -> tuple[Expression, ...]:
    """The parts of an expression, in the order of the text."""
    match expression:
        case Call(arguments=arguments):
            return arguments
        case Aggregate(body=body, parameter=parameter):
            return (body,) if parameter is None else (parameter, body)
        case Binary(left=left, right=right):
            return (left, right)
        case Subquery(body=body) | Negate(body=body) | Once(body=body):
            return (body,)
        case Number() | Text() | Select():
            return ()


def walk(expression: Expression) -> Iterator[Expression]:
    """The expression and everything in it, parents first."""
    yield expression
    for child in children(expression):
        yield from walk(child)


def unwrapped(expression: Expression) -> Expression:
    """The expression without `Once` around it."""
    return expression.body if isinstance(expression, Once) else expression
