"""A parsed template, ready to run."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace

from anyascope.wire.gotemplate.builtins import BUILTINS
from anyascope.wire.gotemplate.compile import Emit, compile_definition
from anyascope.wire.gotemplate.errors import parse_error
from anyascope.wire.gotemplate.execute import DEFAULT_LIMITS, Limits, Run
from anyascope.wire.gotemplate.html import HtmlContext, without_comments
from anyascope.wire.gotemplate.nodes import Definition
from anyascope.wire.gotemplate.parse import parse
from anyascope.wire.gotemplate.straight import STEPS_A_PART_MAX, Part, fill, straight_parts
from anyascope.wire.gotemplate.values import Function

TEMPLATE_CHARS_MAX = 1_000_000  # Alertmanager's own default templates have 30,000


@dataclass(frozen=True, slots=True)
class Template:
    """A template and those that it may invoke. Immutable: one serves many executions.

    Attributes:
        name: of the template that `execute` runs.
        definitions: by name.
    """

    name: str
    definitions: Mapping[str, Definition]
    _parts: tuple[Part, ...] | None = field(init=False, compare=False, repr=False)
    _emits: dict[str, Emit] = field(default_factory=dict, init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_parts", straight_parts(self.definitions[self.name].nodes))

    @property
    def constant(self) -> str | None:
        """The text, where it is the same whatever the data; None where the template has actions."""
        texts = [part for part in self._parts or () if isinstance(part, str)]
        return "".join(texts) if self._parts is not None and len(texts) == len(self._parts) else None

    def with_definitions(self, others: Mapping[str, Definition]) -> Template:
        """The same with further templates to invoke; its own win over others of the same name."""
        return Template(self.name, {**others, **self.definitions})

    def execute(
        self,
        data: object,
        *,
        functions: Mapping[str, Function],
        variables: Mapping[str, object] | None = None,
        limits: Limits = DEFAULT_LIMITS,
        is_html: bool = False,
        monotonic_ns: Callable[[], int] = time.monotonic_ns,
    ) -> str:
        """The text.

        Args:
            data: dot, and `$`.
            functions: those named when it was parsed; Go's own are added.
            variables: values of the variables named when it was parsed, by name with `$`.
            limits: what it may use.
            is_html: whether the text is a page, into which what actions give is escaped.
            monotonic_ns: the clock for `limits.seconds_max`.

        Raises:
            TemplateError: what failed and where, in Go's words.
        """
        if self._parts is not None and not is_html and STEPS_A_PART_MAX * len(self._parts) < limits.steps_max:
            text = fill(self._parts, variables or {}, functions, chars_max=limits.output_chars_max)
            if text is not None:
                return text
        run = Run(self._emit_named, functions, limits=limits, monotonic_ns=monotonic_ns)
        run.data, run.given = data, variables or {}
        emit = self._emit_named(self.name)
        assert emit is not None
        run.html = HtmlContext() if is_html else None
        emit(run, data)
        return without_comments(run.text()) if is_html else run.text()

    def _emit_named(self, name: str) -> Emit | None:
        """What writes the template of this name, compiled when it is first asked for."""
        known = self._emits.get(name)
        if known is None and name in self.definitions:
            known = self._emits[name] = compile_definition(self.definitions[name])
        return known

    def without_first(self, count: int) -> Template:
        """The same without its first nodes; errors still count lines and columns from the start of the text."""
        own = self.definitions[self.name]
        return Template(self.name, {**self.definitions, self.name: replace(own, nodes=own.nodes[count:])})


def parse_template(
    name: str, text: str, *, functions: Collection[str] = (), variables: Collection[str] = ()
) -> Template:
    """Parse a text and all that it defines.

    Args:
        name: for messages, and of the text's own top level.
        text: the template.
        functions: names that it may call beside Go's own.
        variables: names (with `$`) that `execute` will set.

    Raises:
        TemplateError: `template: name:line: what is wrong`.
    """
    if len(text) > TEMPLATE_CHARS_MAX:
        raise parse_error(name, 1, f"is {len(text)} characters long, at most {TEMPLATE_CHARS_MAX} are read")
    return Template(name, parse(name, text, functions={*BUILTINS, *functions}, variables=variables))
