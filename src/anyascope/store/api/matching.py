"""Whether a log record meets a condition, in memory: what a store's own search must agree with.

Used by the live tail and by the memory store. A condition is compiled once into closures, so that a record costs a
few calls and no look at the condition's shape.
"""

from __future__ import annotations

import base64
import json
import math
import operator
import re
from collections.abc import Callable
from typing import Any, TypeAlias, assert_never

import re2

from anyascope.errors import InvalidInputError
from anyascope.model.attributes import AttributeValue
from anyascope.model.logs import LogRecord, Severity
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

Predicate: TypeAlias = Callable[[LogRecord], bool]
FieldText: TypeAlias = Callable[[LogRecord], str]

ATTRIBUTES_PREFIX = "attributes."
RESOURCE_PREFIX = "resource."
REGEX_MEMORY_BYTES_MAX = 1 << 20  # RE2 refuses an expression whose program is larger; 1 MiB is 4 times the longest seen

# A word is a run of letters and digits: ASCII punctuation and white space part words, everything beyond ASCII is part of
# one, as the store's text index has it.
_WORD = re.compile(rb"[0-9a-z\x80-\xff]+")
_NUMBER = re.compile(r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)
_COMPARE: dict[Comparison, Callable[[float, float], bool]] = {
    Comparison.LESS: operator.lt,
    Comparison.LESS_EQUAL: operator.le,
    Comparison.GREATER: operator.gt,
    Comparison.GREATER_EQUAL: operator.ge,
}


def text_of(value: AttributeValue) -> str:  # noqa: PLR0911  # one case a kind of value
    """A value as the text that conditions compare: `5`, `1.5`, `true`, JSON for lists and maps, empty for none.

    Bytes are base64, as in OTLP's JSON.
    """
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 2**53 else repr(value)
    if isinstance(value, int):
        return str(value)
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=_encode)


def _encode(value: object) -> str:
    assert isinstance(value, bytes), f"an attribute holds a {type(value).__name__}"
    return base64.b64encode(value).decode()


def words_of(text: str) -> list[str]:
    """The words of a text, lower-cased (A-Z only), in order, repeats included."""
    return [word.decode() for word in _WORD.findall(text.encode("utf-8", "replace").lower())]


def severity_range(number: int) -> str:
    """`ERROR` for 17 to 20 and so on; empty for 0 and anything outside 1-24. The value of the field `severity`."""
    return Severity((number - 1) // 4 * 4 + 1).name if 1 <= number <= 24 else ""


def compile_regex(pattern: str) -> Any:
    """An RE2 expression in which a dot matches line breaks too, as the embedded engine has it.

    Raises:
        InvalidInputError: it is not one, or its program would be too large.
    """
    options = re2.Options()
    options.log_errors = False
    options.dot_nl = True
    options.max_mem = REGEX_MEMORY_BYTES_MAX
    try:
        return re2.compile(pattern, options)
    except re2.error as error:
        detail = error.args[0].decode() if error.args and isinstance(error.args[0], bytes) else str(error)
        raise InvalidInputError(f"not a valid regular expression {pattern!r}: {detail}") from error


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
    "severity": lambda record: severity_range(record.severity_number),
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
            needle = text.encode().lower()
            return lambda record: needle in record.body.encode("utf-8", "replace").lower()
        case FieldEquals(name, value):
            read = field_text(name)
            wanted = value.upper() if name == "severity" else value
            return lambda record: read(record) == wanted
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
    wanted = set(_WORD.findall(text.encode().lower()))

    def holds(record: LogRecord) -> bool:
        body = record.body.encode("utf-8", "replace").lower()
        # Most records lack the word: one look for its bytes is cheaper than parting the body into words.
        return all(word in body for word in wanted) and wanted.issubset(_WORD.findall(body))

    return holds


def _matches(name: str, pattern: str) -> Predicate:
    read = field_text(name)
    compiled = compile_regex(pattern)
    found = compiled.search if name == "body" else compiled.fullmatch
    return lambda record: found(read(record)) is not None


def _compares(name: str, comparison: Comparison, number: float) -> Predicate:
    read = field_text(name)
    compare = _COMPARE[comparison]

    def holds(record: LogRecord) -> bool:
        value = number_of(read(record))
        return not math.isnan(value) and compare(value, number)

    return holds


def number_of(text: str) -> float:
    """The decimal number that a text is, or NaN."""
    return float(text) if _NUMBER.fullmatch(text) else math.nan
