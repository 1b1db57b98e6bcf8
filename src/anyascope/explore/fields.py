"""What a value means on its field: words in the body, names of severities, ids in hex, numbers, wildcards."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from types import MappingProxyType

import re2

from anyascope.model.logs import Severity
from anyascope.store.api.logs import (
    EVERYTHING,
    AllOf,
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
from anyascope.store.text import number_of, words_of

SEVERITY_NUMBER_MAX = 24  # OpenTelemetry's last
SEVERITY_STEP = 4  # numbers a range
SHOWN_CHARS_MAX = 40  # of a wrong value, in a message: one line of a terminal with what is said of it
ID_DIGITS: Mapping[str, int] = MappingProxyType({"trace_id": 32, "span_id": 16})

_SEVERITY_NAMES: Mapping[str, Severity] = MappingProxyType(
    {
        **{severity.name.lower(): severity for severity in Severity if severity},
        "verbose": Severity.TRACE,
        "dbg": Severity.DEBUG,
        "information": Severity.INFO,
        "informational": Severity.INFO,
        "notice": Severity.INFO,
        "warning": Severity.WARN,
        "err": Severity.ERROR,
        "critical": Severity.FATAL,
        "crit": Severity.FATAL,
        "alert": Severity.FATAL,
        "emergency": Severity.FATAL,
        "emerg": Severity.FATAL,
        "panic": Severity.FATAL,
    }
)
_HEX = re.compile(r"[0-9a-f]+", re.ASCII)
_ALIASES: Mapping[str, str] = MappingProxyType({"level": "severity"})


def canonical_field(name: str) -> str:
    """The field that a name means.

    Raises:
        ValueError: the name ends before its key.
    """
    if name in ("attributes.", "resource."):
        raise ValueError(f"{name} needs a key, such as {name}wallet")
    return _ALIASES.get(name, name)


def word_condition(field: str, text: str, *, is_quoted: bool) -> Condition:
    """The field has this value; for the body: it holds this word, or this text where it is quoted or no single word.

    Raises:
        ValueError: the field cannot have it.
    """
    if field == "body":
        is_word = not is_quoted and words_of(text) == [text.lower()]
        return Words(text) if is_word else Phrase(text) if text else EVERYTHING
    if not text:
        return Not(FieldExists(field))
    if field == "severity":
        return _severity(text)
    if field in ID_DIGITS:
        return FieldEquals(field, _checked_id(field, text))
    return FieldEquals(field, text)


def wildcard_condition(field: str, text: str) -> Condition:
    """The field's value is this text, each `*` standing for anything; in the body: some word is it."""
    # A slash needs no escape; without one the expression is the one that `field:/…/` reads.
    pieces = [re2.escape(piece).replace(r"\/", "/") for piece in text.split("*")]
    if field != "body":
        is_caseless = field == "severity" or field in ID_DIGITS
        return FieldMatches(field, ("(?i)" if is_caseless else "") + ".*".join(pieces))
    if not text.strip("*"):
        return EVERYTHING
    opens = r"\b" if _is_word(text[0]) else ""
    closes = r"\b" if _is_word(text[-1]) else ""
    return FieldMatches("body", f"(?i){opens}{r'[^ ]*'.join(pieces)}{closes}")


def compare_condition(field: str, sign: str, text: str) -> Condition:
    """The field is a number and compares so; severities compare by name, too.

    Raises:
        ValueError: `text` is no number, nor a severity's name where the field is one.
    """
    comparison = Comparison(sign)
    if field == "severity":
        return _compare_severity(comparison, text)
    number = number_of(text)
    if number is None or not math.isfinite(number):
        raise ValueError(f"{field}:{sign} needs a number, got {_clip(text)}")
    return FieldCompares(field, comparison, number)


def _severity(text: str) -> Condition:
    if text.isascii() and text.isdigit():
        number = _severity_number(text)
        return AllOf((SeverityAtLeast(number), Not(SeverityAtLeast(number + 1))))
    return FieldEquals("severity", _severity_named(text).name)


def _compare_severity(comparison: Comparison, text: str) -> Condition:
    if text.isascii() and text.isdigit():
        first = _severity_number(text)
        after = first + 1
    else:
        first = int(_severity_named(text))
        after = first + SEVERITY_STEP
    match comparison:
        case Comparison.GREATER_EQUAL:
            return SeverityAtLeast(first)
        case Comparison.GREATER:
            return SeverityAtLeast(after)
        case Comparison.LESS:
            return Not(SeverityAtLeast(first))
        case Comparison.LESS_EQUAL:
            return Not(SeverityAtLeast(after))


def _severity_named(text: str) -> Severity:
    severity = _SEVERITY_NAMES.get(text.lower())
    if severity is None:
        known = ", ".join(severity.name.lower() for severity in Severity if severity)
        raise ValueError(
            f"{_clip(text)} is no severity; use one of {known}, or a number from 1 to {SEVERITY_NUMBER_MAX}"
        )
    return severity


def _severity_number(text: str) -> int:
    # A longer text of digits is no number of ours, and reading one of thousands of digits would take long.
    number = int(text) if len(text) <= 2 else 0
    if not 1 <= number <= SEVERITY_NUMBER_MAX:
        raise ValueError(f"a severity's number is from 1 to {SEVERITY_NUMBER_MAX}, got {_clip(text)}")
    return number


def _checked_id(field: str, text: str) -> str:
    digits = text.lower()
    if len(digits) != ID_DIGITS[field] or not _HEX.fullmatch(digits):
        raise ValueError(
            f"a {field} has {ID_DIGITS[field]} hex digits, got {_clip(text)}; {field}:{text[:8]}* finds a part"
        )
    return digits


def _clip(text: str) -> str:
    return repr(text if len(text) <= SHOWN_CHARS_MAX else f"{text[:SHOWN_CHARS_MAX]}…")


def _is_word(character: str) -> bool:
    return character.isascii() and character.isalnum()
