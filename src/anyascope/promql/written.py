"""A query as it was written, in the shape in which Prometheus' `parse_query` tells it.

The tree of `syntax` is what is evaluated: it has no parentheses and no order of labels. This one keeps them, for editors
and for `layout`. Nodes are dictionaries, because the shape is the interface.

Source: Prometheus, `web/api/v1/translate_ast.go`.
"""

from __future__ import annotations

from typing import Any, TypeAlias

from anyascope.errors import UnsupportedError
from anyascope.model.labels import Matcher
from anyascope.promql.grammar import Parser, Part
from anyascope.promql.lexer import DURATION, Word
from anyascope.promql.numbers import format_float
from anyascope.promql.result import ResultKind
from anyascope.promql.signatures import EVERY_FEATURE, FUNCTIONS
from anyascope.promql.syntax import (
    SET_OPERATORS,
    Aggregate,
    Binary,
    Call,
    Edge,
    Expression,
    Negate,
    Number,
    Once,
    Select,
    Subquery,
    Text,
    kind_of,
)

Node: TypeAlias = dict[str, Any]

PARENTHESES, PLUS = "(", "+"


def written(text: str, *, keeps_durations: bool = False) -> Node:
    """The tree of a query that was read without fault before.

    Args:
        text: of the query.
        keeps_durations: tell a number that was written as a duration (`1h`) as it was written.

    Raises:
        UnsupportedError: a duration depends on the steps that the query is asked at.
    """
    reader = _WrittenReader(text)
    return _Teller(reader, keeps_durations=keeps_durations).tell(reader.parse())


class _WrittenReader(Parser):
    """Reads a query and remembers, by node, what its tree leaves out.

    Attributes:
        around: the parentheses and plus signs around a node, from the inside out.
        durations: numbers that were written as durations.
        groupings: labels of an aggregation in their order.
        arguments: of a call, before any are added.
        names: of selectors that begin with a name, by slot.
    """

    def __init__(self, text: str) -> None:
        super().__init__(text, EVERY_FEATURE)
        self.around: dict[int, list[str]] = {}
        self.durations: dict[int, str] = {}
        self.groupings: dict[int, tuple[str, ...]] = {}
        self.arguments: dict[int, tuple[Expression, ...]] = {}
        self.names: dict[int, str] = {}
        self._read: list[Expression] = []  # kept, so that no other node gets the identity of one of these
        self._open: list[tuple[str, ...]] = []
        self._last_arguments: list[Part] = []

    def _made(self, node: Expression, start: int, *below: Part) -> Part:
        self._read.append(node)
        return super()._made(node, start, *below)

    def _grouped(self) -> Part:
        part = super()._grouped()
        self.around.setdefault(id(part.node), []).append(PARENTHESES)
        return part

    def _signed(self) -> Part:
        sign, first = self._word, len(self._read)
        part = super()._signed()
        if isinstance(part.node, Number):
            # The literal itself was read first, and its sign made another of it.
            text = self.durations.get(id(self._read[first]))
            if text is not None:
                self.durations[id(part.node)] = text if part.node.value >= 0 else f"-{text.lstrip('-')}"
        elif sign.kind == PLUS:
            self.around.setdefault(id(part.node), []).append(PLUS)
        return part

    def _primary(self) -> Part:
        word = self._word
        part = super()._primary()
        if word.kind == DURATION:
            self.durations[id(part.node)] = word.text
        return part

    def _selected(self, name: Word | None) -> Part:
        part = super()._selected(name)
        if name is not None and isinstance(part.node, Select):
            self.names[part.node.slot] = name.text
        return part

    def _arguments(self) -> list[Part]:
        self._last_arguments = super()._arguments()
        return self._last_arguments

    def _called(self, name: Word) -> Part:
        part = super()._called(name)
        self.arguments[id(part.node)] = tuple(argument.node for argument in self._last_arguments)
        return part

    def _aggregated(self, operator: Word) -> Part:
        self._open.append(())
        part = super()._aggregated(operator)
        self.groupings[id(part.node)] = self._open.pop()
        return part

    def _grouping(self) -> tuple[str, tuple[str, ...]]:
        kind, labels = super()._grouping()
        self._open[-1] = labels
        return kind, labels


