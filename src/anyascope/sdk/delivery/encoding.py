"""Spans and records as OTLP requests.

OpenTelemetry's encoder turns each span and record into its message. What is common to many of them, the resource and the scope,
is turned once and kept here: its own grouping hashes the whole resource, by way of JSON, for every single span.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from google.protobuf.message import Message
from opentelemetry.exporter.otlp.proto.common._log_encoder import encode_logs
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk._logs import ReadableLogRecord
from opentelemetry.sdk.trace import ReadableSpan

try:
    from opentelemetry.exporter.otlp.proto.common._internal import _encode_instrumentation_scope, _encode_resource
    from opentelemetry.exporter.otlp.proto.common._internal._log_encoder import _encode_log
    from opentelemetry.exporter.otlp.proto.common._internal.trace_encoder import _encode_span
except ImportError:  # another version's inside: its front does the same, only slower
    HAS_PARTS = False
else:
    HAS_PARTS = True

T = TypeVar("T")

KEPT_MAX = 256  # resources and scopes; a process has one resource and some dozens of scopes

_kept: dict[int, tuple[object, Message]] = {}  # id -> the object, which keeps the id its own, and its message


def encode_otlp_spans(spans: Sequence[ReadableSpan]) -> bytes:
    """An OTLP request of these spans."""
    if not HAS_PARTS:
        return bytes(encode_spans(spans).SerializePartialToString())
    request = ExportTraceServiceRequest()
    for resource, scopes in _grouped(spans).values():
        target = request.resource_spans.add(schema_url=resource.schema_url)
        target.resource.CopyFrom(_message(resource, _encode_resource))
        for scope, items in scopes.values():
            group = target.scope_spans.add(schema_url=scope.schema_url if scope else None)
            group.scope.CopyFrom(_message(scope, _encode_instrumentation_scope))
            group.spans.extend([_encode_span(span) for span in items])
    return bytes(request.SerializePartialToString())


def encode_otlp_logs(records: Sequence[ReadableLogRecord]) -> bytes:
    """An OTLP request of these records."""
    if not HAS_PARTS:
        return bytes(encode_logs(records).SerializePartialToString())
    request = ExportLogsServiceRequest()
    for resource, scopes in _grouped(records).values():
        target = request.resource_logs.add(schema_url=resource.schema_url)
        target.resource.CopyFrom(_message(resource, _encode_resource))
        for scope, items in scopes.values():
            group = target.scope_logs.add(schema_url=scope.schema_url if scope else None)
            group.scope.CopyFrom(_message(scope, _encode_instrumentation_scope))
            group.log_records.extend([_encode_log(record) for record in items])
    return bytes(request.SerializePartialToString())


def _grouped(items: Sequence[Any]) -> dict[int, tuple[Any, dict[int, tuple[Any, list[Any]]]]]:
    """By resource and scope, as the objects that they are."""
    found: dict[int, tuple[Any, dict[int, tuple[Any, list[Any]]]]] = {}
    for item in items:
        resource, scope = item.resource, item.instrumentation_scope or None
        _, scopes = found.setdefault(id(resource), (resource, {}))
        scopes.setdefault(id(scope), (scope, []))[1].append(item)
    return found


def _message(item: T, encode: Callable[[T], Any]) -> Any:
    known = _kept.get(id(item))
    if known is not None and known[0] is item:
        return known[1]
    message = encode(item)
    if len(_kept) >= KEPT_MAX:
        _kept.clear()
    _kept[id(item)] = item, message
    return message
