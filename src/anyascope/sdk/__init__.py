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
    from anyascope.sdk import (
        alerting,
        audit,
        custody,
        delivery,
        integrations,
        logs,
        metrics,
        operations,
        redaction,
        security,
        testing,
        tracing,
    )
    from anyascope.sdk.alerting import (
        Alert,
        AlertBuilders,
        AlertCategory,
        AlertManager,
        AlertSeverity,
        EmailChannel,
        EscalationLevel,
        EscalationPolicy,
        NotificationChannel,
        PhoneChannel,
        SlackChannel,
        WebhookChannel,
    )
    from anyascope.sdk.audit import audit_event
    from anyascope.sdk.custody import CustodyOperation, custody_operation, resume_custody_operation
    from anyascope.sdk.delivery import delivery_stats, use_spool
    from anyascope.sdk.integrations import instrument, instrument_clients
    from anyascope.sdk.integrations.asgi import TelemetryMiddleware
    from anyascope.sdk.integrations.bitcoin_rpc import bitcoin_error, instrument_bitcoin_rpc
    from anyascope.sdk.integrations.pkcs11 import instrument_pkcs11
    from anyascope.sdk.logs import emit, initialize_logs, set_level
    from anyascope.sdk.metrics import (
        AnyaMetrics,
        BitcoinMetricsCollector,
        HsmMetricsCollector,
        MetricsTimer,
        SystemMetricsCollector,
        metrics_app,
        metrics_wsgi_app,
    )
    from anyascope.sdk.operations import (
        BitcoinError,
        BitcoinTransactionData,
        HealthCheckResult,
        HealthStatus,
        HsmError,
        InsufficientFunds,
        KeyNotFound,
        OperationFailed,
        TransactionFailed,
        trace_bitcoin_operation,
        trace_health_check,
        trace_hsm_operation,
    )
    from anyascope.sdk.redaction import redact_text, redact_value, redacted_counts
    from anyascope.sdk.security import security_event, session_ended, session_started
    from anyascope.sdk.start import Telemetry, init
    from anyascope.sdk.tracing import (
        ContextExecutor,
        carry,
        context_snapshot,
        continued,
        current_sample_ratio,
        extract,
        initialize_tracing,
        inject,
        instrument_executor,
        instrument_threading,
        keep_traces,
        resume,
        set_sample_ratio,
        use_propagators,
    )

# Public name -> the module of `anyascope.sdk` that has it; "" where the name is a module itself.
_HOMES = {
    "Alert": "alerting",
    "AlertBuilders": "alerting",
    "AlertCategory": "alerting",
    "AlertManager": "alerting",
    "AlertSeverity": "alerting",
    "AnyaMetrics": "metrics",
    "BitcoinError": "operations",
    "BitcoinMetricsCollector": "metrics",
    "BitcoinTransactionData": "operations",
    "ContextExecutor": "tracing",
    "CustodyOperation": "custody",
    "EmailChannel": "alerting",
    "EscalationLevel": "alerting",
    "EscalationPolicy": "alerting",
    "HealthCheckResult": "operations",
    "HealthStatus": "operations",
    "HsmError": "operations",
    "HsmMetricsCollector": "metrics",
    "InsufficientFunds": "operations",
    "KeyNotFound": "operations",
    "MetricsTimer": "metrics",
    "NotificationChannel": "alerting",
    "OperationFailed": "operations",
    "PhoneChannel": "alerting",
    "SlackChannel": "alerting",
    "SystemMetricsCollector": "metrics",
    "Telemetry": "start",
    "TelemetryMiddleware": "integrations.asgi",
    "TransactionFailed": "operations",
    "WebhookChannel": "alerting",
    "alerting": "",
    "audit": "",
    "audit_event": "audit",
    "bitcoin_error": "integrations.bitcoin_rpc",
    "carry": "tracing",
    "context_snapshot": "tracing",
    "continued": "tracing",
    "current_sample_ratio": "tracing",
    "custody": "",
    "custody_operation": "custody",
    "delivery": "",
    "delivery_stats": "delivery",
    "emit": "logs",
    "extract": "tracing",
    "init": "start",
    "initialize_logs": "logs",
    "initialize_tracing": "tracing",
    "inject": "tracing",
    "instrument": "integrations",
    "instrument_bitcoin_rpc": "integrations.bitcoin_rpc",
    "instrument_clients": "integrations",
    "instrument_executor": "tracing",
    "instrument_pkcs11": "integrations.pkcs11",
    "instrument_threading": "tracing",
    "integrations": "",
    "keep_traces": "tracing",
    "logs": "",
    "metrics": "",
    "metrics_app": "metrics",
    "metrics_wsgi_app": "metrics",
    "operations": "",
    "redact_text": "redaction",
    "redact_value": "redaction",
    "redacted_counts": "redaction",
    "redaction": "",
    "resume": "tracing",
    "resume_custody_operation": "custody",
    "security": "",
    "security_event": "security",
    "session_ended": "security",
    "session_started": "security",
    "set_level": "logs",
    "set_sample_ratio": "tracing",
    "testing": "",
    "trace_bitcoin_operation": "operations",
    "trace_health_check": "operations",
    "trace_hsm_operation": "operations",
    "tracing": "",
    "use_propagators": "tracing",
    "use_spool": "delivery",
}

__all__ = [
    "Alert",
    "AlertBuilders",
    "AlertCategory",
    "AlertManager",
    "AlertSeverity",
    "AnyaMetrics",
    "BitcoinError",
    "BitcoinMetricsCollector",
    "BitcoinTransactionData",
    "ContextExecutor",
    "CustodyOperation",
    "EmailChannel",
    "EscalationLevel",
    "EscalationPolicy",
    "HealthCheckResult",
    "HealthStatus",
    "HsmError",
    "HsmMetricsCollector",
    "InsufficientFunds",
    "KeyNotFound",
    "MetricsTimer",
    "MisuseError",
    "NotificationChannel",
    "OperationFailed",
    "PhoneChannel",
    "SlackChannel",
    "SystemMetricsCollector",
    "Telemetry",
    "TelemetryMiddleware",
    "TransactionFailed",
    "WebhookChannel",
    "alerting",
    "audit",
    "audit_event",
    "bitcoin_error",
    "carry",
    "context_snapshot",
    "continued",
    "correlation",
    "current_correlation_id",
    "current_sample_ratio",
    "custody",
    "custody_operation",
    "delivery",
    "delivery_stats",
    "emit",
    "extract",
    "guarded",
    "init",
    "initialize_logs",
    "initialize_tracing",
    "inject",
    "instrument",
    "instrument_bitcoin_rpc",
    "instrument_clients",
    "instrument_executor",
    "instrument_pkcs11",
    "instrument_threading",
    "integrations",
    "keep_traces",
    "logs",
    "metrics",
    "metrics_app",
    "metrics_wsgi_app",
    "operations",
    "redact_text",
    "redact_value",
    "redacted_counts",
    "redaction",
    "resume",
    "resume_custody_operation",
    "security",
    "security_event",
    "session_ended",
    "session_started",
    "set_level",
    "set_sample_ratio",
    "strict",
    "testing",
    "trace_bitcoin_operation",
    "trace_health_check",
    "trace_hsm_operation",
    "tracing",
    "use_propagators",
    "use_spool",
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
