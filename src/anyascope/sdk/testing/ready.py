"""Contracts for what the SDK itself does: whoever wraps an operation has all of its signals, or the test is red."""

from __future__ import annotations

from typing import Any

from anyascope.sdk.testing.contracts import TelemetryContract
from anyascope.sdk.testing.patterns import audit, log, metric, same, span


def _begins(prefix: str) -> Any:
    """A value that begins so."""

    def begins(found: object) -> bool:
        return str(found).startswith(prefix)

    begins.__name__ = f"{prefix}…"
    return begins


BITCOIN_OPERATION = TelemetryContract(
    "bitcoin_operation",
    (
        span("bitcoin_operation", operation=same("operation"), wallet_id=same("wallet_id"), operation__status=...),
        metric("anya_bitcoin_transactions_total", operation_type=same("operation"), wallet_id=same("wallet_id")),
        metric("anya_bitcoin_transaction_duration_seconds_count", operation_type=same("operation")),
        log("bitcoin_operation_started", operation=same("operation"), wallet_id=same("wallet_id")),
        log(
            None,
            event=_begins("bitcoin_operation_"),
            duration_ms=...,
            operation=same("operation"),
            wallet_id=same("wallet_id"),
        ),
    ),
)
"""Each Bitcoin operation: its span, its counter and duration, a log line at its start and one at its end."""

HSM_OPERATION = TelemetryContract(
    "hsm_operation",
    (
        span(
            "hsm_operation",
            operation=same("operation"),
            hsm_provider=same("provider"),
            audit__correlation_id=same("audit id"),
            operation__status=...,
        ),
        audit(
            "hsm_operation",
            phase="intent",
            operation=same("operation"),
            hsm_provider=same("provider"),
            audit__correlation_id=same("audit id"),
        ),
        audit(
            "hsm_operation",
            phase="outcome",
            operation=same("operation"),
            hsm_provider=same("provider"),
            audit__correlation_id=same("audit id"),
        ),
        log(
            "hsm_operation_started",
            operation=same("operation"),
            hsm_provider=same("provider"),
            audit__correlation_id=same("audit id"),
        ),
        metric("anya_hsm_operations_total", operation_type=same("operation"), provider=same("provider")),
        metric(
            "anya_hsm_operation_duration_seconds_count", operation_type=same("operation"), provider=same("provider")
        ),
    ),
)
"""Each HSM operation: its span, its intent and outcome in the audit, a log line, its counter and duration."""

HEALTH_CHECK = TelemetryContract(
    "health_check",
    (
        span("health_check", check_type=same("check"), health__status=..., health__duration_ms=...),
        log(None, event=_begins("health_check_"), status=..., check_type=same("check")),
        metric("anya_component_health", component=same("check")),
    ),
)
"""Each health check: its span, a log line with what was found, and the component's gauge."""


def custody_contract(kind: str) -> TelemetryContract:
    """The contract of custody operations of this kind, such as `deposit`.

    When one begins: its root span, a log line, the intent in the audit, the counter. At each stage: a span, a log line, an
    audit event. When it ends: the span of its lifetime, a log line, the outcome in the audit.
    """
    id_of_span = {"anya.correlation_id": same("correlation_id")}
    id_of_audit = {"audit.correlation_id": same("correlation_id")}
    id_of_log = {"correlation_id": same("correlation_id")}
    return TelemetryContract(
        f"custody_{kind}",
        (
            span("custody_operation", operation=kind, **id_of_span),
            log("custody_operation_started", operation=kind, **id_of_log),
            audit(kind, phase="intent", **id_of_audit),
            metric("anya_custody_operations_total", kind=kind, status="started"),
        ),
        parts=(
            TelemetryContract(
                f"custody_{kind}: a stage",
                (
                    span(None, custody__stage=..., operation=kind, **id_of_span),
                    log(None, event=_begins("custody_step_"), operation=kind, **id_of_log),
                    audit(None, custody__stage=..., custody__operation=kind, phase="event", **id_of_audit),
                ),
            ),
            TelemetryContract(
                f"custody_{kind}: its end",
                (
                    span("custody_operation.lifetime", operation=kind, **id_of_span),
                    log("custody_operation_finished", operation=kind, **id_of_log),
                    audit(kind, phase="outcome", **id_of_audit),
                ),
            ),
        ),
    )


CUSTODY_WITHDRAWAL = custody_contract("withdrawal")
"""Each withdrawal, as `custody_operation("withdrawal")` makes it: the money trace."""

READY = {
    "bitcoin_operation": BITCOIN_OPERATION,
    "hsm_operation": HSM_OPERATION,
    "health_check": HEALTH_CHECK,
    "custody_withdrawal": CUSTODY_WITHDRAWAL,
    "custody_deposit": custody_contract("deposit"),
}