class _Teller:
    def __init__(self, reader: _WrittenReader, *, keeps_durations: bool) -> None:
        self._reader = reader
        self._durations = reader.durations if keeps_durations else {}

    def tell(self, node: Expression) -> Node:
        """The node with the parentheses and plus signs around it."""
        told = self._node(node)
        for sign in self._reader.around.get(id(node), ()):
            if sign == PARENTHESES:
                told = {"type": "parenExpr", "expr": told}
            else:
                told = {"type": "unaryExpr", "op": "+", "expr": told}
        return told

    def _node(self, node: Expression) -> Node:  # noqa: PLR0911 -- one return a kind of node
        match node:
            case Number(value=value):
                return {"type": "numberLiteral", "val": self._durations.get(id(node), format_float(value))}
            case Text(value=value):
                return {"type": "stringLiteral", "val": value}
            case Negate(body=body):
                return {"type": "unaryExpr", "op": "-", "expr": self.tell(body)}
            case Select():
                return self._selector(node)
            case Subquery(body=body):
                told = {"type": "subquery", "expr": self.tell(body), "range": node.range_ms, "step": node.step_ms}
                return told | _shift(node)
            case Call(name=name):
                arguments = [self.tell(each) for each in self._reader.arguments[id(node)]]
                return {"type": "call", "func": _function(name), "args": arguments}
            case Aggregate(body=body, parameter=parameter):
                return {
                    "type": "aggregation",
                    "op": node.operator,
                    "expr": self.tell(body),
                    "param": None if parameter is None else self.tell(parameter),
                    "grouping": list(self._reader.groupings[id(node)]),
                    "without": node.is_without,
                }
            case Binary(left=left, right=right):
                return {
                    "type": "binaryExpr",
                    "op": node.operator,
                    "lhs": self.tell(left),
                    "rhs": self.tell(right),
                    "matching": _matching(node),
                    "bool": node.returns_bool,
                }
            case Once(body=body):
                return self.tell(body)

    def _selector(self, node: Select) -> Node:
        name = self._reader.names.get(node.slot, "")
        # Upstream puts the name behind what stands in braces.
        matchers = (*node.matchers[1:], node.matchers[0]) if name else node.matchers
        told: Node = {"name": name, "matchers": [_matcher(each) for each in matchers], **_shift(node)}
        if node.extension is not None:
            told[node.extension.value] = True
        if node.range_ms:
            return {"type": "matrixSelector", **told, "range": node.range_ms}
        return {"type": "vectorSelector", **told}


def _matcher(matcher: Matcher) -> Node:
    return {"name": matcher.name, "type": matcher.op.value, "value": matcher.value}


def _shift(node: Select | Subquery) -> Node:
    if node.lengths is not None:
        raise UnsupportedError("a duration that depends on the query's steps has no form that can be told")
    is_edge = isinstance(node.anchor, Edge)
    return {
        "offset": node.offset_ms,
        "timestamp": None if is_edge else node.anchor,
        "startOrEnd": node.anchor.value.removesuffix("()") if isinstance(node.anchor, Edge) else None,
    }


def _function(name: str) -> Node:
    signature = FUNCTIONS[name]
    return {
        "name": name,
        "argTypes": [kind.value for kind in signature.arguments],
        "variadic": signature.optional,
        "returnType": signature.returns.value,
    }


def _matching(node: Binary) -> Node | None:
    """How the vectors of both sides are matched; None where one side is none."""
    if not (kind_of(node.left) is ResultKind.VECTOR and kind_of(node.right) is ResultKind.VECTOR):
        return None
    matching = node.matching
    told: Node = {
        "card": "many-to-many" if node.operator in SET_OPERATORS else matching.cardinality.value,
        "labels": list(matching.labels),
        "on": matching.is_on,
        "include": list(matching.include),
    }
    if matching.fills:
        told["fillValues"] = {"lhs": matching.fill_left, "rhs": matching.fill_right}
    return told
