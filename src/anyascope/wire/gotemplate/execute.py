"""What one execution of a template has used and written, within limits, and how it calls functions.

Source: https://pkg.go.dev/text/template, sections Pipelines and Variables.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from anyascope.wire.gotemplate.builtins import BUILTINS
from anyascope.wire.gotemplate.errors import TemplateError, TemplateFunctionError, execution_error
from anyascope.wire.gotemplate.fmt import to_text
from anyascope.wire.gotemplate.html import HtmlContext
from anyascope.wire.gotemplate.nodes import Definition, Span
from anyascope.wire.gotemplate.values import Function, NoValue, fits, is_list, type_name

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

Place: TypeAlias = tuple[Definition, Span]
"""Where in which template's text something stands, for messages."""


def failure(place: Place, message: str) -> TemplateError:
    """What went wrong at a place, in Go's words."""
    running, span = place
    return execution_error((running.source_name, running.source_text), running.name, span, message)


class Run:
    """One execution of one template.

    Args:
        emit_named: writes the template of this name; None where there is none such.
        functions: what may be called beside Go's own, and in their place.
        limits: what it may use.
        monotonic_ns: a clock for `limits.seconds_max`.

    Attributes:
        data: `$` of the template that is running.
        given: variables that it was started with.
        scope: all of its variables, the last declared at the end; kept only for templates that declare or assign some.
        depth: templates within one another.
        html: where in a page the text has come to, where it is one.
    """

    __slots__ = (
        "_chars",
        "_chars_max",
        "_deadline_ns",
        "_functions",
        "_look_at",
        "_monotonic_ns",
        "_output",
        "_steps",
        "data",
        "depth",
        "depth_max",
        "emit_named",
        "given",
        "html",
        "limits",
        "scope",
    )

    def __init__(
        self,
        emit_named: Callable[[str], Callable[[Run, object], None] | None],
        functions: Mapping[str, Function],
        *,
        limits: Limits,
        monotonic_ns: Callable[[], int],
    ) -> None:
        self.emit_named = emit_named
        self._functions = functions
        self.limits = limits
        self._monotonic_ns = monotonic_ns
        self._deadline_ns = monotonic_ns() + round(limits.seconds_max * NS_PER_S)
        self._output: list[str] = []
        self._chars = 0
        self._chars_max = limits.output_chars_max
        self._steps = 0
        self._look_at = min(STEPS_BETWEEN_LOOKS, limits.steps_max + 1)
        self.data: object = None
        self.given: Mapping[str, object] = {}
        self.scope: list[tuple[str, object]] = []
        self.depth = 0
        self.depth_max = limits.depth_max
        self.html: HtmlContext | None = None

    def text(self) -> str:
        """What has been written."""
        return "".join(self._output)

    # --- limits -------------------------------------------------------------------------------------------------------

    def step(self, place: Place) -> None:
        """Count one step."""
        self._steps += 1
        if self._steps >= self._look_at:
            self._look(place)

    def _look(self, place: Place) -> None:
        if self._steps > self.limits.steps_max:
            raise failure(place, f"exceeded {self.limits.steps_max} steps")
        if self._steps % STEPS_BETWEEN_LOOKS == 0 and self._monotonic_ns() > self._deadline_ns:
            raise failure(place, f"exceeded {self.limits.seconds_max} s")
        following = self._steps - self._steps % STEPS_BETWEEN_LOOKS + STEPS_BETWEEN_LOOKS
        self._look_at = min(following, self.limits.steps_max + 1)

    def too_deep(self, place: Place) -> TemplateError:
        """What is wrong with more than `depth_max` templates and pipelines in one another."""
        return failure(place, f"exceeded maximum template depth ({self.depth_max})")

    # --- writing ------------------------------------------------------------------------------------------------------

    def write(self, text: str, place: Place) -> None:
        """Add to the text."""
        self._chars += len(text)
        if self._chars > self._chars_max:
            raise failure(place, f"output exceeded {self._chars_max} characters")
        self._output.append(text)

    def print(self, value: object, place: Place) -> None:
        """Add what Go prints for a value."""
        if isinstance(value, Function):
            raise failure(place, "can't print a function")
        try:
            text = value if type(value) is str else "<no value>" if value is None else to_text(value)
        except TemplateFunctionError as error:
            raise failure(place, str(error)) from error
        self.write(text if self.html is None else self.html.escaped(value, text, self._output), place)

    # --- variables ----------------------------------------------------------------------------------------------------

    def variable(self, name: str, place: Place) -> object:
        """The variable's value in a template that keeps a scope."""
        for known, value in reversed(self.scope):
            if known == name:
                return value
        raise failure(place, f"undefined variable: {name}")

    def set_variable(self, name: str, value: object, *, is_new: bool) -> None:
        """Declare it, or assign to the last one of this name."""
        if is_new:
            self.scope.append((name, value))
            return
        for index in range(len(self.scope) - 1, -1, -1):
            if self.scope[index][0] == name:
                self.scope[index] = (name, value)
                return

    # --- calls --------------------------------------------------------------------------------------------------------

    def function(self, name: str) -> Function:
        """What is called by this name; the parser has seen to it that there is one."""
        known = self._functions.get(name)
        return BUILTINS[name] if known is None else known

    def call(self, name: str, function: Function, values: list[object], place: Place) -> object:
        """What the function gives; its arguments are checked, and what it gives is bounded."""
        self.step(place)
        kinds = function.kinds
        required = len(kinds) - (1 if function.is_variadic else 0)
        if len(values) < required or (len(values) > required and not function.is_variadic):
            want = f"at least {required}" if function.is_variadic else str(required)
            raise failure(place, f"wrong number of args for {name}: want {want} got {len(values)}")
        for index, value in enumerate(values):
            kind = kinds[min(index, len(kinds) - 1)]
            if kind != "any" and not (kind == "string" and type(value) is str):
                values[index] = _argument(value, kind, place)
        try:
            result = function.call(*values)
        except TemplateFunctionError as error:
            raise failure(place, f"error calling {name}: {error}") from error
        if isinstance(result, str):
            if len(result) > self._chars_max:
                raise failure(place, f"error calling {name}: a text is longer than {self._chars_max}")
        elif is_list(result) and len(result) > self.limits.steps_max:  # type: ignore[arg-type] # is_list has asked
            raise failure(place, f"error calling {name}: a list is longer than {self.limits.steps_max}")
        return result


def _argument(value: object, kind: str, place: Place) -> object:
    if isinstance(value, NoValue):
        raise failure(place, f"invalid value; expected {kind}")
    if kind == "float64" and isinstance(value, int) and not isinstance(value, bool):
        return float(value)  # a constant such as 5 fits a float parameter
    if not fits(value, kind):
        raise failure(place, f"wrong type for value; expected {kind}; got {type_name(value)}")
    return value
