"""Templates of nothing but texts, variables and fields of variables, such as `{{ $labels.job }} is at {{ $value }}`.

Most annotations are such, and filling one in needs no run: a tenth of the time. What is not as usual (another type, a
variable that nobody gave, a limit that might be met) is left to the run, which knows all of Go's words for it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

from anyascope.wire.gotemplate.fmt import to_text
from anyascope.wire.gotemplate.nodes import Action, Node, Operand, Path, Text, Variable

Part: TypeAlias = str | tuple[str, str]
"""A text, or a variable with a field of it, which is empty for the variable itself."""

STEPS_A_PART_MAX = 2  # what the run counts for one


def straight_parts(nodes: tuple[Node, ...]) -> tuple[Part, ...] | None:
    """What a template is made of, if it is such a one."""
    parts = [_part(node) for node in nodes]
    return None if None in parts else tuple(part for part in parts if part is not None)


def _part(node: Node) -> Part | None:
    if isinstance(node, Text):
        return node.text
    if not isinstance(node, Action) or node.pipe.variables or len(node.pipe.commands) != 1:
        return None
    words = node.pipe.commands[0].words
    return _read(words[0]) if len(words) == 1 else None


def _read(operand: Operand) -> Part | None:
    match operand:
        case Variable():
            return operand.name, ""
        case Path(root=Variable(name=name), fields=(field,)):
            return name, field
    return None


def fill(parts: tuple[Part, ...], variables: Mapping[str, object]) -> str | None:
    """The text; None where the run must say."""
    texts: list[str] = []
    for part in parts:
        if isinstance(part, str):
            texts.append(part)
            continue
        name, field = part
        value = variables.get(name)
        if field:
            if type(value) is not dict:
                return None
            value = value.get(field, "")
        if type(value) is float:
            value = to_text(value)
        if type(value) is not str:
            return None
        texts.append(value)
    return "".join(texts)
