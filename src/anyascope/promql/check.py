"""Whether the kinds of values fit: what may be added, counted, called with what.

Source: Prometheus, `promql/parser/parse.go`, `checkAST`.
"""

from __future__ import annotations

from collections.abc import Sequence

import re2

from anyascope.model.labels import Matcher, MatchOp
from anyascope.promql.lexer import go_quoted, syntax_error
from anyascope.promql.result import ResultKind
from anyascope.promql.signatures import Signature
from anyascope.promql.syntax import (
    COMPARISONS,
    SET_OPERATORS,
    Aggregate,
    Binary,
    Call,
    Cardinality,
    Expression,
    Select,
    Subquery,
    kind_of,
)

NAMES = {
    ResultKind.VECTOR: "instant vector",
    ResultKind.MATRIX: "range vector",
    ResultKind.SCALAR: "scalar",
    ResultKind.STRING: "string",
}
_OPERANDS = frozenset({ResultKind.SCALAR, ResultKind.VECTOR})


class Complaints:
    """What does not fit, in the order of the tree; told only where the whole text could be read."""

    def __init__(self) -> None:
        self._found: list[tuple[int, str]] = []
        self._named: set[int] = set()
        self._pardoned: set[int] = set()

    def __len__(self) -> int:
        return len(self._found)

    def settle(self, text: str) -> None:
        """Refuse the text for the first thing that does not fit.

        Raises:
            QuerySyntaxError: there is one.
        """
        for pos, message in self._found:
            if pos not in self._pardoned:
                raise syntax_error(text, pos, message)

    def _add(self, pos: int, message: str) -> None:
        self._found.append((pos, message))

    def _wants(self, node: Expression, kind: ResultKind, where: str, pos: int) -> None:
        if kind_of(node) is not kind:
            self._add(pos, f"expected type {NAMES[kind]} in {where}, got {NAMES[kind_of(node)]}")

    def selector(self, node: Select, name: str, inner: Sequence[str]) -> None:
        """A selector must not select everything, and has one name."""
        if name:
            self._named.add(node.pos)
            for other in inner:
                self._add(node.pos, f"metric name must not be set twice: {go_quoted(name)} or {go_quoted(other)}")
        elif all(matches_absent(matcher) for matcher in node.matchers):
            self._add(node.pos, "vector selector must contain at least one non-empty matcher")

    def aggregate(self, node: Aggregate, body_pos: int, parameter_pos: int) -> None:
        """An aggregation takes a vector, and some a parameter."""
        self._wants(node.body, ResultKind.VECTOR, "aggregation expression", body_pos)
        if node.parameter is not None:
            kind = ResultKind.STRING if node.operator == "count_values" else ResultKind.SCALAR
            self._wants(node.parameter, kind, "aggregation parameter", parameter_pos)

    def unary(self, body: Expression, pos: int) -> None:
        """A sign stands before scalars and vectors."""
        if kind_of(body) not in _OPERANDS:
            message = "unary expression only allowed on expressions of type scalar or instant vector"
            self._add(pos, f'{message}, got "{NAMES[kind_of(body)]}"')

    def subquery(self, node: Subquery) -> None:
        """A subquery asks for a vector again and again."""
        if kind_of(node.body) is not ResultKind.VECTOR:
            kind = kind_of(node.body).value
            self._add(node.pos, f"subquery is only allowed on instant vector, got {kind} instead")

    def binary(self, node: Binary, operator_pos: int, right_pos: int) -> None:
        """Operands, modifiers and operator must fit each other."""
        left, right = kind_of(node.left), kind_of(node.right)
        operator, matching = node.operator, node.matching
        is_comparison = operator in COMPARISONS
        if node.returns_bool and not is_comparison:
            self._add(operator_pos, "bool modifier can only be used on comparison operators")
        if is_comparison and not node.returns_bool and left is right is ResultKind.SCALAR:
            self._add(operator_pos, "comparisons between scalars must use BOOL modifier")
        for label in matching.labels:
            if matching.is_on and label in matching.include:
                self._add(operator_pos, f"label {go_quoted(label)} must not occur in ON and GROUP clause at once")
        for kind, pos in ((left, node.pos), (right, right_pos)):
            if kind not in _OPERANDS:
                self._add(pos, "binary expression must contain only scalar and instant vector types")
        self._matching(node, left, right)

    def _matching(self, node: Binary, left: ResultKind, right: ResultKind) -> None:
        operator, matching = node.operator, node.matching
        if left is not ResultKind.VECTOR or right is not ResultKind.VECTOR:
            if matching.labels:
                self._add(node.pos, "vector matching only allowed between instant vectors")
            if matching.fills:
                self._add(node.pos, "filling in missing series only allowed between instant vectors")
        elif operator in SET_OPERATORS:
            if matching.cardinality is not Cardinality.ONE_TO_ONE:
                self._add(node.pos, f'no grouping allowed for "{operator}" operation')
            if matching.fills:
                self._add(node.pos, "filling in missing series not allowed for set operators")
        if ResultKind.SCALAR in {left, right} and operator in SET_OPERATORS:
            self._add(node.pos, f'set operator "{operator}" not allowed in binary scalar expression')

    def call(self, node: Call, signature: Signature, places: Sequence[int], begun: int) -> None:
        """Arguments must be as many as the function takes, and of its kinds.

        Args:
            node: the call.
            signature: of its function.
            places: where its arguments begin.
            begun: how many complaints there were before its arguments were read.
        """
        wrong = signature.wrong_count(node.name, len(node.arguments))
        if wrong:
            self._found.insert(begun, (node.pos, wrong))
        if node.name == "info" and len(node.arguments) > 1:
            self._info_labels(node.arguments[1], places[1])
        for index, (argument, pos) in enumerate(zip(node.arguments, places, strict=True)):
            kind = signature.kind_at(index)
            if kind is not None:
                self._wants(argument, kind, f'call to function "{node.name}"', pos)

    def _info_labels(self, argument: Expression, pos: int) -> None:
        if not isinstance(argument, Select):
            self._add(pos, "expected label selectors only")
        elif pos in self._named:
            self._add(pos, "expected label selectors only, got vector selector instead")
        else:
            # Which labels are meant, not which series: `{}` is all of them.
            self._pardoned.add(argument.pos)


def matches(matcher: Matcher, value: str) -> bool:
    """Whether it matches a label's value; the empty one is that of an absent label."""
    match matcher.op:
        case MatchOp.EQUAL:
            return value == matcher.value
        case MatchOp.NOT_EQUAL:
            return value != matcher.value
        case MatchOp.REGEX:
            return re2.fullmatch(f"(?s:{matcher.value})", value) is not None
        case MatchOp.NOT_REGEX:
            return re2.fullmatch(f"(?s:{matcher.value})", value) is None


def matches_absent(matcher: Matcher) -> bool:
    """Whether it matches a label that is absent."""
    return matches(matcher, "")
