"""Operations as metrics, of arguments that are known to be sound: what the collectors and the SDK's own operations share."""

from __future__ import annotations

from anyascope.sdk.metrics.quick import Pointer, count, counter_of, gauge_of, histogram_of, observe
from anyascope.sdk.metrics.registry import AnyaMetrics

SUCCESS = "success"
SEND = "send"
RECEIVE = "receive"
MAIN_WALLET = "main"  # the wallet type whose balance follows from transactions


def count_transaction(  # noqa: PLR0917  # once an operation: keywords cost a tenth of it
    metrics: AnyaMetrics,
    operation_type: str,
    wallet_id: str,
    status: str,
    seconds: float | None,
    amount: int | None,
    pointer: Pointer,
) -> None:
    """What `BitcoinMetricsCollector.record_transaction` does with sound arguments.

    Args:
        metrics: where.
        operation_type, wallet_id, status: bounded here, as labels.
        seconds: that it took, 0 or more; None where that is not known.
        amount: in sats, 0 or more; None where that is not known.
        pointer: the exemplar.
    """
    bounded = metrics.label_guard.bounded
    operation, wallet, outcome = (
        bounded("operation_type", operation_type),
        bounded("wallet_id", wallet_id),
        bounded("status", status),
    )
    count(counter_of(metrics.bitcoin_transactions_total, operation, outcome, wallet), pointer)
    if seconds is not None:
        observe(histogram_of(metrics.bitcoin_transaction_duration, operation), seconds, pointer)
    if amount is not None and outcome == SUCCESS and operation in (SEND, RECEIVE):
        balance = gauge_of(metrics.bitcoin_wallet_balance_sats, wallet, MAIN_WALLET)
        balance.inc(amount if operation == RECEIVE else -amount)


def count_hsm_operation(  # noqa: PLR0917  # as above
    metrics: AnyaMetrics,
    operation_type: str,
    provider: str,
    status: str,
    seconds: float | None,
    error_type: str | None,
    pointer: Pointer,
) -> None:
    """What `HsmMetricsCollector.record_operation` does with sound arguments; see `count_transaction`."""
    bounded = metrics.label_guard.bounded
    operation, maker = bounded("operation_type", operation_type), bounded("provider", provider)
    outcome = bounded("status", status)
    count(counter_of(metrics.hsm_operations_total, operation, maker, outcome), pointer)
    if outcome != SUCCESS:
        kind = bounded("error_type", status if error_type is None else error_type)
        count(counter_of(metrics.hsm_errors_total, kind, maker), pointer)
    if seconds is not None:
        observe(histogram_of(metrics.hsm_operation_duration, operation, maker), seconds, pointer)
