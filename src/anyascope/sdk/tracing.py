"""Tracing for a service, on OpenTelemetry's own SDK."""

from __future__ import annotations

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.sdk.trace import Span, SpanLimits, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import ParentBasedTraceIdRatio

from anyascope.sdk.correlation import SPAN_ATTRIBUTE, current_correlation_id
from anyascope.sdk.exporters import span_exporter
from anyascope.sdk.guard import guarded
from anyascope.sdk.resource import service_resource

DEFAULT_ENDPOINT = "http://127.0.0.1:4318"
QUEUE_SPANS_MAX = 2_048  # OpenTelemetry's default: about 4 MB; more are dropped and counted by the SDK
EXPORT_DELAY_MS = 1_000  # a span is visible within a second or two without an export a span


class CorrelationProcessor(SpanProcessor):
    """Writes the current correlation id on every span that starts."""

    @guarded(None)
    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        _ = parent_context
        correlation_id = current_correlation_id()
        if correlation_id:
            span.set_attribute(SPAN_ATTRIBUTE, correlation_id)


@guarded(None)
def initialize_tracing(
    service_name: str = "anya-core",
    endpoint: str = DEFAULT_ENDPOINT,
    *,
    protocol: str = "otlp_http",
    sample_ratio: float = 1.0,
    max_events_per_span: int = 64,
    max_attributes_per_span: int = 32,
    environment: str = "production",
    version: str = "",
    token: str = "",
) -> TracerProvider:
    """Set the process's tracer provider up and give it; `None`, with one log line, where that fails.

    Args:
        service_name: `service.name` of everything that is sent.
        endpoint: base address of anyascope or a collector: `http://host:4318` for HTTP, `http://host:4317` for gRPC.
        protocol: `otlp_http` or `otlp_grpc`.
        sample_ratio: share of new traces that are kept, 0 to 1; a caller's own decision is followed.
        max_events_per_span, max_attributes_per_span: beyond these a span drops and counts.
        environment: `deployment.environment.name`, and the older `service.environment`.
        version: `service.version`.
        token: sent as `Authorization: Bearer`, where the server wants one.

    Spans leave from a background thread with a bounded queue: a server that is down or slow costs the host nothing.
    """
    provider = TracerProvider(
        resource=service_resource(service_name, environment=environment, version=version),
        sampler=ParentBasedTraceIdRatio(min(max(sample_ratio, 0.0), 1.0)),
        span_limits=SpanLimits(max_events=max_events_per_span, max_span_attributes=max_attributes_per_span),
    )
    provider.add_span_processor(CorrelationProcessor())
    provider.add_span_processor(
        BatchSpanProcessor(
            span_exporter(endpoint, protocol=protocol, token=token),
            max_queue_size=QUEUE_SPANS_MAX,
            schedule_delay_millis=EXPORT_DELAY_MS,
        )
    )
    trace.set_tracer_provider(provider)
    return provider
