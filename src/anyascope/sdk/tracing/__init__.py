"""Tracing for a service, on OpenTelemetry's own SDK."""

from anyascope.sdk.exporters import DEFAULT_ENDPOINT
from anyascope.sdk.tracing.processors import CorrelationProcessor
from anyascope.sdk.tracing.provider import (
    EXPORT_DELAY_MS,
    QUEUE_SPANS_MAX,
    current_sample_ratio,
    initialize_tracing,
    set_sample_ratio,
)

__all__ = [
    "DEFAULT_ENDPOINT",
    "EXPORT_DELAY_MS",
    "QUEUE_SPANS_MAX",
    "CorrelationProcessor",
    "current_sample_ratio",
    "initialize_tracing",
    "set_sample_ratio",
]
