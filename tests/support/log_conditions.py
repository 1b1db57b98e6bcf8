"""What the conditions of a log search mean, in the plainest words: the measure of `store.api.matching`, which is fast."""

from __future__ import annotations

from typing import assert_never

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


def holds(condition: Condition, record: LogRecord) -> bool:  # noqa: PLR0911 - one line a condition
    """Whether the condition holds for the record."""
    match condition:
        case Words(text):
            return set(words_of(text)) <= set(words_of(record.body))
        case Phrase(text):
            return text.lower() in record.body.lower()
        case FieldEquals(field, value):
            return equals(record, field, value)
        case FieldMatches(field, pattern):
            return matches(field_text(record, field), field, pattern)
        case FieldExists(field):
            return field_text(record, field) != ""
        case FieldCompares(field, comparison, value):
            return compares(number_of(field_text(record, field)), comparison, value)
        case SeverityAtLeast(number):
            return record.severity_number >= number
        case AllOf(conditions):
            return all(holds(each, record) for each in conditions)
        case AnyOf(conditions):
            return any(holds(each, record) for each in conditions)
        case Not(inner):
            return not holds(inner, record)
        case _:
            assert_never(condition)


def field_text(record: LogRecord, field: str) -> str:
    """A field's value as text, empty where the record lacks it."""
    if field in LOG_FIELDS:
        return own_field(record, field)
    if field.startswith("attributes."):
        return text_of(record.attributes.get(field.removeprefix("attributes."), ""))
    if field.startswith("resource."):
        return text_of(record.resource.attributes.get(field.removeprefix("resource."), ""))
    if field in record.attributes:
        return text_of(record.attributes[field])
    return text_of(record.resource.attributes.get(field, ""))


def own_field(record: LogRecord, field: str) -> str:
    """One of LOG_FIELDS."""
    match field:
        case "service":
            return record.resource.service
        case "host":
            return record.resource.host
        case "severity":
            return severity_range(record.severity_number) or record.severity_text
        case "trace_id" | "span_id":
            identity: bytes = getattr(record, field)
            return identity.hex()
        case "scope":
            return record.scope.name
        case _:
            text: str = getattr(record, field)
            return text


def equals(record: LogRecord, field: str, value: str) -> bool:
    """`severity` fits its range (`ERROR`), its exact name (`ERROR2`) and the text that was sent, in any case."""
    if field == "severity":
        names = (own_field(record, field), severity_name(record.severity_number), record.severity_text)
        return value.lower() in {name.lower() for name in names}
    if field in ("trace_id", "span_id"):
        return own_field(record, field) == value.lower()
    return field_text(record, field) == value


def matches(text: str, field: str, pattern: str) -> bool:
    """RE2 over the whole text; `body` is searched."""
    if field == "body":
        return compile_re2(f"(?s){pattern}", shown=pattern).search(text) is not None
    return compile_whole(pattern).match(text) is not None


def compares(number: float | None, comparison: Comparison, value: float) -> bool:
    """False for what is no number."""
    if number is None:
        return False
    match comparison:
        case Comparison.LESS:
            return number < value
        case Comparison.LESS_EQUAL:
            return number <= value
        case Comparison.GREATER:
            return number > value
        case Comparison.GREATER_EQUAL:
            return number >= value
        case _:
            assert_never(comparison)
