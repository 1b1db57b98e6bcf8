"""What an alerting expression compares: the data behind its condition, and the condition of its recovery.

Both are fields of our own in rule files; Prometheus reads neither.
"""

from __future__ import annotations

import re

from anyascope.errors import AnyascopeError, InvalidInputError
from anyascope.promql.layout import one_line
from anyascope.promql.syntax import COMPARISONS
from anyascope.promql.written import Node, written

_THRESHOLD = re.compile(r"\s*(==|!=|>=|<=|>|<)\s*([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)\s*")
_OPPOSITE = {">": "<", "<": ">", ">=": "<=", "<=": ">=", "==": "==", "!=": "!="}


def data_expr_of(expr: str) -> str:
    """The expression without its condition: it has an element for each series that could fulfil it.

    `a / b > 5` gives `a / b`; of `and` and `unless` the left side counts, of `or` both.

    Raises:
        InvalidInputError: it has no comparison with a number.
    """
    return one_line(_data(_tree(expr), may_be_either=True))


def recover_expr_of(expr: str, threshold: str) -> str:
    """The expression for a recovery threshold: `a / b > 5` with `< 3` gives `(a / b) < 3`.

    Raises:
        InvalidInputError: the threshold is none, or the expression has no single comparison with a number.
    """
    found = _THRESHOLD.fullmatch(threshold)
    if found is None:
        raise InvalidInputError(f"must be a comparison with a number, such as '< 80', got {threshold!r}")
    return f"({one_line(_data(_tree(expr), may_be_either=False))}) {found[1]} {found[2]}"


def threshold_of(expr: str) -> tuple[str, float] | None:
    """Operator and number of an expression that is nothing but a comparison with a number literal, or None.

    The data are on the left: `5 < a` gives `>` and 5.
    """
    node = _tree(expr)
    while node["type"] == "parenExpr":
        node = node["expr"]
    if node["type"] != "binaryExpr" or node["op"] not in COMPARISONS or node["bool"]:
        return None
    left, right = _number(node["lhs"]), _number(node["rhs"])
    if right is not None:
        return node["op"], right
    return None if left is None else (_OPPOSITE[node["op"]], left)


def _tree(expr: str) -> Node:
    try:
        return written(expr)
    except AnyascopeError as error:
        raise InvalidInputError(f"the expression cannot be taken apart: {error}") from error


def _data(node: Node, *, may_be_either: bool) -> Node:
    match node:
        case {"type": "parenExpr", "expr": inner}:
            return {"type": "parenExpr", "expr": _data(inner, may_be_either=may_be_either)}
        case {"type": "binaryExpr", "op": "and" | "unless", "lhs": left}:
            return _data(left, may_be_either=may_be_either)
        case {"type": "binaryExpr", "op": "or"} if may_be_either:
            sides = {side: _data(node[side], may_be_either=True) for side in ("lhs", "rhs")}
            return {**node, **sides}
        case {"type": "binaryExpr", "op": operator, "bool": False} if operator in COMPARISONS:
            if _is_scalar(node["rhs"]):
                return _unwrapped(node["lhs"])
            if _is_scalar(node["lhs"]):
                return _unwrapped(node["rhs"])
    raise InvalidInputError("needs an expression that compares with a number, such as x > 5")


def _unwrapped(node: Node) -> Node:
    return _unwrapped(node["expr"]) if node["type"] == "parenExpr" else node


def _is_scalar(node: Node) -> bool:
    match node:
        case {"type": "numberLiteral"}:
            return True
        case {"type": "parenExpr" | "unaryExpr", "expr": inner}:
            return _is_scalar(inner)
        case {"type": "call", "func": {"returnType": "scalar"}}:
            return True
        case {"type": "binaryExpr"}:
            return _is_scalar(node["lhs"]) and _is_scalar(node["rhs"])
    return False


def _number(node: Node) -> float | None:
    match node:
        case {"type": "numberLiteral", "val": value}:
            return float(value)
        case {"type": "parenExpr", "expr": inner}:
            return _number(inner)
        case {"type": "unaryExpr", "op": operator, "expr": inner}:
            value = _number(inner)
            return None if value is None else -value if operator == "-" else value
    return None
