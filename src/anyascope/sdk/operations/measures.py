"""An operation's metrics, in one go."""

from __future__ import annotations

from anyascope.sdk.metrics import AnyaMetrics, bounded_label
from anyascope.sdk.operations.running import ERROR, SUCCESS

MAIN_WALLET = "main"


def bitcoin(
    operation_type: str,
    wallet_id: str,
    status: str,
    *,
    duration_s: float,
    amount_sats: int | None,
    exemplar: dict[str, str] | None,
) -> None:
    """Count a Bitcoin operation, its duration, and what it did to the balance."""
    metrics = AnyaMetrics.global_()
    operation_type = bounded_label("operation_type", operation_type)
    wallet_id = bounded_label("wallet_id", wallet_id)
    metrics.bitcoin_transactions_total.labels(operation_type, status, wallet_id).inc(exemplar=exemplar)
    metrics.bitcoin_transaction_duration.labels(operation_type).observe(duration_s, exemplar)
    if amount_sats and status == SUCCESS:
        if operation_type == "send":
            metrics.bitcoin_wallet_balance_sats.labels(wallet_id, MAIN_WALLET).dec(amount_sats)
        elif operation_type == "receive":
            metrics.bitcoin_wallet_balance_sats.labels(wallet_id, MAIN_WALLET).inc(amount_sats)


def hsm(
    operation_type: str, provider: str, *, error_type: str | None, duration_s: float, exemplar: dict[str, str] | None
) -> None:
    """Count an HSM operation and its duration, and the error where there was one."""
    metrics = AnyaMetrics.global_()
    operation_type = bounded_label("operation_type", operation_type)
    provider = bounded_label("provider", provider)
    status = SUCCESS if error_type is None else ERROR
    metrics.hsm_operations_total.labels(operation_type, provider, status).inc(exemplar=exemplar)
    metrics.hsm_operation_duration.labels(operation_type, provider).observe(duration_s, exemplar)
    if error_type is not None:
        metrics.hsm_errors_total.labels(bounded_label("error_type", error_type), provider).inc(exemplar=exemplar)


def component(name: str, instance: str, score: float) -> None:
    """Show how a component is, 0 to 1."""
    labels = bounded_label("component", name), bounded_label("instance", instance)
    AnyaMetrics.global_().component_health.labels(*labels).set(score)
