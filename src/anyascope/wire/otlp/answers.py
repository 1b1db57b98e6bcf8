"""What OTLP's senders are answered: success, partial success, and `google.rpc.Status` for failures.

Source: OpenTelemetry protocol specification, sections "OTLP/gRPC Response" and "OTLP/HTTP Response".
"""

from __future__ import annotations

import math
from typing import Any

from google.protobuf import duration_pb2, json_format
from google.protobuf.message import Message
from google.rpc import code_pb2, error_details_pb2, status_pb2  # type: ignore[import-untyped]  # has no stubs
from opentelemetry.proto.collector.logs.v1 import logs_service_pb2
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2

from anyascope.wire.otlp.messages import Encoding, Request

_RESPONSES: dict[Request, tuple[type[Message], str]] = {
    Request.LOGS: (logs_service_pb2.ExportLogsServiceResponse, "rejected_log_records"),
    Request.TRACES: (trace_service_pb2.ExportTraceServiceResponse, "rejected_spans"),
    Request.METRICS: (metrics_service_pb2.ExportMetricsServiceResponse, "rejected_data_points"),
}

INVALID_ARGUMENT = code_pb2.INVALID_ARGUMENT
RESOURCE_EXHAUSTED = code_pb2.RESOURCE_EXHAUSTED
UNAVAILABLE = code_pb2.UNAVAILABLE
UNIMPLEMENTED = code_pb2.UNIMPLEMENTED
UNAUTHENTICATED = code_pb2.UNAUTHENTICATED
INTERNAL = code_pb2.INTERNAL


def success(request: Request, *, rejected: int, message: str, encoding: Encoding) -> bytes:
    """The body of a successful answer; a partial one where anything was rejected."""
    response_class, field = _RESPONSES[request]
    response: Any = response_class()
    if rejected:
        setattr(response.partial_success, field, rejected)
        response.partial_success.error_message = message
    return _encode(response, encoding)


def failure(code: int, message: str, *, encoding: Encoding, retry_after_s: float = 0.0) -> bytes:
    """A `google.rpc.Status`, with `RetryInfo` where the sender may try again."""
    status = status_pb2.Status(code=code, message=message)
    if retry_after_s > 0:
        seconds = math.floor(retry_after_s)
        delay = duration_pb2.Duration(seconds=seconds, nanos=round((retry_after_s - seconds) * 1e9))
        status.details.add().Pack(error_details_pb2.RetryInfo(retry_delay=delay))
    return _encode(status, encoding)


def _encode(message: Message, encoding: Encoding) -> bytes:
    if encoding is Encoding.JSON:
        return json_format.MessageToJson(message, indent=None).encode()
    return message.SerializeToString()
