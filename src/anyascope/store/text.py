"""Attribute values as text, and text as words: what is searched is the same in every store.

A value's text is canonical: a string is itself, `true`, `5`, `1.5`, JSON for lists and maps, base64 for bytes, empty for
a value that was sent empty. One letter a value says what it was, so that it comes back exactly.
"""

from __future__ import annotations

import base64
import json
import math
import re
from collections.abc import Iterable, Mapping

from anyascope.model.attributes import Attributes, AttributeValue
from anyascope.model.logs import Severity

STRING, BOOL, INT, FLOAT, BYTES, NOTHING, JSON_PLAIN, JSON_TAGGED = "s", "b", "i", "f", "x", "n", "j", "t"

WORD = re.compile(r"[0-9A-Za-z\u0080-\U0010ffff]+")
SEVERITY_RANGES = ("TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL")
SEVERITY_RANGE_SIZE = 4  # OpenTelemetry gives each range four numbers
SEVERITY_NUMBER_MAX = 24
NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?\Z")


def text_of(value: AttributeValue) -> str:
    """The canonical text of a value."""
    return encode_value(value)[1]


def encode_value(value: AttributeValue) -> tuple[str, str]:  # noqa: PLR0911 - one line a kind
    """(kind letter, canonical text) of a value; `decode_value` is its inverse."""
    match value:
        case str():
            return STRING, value
        case bool():
            return BOOL, "true" if value else "false"
        case int():
            return INT, str(value)
        case float():
            return FLOAT, repr(value)
        case bytes():
            return BYTES, base64.b64encode(value).decode("ascii")
        case None:
            return NOTHING, ""
        case _:
            if is_plain(value):
                return JSON_PLAIN, dump(value)
            return JSON_TAGGED, dump(tagged(value))


def decode_value(kind: str, text: str) -> AttributeValue:  # noqa: PLR0911 - one line a kind
    """The value that `encode_value` turned into this kind and text."""
    if kind == STRING:
        return text
    if kind == INT:
        return int(text)
    if kind == BOOL:
        return text == "true"
    if kind == FLOAT:
        return float(text)
    if kind == BYTES:
        return base64.b64decode(text)
    if kind == NOTHING:
        return None
    value: AttributeValue = json.loads(text)
    return untagged(value) if kind == JSON_TAGGED else value


def dump(value: object) -> str:
    """Compact JSON, characters as they are."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def is_plain(value: AttributeValue) -> bool:
    """Whether JSON alone brings the value back exactly: no bytes, no NaN or infinity, no key that looks like a tag."""
    match value:
        case bytes():
            return False
        case float():
            return math.isfinite(value)
        case list():
            return all(is_plain(item) for item in value)
        case dict():
            return all(not key.startswith("@") and is_plain(item) for key, item in value.items())
        case _:
            return True


def tagged(value: AttributeValue) -> object:
    """The value with what JSON cannot say wrapped: `{"@bytes": …}`, `{"@float": …}`, `{"@map": …}`."""
    match value:
        case bytes():
            return {"@bytes": base64.b64encode(value).decode("ascii")}
        case float() if not math.isfinite(value):
            return {"@float": repr(value)}
        case list():
            return [tagged(item) for item in value]
        case dict():
            inner = {key: tagged(item) for key, item in value.items()}
            return {"@map": inner} if any(key.startswith("@") for key in value) else inner
        case _:
            return value


def untagged(value: object) -> AttributeValue:
    """The inverse of `tagged`."""
    match value:
        case {"@bytes": str(text)}:
            return base64.b64decode(text)
        case {"@float": str(text)}:
            return float(text)
        case {"@map": dict(inner)}:
            return {key: untagged(item) for key, item in inner.items()}
        case dict():
            return {key: untagged(item) for key, item in value.items()}
        case list():
            return [untagged(item) for item in value]
        case str() | bool() | int() | float() | None:
            return value
        case _:
            raise TypeError(f"JSON gave {type(value).__name__}")


def attributes_from(keys: Iterable[str], texts: Iterable[str], kinds: str) -> dict[str, AttributeValue]:
    """Attributes of parallel keys and texts; `kinds` has a letter each, or is empty where all are strings."""
    if not kinds:
        return dict(zip(keys, texts, strict=True))
    return {
        key: text if kind == STRING else decode_value(kind, text)
        for key, text, kind in zip(keys, texts, kinds, strict=True)
    }


def texts_of(attributes: Attributes) -> Mapping[str, str]:
    """Every attribute's canonical text."""
    return {key: text_of(value) for key, value in attributes.items()}


def words_of(text: str) -> list[str]:
    """The words of a text in lower case: runs of letters and digits; everything beyond ASCII counts as a letter."""
    return WORD.findall(text.lower())


def severity_range(number: int) -> str:
    """`TRACE` … `FATAL` of OpenTelemetry's numbers 1-24; empty for every other number."""
    if not Severity.TRACE <= number <= SEVERITY_NUMBER_MAX:
        return ""
    return SEVERITY_RANGES[(number - 1) // SEVERITY_RANGE_SIZE]


def number_of(text: str) -> float | None:
    """The decimal number that the text is, or None."""
    return float(text) if NUMBER.match(text) else None
