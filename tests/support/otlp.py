"""Small OTLP requests for tests."""

from __future__ import annotations

from typing import Any

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

TRACE_ID, SPAN_ID = bytes(range(1, 17)), bytes(range(1, 9))
DELTA, CUMULATIVE = 1, 2


def add_attributes(pairs: Any, attributes: dict[str, Any]) -> None:
    for key, value in attributes.items():
        set_value(pairs.add(key=key).value, value)


def set_value(message: Any, value: Any) -> None:
    match value:
        case bool():
            message.bool_value = value
        case int():
            message.int_value = value
        case float():
            message.double_value = value
        case str():
            message.string_value = value
        case bytes():
            message.bytes_value = value
        case list():
            message.array_value.SetInParent()
            for item in value:
                set_value(message.array_value.values.add(), item)
        case dict():
            message.kvlist_value.SetInParent()
            add_attributes(message.kvlist_value.values, value)


def logs_request(*records: dict[str, Any], resource: dict[str, Any] | None = None) -> ExportLogsServiceRequest:
    """A request of these records: fields of LogRecord, `body` and `attributes` as plain values."""
    request = ExportLogsServiceRequest()
    group = request.resource_logs.add()
    add_attributes(group.resource.attributes, resource or {"service.name": "custody"})
    inner = group.scope_logs.add()
    inner.scope.name = "tests"
    for record in records:
        plain = {key: value for key, value in record.items() if key not in ("body", "attributes")}
        message = inner.log_records.add(**plain)
        if "body" in record:
            set_value(message.body, record["body"])
        add_attributes(message.attributes, record.get("attributes", {}))
    return request


def spans_request(*spans: dict[str, Any], resource: dict[str, Any] | None = None) -> ExportTraceServiceRequest:
    """A request of these spans: fields of Span, `attributes` as plain values."""
    request = ExportTraceServiceRequest()
    group = request.resource_spans.add()
    add_attributes(group.resource.attributes, resource or {"service.name": "custody"})
    inner = group.scope_spans.add()
    inner.scope.name = "tests"
    for span in spans:
        plain = {"trace_id": TRACE_ID, "span_id": SPAN_ID, "name": "sign", **span}
        attributes = plain.pop("attributes", {})
        add_attributes(inner.spans.add(**plain).attributes, attributes)
    return request


def metrics_request(resource: dict[str, Any] | None = None) -> tuple[ExportMetricsServiceRequest, Any]:
    """A request without metrics, and its scope's list of them."""
    request = ExportMetricsServiceRequest()
    group = request.resource_metrics.add()
    add_attributes(group.resource.attributes, {"service.name": "custody"} if resource is None else resource)
    inner = group.scope_metrics.add()
    return request, inner.metrics
