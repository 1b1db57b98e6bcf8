"""Conditions as text of the search language."""

from __future__ import annotations

import re
from typing import assert_never

import re2

from anyascope.explore.syntax import FIELD_NAME, KEYWORDS, quoted
from anyascope.model.logs import Severity
from anyascope.store.api.logs import (
    AllOf,
    AnyOf,
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
from anyascope.store.text import words_of

_PLAIN_VALUE = re.compile(r"[\w.@+-][\w.@+:/-]*")


def format_condition(condition: Condition) -> str:  # noqa: PLR0911  # one case a kind of condition
    """A query that means this condition; `parse_query` reads it back as the same one if it came from there."""
    match condition:
        case Words(text):
            return _words(text)
        case Phrase(text):
            return quoted(text)
        case FieldEquals(field, value):
            return _equals(field, value)
        case FieldMatches(field, pattern):
            return f"{_field(field)}:/{_slashed(pattern)}/" if pattern else f'{_field(field)}:""'
        case FieldExists(field):
            return f"{_field(field)}:*"
        case FieldCompares(field, comparison, number):
            return f"{_field(field)}:{comparison.value}{number!r}"
        case SeverityAtLeast(number):
            return _severity(number)
        case AllOf(conditions):
            return " ".join(_grouped(part, AnyOf) for part in conditions) or "*"
        case AnyOf(conditions):
            return " OR ".join(format_condition(part) for part in conditions) or "NOT *"
        case Not(inner):
            return f"NOT {_grouped(inner, AnyOf, AllOf)}"
        case _:
            assert_never(condition)


def _equals(field: str, value: str) -> str:
    if field == "severity":
        return f"severity:{value.lower()}"
    if field == "body":  # `body:text` means that the body holds the text
        return rf"body:/\A{_slashed(re2.escape(value))}\z/"
    is_plain = _PLAIN_VALUE.fullmatch(value) and value not in KEYWORDS
    return f"{_field(field)}:{value if is_plain else quoted(value)}"


def _grouped(part: Condition, *kinds: type[AllOf | AnyOf]) -> str:
    """In parentheses where it is one of these kinds; nothing stands around a sole `*`."""
    text = format_condition(part)
    return f"({text})" if isinstance(part, kinds) and text != "*" else text


def _words(text: str) -> str:
    words = words_of(text)
    if len(words) == 1:
        return f"body:{text}" if text in KEYWORDS else text
    return f"({' '.join(words)})" if words else "*"


def _field(name: str) -> str:
    return name if FIELD_NAME.fullmatch(name) and name not in KEYWORDS else quoted(name)


def _slashed(pattern: str) -> str:
    return re.sub(r"\\.|/", lambda m: r"\/" if m[0] == "/" else m[0], pattern, flags=re.DOTALL)


def _severity(number: int) -> str:
    if number in set(Severity) - {Severity.UNSPECIFIED}:
        return f"severity:>={Severity(number).name.lower()}"
    return f"severity:>={number}" if number < 25 else f"severity:>{number - 1}"
