"""The templates of labels and annotations, with the variables that Prometheus gives them.

Templates are synchronous and queries are not: a template that asks a query is run up to there, the query is answered,
and the template runs again from its start with the answer at hand.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TypeAlias

from anyascope.errors import AnyascopeError
from anyascope.wire.gotemplate import DataObject, Limits, Template, TemplateError, TemplateFunctionError, parse_template
from anyascope.wire.gotemplate.prometheus import FUNCTION_NAMES, TemplateSample, rule_functions

_FIELDS = {
    "$labels": "Labels",
    "$externalLabels": "ExternalLabels",
    "$externalURL": "ExternalURL",
    "$value": "Value",
}
# Prometheus sets its variables by actions in front of each text, and the columns of its errors count from there.
_DECLARATIONS = "".join(f"{{{{{name} := .{field}}}}}" for name, field in _FIELDS.items())
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
    template = parse_template(f"__alert_{alert}", _DECLARATIONS + text, functions=FUNCTION_NAMES)
    return template.without_first(len(_FIELDS))  # their variables are given instead


class _AlertData(DataObject):
    """Dot of a rule's template."""

    def __init__(self, variables: Mapping[str, object]) -> None:
        self._variables = variables

    def template_fields(self) -> Mapping[str, object]:
        return {field: self._variables[name] for name, field in _FIELDS.items()}


class _UnansweredError(Exception):
    """The template needs the answer to a query before it can go on."""

    def __init__(self, expr: str) -> None:
        super().__init__(expr)
        self.expr = expr


def fixed_texts(templates: Mapping[str, Template]) -> dict[str, str] | None:
    """The templates' texts, by name, where they are the same whatever the data; None where one of them is not."""
    found: dict[str, str] = {}
    for name, template in templates.items():
        text = template.constant
        if text is None or len(text) > EXPAND_LIMITS.output_chars_max:
            return None
        found[name] = text
    return found


class Expander:
    """Fills in the templates of one evaluation, which share functions and the answers of their queries.

    Args:
        query: answers a template's query.
        now_s: the evaluation's time, Unix seconds.
        external_url: where people reach this server.
        external_labels: of this server.
    """

    def __init__(
        self, query: Query, *, now_s: float, external_url: str, external_labels: Mapping[str, str] | None
    ) -> None:
        self._query = query
        self._external_url = external_url
        self._external_labels = external_labels or {}
        self._answers: dict[str, Sequence[TemplateSample] | TemplateFunctionError] = {}
        self._asked: set[str] = set()
        self._functions = rule_functions(query=self._answered, now_s=now_s, external_url=external_url)

    async def texts(
        self, templates: Mapping[str, Template], labels: Mapping[str, str], value: TemplateValue
    ) -> dict[str, str]:
        """The templates' texts, by name, for one element of the expression's answer.

        What failed stands in a text as `<error expanding template: …>`, as Prometheus writes it.
        """
        variables = {
            "$labels": labels,
            "$externalLabels": self._external_labels,
            "$externalURL": self._external_url,
            "$value": value,
        }
        data = _AlertData(variables)
        found: dict[str, str] = {}
        for name, template in templates.items():
            self._asked.clear()
            try:
                found[name] = self._text(template, data, variables)
            except _UnansweredError as unanswered:
                found[name] = await self._text_of_answers(template, data, variables, unanswered)
        return found

    def _text(self, template: Template, data: DataObject, variables: Mapping[str, object]) -> str:
        try:
            return template.execute(data, functions=self._functions, variables=variables, limits=EXPAND_LIMITS)
        except TemplateError as error:
            return f"<error expanding template: error executing template {template.name}: {error.message}>"

    async def _text_of_answers(
        self, template: Template, data: DataObject, variables: Mapping[str, object], unanswered: _UnansweredError
    ) -> str:
        while len(self._asked) <= QUERIES_MAX:
            self._answers[unanswered.expr] = await self._answer(unanswered.expr)
            try:
                return self._text(template, data, variables)
            except _UnansweredError as further:
                unanswered = further
        return f"<error expanding template: more than {QUERIES_MAX} queries in template {template.name}>"

    def _answered(self, expr: str) -> Sequence[TemplateSample]:
        self._asked.add(expr)
        if len(self._asked) > QUERIES_MAX or expr not in self._answers:
            raise _UnansweredError(expr)
        answer = self._answers[expr]
        if isinstance(answer, TemplateFunctionError):
            raise answer
        return answer

    async def _answer(self, expr: str) -> Sequence[TemplateSample] | TemplateFunctionError:
        try:
            return await self._query(expr)
        except AnyascopeError as error:
            return TemplateFunctionError(str(error))
