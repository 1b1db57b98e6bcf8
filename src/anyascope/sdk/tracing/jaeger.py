"""Spans as Jaeger's Thrift `Batch`.

Source: OpenTelemetry specification, "OpenTelemetry to Jaeger Transformation" and "Transformation to non-OTLP Formats";
jaeger-idl, `jaeger.thrift`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode

from anyascope.sdk.tracing.thrift import (
    STOP,
    as_i64,
    bool_field,
    bytes_field,
    double_field,
    fits_i64,
    i32_field,
    i64_field,
    struct_field,
    structs_field,
    text_field,
)

BODY_BYTES_MAX = 1_000_000  # of a batch with more than one span: what proxies such as nginx take unless told otherwise
NS_PER_US = 1_000
UNKNOWN_SERVICE = "unknown_service"  # OpenTelemetry's default, where the resource names none

_STRING, _DOUBLE, _BOOL, _LONG, _BINARY = range(5)  # jaeger.thrift, TagType
_CHILD_OF, _FOLLOWS_FROM = range(2)  # jaeger.thrift, SpanRefType
_KINDS = {
    SpanKind.CLIENT: "client",
    SpanKind.SERVER: "server",
    SpanKind.PRODUCER: "producer",
    SpanKind.CONSUMER: "consumer",
}


@dataclass(frozen=True, slots=True)
class JaegerBatch:
    """One body of a POST: a `Batch` of `spans` spans of one process."""

    body: bytes
    spans: int


def encode_batches(spans: Iterable[ReadableSpan], *, bytes_max: int = BODY_BYTES_MAX) -> Iterator[JaegerBatch]:
    """The spans as batches of at most `bytes_max` bytes each, one process a batch; a span that is longer goes alone."""
    processes: dict[int, bytes] = {}
    by_process: dict[bytes, list[bytes]] = {}
    for span in spans:
        process = processes.get(id(span.resource))
        if process is None:
            process = processes[id(span.resource)] = struct_field(1, encode_process(span.resource))
        by_process.setdefault(process, []).append(encode_span(span))
    for process, encoded in by_process.items():
        for part in _parts(encoded, bytes_max=bytes_max - len(process)):
            yield JaegerBatch(process + structs_field(2, part) + STOP, len(part))


def _parts(encoded: Sequence[bytes], *, bytes_max: int) -> Iterator[list[bytes]]:
    part: list[bytes] = []
    size = 0
    for span in encoded:
        if part and size + len(span) > bytes_max:
            yield part
            part, size = [], 0
        part.append(span)
        size += len(span)
    if part:
        yield part


def encode_process(resource: Resource) -> bytes:
    """A `Process`: the service's name, and the rest of the resource as tags."""
    tags = [_tag(key, value) for key, value in resource.attributes.items() if key != "service.name"]
    service = str(resource.attributes.get("service.name") or UNKNOWN_SERVICE)
    return text_field(1, service) + structs_field(2, tags) + STOP


