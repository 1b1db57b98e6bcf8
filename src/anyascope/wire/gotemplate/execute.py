"""Walks the tree of a template and writes its text, within limits.

Source: https://pkg.go.dev/text/template, sections Actions, Pipelines and Variables.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import assert_never

from anyascope.wire.gotemplate.errors import TemplateError, TemplateFunctionError, execution_error
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
)
from anyascope.wire.gotemplate.values import NO_VALUE, Function, NoValue, field_of, fits, is_list, is_true, type_name

NS_PER_S = 1_000_000_000
STEPS_BETWEEN_LOOKS = 256  # how often the time is looked at


@dataclass(frozen=True, slots=True)
class Limits:
    """What one execution may use.

    Attributes:
        output_chars_max: length of the text; a page of alerts has under 100,000 characters.
        steps_max: nodes walked; a template over 1,000 alerts walks about 50,000.
        depth_max: templates and pipelines within one another; people nest fewer than 10.
        seconds_max: of time on the caller's thread; the largest template measured takes 0.05 s.
    """

    output_chars_max: int = 1_000_000
    steps_max: int = 500_000
    depth_max: int = 50
    seconds_max: float = 1.0


DEFAULT_LIMITS = Limits()


class _Break(Exception):  # noqa: N818 - it is a jump, not an error
    """`{{break}}`."""


class _Continue(Exception):  # noqa: N818 - it is a jump, not an error
    """`{{continue}}`."""


class Execution:
    """One run of one template.

    Args:
        definitions: every template that may be invoked.
        functions: what may be called.
        limits: what it may use.
        monotonic_ns: a clock for `limits.seconds_max`.
    """

    def __init__(
        self,
        definitions: Mapping[str, Definition],
        functions: Mapping[str, Function],
        *,
        limits: Limits,
        monotonic_ns: Callable[[], int],
    ) -> None:
        self._definitions = definitions
        self._functions = functions
        self._limits = limits
        self._monotonic_ns = monotonic_ns
        self._deadline_ns = monotonic_ns() + round(limits.seconds_max * NS_PER_S)
        self._output: list[str] = []
        self._chars = 0
        self._steps = 0
        self._depth = 0
        self._variables: list[tuple[str, object]] = []
        self._definition = Definition("", (), "", "")

    def run(self, name: str, data: object, *, variables: Mapping[str, object]) -> str:
        """The text of the template `name`, given data for dot and `$`, and further variables.

        Raises:
            TemplateError: what failed, and where.
        """
        self._invoke_definition(name, data, variables)
        return "".join(self._output)

    def _invoke_definition(self, name: str, data: object, variables: Mapping[str, object]) -> None:
        outer, outer_variables = self._definition, self._variables
        self._definition = self._definitions[name]
        self._variables = [("$", data), *variables.items()]
        self._nodes(self._definition.nodes, data)
        self._definition, self._variables = outer, outer_variables

    def _fail(self, span: Span, message: str) -> TemplateError:
        running = self._definition
        return execution_error((running.source_name, running.source_text), running.name, span, message)

    # --- nodes --------------------------------------------------------------------------------------------------------

    def _nodes(self, nodes: tuple[Node, ...], dot: object) -> None:
        for node in nodes:
            self._step(node.span)
            self._node(node, dot)

    def _step(self, span: Span) -> None:
        self._steps += 1
        if self._steps > self._limits.steps_max:
            raise self._fail(span, f"exceeded {self._limits.steps_max} steps")
        if self._steps % STEPS_BETWEEN_LOOKS == 0 and self._monotonic_ns() > self._deadline_ns:
            raise self._fail(span, f"exceeded {self._limits.seconds_max} s")

    def _node(self, node: Node, dot: object) -> None:
        match node:
            case Text():
                self._write(node.text, node.span)
            case Action():
                value = self._pipe(node.pipe, dot)
                if not node.pipe.variables:
                    self._print(value, node.span)
            case If() | With():
                self._if(node, dot)
            case Range():
                self._range(node, dot)
            case Invoke():
                self._invoke(node, dot)
            case Jump():
                raise _Break if node.is_break else _Continue
            case _:
                assert_never(node)

    def _write(self, text: str, span: Span) -> None:
        self._chars += len(text)
        if self._chars > self._limits.output_chars_max:
            raise self._fail(span, f"output exceeded {self._limits.output_chars_max} characters")
        self._output.append(text)

    def _print(self, value: object, span: Span) -> None:
        if isinstance(value, Function):
            raise self._fail(span, "can't print a function")
        try:
            text = "<no value>" if value is None else to_text(value)
        except TemplateFunctionError as error:
            raise self._fail(span, str(error)) from error
        self._write(text, span)

    def _if(self, node: If | With, dot: object) -> None:
        mark = len(self._variables)
        value = self._pipe(node.pipe, dot)
        if is_true(value):
            self._nodes(node.body, value if isinstance(node, With) else dot)
        else:
            self._nodes(node.otherwise, dot)
        del self._variables[mark:]

    def _invoke(self, node: Invoke, dot: object) -> None:
        if node.name not in self._definitions:
            raise self._fail(node.span, f'template "{node.name}" not defined')
        self._enter(node.span)
        data = self._pipe(node.pipe, dot) if node.pipe else None
        self._invoke_definition(node.name, data, {})
        self._depth -= 1

    def _enter(self, span: Span) -> None:
        self._depth += 1
        if self._depth > self._limits.depth_max:
            raise self._fail(span, f"exceeded maximum template depth ({self._limits.depth_max})")

    def _range(self, node: Range, dot: object) -> None:
        mark = len(self._variables)
        value = self._pipe(node.pipe, dot, is_range=True)
        entries = self._entries(value, node.pipe.span)
        if isinstance(value, int) and len(node.pipe.variables) > 1:
            raise self._fail(node.pipe.span, f"can't use {value} to iterate over more than one variable")
        for key, element in entries:
            self._set_range_variables(node.pipe, key, element)
            try:
                self._nodes(node.body, element)
            except _Break:
                break
            except _Continue:
                continue
            finally:
                del self._variables[mark:]
        if not entries:
            self._nodes(node.otherwise, dot)
        del self._variables[mark:]

    def _entries(self, value: object, span: Span) -> list[tuple[object, object]]:
        match value:
            case None | NoValue():
                return []
            case bool():
                pass
            case int():
                if value > self._limits.steps_max:
                    raise self._fail(span, f"exceeded {self._limits.steps_max} steps")
                return [(index, index) for index in range(value)]
            case Mapping():
                return sorted(value.items(), key=lambda entry: str(entry[0]))
            case list() | tuple():
                return list(enumerate(value))
        raise self._fail(span, f"range can't iterate over {to_text(value)}")

    def _set_range_variables(self, pipe: Pipe, key: object, element: object) -> None:
        values = (element,) if len(pipe.variables) == 1 else (key, element)
        for name, value in zip(pipe.variables, values, strict=False):
            if pipe.is_new:
                self._variables.append((name, value))
            else:
                self._assign(name, value)

    # --- pipelines ----------------------------------------------------------------------------------------------------

    def _pipe(self, pipe: Pipe, dot: object, *, is_range: bool = False) -> object:
        self._enter(pipe.span)
        value: object = NO_VALUE
        for index, command in enumerate(pipe.commands):
            self._step(command.span)
            value = self._command(command, dot, (value,) if index else ())
        self._depth -= 1
        if not is_range:
            for name in pipe.variables:
                if pipe.is_new:
                    self._variables.append((name, value))
                else:
                    self._assign(name, value)
        return value

    def _assign(self, name: str, value: object) -> None:
        for index in range(len(self._variables) - 1, -1, -1):
            if self._variables[index][0] == name:
                self._variables[index] = (name, value)
                return

    def _command(self, command: Command, dot: object, final: tuple[object, ...]) -> object:
        first, rest = command.words[0], command.words[1:]
        match first:
            case Name():
                return self._call_named(first, command, dot, final)
            case Path():
                return self._path(first, dot, rest, final)
            case Constant() if first.value is None:
                raise self._fail(first.span, "nil is not a command")
            case _:
                if rest or final:
                    shown = self._definition.source_text[first.span[0] : first.span[1]]
                    raise self._fail(first.span, f"can't give argument to non-function {shown}")
                return self._operand(first, dot)

    def _operand(self, operand: Operand, dot: object) -> object:
        match operand:
            case Dot():
                return dot
            case Constant():
                return operand.value
            case Variable():
                return self._variable(operand)
            case Pipe():
                return self._pipe(operand, dot)
            case Name():
                return self._call_named(operand, Command(operand.span, (operand,)), dot, ())
            case Path():
                return self._path(operand, dot, (), ())
            case _:
                assert_never(operand)

    def _variable(self, operand: Variable) -> object:
        for name, value in reversed(self._variables):
            if name == operand.name:
                return value
        raise self._fail(operand.span, f"undefined variable: {operand.name}")

    def _path(self, path: Path, dot: object, rest: tuple[Operand, ...], final: tuple[object, ...]) -> object:
        """Fields from the root on; arguments belong to the last one, which must be a method then."""
        if isinstance(path.root, Constant) and path.root.value is None:
            raise self._fail(path.span, "nil is not a command")
        value = self._operand(path.root, dot)
        for index, name in enumerate(path.fields):
            is_last = index == len(path.fields) - 1
            try:
                value = field_of(value, name)
            except TemplateFunctionError as error:
                raise self._fail(path.span, str(error)) from error
            if isinstance(value, Function):
                given = self._values(rest, dot, final) if is_last else []
                value = self._call(name, value, given, path.span)
            elif is_last and (rest or final):
                raise self._fail(path.span, f"{name} is not a method but has arguments")
        return value

    # --- calls --------------------------------------------------------------------------------------------------------

    def _call_named(self, name: Name, command: Command, dot: object, final: tuple[object, ...]) -> object:
        if name.name in ("and", "or"):
            return self._and_or(name, command, dot, final)
        return self._call(
            name.name, self._functions[name.name], self._values(command.words[1:], dot, final), command.span
        )

    def _and_or(self, name: Name, command: Command, dot: object, final: tuple[object, ...]) -> object:
        """The first argument that decides; those behind it are not evaluated."""
        rest = command.words[1:]
        if not rest and not final:
            raise self._fail(name.span, f"wrong number of args for {name.name}: want at least 1 got 0")
        value: object = NO_VALUE
        for word in rest:
            value = self._operand(word, dot)
            if is_true(value) == (name.name == "or"):
                return value
        return final[0] if final else value

    def _values(self, words: tuple[Operand, ...], dot: object, final: tuple[object, ...]) -> list[object]:
        return [*(self._operand(word, dot) for word in words), *final]

    def _call(self, name: str, function: Function, values: list[object], span: Span) -> object:
        self._step(span)
        required = len(function.kinds) - (1 if function.is_variadic else 0)
        if len(values) < required or (len(values) > required and not function.is_variadic):
            want = f"at least {required}" if function.is_variadic else str(required)
            raise self._fail(span, f"wrong number of args for {name}: want {want} got {len(values)}")
        for index, value in enumerate(values):
            kind = function.kinds[min(index, len(function.kinds) - 1)]
            values[index] = self._argument(value, kind, span)
        try:
            result = function.call(*values)
        except TemplateFunctionError as error:
            raise self._fail(span, f"error calling {name}: {error}") from error
        if isinstance(result, str) and len(result) > self._limits.output_chars_max:
            raise self._fail(span, f"error calling {name}: a text is longer than {self._limits.output_chars_max}")
        if is_list(result) and len(result) > self._limits.steps_max:  # type: ignore[arg-type] # is_list has asked
            raise self._fail(span, f"error calling {name}: a list is longer than {self._limits.steps_max}")
        return result

    def _argument(self, value: object, kind: str, span: Span) -> object:
        if isinstance(value, NoValue) and kind != "any":
            raise self._fail(span, f"invalid value; expected {kind}")
        if kind == "float64" and isinstance(value, int) and not isinstance(value, bool):
            return float(value)  # a constant such as 5 fits a float parameter
        if not fits(value, kind):
            raise self._fail(span, f"wrong type for value; expected {kind}; got {type_name(value)}")
        return value
