"""The OpenTelemetry exporters, imported only when they are used."""

from __future__ import annotations

from enum import Enum

from opentelemetry.sdk._logs.export import LogRecordExporter
from opentelemetry.sdk.trace.export import SpanExporter

EXPORT_TIMEOUT_S = 5  # a black-holed server holds the background thread no longer, and never the host


class Protocol(Enum):
    """How telemetry travels."""

    OTLP_HTTP = "otlp_http"
    OTLP_GRPC = "otlp_grpc"


def _protocol(name: str) -> Protocol:
    try:
        return Protocol(name)
    except ValueError:
        known = ", ".join(protocol.value for protocol in Protocol)
        raise ValueError(f"protocol must be one of {known}, got {name!r}") from None


def signal_url(endpoint: str, signal: str) -> str:
    """The address of one signal under a base address; a full one stays as it is."""
    base = endpoint.rstrip("/")
    return base if base.endswith(f"/v1/{signal}") else f"{base}/v1/{signal}"


def span_exporter(endpoint: str, *, protocol: str, token: str) -> SpanExporter:
    """Sends spans to `endpoint`.

    Raises:
        ValueError: the protocol is unknown.
        ImportError: gRPC is asked for and not installed.
    """
    headers = _headers(token)
    if _protocol(protocol) is Protocol.OTLP_GRPC:
        from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as GrpcExporter  # noqa: PLC0415

        return GrpcExporter(endpoint=endpoint, headers=headers, timeout=EXPORT_TIMEOUT_S, insecure=_is_plain(endpoint))
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as HttpExporter  # noqa: PLC0415

    return HttpExporter(endpoint=signal_url(endpoint, "traces"), headers=headers, timeout=EXPORT_TIMEOUT_S)


def log_exporter(endpoint: str, *, protocol: str, token: str) -> LogRecordExporter:
    """Sends log records to `endpoint`; raises as `span_exporter` does."""
    headers = _headers(token)
    if _protocol(protocol) is Protocol.OTLP_GRPC:
        from opentelemetry.exporter.otlp.proto.grpc._log_exporter import OTLPLogExporter as GrpcExporter  # noqa: PLC0415

        return GrpcExporter(endpoint=endpoint, headers=headers, timeout=EXPORT_TIMEOUT_S, insecure=_is_plain(endpoint))
    from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter as HttpExporter  # noqa: PLC0415

    return HttpExporter(endpoint=signal_url(endpoint, "logs"), headers=headers, timeout=EXPORT_TIMEOUT_S)


def _headers(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"} if token else {}


def _is_plain(endpoint: str) -> bool:
    return not endpoint.startswith("https://")
