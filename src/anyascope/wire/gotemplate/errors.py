"""What can be wrong with a template, in Go's words."""

from __future__ import annotations

from anyascope.errors import InvalidInputError

CONTEXT_CHARS_MAX = 200  # so much of the expression that failed is shown: a message is one line


class TemplateError(InvalidInputError):
    """A template that does not parse, or whose execution failed; the message has name, line and column as Go's has."""


class TemplateFunctionError(Exception):
    """A function or method refuses its arguments; the interpreter adds where it was called."""


def parse_error(name: str, line: int, message: str) -> TemplateError:
    """`template: name:line: message`."""
    return TemplateError(f"template: {name}:{line}: {message}")


def execution_error(source: tuple[str, str], name: str, span: tuple[int, int], message: str) -> TemplateError:
    """`template: source:line:column: executing "name" at <expression>: message`.

    Args:
        source: the name and text that the template `name` was parsed from.
        name: of the template that was running.
        span: where in the text the expression stands, in characters, end exclusive.
        message: what was wrong.
    """
    source_name, text = source
    start, end = span
    line = text.count("\n", 0, start) + 1
    column = start - (text.rfind("\n", 0, start) + 1)
    expression = text[start:end].strip()
    if len(expression) > CONTEXT_CHARS_MAX:
        expression = expression[:CONTEXT_CHARS_MAX] + "..."
    return TemplateError(f'template: {source_name}:{line}:{column}: executing "{name}" at <{expression}>: {message}')
