"""Tracing for a service, on OpenTelemetry's own SDK: set up once, then carried through headers, queues, threads and tasks."""

from anyascope.sdk.exporters import DEFAULT_ENDPOINT
from anyascope.sdk.tracing.carrying import (
    ContextExecutor,
    carry,
    instrument_executor,
    instrument_threading,
    uninstrument_threading,
)
from anyascope.sdk.tracing.processors import CorrelationProcessor
from anyascope.sdk.tracing.propagation import (
    context_snapshot,
    continued,
    correlation_id_of,
    extract,
    inject,
    resume,
    use_propagators,
)
from anyascope.sdk.tracing.provider import current_sample_ratio, initialize_tracing, set_sample_ratio
from anyascope.sdk.tracing.sampling import keep_traces

__all__ = [
    "DEFAULT_ENDPOINT",
    "ContextExecutor",
    "CorrelationProcessor",
    "carry",
    "context_snapshot",
    "continued",
    "correlation_id_of",
    "current_sample_ratio",
    "extract",
    "initialize_tracing",
    "inject",
    "instrument_executor",
    "instrument_threading",
    "keep_traces",
    "resume",
    "set_sample_ratio",
    "uninstrument_threading",
    "use_propagators",
]
