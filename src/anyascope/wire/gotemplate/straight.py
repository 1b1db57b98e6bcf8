"""Templates of nothing but texts, variables, their fields, and single calls: `{{ $labels.job }} is at {{ $value | humanize }}`.

Most annotations are such, and filling one in needs no run: a fifth of the time. What is not as usual (another type, a
variable that nobody gave, a call that is refused, a limit that might be met) is left to the run, which has Go's words for it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

from anyascope.wire.gotemplate.builtins import BUILTINS
from anyascope.wire.gotemplate.errors import TemplateFunctionError
from anyascope.wire.gotemplate.fmt import to_text
from anyascope.wire.gotemplate.nodes import Action, Command, Constant, Name, Node, Operand, Path, Text, Variable
from anyascope.wire.gotemplate.values import Function

STEPS_A_PART_MAX = 4  # what the run counts for one: a node, two commands, a call
DECIDING = frozenset({"and", "or"})  # they do not evaluate all of their arguments


@dataclass(frozen=True, slots=True)
class Fixed:
    """A constant."""

    value: str | int | float | bool


@dataclass(frozen=True, slots=True)
class Given:
    """A variable, or a field of it where that is named."""

    name: str
    field: str


@dataclass(frozen=True, slots=True)
class Called:
    """What a function gives."""

    function: str
    arguments: tuple[Fixed | Given, ...]


Part: TypeAlias = str | Given | Called
"""A text, or what an action prints."""


class _OddError(Exception):
    """Something is not as usual."""


def straight_parts(nodes: tuple[Node, ...]) -> tuple[Part, ...] | None:
    """What a template is made of, if it is such a one."""
    try:
        return tuple(_part(node) for node in nodes)
    except _OddError:
        return None


def _part(node: Node) -> Part:
    match node:
        case Text():
            return node.text
        case Action() if not node.pipe.variables:
            first, *later = node.pipe.commands
            if not later and isinstance(first.words[0], Name):
                return _called(first, ())
            if len(first.words) != 1:
                raise _OddError
            value = _argument(first.words[0])
            if len(later) == 1:
                return _called(later[0], (value,))
            if not later and isinstance(value, Given):
                return value
    raise _OddError


def _called(command: Command, final: tuple[Fixed | Given, ...]) -> Called:
    name, *words = command.words
    if not isinstance(name, Name) or name.name in DECIDING:
        raise _OddError
    return Called(name.name, (*(_argument(word) for word in words), *final))


def _argument(operand: Operand) -> Fixed | Given:
    match operand:
        case Constant(value=value) if value is not None:
            return Fixed(value)
        case Variable():
            return Given(operand.name, "")
        case Path(root=Variable(name=name), fields=(field,)):
            return Given(name, field)
    raise _OddError


def fill(
    parts: tuple[Part, ...], variables: Mapping[str, object], functions: Mapping[str, Function], *, chars_max: int
) -> str | None:
    """The text; None where the run must say."""
    texts: list[str] = []
    try:
        for part in parts:
            if isinstance(part, str):
                texts.append(part)
                continue
            value = _given(part, variables) if type(part) is Given else _result(part, variables, functions)
            texts.append(value if type(value) is str else _printed(value))
    except (_OddError, TemplateFunctionError):
        return None
    text = "".join(texts)
    return text if len(text) <= chars_max else None


def _given(part: Given, variables: Mapping[str, object]) -> object:
    value = variables.get(part.name)
    if part.field:
        if type(value) is not dict:
            raise _OddError
        value = value.get(part.field, "")
    if value is None or isinstance(value, Function):
        raise _OddError
    return value


def _printed(value: object) -> str:
    if type(value) is float or type(value) is int:
        return to_text(value)
    raise _OddError


def _result(part: Part, variables: Mapping[str, object], functions: Mapping[str, Function]) -> object:
    assert isinstance(part, Called)
    values = [each.value if type(each) is Fixed else _given(each, variables) for each in part.arguments]  # type: ignore[arg-type] # what is not fixed is given
    function = functions.get(part.function) or BUILTINS[part.function]
    kinds = function.kinds
    if len(values) != len(kinds) and not (function.is_variadic and len(values) >= len(kinds) - 1):
        raise _OddError
    for index, value in enumerate(values):
        kind = kinds[min(index, len(kinds) - 1)]
        if kind != "any" and not (kind == "string" and type(value) is str):
            raise _OddError
    return function.call(*values)
