"""The templates of labels and annotations, with the variables that Prometheus gives them.

Templates are synchronous and queries are not: a template that asks a query is run up to there, the query is answered,
and the template runs again from its start with the answer at hand.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from anyascope.errors import AnyascopeError
from anyascope.wire.gotemplate import DataObject, Limits, Template, TemplateError, TemplateFunctionError, parse_template
from anyascope.wire.gotemplate.prometheus import FUNCTION_NAMES, TemplateSample, rule_functions

_VARIABLES = "{{$labels := .Labels}}{{$externalLabels := .ExternalLabels}}{{$externalURL := .ExternalURL}}{{$value := .Value}}"  # set in front of each text, as Prometheus does it: the columns of its errors count from there
QUERIES_MAX = 20  # of one template; each runs the template once more
EXPAND_LIMITS = Limits(output_chars_max=64 * 1024, steps_max=100_000, seconds_max=0.25)  # a label or one annotation

TemplateValue: TypeAlias = float | DataObject
"""What `$value` is: a number, or a native histogram as templates see it."""

Query = Callable[[str], Awaitable[Sequence[TemplateSample]]]
"""Answers an expression at the evaluation's time; raises `AnyascopeError`."""


def parse_rule_template(alert: str, text: str) -> Template:
    """A label's or annotation's template.

    Raises:
        TemplateError: it does not parse, or names an unknown function or variable.
    """
    return parse_template(f"__alert_{alert}", _VARIABLES + text, functions=FUNCTION_NAMES)


@dataclass(frozen=True, slots=True)
class TemplateContext:
    """What all templates of one evaluation share."""

    query: Query
    now_s: float
    external_url: str
    external_labels: Mapping[str, str]


class _AlertData(DataObject):
    """Dot of a rule's template."""

    def __init__(self, context: TemplateContext, labels: Mapping[str, str], value: TemplateValue) -> None:
        self._fields = {
            "Labels": labels,
            "ExternalLabels": context.external_labels,
            "ExternalURL": context.external_url,
            "Value": value,
        }

    def template_fields(self) -> Mapping[str, object]:
        return self._fields


class _UnansweredError(Exception):
    """The template needs the answer to a query before it can go on."""

    def __init__(self, expr: str) -> None:
        super().__init__(expr)
        self.expr = expr


async def expand(template: Template, context: TemplateContext, labels: Mapping[str, str], value: TemplateValue) -> str:
    """The template's text; what failed stands in it as `<error expanding template: …>`, as Prometheus writes it."""
    answers: dict[str, Sequence[TemplateSample] | TemplateFunctionError] = {}

    def answered(expr: str) -> Sequence[TemplateSample]:
        if expr not in answers:
            raise _UnansweredError(expr)
        answer = answers[expr]
        if isinstance(answer, TemplateFunctionError):
            raise answer
        return answer

    functions = rule_functions(query=answered, now_s=context.now_s, external_url=context.external_url)
    data = _AlertData(context, labels, value)
    for _ in range(QUERIES_MAX + 1):
        try:
            return template.execute(data, functions=functions, limits=EXPAND_LIMITS)
        except _UnansweredError as unanswered:
            answers[unanswered.expr] = await _answer(context, unanswered.expr)
        except TemplateError as error:
            return f"<error expanding template: error executing template {template.name}: {error.message}>"
    return f"<error expanding template: more than {QUERIES_MAX} queries in template {template.name}>"


async def _answer(context: TemplateContext, expr: str) -> Sequence[TemplateSample] | TemplateFunctionError:
    try:
        return await context.query(expr)
    except AnyascopeError as error:
        return TemplateFunctionError(str(error))
