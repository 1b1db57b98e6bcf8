"""Turns the tree of a template into Python closures, once, so that running it asks of no node what it is.

A closure that writes takes the run and dot; one that gives a value also takes, where it is a later command of a
pipeline, the value of the command before. What cannot change while the template runs is settled here: names, places
for messages, how deeply pipelines nest, and whether the template has variables of its own.

Source: https://pkg.go.dev/text/template, sections Actions, Pipelines and Variables.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NoReturn, Protocol, TypeAlias, assert_never

from anyascope.wire.gotemplate.errors import TemplateFunctionError
from anyascope.wire.gotemplate.execute import Place, Run, failure
from anyascope.wire.gotemplate.fmt import to_text
from anyascope.wire.gotemplate.nodes import (
    Action,
    Command,
    Constant,
    Definition,
    Dot,
    If,
    Invoke,
    Jump,
    Name,
    Node,
    Operand,
    Path,
    Pipe,
    Range,
    Span,
    Text,
    Variable,
    With,
    pipes_of,
)
from anyascope.wire.gotemplate.values import NO_VALUE, Function, NoValue, field_of, is_true


class Read(Protocol):
    """Gives a value."""

    def __call__(self, run: Run, dot: object, /, *final: object) -> object:
        """The value; `final` is that of the command before, in a later command of a pipeline."""


Emit: TypeAlias = Callable[[Run, object], None]
"""Writes what a node or a template says, given dot."""


class _Break(Exception):  # noqa: N818 - it is a jump, not an error
    """`{{break}}`."""


class _Continue(Exception):  # noqa: N818 - it is a jump, not an error
    """`{{continue}}`."""


def compile_definition(definition: Definition) -> Emit:
    """What writes this template: dot is what it is invoked with."""
    return _Compiler(definition).template()


class _Compiler:
    def __init__(self, definition: Definition) -> None:
        self._definition = definition
        self._own = {name for pipe in pipes_of(definition.nodes) for name in pipe.variables}

    def _place(self, span: Span) -> Place:
        return self._definition, span

    def template(self) -> Emit:
        emit_nodes = self._nodes(self._definition.nodes)
        if not self._own:
            return emit_nodes

        def emit(run: Run, dot: object) -> None:
            run.scope = [("$", run.data), *run.given.items()]
            emit_nodes(run, dot)

        return emit

    # --- nodes --------------------------------------------------------------------------------------------------------

    def _nodes(self, nodes: tuple[Node, ...]) -> Emit:
        steps = tuple((self._place(node.span), self._node(node)) for node in nodes)

        def emit(run: Run, dot: object) -> None:
            for place, emit_node in steps:
                run.step(place)
                emit_node(run, dot)

        return emit

    def _node(self, node: Node) -> Emit:
        match node:
            case Text():
                text, place = node.text, self._place(node.span)
                return lambda run, _dot: run.write(text, place)
            case Action():
                return self._action(node)
            case If() | With():
                return self._if(node)
            case Range():
                return self._range(node)
            case Invoke():
                return self._invoke(node)
            case Jump():
                return _break if node.is_break else _continue
            case _:
                assert_never(node)

    def _action(self, node: Action) -> Emit:
        read, place = self._pipe(node.pipe), self._place(node.span)

        def emit(run: Run, dot: object) -> None:
            value = read(run, dot)
            if type(value) is str and run.html is None:
                run.write(value, place)
            else:
                run.print(value, place)

        def set_variables(run: Run, dot: object) -> None:
            read(run, dot)

        return set_variables if node.pipe.variables else emit

    def _if(self, node: If | With) -> Emit:
        read = self._pipe(node.pipe)
        emit_body, emit_otherwise = self._nodes(node.body), self._nodes(node.otherwise)
        is_with = isinstance(node, With)

        def emit(run: Run, dot: object) -> None:
            mark = len(run.scope)
            value = read(run, dot)
            if is_true(value):
                emit_body(run, value if is_with else dot)
            else:
                emit_otherwise(run, dot)
            del run.scope[mark:]

        return emit

    def _invoke(self, node: Invoke) -> Emit:
        name, place = node.name, self._place(node.span)
        read = self._pipe(node.pipe, level=1) if node.pipe else None

        def emit(run: Run, dot: object) -> None:
            emit_template = run.emit_named(name)
            if emit_template is None:
                raise failure(place, f'template "{name}" not defined')
            if run.depth >= run.depth_max:
                raise run.too_deep(place)
            data = read(run, dot) if read else None
            outer = run.data, run.given, run.scope
            run.depth += 1
            run.data, run.given, run.scope = data, {}, []
            emit_template(run, data)
            run.data, run.given, run.scope = outer
            run.depth -= 1

        return emit

    def _range(self, node: Range) -> Emit:
        read, place = self._pipe(node.pipe, is_range=True), self._place(node.pipe.span)
        emit_body, emit_otherwise = self._nodes(node.body), self._nodes(node.otherwise)
        names, is_new = node.pipe.variables, node.pipe.is_new

        def emit(run: Run, dot: object) -> None:
            mark = len(run.scope)
            value = read(run, dot)
            entries = _entries(value, run, place)
            if isinstance(value, int) and len(names) > 1:
                raise failure(place, f"can't use {value} to iterate over more than one variable")
            for key, element in entries:
                values = (element,) if len(names) == 1 else (key, element)
                for name, variable in zip(names, values, strict=False):
                    run.set_variable(name, variable, is_new=is_new)
                try:
                    emit_body(run, element)
                except _Break:
                    break
                except _Continue:
                    continue
                finally:
                    del run.scope[mark:]
            if not entries:
                emit_otherwise(run, dot)
            del run.scope[mark:]

        return emit

    # --- pipelines ----------------------------------------------------------------------------------------------------

    def _pipe(self, pipe: Pipe, *, level: int = 0, is_range: bool = False) -> Read:
        """A pipeline's value, `level` pipelines deep in its node; a range sets the variables of its own itself."""
        place, first_place = self._place(pipe.span), self._place(pipe.commands[0].span)
        first = self._command(pipe.commands[0], is_later=False, level=level)
        later = tuple(
            (self._place(command.span), self._command(command, is_later=True, level=level))
            for command in pipe.commands[1:]
        )
        names, is_new = () if is_range else pipe.variables, pipe.is_new

        def read(run: Run, dot: object, *_final: object) -> object:
            if run.depth + level >= run.depth_max:
                raise run.too_deep(place)
            run.step(first_place)
            value = first(run, dot)
            for command_place, command in later:
                run.step(command_place)
                value = command(run, dot, value)
            for name in names:
                run.set_variable(name, value, is_new=is_new)
            return value

        return read

    def _command(self, command: Command, *, is_later: bool, level: int) -> Read:
        first, words = command.words[0], command.words[1:]
        match first:
            case Name():
                return self._named(first, words, command.span, level=level)
            case Path():
                return self._path(first, words, is_later=is_later, level=level)
            case Constant() if first.value is None:
                return self._failing(first.span, "nil is not a command")
        if words or is_later:
            shown = self._definition.source_text[first.span[0] : first.span[1]]
            return self._failing(first.span, f"can't give argument to non-function {shown}")
        return self._operand(first, level=level)

    def _failing(self, span: Span, message: str) -> Read:
        place = self._place(span)

        def fail(_run: Run, _dot: object, *_final: object) -> NoReturn:
            raise failure(place, message)

        return fail

    def _operand(self, operand: Operand, *, level: int) -> Read:
        match operand:
            case Dot():
                return _dot
            case Constant():
                value = operand.value
                return lambda _run, _dot, *_final: value
            case Variable():
                return self._variable(operand)
            case Pipe():
                return self._pipe(operand, level=level + 1)
            case Name():
                return self._named(operand, (), operand.span, level=level)
            case Path():
                return self._path(operand, (), is_later=False, level=level)
            case _:
                assert_never(operand)

    def _variable(self, operand: Variable) -> Read:
        name, place = operand.name, self._place(operand.span)

        def scoped(run: Run, _dot: object, *_final: object) -> object:
            return run.variable(name, place)

        def given(run: Run, _dot: object, *_final: object) -> object:
            if name not in run.given:
                raise failure(place, f"undefined variable: {name}")
            return run.given[name]

        if self._own:
            return scoped
        return _data if name == "$" else given

    def _path(self, path: Path, words: tuple[Operand, ...], *, is_later: bool, level: int) -> Read:
        """Fields from the root on; arguments belong to the last one, which must be a method then."""
        if isinstance(path.root, Constant) and path.root.value is None:
            return self._failing(path.span, "nil is not a command")
        root, place = self._operand(path.root, level=level), self._place(path.span)
        *inner, last = path.fields
        arguments = tuple(self._operand(word, level=level) for word in words)
        has_arguments = bool(words) or is_later

        def read(run: Run, dot: object, *final: object) -> object:
            value = root(run, dot)
            for name in inner:
                value = _field(value, name, place)
                if isinstance(value, Function):
                    value = run.call(name, value, [], place)
            value = _field(value, last, place)
            if isinstance(value, Function):
                return run.call(last, value, [*(argument(run, dot) for argument in arguments), *final], place)
            if has_arguments:
                raise failure(place, f"{last} is not a method but has arguments")
            return value

        return read

    # --- calls --------------------------------------------------------------------------------------------------------

    def _named(self, name: Name, words: tuple[Operand, ...], span: Span, *, level: int) -> Read:
        called, place = name.name, self._place(span)
        arguments = tuple(self._operand(word, level=level) for word in words)
        if called in ("and", "or"):
            return self._and_or(name, arguments)

        def read(run: Run, dot: object, *final: object) -> object:
            function = run.function(called)
            return run.call(called, function, [*(argument(run, dot) for argument in arguments), *final], place)

        return read

    def _and_or(self, name: Name, arguments: tuple[Read, ...]) -> Read:
        """The first argument that decides; those behind it are not evaluated."""
        decides, place = name.name == "or", self._place(name.span)

        def read(run: Run, dot: object, *final: object) -> object:
            if not arguments and not final:
                raise failure(place, f"wrong number of args for {name.name}: want at least 1 got 0")
            value: object = NO_VALUE
            for argument in arguments:
                value = argument(run, dot)
                if is_true(value) == decides:
                    return value
            return final[0] if final else value

        return read


def _dot(_run: Run, dot: object, *_final: object) -> object:
    return dot


def _data(run: Run, _dot: object, *_final: object) -> object:
    return run.data


def _break(_run: Run, _dot: object) -> NoReturn:
    raise _Break


def _continue(_run: Run, _dot: object) -> NoReturn:
    raise _Continue


def _field(value: object, name: str, place: Place) -> object:
    if type(value) is dict:
        return value.get(name, "")
    try:
        return field_of(value, name)
    except TemplateFunctionError as error:
        raise failure(place, str(error)) from error


def _entries(value: object, run: Run, place: Place) -> list[tuple[object, object]]:
    """What a range goes over: keys and elements."""
    match value:
        case None | NoValue():
            return []
        case bool():
            pass
        case int():
            if value > run.limits.steps_max:
                raise failure(place, f"exceeded {run.limits.steps_max} steps")
            return [(index, index) for index in range(value)]
        case Mapping():
            return sorted(value.items(), key=lambda entry: str(entry[0]))
        case list() | tuple():
            return list(enumerate(value))
    raise failure(place, f"range can't iterate over {to_text(value)}")
