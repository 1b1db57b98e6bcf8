"""From text to tree: the library reads the grammar, this module makes our nodes of what it found."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import count

import promql_parser as grammar
import re2

from anyascope.errors import UnsupportedError
from anyascope.model.labels import METRIC_NAME, Matcher, MatchOp
from anyascope.promql.errors import QuerySyntaxError
from anyascope.promql.lexer import (
    AGGREGATIONS,
    KEYWORDS,
    WORD_OPERATORS,
    Word,
    depth_of,
    places,
    syntax_error,
    unquoted,
    words_of,
)
from anyascope.promql.options import QUERY_CHARACTERS_MAX, QUERY_DEPTH_MAX
from anyascope.promql.result import ResultKind
from anyascope.promql.syntax import (
    SET_OPERATORS,
    TIME_DEPENDENT,
    Aggregate,
    Anchor,
    Binary,
    Call,
    Cardinality,
    Edge,
    Expression,
    Matching,
    Negate,
    Number,
    Once,
    Select,
    Subquery,
    Text,
    walk,
)

_MS = timedelta(milliseconds=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# The library's enumerations cannot be keys, their names can.
_MATCH_OPS = {
    "MatchOp.Equal": MatchOp.EQUAL,
    "MatchOp.NotEqual": MatchOp.NOT_EQUAL,
    "MatchOp.Re": MatchOp.REGEX,
    "MatchOp.NotRe": MatchOp.NOT_REGEX,
}
_KINDS = {
    "ValueType.Vector": ResultKind.VECTOR,
    "ValueType.Scalar": ResultKind.SCALAR,
    "ValueType.Matrix": ResultKind.MATRIX,
    "ValueType.String": ResultKind.STRING,
}
_CARDINALITIES = {
    "VectorMatchCardinality.ManyToOne": Cardinality.MANY_TO_ONE,
    "VectorMatchCardinality.OneToMany": Cardinality.ONE_TO_MANY,
}


@dataclass(frozen=True, slots=True)
class Query:
    """A query that was read and checked.

    Attributes:
        text: as it was written.
        root: the tree, its unchanging parts wrapped in `Once`.
        selectors: every selector of it, by `slot`.
    """

    text: str
    root: Expression
    selectors: tuple[Select, ...]

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


def parse(text: str) -> Query:
    """Read a query.

    Raises:
        QuerySyntaxError: it is not PromQL, or its types do not fit.
        UnsupportedError: it is longer or deeper than this engine reads, or uses syntax that it does not evaluate.
    """
    if len(text) > QUERY_CHARACTERS_MAX:
        raise UnsupportedError(f"the query has {len(text)} characters, at most {QUERY_CHARACTERS_MAX} are read")
    words = words_of(text)
    depth = depth_of(words)
    if depth > QUERY_DEPTH_MAX:
        raise UnsupportedError(f"the query nests {depth} operators and parentheses, at most {QUERY_DEPTH_MAX} are read")
    try:
        tree = grammar.parse(text)
    except ValueError as error:
        raise _explained(text, words, str(error)) from error
    root = _Converter(text, words).convert(tree)
    wrapped, is_constant, should_wrap = _fold(root)
    if is_constant and should_wrap:
        wrapped = Once(wrapped)
    found = sorted((node for node in walk(wrapped) if isinstance(node, Select)), key=lambda node: node.slot)
    return Query(text, wrapped, tuple(found))


def metric_names_read(query: str | Query) -> frozenset[str] | None:
    """The names of the metrics that a query reads; None where a selector may read any."""
    return (query if isinstance(query, Query) else parse(query)).metric_names


class _Converter:
    """Turns the library's nodes into ours, in the order of the text."""

    def __init__(self, text: str, words: Sequence[Word]) -> None:
        self._text = text
        self._places: Iterator[tuple[str, int]] = places(words)
        self._anchors = iter(_written_anchors(words))
        self._slots = count()
        # The library takes `\\xff` for a character, where it is a byte.
        self._strings = {word.pos: unquoted(word.text) for word in words if word.kind == "string"}

    def convert(self, node: grammar.Expr) -> Expression:
        return self._node(node)[0]

    def _place(self, kind: str) -> int:
        """The next place of this kind; -1 from the first word on that is not where it was expected."""
        for found, pos in self._places:
            if found == kind:
                return pos
            # The library folds signs into numbers and forgets unary plus.
            if found == "plus" or (found == "minus" and kind == "number"):
                continue
            self._places = iter(())
        return -1

    def _node(self, node: grammar.Expr) -> tuple[Expression, int]:  # noqa: PLR0911 — one return a kind of node
        """The node of ours, and where it begins, with its parentheses."""
        match node:
            case grammar.ParenExpr():
                pos = self._place("paren")
                return self._node(node.expr)[0], pos
            case grammar.NumberLiteral():
                pos = self._place("number")
                return Number(node.val, pos), pos
            case grammar.StringLiteral():
                pos = self._place("string")
                return Text(self._strings.get(pos, node.val), pos), pos
            case grammar.UnaryExpr():
                pos = self._place("minus")
                return Negate(self._node(node.expr)[0], pos), pos
            case grammar.VectorSelector():
                return self._select(node, 0)
            case grammar.MatrixSelector():
                return self._select(node.vector_selector, node.range // _MS)
            case grammar.SubqueryExpr():
                return self._subquery(node)
            case grammar.Call():
                return self._call(node)
            case grammar.AggregateExpr():
                return self._aggregate(node)
            case grammar.BinaryExpr():
                return self._binary(node)
        raise UnsupportedError(f"{type(node).__name__} is not evaluated")

    def _select(self, node: grammar.VectorSelector, range_ms: int) -> tuple[Select, int]:
        if node.matchers.or_matchers:
            raise UnsupportedError("matchers joined by `or` are not evaluated")
        pos = self._place("select")
        matchers = [Matcher(m.name, _MATCH_OPS[repr(m.op)], m.value) for m in node.matchers.matchers]
        for matcher in matchers:
            self._check_pattern(matcher, pos)
        if node.name:
            matchers.insert(0, Matcher(METRIC_NAME, MatchOp.EQUAL, node.name))
        offset_ms = (node.offset or timedelta()) // _MS
        anchor = self._anchor(node.at)
        return Select(tuple(matchers), offset_ms, anchor, range_ms, next(self._slots), pos), pos

    def _check_pattern(self, matcher: Matcher, pos: int) -> None:
        if matcher.op in {MatchOp.REGEX, MatchOp.NOT_REGEX}:
            options = re2.Options()
            options.log_errors = False
            try:
                re2.compile(matcher.value, options)
            except re2.error as error:
                raise syntax_error(self._text, max(pos, 0), f"error parsing regexp: {error}") from error

    def _anchor(self, at: grammar.AtModifier | None) -> Anchor:
        if at is None:
            return None
        written = next(self._anchors, None)
        if at.type == grammar.AtModifierType.Start:
            return Edge.START
        if at.type == grammar.AtModifierType.End:
            return Edge.END
        if written is not None:
            return written
        return (at.at - _EPOCH) // _MS if at.at is not None else 0

    def _subquery(self, node: grammar.SubqueryExpr) -> tuple[Subquery, int]:
        body, pos = self._node(node.expr)
        made = Subquery(
            body,
            range_ms=(node.range or timedelta()) // _MS,
            step_ms=(node.step or timedelta()) // _MS,
            offset_ms=(node.offset or timedelta()) // _MS,
            anchor=self._anchor(node.at),
            pos=pos,
        )
        return made, pos

    def _call(self, node: grammar.Call) -> tuple[Call, int]:
        pos = self._place("call")
        arguments = tuple(self._node(argument)[0] for argument in node.args)
        return Call(node.func.name, arguments, _KINDS[repr(node.func.return_type)], pos), pos

    def _aggregate(self, node: grammar.AggregateExpr) -> tuple[Aggregate, int]:
        pos = self._place("aggregate")
        parameter = self._node(node.param)[0] if node.param is not None else None
        body = self._node(node.expr)[0]
        modifier = node.modifier
        grouping = tuple(sorted(set(modifier.labels))) if modifier is not None else ()
        is_without = modifier is not None and modifier.type == grammar.AggModifierType.Without
        return Aggregate(str(node.op), body, parameter, grouping, is_without=is_without, pos=pos), pos

    def _binary(self, node: grammar.BinaryExpr) -> tuple[Binary, int]:
        left, pos = self._node(node.lhs)
        right, _ = self._node(node.rhs)
        matching, returns_bool = _matching(node.modifier)
        return Binary(str(node.op), left, right, matching, returns_bool=returns_bool, pos=pos), pos


def _matching(modifier: grammar.BinModifier | None) -> tuple[Matching, bool]:
    if modifier is None:
        return Matching(), False
    fill = modifier.fill_values
    if fill.lhs is not None or fill.rhs is not None:
        raise UnsupportedError("`fill` modifiers are not evaluated")
    labels: tuple[str, ...] = ()
    is_on = False
    if modifier.matching is not None:
        labels = tuple(modifier.matching.labels)
        is_on = modifier.matching.type == grammar.LabelModifierType.Include
    cardinality = _CARDINALITIES.get(repr(modifier.card), Cardinality.ONE_TO_ONE)
    include = tuple(modifier.group_labels or ())
    return Matching(labels, is_on, cardinality, include), modifier.return_bool


def _written_anchors(words: Sequence[Word]) -> list[int | None]:
    """The numbers after each `@`, in milliseconds: the library loses the sign of negative ones."""
    found: list[int | None] = []
    for index, word in enumerate(words):
        if word.text != "@":
            continue
        sign = 1
        rest = index + 1
        while rest < len(words) and words[rest].text in {"-", "+"}:
            sign = -sign if words[rest].text == "-" else sign
            rest += 1
        number = words[rest].text if rest < len(words) else ""
        is_plain = re.fullmatch(r"[0-9.]+(?:[eE][+-]?\d+)?", number) is not None
        found.append(sign * round(float(number) * 1000) if is_plain else None)
    return found


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


_TYPE_NAMES = {"vector": "instant vector", "matrix": "range vector", "scalar": "scalar", "string": "string"}


def _explained(text: str, words: Sequence[Word], message: str) -> QuerySyntaxError:
    """The library's complaint with its place, in Prometheus' words."""
    end = len(text.rstrip()) if words else 0
    if "unclosed" in message or "unexpected end of input" in message or "no expression" in message:
        return syntax_error(text, end, message)
    if message == "invalid promql query":
        pos, what = _first_unexpected(text, words)
        return syntax_error(text, pos, what)
    named = re.search(r"'([^']*)'", message)
    pos = _place_of(words, named.group(1)) if named else 0
    message = re.sub(
        r"\b(expected type|got:?) (vector|matrix|scalar|string)\b",
        lambda found: f"{found.group(1)} {_TYPE_NAMES[found.group(2)]}",
        message,
    )
    return syntax_error(text, pos, re.sub(r"'([^']*)'", r'"\1"', message))


def _place_of(words: Sequence[Word], text: str) -> int:
    return next((word.pos for word in words if word.text == text), 0)


def _first_unexpected(text: str, words: Sequence[Word]) -> tuple[int, str]:
    """Where operands and operators stop taking turns."""
    wants_operand = True
    for index, word in enumerate(words):
        following = words[index + 1].text if index + 1 < len(words) else ""
        is_operand = word.kind in {"number", "string"} or (
            word.kind == "name" and word.text.lower() not in KEYWORDS | (AGGREGATIONS if following != "(" else set())
        )
        if is_operand and not wants_operand:
            what = {"name": "identifier", "number": "number", "string": "string"}[word.kind]
            return word.pos, f'unexpected {what} "{word.text}"'
        if wants_operand and word.text in {"*", "/", "%", "^", "==", "!=", "<=", ">=", "<", ">", ")", *SET_OPERATORS}:
            return word.pos, f'unexpected "{word.text}"'
        if is_operand or word.text in {")", "}", "]"}:
            wants_operand = False
        elif word.kind == "sign" or word.text.lower() in WORD_OPERATORS:
            wants_operand = True
    return len(text.rstrip()), "unexpected end of input"
