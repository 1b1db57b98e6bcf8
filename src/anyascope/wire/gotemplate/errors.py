"""What can be wrong with a template, in Go's words."""

from __future__ import annotations

from anyascope.errors import InvalidInputError

CONTEXT_CHARS_MAX = 20  # Go shows so much of the expression that failed


class TemplateError(InvalidInputError):
    """A template that does not parse, or whose execution failed; the message has name, line and column as Go's has."""


class TemplateFunctionError(Exception):
    """A function or method refuses its arguments; the interpreter adds where it was called."""


def parse_error(name: str, line: int, message: str) -> TemplateError:
    """`template: name:line: message`."""
    return TemplateError(f"template: {name}:{line}: {message}")


def execution_error(name: str, text: str, span: tuple[int, int], message: str) -> TemplateError:
    """`template: name:line:column: executing "name" at <expression>: message`.

    `span` is where in `text` the expression stands, in characters, end exclusive.
    """
    start, end = span
    line = text.count("\n", 0, start) + 1
    column = start - (text.rfind("\n", 0, start) + 1)
    expression = text[start:end].strip()
    if len(expression) > CONTEXT_CHARS_MAX:
        expression = expression[:CONTEXT_CHARS_MAX] + "..."
    return TemplateError(f'template: {name}:{line}:{column}: executing "{name}" at <{expression}>: {message}')
