"""Whether a log record meets a condition, in memory: what a store's own search must agree with.

Used by the memory store and the live tail. A condition is compiled once into closures, so that a record costs a few calls and no look at the
condition's shape.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import TypeAlias, assert_never

from anyascope.model.logs import LogRecord, severity_name
from anyascope.store.api.logs import (
    LOG_FIELDS,
    AllOf,
    AnyOf,
    Comparison,
    Condition,
    FieldCompares,
    FieldEquals,
    FieldExists,
    FieldMatches,
    Not,
    Phrase,
    SeverityAtLeast,
    Words,
)
from anyascope.store.labelindex import compile_re2, compile_whole
from anyascope.store.text import number_of, severity_range, text_of, words_of

Predicate: TypeAlias = Callable[[LogRecord], bool]
FieldText: TypeAlias = Callable[[LogRecord], str]

ATTRIBUTES_PREFIX = "attributes."
RESOURCE_PREFIX = "resource."

_COMPARE: dict[Comparison, Callable[[float, float], bool]] = {
    Comparison.LESS: operator.lt,
    Comparison.LESS_EQUAL: operator.le,
    Comparison.GREATER: operator.gt,
    Comparison.GREATER_EQUAL: operator.ge,
}


def field_text(name: str) -> FieldText:
    """How to read a field (see `store.api.logs`) as text; a missing one reads as empty."""
    if name in LOG_FIELDS:
        return _LOG_FIELD_TEXTS[name]
    if name.startswith(ATTRIBUTES_PREFIX):
        key = name.removeprefix(ATTRIBUTES_PREFIX)
        return lambda record: text_of(record.attributes.get(key))
    if name.startswith(RESOURCE_PREFIX):
        key = name.removeprefix(RESOURCE_PREFIX)
        return lambda record: text_of(record.resource.attributes.get(key))
    return lambda record: text_of(
        record.attributes[name] if name in record.attributes else record.resource.attributes.get(name)
    )


_LOG_FIELD_TEXTS: dict[str, FieldText] = {
    "service": lambda record: record.resource.service,
    "host": lambda record: record.resource.host,
    "stream": lambda record: record.stream,
    "severity": lambda record: severity_range(record.severity_number) or record.severity_text,
    "trace_id": lambda record: record.trace_id.hex(),
    "span_id": lambda record: record.span_id.hex(),
    "correlation_id": lambda record: record.correlation_id,
    "event_name": lambda record: record.event_name,
    "scope": lambda record: record.scope.name,
    "body": lambda record: record.body,
}


def predicate_of(condition: Condition) -> Predicate:  # noqa: PLR0911  # one case a kind of condition
    """What says of a record whether it meets the condition.

    Raises:
        InvalidInputError: a regular expression is none.
    """
    match condition:
        case Words(text):
            return _words(text)
        case Phrase(text):
            needle = text.lower()
            return lambda record: needle in record.body.lower()
        case FieldEquals(name, value):
            return _equals(name, value)
        case FieldMatches(name, pattern):
            return _matches(name, pattern)
        case FieldExists(name):
            read = field_text(name)
            return lambda record: bool(read(record))
        case FieldCompares(name, comparison, number):
            return _compares(name, comparison, number)
        case SeverityAtLeast(severity):
            return lambda record: record.severity_number >= severity
        case AllOf(conditions):
            parts = [predicate_of(part) for part in conditions]
            return lambda record: all(part(record) for part in parts)
        case AnyOf(conditions):
            parts = [predicate_of(part) for part in conditions]
            return lambda record: any(part(record) for part in parts)
        case Not(inner):
            holds = predicate_of(inner)
            return lambda record: not holds(record)
        case _:
            assert_never(condition)


def _words(text: str) -> Predicate:
    wanted = set(words_of(text))

    def holds(record: LogRecord) -> bool:
        body = record.body.lower()
        # Most records lack the word: a look for its letters is cheaper than parting the body into words.
        return all(word in body for word in wanted) and wanted.issubset(words_of(body))

    return holds


def _equals(name: str, value: str) -> Predicate:
    read = field_text(name)
    if name in ("trace_id", "span_id"):
        return lambda record: read(record) == value.lower()
    if name != "severity":
        return lambda record: read(record) == value
    wanted = value.lower()

    def holds(record: LogRecord) -> bool:
        exact = severity_name(record.severity_number)
        return wanted in (read(record).lower(), exact.lower(), record.severity_text.lower())

    return holds


def _matches(name: str, pattern: str) -> Predicate:
    read = field_text(name)
    if name == "body":
        found = compile_re2(f"(?s){pattern}", shown=pattern)
        return lambda record: found.search(read(record)) is not None
    whole = compile_whole(pattern)
    return lambda record: whole.match(read(record)) is not None


def _compares(name: str, comparison: Comparison, wanted: float) -> Predicate:
    read = field_text(name)
    compare = _COMPARE[comparison]

    def holds(record: LogRecord) -> bool:
        number = number_of(read(record))
        return number is not None and compare(number, wanted)

    return holds
