"""Entries as an OTLP request, written byte by byte.

An audit event is encoded on the thread that signs, and must lie on the disk before it goes on: OpenTelemetry's way by its own
record and a tree of messages takes several times as long as all else that an event costs.

Source: opentelemetry-proto 1.x, logs/v1/logs.proto and common/v1/common.proto; Protocol Buffers, "Encoding".
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any, Protocol

from opentelemetry.sdk.resources import Resource

from anyascope.sdk.correlation import SPAN_ATTRIBUTE
from anyascope.sdk.guard import text_of
from anyascope.sdk.logs.entry import Entry, level_name

NAMES_MAX = 4_096  # attribute and logger names whose bytes are remembered, 0.5 MB
RESOURCES_MAX = 16  # a process has one, and another after a fork

_INT64 = range(-(2**63), 2**63)  # what OTLP's integers hold
_LOW_64_BITS = 2**64 - 1
_LOW_7_BITS, _MORE_FOLLOWS = 0x7F, 0x80
_SHORT = _MORE_FOLLOWS - 2  # of a text whose message, two bytes longer, has a length of one byte
_SEVERITY_TEXTS = {"WARNING": "WARN", "CRITICAL": "FATAL"}  # OpenTelemetry's words

# A field's head: its number, shifted by three, and the kind of what follows.
_FIRST, _SECOND = b"\x0a", b"\x12"  # fields 1 and 2 of messages, texts and bytes
_BODY, _ATTRIBUTE = b"\x2a", b"\x32"
_IDS = b"\x4a\x10", b"\x52\x08"  # trace_id and span_id with their lengths
_EVENT_NAME, _SEVERITY_TEXT, _SCHEMA_URL = b"\x62", b"\x1a", b"\x1a"
_TIMES = struct.Struct("<BQBQ").pack
_TIME, _OBSERVED, _SEVERITY, _FLAGS = 0x09, 0x59, 0x10, 0x45
_BOOL, _INT, _DOUBLE, _ARRAY, _KVLIST, _BYTES = b"\x10", b"\x18", b"\x21", b"\x2a", b"\x32", b"\x3a"

_flags = struct.Struct("<BI").pack
_double = struct.Struct("<d").pack


class Pending(Protocol):
    """An entry that waits to be sent."""

    entry: Entry
    observed_ns: int


def encode_entries(pending: Sequence[Pending], resource: Resource) -> bytes:
    """An OTLP request of these entries of one resource, those of one logger in their order."""
    records: dict[str, list[bytes]] = {}
    for item in pending:
        records.setdefault(item.entry.logger, []).append(_SECOND + _sized(_record(item)))
    scopes = [_SECOND + _sized(_scope(logger) + b"".join(those)) for logger, those in records.items()]
    return _FIRST + _sized(_resource(resource) + b"".join(scopes))


def severity_number(level: int) -> int:
    """OpenTelemetry's number of a level: 10 is DEBUG (5), 20 INFO (9) … 50 FATAL (21), those between in steps up to three.

    Source: OpenTelemetry logs data model, "Mapping of SeverityNumber".
    """
    if level <= 0:
        return 0
    decade = min(level // 10, 5)
    return decade * 4 + 1 + min(level - decade * 10, 3)


def _record(pending: Pending) -> bytes:
    entry = pending.entry
    parts = [
        _TIMES(_TIME, max(entry.time_ns, 0), _OBSERVED, max(pending.observed_ns, 0)),
        bytes((_SEVERITY, severity_number(entry.level))),
        _severity_text(entry.level),
        _BODY,
        _sized(_text_value(entry.event)),
    ]
    for name, value in _attributes(entry):
        encoded = _pair(name, value)
        parts += (_ATTRIBUTE, _varint(len(encoded)), encoded)
    ids = entry.ids
    if ids.flags:
        parts.append(_flags(_FLAGS, ids.flags))
    if ids.trace_id:
        parts += (_IDS[0], ids.trace_id.to_bytes(16, "big"))
    if ids.span_id:
        parts += (_IDS[1], ids.span_id.to_bytes(8, "big"))
    if entry.event_name:
        parts += (_EVENT_NAME, _sized(_bytes_of(entry.event_name)))
    return b"".join(parts)


def _attributes(entry: Entry) -> Iterable[tuple[str, Any]]:
    """The caller's fields and ours, which stand in the place of fields of the same name."""
    correlation_id, fields = entry.ids.correlation_id, entry.fields
    if entry.fault is None and entry.code is None:
        return {**fields, SPAN_ATTRIBUTE: correlation_id}.items() if correlation_id else fields.items()
    ours: dict[str, Any] = {SPAN_ATTRIBUTE: correlation_id} if correlation_id else {}
    if entry.fault is not None:
        ours["exception.type"], ours["exception.message"], ours["exception.stacktrace"] = entry.fault
    if entry.code is not None:
        ours["code.file.path"], ours["code.function.name"], ours["code.line.number"] = entry.code
    return {**fields, **ours}.items()


