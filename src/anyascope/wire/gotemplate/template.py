"""A parsed template, ready to run."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

from anyascope.wire.gotemplate.builtins import BUILTINS
from anyascope.wire.gotemplate.errors import parse_error
from anyascope.wire.gotemplate.execute import DEFAULT_LIMITS, Execution, Limits
from anyascope.wire.gotemplate.nodes import Definition
from anyascope.wire.gotemplate.parse import parse
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
        monotonic_ns: Callable[[], int] = time.monotonic_ns,
    ) -> str:
        """The text.

        Args:
            data: dot, and `$`.
            functions: those named when it was parsed; Go's own are added.
            variables: values of the variables named when it was parsed, by name with `$`.
            limits: what it may use.
            monotonic_ns: the clock for `limits.seconds_max`.

        Raises:
            TemplateError: what failed and where, in Go's words.
        """
        execution = Execution(self.definitions, {**BUILTINS, **functions}, limits=limits, monotonic_ns=monotonic_ns)
        return execution.run(self.name, data, variables=variables or {})


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
