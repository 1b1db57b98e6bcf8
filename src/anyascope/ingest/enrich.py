"""Fills in what joins records together, where the sender wrote it elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar
from urllib.parse import unquote

from anyascope.model.attributes import Attributes, AttributeValue
from anyascope.model.logs import LogBatch
from anyascope.model.traces import SpanBatch

T = TypeVar("T", str, bytes)

CORRELATION_NAMES = ("anya.correlation_id", "correlation_id")
BAGGAGE_NAMES = ("baggage", "http.request.header.baggage")
CORRELATION_CHARS_MAX = 128  # a UUID has 36; longer ones are somebody's mistake

_TRACE_NAMES = ("trace_id", "traceId", "traceID")
_SPAN_NAMES = ("span_id", "spanId", "spanID")
_TRACEPARENT = "traceparent"
_JOINING_NAMES = frozenset((*CORRELATION_NAMES, *BAGGAGE_NAMES))
_TRACE_JOINING_NAMES = frozenset((*_TRACE_NAMES, *_SPAN_NAMES, _TRACEPARENT))


def correlation_of(attributes: Attributes) -> str:
    """The correlation id that these attributes carry, themselves or in W3C baggage; empty where there is none."""
    for name in CORRELATION_NAMES:
        value = attributes.get(name)
        if value is not None:
            return _text(value)
    for name in BAGGAGE_NAMES:
        value = attributes.get(name)
        if value is not None:
            found = _from_baggage(_text_of_list(value))
            if found:
                return found
    return ""


def enrich_logs(batch: LogBatch, names: frozenset[str] | set[str]) -> None:
    """Fill in correlation, trace and span ids from attributes. `names` holds all attribute names of the batch."""
    if not names.isdisjoint(_JOINING_NAMES):
        _fill(batch.correlation_ids, batch.attributes, correlation_of)
    if not names.isdisjoint(_TRACE_JOINING_NAMES):
        _fill(batch.trace_ids, batch.attributes, _trace_id_of)
        _fill(batch.span_ids, batch.attributes, _span_id_of)


def enrich_spans(batch: SpanBatch, names: frozenset[str] | set[str]) -> None:
    """Fill in correlation ids from attributes. `names` holds all attribute names of the batch."""
    if not names.isdisjoint(_JOINING_NAMES):
        _fill(batch.correlation_ids, batch.attributes, correlation_of)


def _fill(column: list[T], attributes: list[dict[str, AttributeValue]], find: Callable[[Attributes], T]) -> None:
    for row, known in enumerate(column):
        if not known:
            column[row] = find(attributes[row])


def _text(value: AttributeValue) -> str:
    return value[:CORRELATION_CHARS_MAX] if isinstance(value, str) else ""


def _text_of_list(value: AttributeValue) -> str:
    # OpenTelemetry writes a captured header as a list of its values.
    if isinstance(value, list):
        return ",".join(item for item in value if isinstance(item, str))
    return value if isinstance(value, str) else ""


def _from_baggage(header: str) -> str:
    """Source: W3C Baggage, `key=value;property` members parted by commas, percent-encoded."""
    for member in header.split(","):
        name, equals, value = member.partition(";")[0].partition("=")
        if equals and name.strip() in CORRELATION_NAMES:
            return unquote(value.strip())[:CORRELATION_CHARS_MAX]
    return ""


def _trace_id_of(attributes: Attributes) -> bytes:
    for name in _TRACE_NAMES:
        found = _hex_id(attributes.get(name), size=16)
        if found:
            return found
    return _from_traceparent(attributes.get(_TRACEPARENT), part=1, size=16)


def _span_id_of(attributes: Attributes) -> bytes:
    for name in _SPAN_NAMES:
        found = _hex_id(attributes.get(name), size=8)
        if found:
            return found
    return _from_traceparent(attributes.get(_TRACEPARENT), part=2, size=8)


def _from_traceparent(value: AttributeValue, *, part: int, size: int) -> bytes:
    # Source: W3C Trace Context, `version-traceid-parentid-flags`.
    parts = value.split("-") if isinstance(value, str) else []
    return _hex_id(parts[part], size=size) if len(parts) >= 4 else b""


def _hex_id(value: AttributeValue, *, size: int) -> bytes:
    if not isinstance(value, str) or len(value) != 2 * size:
        return b""
    try:
        raw = bytes.fromhex(value)
    except ValueError:
        return b""
    return raw if len(raw) == size and any(raw) else b""
