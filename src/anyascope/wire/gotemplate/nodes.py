"""The tree of a parsed template. Every node knows where in the text it stands (`span`, characters, end exclusive)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

Span: TypeAlias = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Text:
    """What stands between actions."""

    span: Span
    text: str


@dataclass(frozen=True, slots=True)
class Dot:
    """`.`."""

    span: Span


@dataclass(frozen=True, slots=True)
class Constant:
    """A string, number, boolean or character (a whole number), or `nil` (None)."""

    span: Span
    value: str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class Name:
    """The name of a function."""

    span: Span
    name: str


@dataclass(frozen=True, slots=True)
class Path:
    """Fields of something: of dot (`.a.b`), a variable (`$x.a.b`) or an operand (`(pipeline).a.b`)."""

    span: Span
    root: Operand
    fields: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Variable:
    """`$x`; `$` alone is the data that the template was started with."""

    span: Span
    name: str


@dataclass(frozen=True, slots=True)
class Command:
    """Words of which the first may be a function or method and the others its arguments."""

    span: Span
    words: tuple[Operand, ...]


@dataclass(frozen=True, slots=True)
class Pipe:
    """Commands, each taking the value before as its last argument; the value may be kept in variables.

    `variables` are those that are set, `is_new` says whether they are declared (`:=`) or assigned to (`=`).
    """

    span: Span
    commands: tuple[Command, ...]
    variables: tuple[str, ...] = ()
    is_new: bool = True


Operand: TypeAlias = Dot | Constant | Name | Path | Variable | Pipe


@dataclass(frozen=True, slots=True)
class Action:
    """`{{pipeline}}`: prints its value, unless it sets variables."""

    span: Span
    pipe: Pipe


@dataclass(frozen=True, slots=True)
class If:
    """`{{if}}…{{else}}…{{end}}`."""

    span: Span
    pipe: Pipe
    body: tuple[Node, ...]
    otherwise: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class With:
    """The same, with dot set to the value in its body."""

    span: Span
    pipe: Pipe
    body: tuple[Node, ...]
    otherwise: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Range:
    """`{{range}}…{{else}}…{{end}}`: the body once an element."""

    span: Span
    pipe: Pipe
    body: tuple[Node, ...]
    otherwise: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Invoke:
    """`{{template "name" pipeline}}`."""

    span: Span
    name: str
    pipe: Pipe | None


@dataclass(frozen=True, slots=True)
class Jump:
    """`{{break}}` or `{{continue}}`."""

    span: Span
    is_break: bool


Node: TypeAlias = Text | Action | If | With | Range | Invoke | Jump


@dataclass(frozen=True, slots=True)
class Definition:
    """A named template: its nodes, and the text and name of the file that they came from (for messages)."""

    name: str
    nodes: tuple[Node, ...]
    source_name: str
    source_text: str


def pipes_of(nodes: tuple[Node, ...]) -> Iterator[Pipe]:
    """Every pipeline of these nodes and of those within them."""
    for node in nodes:
        if isinstance(node, Action | If | With | Range | Invoke) and node.pipe:
            yield from _pipes_in(node.pipe)
        if isinstance(node, If | With | Range):
            yield from pipes_of(node.body)
            yield from pipes_of(node.otherwise)


def _pipes_in(operand: Operand) -> Iterator[Pipe]:
    if isinstance(operand, Path):
        yield from _pipes_in(operand.root)
    elif isinstance(operand, Pipe):
        yield operand
        for command in operand.commands:
            for word in command.words:
                yield from _pipes_in(word)
