"""From text to a query that can be evaluated: its tree, its unchanging parts found, its selectors in a row."""

from __future__ import annotations

from dataclasses import dataclass, replace

from anyascope.errors import UnsupportedError
from anyascope.model.labels import METRIC_NAME, MatchOp
from anyascope.promql.durations import Length, milliseconds_of
from anyascope.promql.grammar import Parser
from anyascope.promql.options import QUERY_CHARACTERS_MAX
from anyascope.promql.signatures import EVERY_FEATURE, Feature
from anyascope.promql.syntax import (
    TIME_DEPENDENT,
    Aggregate,
    Binary,
    Call,
    Expression,
    Lengths,
    Negate,
    Number,
    Once,
    Select,
    Subquery,
    Text,
    walk,
)


@dataclass(frozen=True, slots=True)
class Query:
    """A query that was read and checked.

    Attributes:
        text: as it was written.
        root: the tree, its unchanging parts wrapped in `Once`.
        selectors: every selector of it, by `slot`.
        awaits_steps: whether a duration of it depends on the steps that it is asked at.
    """

    text: str
    root: Expression
    selectors: tuple[Select, ...]
    awaits_steps: bool = False

    @property
    def metric_names(self) -> frozenset[str] | None:
        """The names of the metrics that it reads; None where a selector may read any."""
        names: set[str] = set()
        for selector in self.selectors:
            named = [m.value for m in selector.matchers if m.name == METRIC_NAME and m.op is MatchOp.EQUAL and m.value]
            if not named:
                return None
            names.update(named)
        return frozenset(names)

    def at_steps(self, *, step_ms: int, range_ms: int) -> Query:
        """The query with the durations computed that depend on its steps.

        Raises:
            QueryError: one of them is none.
        """
        return _query(self.text, _resolved(self.root, step_ms, range_ms)) if self.awaits_steps else self


def parse(text: str, features: frozenset[Feature] = EVERY_FEATURE) -> Query:
    """Read a query.

    Args:
        text: PromQL.
        features: what of the experimental syntax may be used.

    Raises:
        QuerySyntaxError: it is not PromQL, its types do not fit, or it uses what is not enabled.
        UnsupportedError: it is longer or deeper than this engine reads.
    """
    _check_length(text)
    root = Parser(text, features).parse()
    wrapped, is_constant, should_wrap = _fold(root)
    if is_constant and should_wrap:
        wrapped = Once(wrapped)
    return _query(text, wrapped)


def selector_of(text: str) -> Select:
    """Read a series selector: a name, or matchers in braces, or both, and nothing behind.

    Raises:
        QuerySyntaxError: it is none.
        UnsupportedError: it is longer than this engine reads.
    """
    _check_length(text)
    return Parser(text, EVERY_FEATURE).parse_selector()


def _check_length(text: str) -> None:
    if len(text) > QUERY_CHARACTERS_MAX:
        raise UnsupportedError(f"the query has {len(text)} characters, at most {QUERY_CHARACTERS_MAX} are read")


def _query(text: str, root: Expression) -> Query:
    nodes = list(walk(root))
    found = sorted((node for node in nodes if isinstance(node, Select)), key=lambda node: node.slot)
    awaits = any(node.lengths is not None for node in nodes if isinstance(node, Select | Subquery))
    return Query(text, root, tuple(found), awaits)


def _resolved(node: Expression, step_ms: int, range_ms: int) -> Expression:  # noqa: PLR0911 -- one return a kind of node
    def again(child: Expression) -> Expression:
        return _resolved(child, step_ms, range_ms)

    def known(length: Length | None, otherwise: int, *, is_positive: bool = True) -> int:
        if length is None:
            return otherwise
        return milliseconds_of(length, step_ms=step_ms, range_ms=range_ms, is_positive=is_positive)

    match node:
        case Number() | Text():
            return node
        case Select(lengths=lengths):
            lengths = lengths or Lengths()
            return replace(
                node,
                range_ms=known(lengths.range, node.range_ms),
                offset_ms=known(lengths.offset, node.offset_ms, is_positive=False),
                lengths=None,
            )
        case Subquery(lengths=lengths):
            lengths = lengths or Lengths()
            return replace(
                node,
                body=again(node.body),
                range_ms=known(lengths.range, node.range_ms),
                step_ms=known(lengths.step, node.step_ms),
                offset_ms=known(lengths.offset, node.offset_ms, is_positive=False),
                lengths=None,
            )
        case Negate(body=body) | Once(body=body):
            return replace(node, body=again(body))
        case Aggregate(body=body, parameter=parameter):
            return replace(node, body=again(body), parameter=None if parameter is None else again(parameter))
        case Call(arguments=arguments):
            return replace(node, arguments=tuple(again(each) for each in arguments))
        case Binary(left=left, right=right):
            return replace(node, left=again(left), right=again(right))


def _fold(expression: Expression) -> tuple[Expression, bool, bool]:  # noqa: PLR0911 — one return a kind of node
    """The expression with its unchanging parts in `Once`; whether all of it is unchanging, and worth wrapping."""
    match expression:
        case Number() | Text():
            return expression, True, False
        case Select(anchor=anchor, range_ms=range_ms):
            # Functions over ranges read their windows themselves: nothing is won by wrapping these.
            return expression, anchor is not None, anchor is not None and not range_ms
        case Subquery(body=body, anchor=anchor):
            folded, is_constant, _ = _fold(body)
            body = Once(folded) if is_constant and not isinstance(folded, Number) else folded
            return replace(expression, body=body), anchor is not None, False
        case Negate(body=body):
            folded, is_constant, should_wrap = _fold(body)
            return replace(expression, body=folded), is_constant, should_wrap
        case Aggregate(body=body):
            folded, is_constant, should_wrap = _fold(body)
            return replace(expression, body=folded), is_constant, should_wrap
        case Call(name=name, arguments=arguments):
            parts = [_fold(argument) for argument in arguments]
            if name not in TIME_DEPENDENT and all(is_constant for _, is_constant, _ in parts):
                return replace(expression, arguments=tuple(part for part, _, _ in parts)), True, True
            return replace(expression, arguments=tuple(_wrapped(*part) for part in parts)), False, False
        case Binary(left=left, right=right):
            left_part, right_part = _fold(left), _fold(right)
            if left_part[1] and right_part[1]:
                return replace(expression, left=left_part[0], right=right_part[0]), True, True
            return replace(expression, left=_wrapped(*left_part), right=_wrapped(*right_part)), False, False
        case Once():
            return expression, True, False


def _wrapped(expression: Expression, is_constant: bool, should_wrap: bool) -> Expression:  # noqa: FBT001
    return Once(expression) if is_constant and should_wrap else expression
