"""What a service installs: traces, JSON logs and metrics in two lines, to anyascope or any OpenTelemetry collector.

    import anyascope.sdk

    anyascope.sdk.init(service="custody", endpoint="http://127.0.0.1:4318")
    app.add_middleware(anyascope.sdk.TelemetryMiddleware)

It stands on opentelemetry-sdk, prometheus-client and structlog, and imports nothing of the server. A fault of ours is one
log line; it never reaches the host and never makes it wait.
"""

from anyascope.sdk.correlation import correlation, current_correlation_id
from anyascope.sdk.guard import guarded
from anyascope.sdk.integrations.asgi import TelemetryMiddleware
from anyascope.sdk.logs import initialize_logs
from anyascope.sdk.metrics import metrics_app
from anyascope.sdk.start import Telemetry, init
from anyascope.sdk.tracing import initialize_tracing

__all__ = [
    "Telemetry",
    "TelemetryMiddleware",
    "correlation",
    "current_correlation_id",
    "guarded",
    "init",
    "initialize_logs",
    "initialize_tracing",
    "metrics_app",
]
