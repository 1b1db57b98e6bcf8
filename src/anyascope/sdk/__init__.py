"""What a service installs: traces, JSON logs and metrics in two lines, to anyascope or any OpenTelemetry collector.

    import anyascope.sdk

    anyascope.sdk.init(service="custody", endpoint="http://127.0.0.1:4318")
    app.add_middleware(anyascope.sdk.TelemetryMiddleware)

It stands on opentelemetry-sdk, prometheus-client and structlog, and imports nothing of the server. A fault of ours is one
log line; it never reaches the host and never makes it wait.

Names are found when they are first asked for: importing this costs less than importing one of those libraries.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

# Not from the table: the function has the name of its module, which would take its place.
from anyascope.sdk.correlation import correlation, current_correlation_id
from anyascope.sdk.guard import MisuseError, guarded, strict

if TYPE_CHECKING:
    from anyascope.sdk import alerting, delivery, integrations, logs, metrics, operations, redaction, testing, tracing
    from anyascope.sdk.alerting import (
        Alert,
        AlertBuilders,
        AlertCategory,
        AlertManager,
        AlertSeverity,
        AlertStatus,
        EmailChannel,
        EscalationLevel,
        EscalationPolicy,
        EscalationState,
        NotificationChannel,
        PhoneChannel,
        SendError,
        SlackChannel,
        WebhookChannel,
    )
    from anyascope.sdk.integrations.asgi import TelemetryMiddleware
    from anyascope.sdk.logs import emit, initialize_logs, set_level
    from anyascope.sdk.metrics import metrics_app
    from anyascope.sdk.start import Telemetry, init
    from anyascope.sdk.tracing import initialize_tracing

# Public name -> the module of `anyascope.sdk` that has it; "" where the name is a module itself.
_HOMES = {
    "Alert": "alerting",
    "AlertBuilders": "alerting",
    "AlertCategory": "alerting",
    "AlertManager": "alerting",
    "AlertSeverity": "alerting",
    "AlertStatus": "alerting",
    "EmailChannel": "alerting",
    "EscalationLevel": "alerting",
    "EscalationPolicy": "alerting",
    "EscalationState": "alerting",
    "NotificationChannel": "alerting",
    "PhoneChannel": "alerting",
    "SendError": "alerting",
    "SlackChannel": "alerting",
    "Telemetry": "start",
    "TelemetryMiddleware": "integrations.asgi",
    "WebhookChannel": "alerting",
    "alerting": "",
    "delivery": "",
    "emit": "logs",
    "init": "start",
    "initialize_logs": "logs",
    "initialize_tracing": "tracing",
    "integrations": "",
    "logs": "",
    "metrics": "",
    "metrics_app": "metrics",
    "operations": "",
    "redaction": "",
    "set_level": "logs",
    "testing": "",
    "tracing": "",
}

__all__ = [
    "Alert",
    "AlertBuilders",
    "AlertCategory",
    "AlertManager",
    "AlertSeverity",
    "AlertStatus",
    "EmailChannel",
    "EscalationLevel",
    "EscalationPolicy",
    "EscalationState",
    "MisuseError",
    "NotificationChannel",
    "PhoneChannel",
    "SendError",
    "SlackChannel",
    "Telemetry",
    "TelemetryMiddleware",
    "WebhookChannel",
    "alerting",
    "correlation",
    "current_correlation_id",
    "delivery",
    "emit",
    "guarded",
    "init",
    "initialize_logs",
    "initialize_tracing",
    "integrations",
    "logs",
    "metrics",
    "metrics_app",
    "operations",
    "redaction",
    "set_level",
    "strict",
    "testing",
    "tracing",
]


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = importlib.import_module(f"{__name__}.{home or name}")
    found = globals()[name] = getattr(module, name) if home else module
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