def encode_span(span: ReadableSpan) -> bytes:
    """A `Span`. Times are whole microseconds, cut off."""
    context = span.get_span_context()
    assert context is not None  # a span that was recorded has one
    start_ns = span.start_time or 0
    return b"".join(
        (
            i64_field(1, as_i64(context.trace_id)),
            i64_field(2, as_i64(context.trace_id >> 64)),
            i64_field(3, as_i64(context.span_id)),
            i64_field(4, as_i64(span.parent.span_id) if span.parent is not None else 0),
            text_field(5, span.name),
            structs_field(6, [_reference(link) for link in span.links]),
            i32_field(7, int(context.trace_flags.sampled)),
            i64_field(8, as_i64(start_ns // NS_PER_US)),
            i64_field(9, as_i64(max((span.end_time or start_ns) - start_ns, 0) // NS_PER_US)),
            structs_field(10, [_tag(key, value) for key, value in _tags(span, context)]),
            structs_field(11, [*map(_log, span.events), *_link_logs(span, start_ns)]),
            STOP,
        )
    )


def _tags(span: ReadableSpan, context: SpanContext) -> Iterator[tuple[str, object]]:
    is_error = span.status.status_code is StatusCode.ERROR
    for key, value in (span.attributes or {}).items():
        if key != "error" or not is_error:  # the one of the status stands for it
            yield key, value
    if span.kind in _KINDS:
        yield "span.kind", _KINDS[span.kind]
    yield from _scope_tags(span.instrumentation_scope)
    yield from _status_tags(span.status)
    if context.trace_state:
        yield "w3c.tracestate", context.trace_state.to_header()
    for what, count in (
        ("attributes", span.dropped_attributes),
        ("events", span.dropped_events),
        ("links", span.dropped_links),
    ):
        if count:
            yield f"otel.dropped_{what}_count", count


def _scope_tags(scope: InstrumentationScope | None) -> Iterator[tuple[str, object]]:
    for field, value in (("name", scope.name), ("version", scope.version)) if scope is not None else ():
        if value:
            yield f"otel.scope.{field}", value
            yield f"otel.library.{field}", value  # the older name, which readers of Jaeger's still look for


def _status_tags(status: Status) -> Iterator[tuple[str, object]]:
    if status.status_code is StatusCode.UNSET:
        return
    yield "otel.status_code", status.status_code.name
    if status.description:
        yield "otel.status_description", status.description
    if status.status_code is StatusCode.ERROR:
        yield "error", True


def _reference(link: Link) -> bytes:
    context = link.context
    is_child = (link.attributes or {}).get("opentracing.ref_type") == "child_of"
    return (
        i32_field(1, _CHILD_OF if is_child else _FOLLOWS_FROM)
        + i64_field(2, as_i64(context.trace_id))
        + i64_field(3, as_i64(context.trace_id >> 64))
        + i64_field(4, as_i64(context.span_id))
        + STOP
    )


def _log(event: Event) -> bytes:
    attributes = event.attributes or {}
    fields = [_tag(key, value) for key, value in attributes.items()]
    if "event" not in attributes:
        fields.insert(0, _tag("event", event.name))
    if event.dropped_attributes:
        fields.append(_tag("otel.event.dropped_attributes_count", event.dropped_attributes))
    return i64_field(1, as_i64(event.timestamp // NS_PER_US)) + structs_field(2, fields) + STOP


def _link_logs(span: ReadableSpan, start_ns: int) -> Iterator[bytes]:
    """Links that have attributes, as logs too: a reference has no room for them."""
    for link in span.links:
        if link.attributes:
            fields = {
                "event": "link",
                "trace_id": f"{link.context.trace_id:032x}",
                "span_id": f"{link.context.span_id:016x}",
                **link.attributes,
            }
            tags = [_tag(key, value) for key, value in fields.items()]
            yield i64_field(1, as_i64(start_ns // NS_PER_US)) + structs_field(2, tags) + STOP


def _tag(key: str, value: object) -> bytes:
    return text_field(1, key) + _tag_value(value) + STOP


def _tag_value(value: object) -> bytes:
    if isinstance(value, bool):
        return i32_field(2, _BOOL) + bool_field(5, value)
    if isinstance(value, int) and fits_i64(value):
        return i32_field(2, _LONG) + i64_field(6, value)
    if isinstance(value, float):
        return i32_field(2, _DOUBLE) + double_field(4, value)
    if isinstance(value, bytes):
        return i32_field(2, _BINARY) + bytes_field(7, value)
    return i32_field(2, _STRING) + text_field(3, _text_of(value))


def _text_of(value: object) -> str:
    """A text as it is; lists and mappings as JSON."""
    if isinstance(value, str):
        return value
    if isinstance(value, Mapping):
        value = dict(value)
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=_plain)


def _plain(value: object) -> object:
    """What the standard encoder does not know: OpenTelemetry's read-only mappings, and bytes, as hexadecimal digits."""
    if isinstance(value, Mapping):
        return dict(value)
    return value.hex() if isinstance(value, bytes) else str(value)