def _pair(name: str, value: Any) -> bytes:
    """A `KeyValue`, without its own length."""
    if value.__class__ is str:
        text = value.encode("utf-8", "replace")
        size = len(text)
        if size < _SHORT:  # both lengths take one byte: most of what there is
            return b"".join((_name(name), _BEFORE_TEXT[size], text))
    return _name(name) + _SECOND + _sized(_value(value))


def _value(value: Any) -> bytes:
    """An `AnyValue`, without its own length; a cleaned value of any kind."""
    kind = value.__class__
    if kind is str:
        return _text_value(value)
    if kind is int and value in _INT64:
        return _INT + _varint(value & _LOW_64_BITS)
    if value is None:
        return b""
    if kind is bool:
        return _BOOL + (b"\x01" if value else b"\x00")
    if kind is float:
        return _DOUBLE + _double(value)
    return _other(value)


def _other(value: Any) -> bytes:
    if isinstance(value, bytes):
        return _BYTES + _sized(value)
    if isinstance(value, Mapping):
        pairs = (_pair(text_of(key), item) for key, item in value.items())
        return _KVLIST + _sized(b"".join(_FIRST + _sized(pair) for pair in pairs))
    if isinstance(value, list | tuple | set | frozenset):
        return _ARRAY + _sized(b"".join(_FIRST + _sized(_value(item)) for item in value))
    return _text_value(text_of(value))


def _text_value(text: str) -> bytes:
    return _FIRST + _sized(_bytes_of(text))


def _bytes_of(text: str) -> bytes:
    return text.encode("utf-8", "replace")


def _sized(data: bytes) -> bytes:
    return _varint(len(data)) + data


def _varint(number: int) -> bytes:
    if number <= _LOW_7_BITS:
        return _ONE_BYTE[number]
    digits = bytearray()
    while number > _LOW_7_BITS:
        digits.append(number & _LOW_7_BITS | _MORE_FOLLOWS)
        number >>= 7
    digits.append(number)
    return bytes(digits)


_ONE_BYTE = [bytes((number,)) for number in range(_MORE_FOLLOWS)]
_BEFORE_TEXT = [_SECOND + bytes((size + 2,)) + _FIRST + bytes((size,)) for size in range(_SHORT)]


@lru_cache(maxsize=NAMES_MAX)
def _name(name: str) -> bytes:
    """The key of a `KeyValue`."""
    return _FIRST + _sized(_bytes_of(name))


@lru_cache(maxsize=NAMES_MAX)
def _scope(logger: str) -> bytes:
    """A `ScopeLogs` up to its records."""
    return _FIRST + _sized(_FIRST + _sized(_bytes_of(logger)))


@lru_cache(maxsize=NAMES_MAX)
def _severity_text(level: int) -> bytes:
    text = level_name(level).upper()
    return _SEVERITY_TEXT + _sized(_bytes_of(_SEVERITY_TEXTS.get(text, text)))


def _resource(resource: Resource) -> bytes:
    """A `ResourceLogs` up to its scopes."""
    known = _resources.get(id(resource))
    if known is None or known[0] is not resource:
        if len(_resources) >= RESOURCES_MAX:
            _resources.clear()
        pairs = (_pair(name, value) for name, value in resource.attributes.items())
        encoded = _FIRST + _sized(b"".join(_FIRST + _sized(pair) for pair in pairs))
        if resource.schema_url:
            encoded += _SCHEMA_URL + _sized(_bytes_of(resource.schema_url))
        known = _resources[id(resource)] = resource, encoded  # kept, so that the id stays its own
    return known[1]


_resources: dict[int, tuple[Resource, bytes]] = {}
