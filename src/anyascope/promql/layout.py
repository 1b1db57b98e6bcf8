"""A query written in order: one space here, none there, and long expressions broken over lines.

Source: Prometheus, `promql/parser/prettier.go` and `printer.go`.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Mapping, Sequence

from anyascope.model.labels import METRIC_NAME
from anyascope.promql.numbers import format_float
from anyascope.promql.written import Node, written
from anyascope.wire.durations import format_duration_ms
from anyascope.wire.gotemplate.values import quoted

SHOWN_MAX = 2_000  # rules whose line is remembered: pages ask for all of them every few seconds
LINE_BYTES_MAX = 100  # upstream's; what is longer is broken
INDENT = "  "

_PLAIN_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
_GROUPINGS = {"many-to-one": "group_left", "one-to-many": "group_right"}


def laid_out(text: str) -> str:
    """The query as upstream's formatter writes it; the query was read without fault before.

    Raises:
        UnsupportedError: it uses syntax that cannot be told.
    """
    return _lines(written(text, keeps_durations=True), 0)


@functools.lru_cache(maxsize=SHOWN_MAX)
def on_one_line(text: str) -> str:
    """The same on a single line, as upstream shows queries of rules."""
    return one_line(written(text, keeps_durations=True))


def _lines(node: Node, level: int) -> str:  # noqa: PLR0911 — one return a kind of node
    """The node over as many lines as it needs, each indented by `level` at least."""
    whole, indent = one_line(node), INDENT * level
    if node["type"] == "unaryExpr":
        return f"{indent}{node['op']}{_lines(node['expr'], level).strip()}"
    is_short = len(whole.encode("utf-8", "surrogatepass")) <= LINE_BYTES_MAX
    if is_short and node["type"] == "subquery":
        return whole  # upstream indents every node but this one
    if is_short or node["type"] not in _BREAKABLE:
        return indent + whole
    match node["type"]:
        case "aggregation":
            parts = [node["param"], node["expr"]] if node["param"] is not None else [node["expr"]]
            return f"{indent}{_aggregator(node)}(\n{_listed(parts, level + 1)}\n{indent})"
        case "binaryExpr":
            left, right = _lines(node["lhs"], level + 1), _lines(node["rhs"], level + 1)
            return f"{left}\n{indent}{_operator(node)}\n{right}"
        case "call":
            return f"{indent}{node['func']['name']}(\n{_listed(node['args'], level + 1)}\n{indent})"
        case "subquery":
            return f"{_lines(node['expr'], level)}{_subquery_range(node)}"
        case _:
            return f"{indent}(\n{_lines(node['expr'], level + 1)}\n{indent})"


_BREAKABLE = frozenset({"aggregation", "binaryExpr", "call", "subquery", "parenExpr"})


def _listed(nodes: Sequence[Node], level: int) -> str:
    return ",\n".join(_lines(node, level) for node in nodes)


def one_line(node: Node) -> str:  # noqa: PLR0911 — one return a kind of node
    """The node on a line of its own."""
    match node["type"]:
        case "numberLiteral":
            return str(node["val"])
        case "stringLiteral":
            return quoted(node["val"])
        case "parenExpr":
            return f"({one_line(node['expr'])})"
        case "unaryExpr":
            return f"{node['op']}{one_line(node['expr'])}"
        case "vectorSelector":
            return f"{_selected(node)}{_shift(node)}"
        case "matrixSelector":
            return f"{_selected(node)}[{format_duration_ms(node['range'])}]{_shift(node)}"
        case "subquery":
            return f"{one_line(node['expr'])}{_subquery_range(node)}"
        case "call":
            return f"{node['func']['name']}({', '.join(map(one_line, node['args']))})"
        case "aggregation":
            parameter = f"{one_line(node['param'])}, " if node["param"] is not None else ""
            return f"{_aggregator(node)}({parameter}{one_line(node['expr'])})"
        case _:
            return f"{one_line(node['lhs'])} {_operator(node)} {one_line(node['rhs'])}"


def _selected(node: Node) -> str:
    """Name and matchers, these in the order of their text."""
    shown = [
        f"{_name(each['name'])}{each['type']}{quoted(each['value'])}"
        for each in node["matchers"]
        if not (node["name"] and each["name"] == METRIC_NAME)
    ]
    return f"{node['name']}{{{','.join(sorted(shown))}}}" if shown else str(node["name"])


def _shift(node: Node) -> str:
    text = "".join(f" {word}" for word in ("anchored", "smoothed") if node.get(word))
    if node["timestamp"] is not None:
        text += f" @ {node['timestamp'] / 1000:.3f}"
    elif node["startOrEnd"] is not None:
        text += f" @ {node['startOrEnd']}()"
    offset_ms = node["offset"]
    if offset_ms:
        text += f" offset {'-' if offset_ms < 0 else ''}{format_duration_ms(abs(offset_ms))}"
    return text


def _subquery_range(node: Node) -> str:
    step = format_duration_ms(node["step"]) if node["step"] else ""
    return f"[{format_duration_ms(node['range'])}:{step}]{_shift(node)}"


def _aggregator(node: Node) -> str:
    if node["without"]:
        return f"{node['op']} without ({_names(node['grouping'])}) "
    return f"{node['op']} by ({_names(node['grouping'])}) " if node["grouping"] else str(node["op"])


def _operator(node: Node) -> str:
    """The operator with `bool` and how vectors are matched."""
    text = f"{node['op']} bool" if node["bool"] else str(node["op"])
    matching = node["matching"]
    if matching is None:
        return text
    grouping = _GROUPINGS.get(matching["card"])
    if matching["labels"] or matching["on"] or grouping:
        text += f" {'on' if matching['on'] else 'ignoring'} ({_names(matching['labels'])})"
    if grouping:
        text += f" {grouping} ({_names(matching['include'])})"
    return text + _fills(matching.get("fillValues") or {})


def _fills(values: Mapping[str, float | None]) -> str:
    left, right = values.get("lhs"), values.get("rhs")
    if left is not None and left == right:
        return f" fill ({format_float(left)})"
    told = "" if left is None else f" fill_left ({format_float(left)})"
    return told if right is None else f"{told} fill_right ({format_float(right)})"


def _names(names: Iterable[str]) -> str:
    return ", ".join(map(_name, names))


def _name(name: str) -> str:
    return name if _PLAIN_NAME.fullmatch(name) else quoted(name)
