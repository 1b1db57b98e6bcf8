"""What happened becomes the metrics that the issue says."""

from __future__ import annotations

import decimal
import logging

import pytest
from prometheus_client import CollectorRegistry

from anyascope.sdk.guard import MisuseError, strict
from anyascope.sdk.metrics import AnyaMetrics, BitcoinMetricsCollector, HsmMetricsCollector, SystemMetricsCollector
from anyascope.sdk.metrics.quantities import AMOUNT_SATS_MAX


@pytest.fixture
def metrics():
    return AnyaMetrics(CollectorRegistry())


@pytest.fixture
def value(metrics):
    """The value of a sample, without the prefix of its name."""
    return lambda name, **labels: metrics.registry.get_sample_value(f"anya_{name}", labels)


def balance_after(metrics, *transactions):
    collector = BitcoinMetricsCollector(metrics)
    for operation, status, amount in transactions:
        collector.record_transaction(operation, "w", status, 0.1, amount)
    return metrics.registry.get_sample_value(
        "anya_bitcoin_wallet_balance_sats", {"wallet_id": "w", "wallet_type": "main"}
    )


@pytest.mark.parametrize(
    ("transactions", "balance"),
    [
        ([("receive", "success", 700)], 700),
        ([("receive", "success", 700), ("send", "success", 200)], 500),
        ([("send", "success", 200)], -200),
        ([("send", "error", 200)], None),
        ([("receive", "pending", 200)], None),
        ([("sweep", "success", 200)], None),
        ([("send", "success", None)], None),
        ([("receive", "success", AMOUNT_SATS_MAX), ("send", "success", 1)], AMOUNT_SATS_MAX - 1),
    ],
)
def test_successful_sends_and_receives_move_the_balance(metrics, transactions, balance):
    """Nothing else does, and all satoshis that will ever be are told exactly."""
    assert balance_after(metrics, *transactions) == balance


@pytest.mark.parametrize(
    "amount", [1.0, 1.5, "5", -1, AMOUNT_SATS_MAX + 1, float("nan"), True, decimal.Decimal(1), 2**64]
)
def test_an_amount_that_is_no_number_of_satoshis_is_reported(metrics, value, caplog, amount):
    """The balance stays, the operation counts."""
    assert balance_after(metrics, ("send", "success", amount)) is None
    assert value("bitcoin_transactions_total", operation_type="send", status="success", wallet_id="w") == 1
    assert "amount_sats must be a whole number of satoshis" in caplog.text


def test_a_transaction_is_counted_and_timed(metrics, value):
    """By type, outcome and wallet, and by type."""
    BitcoinMetricsCollector(metrics).record_transaction("send", "hot", "timeout", 0.3)
    assert value("bitcoin_transactions_total", operation_type="send", status="timeout", wallet_id="hot") == 1
    assert value("bitcoin_transaction_duration_seconds_sum", operation_type="send") == 0.3
    assert value("bitcoin_transaction_duration_seconds_bucket", operation_type="send", le="0.1") == 0
    assert value("bitcoin_transaction_duration_seconds_bucket", operation_type="send", le="0.5") == 1


@pytest.mark.parametrize("duration", [-0.1, float("nan"), float("inf"), "1", None, [], 10**400])
def test_a_duration_that_is_none_is_reported(metrics, value, duration):
    """The operation counts, and no duration."""
    collector = BitcoinMetricsCollector(metrics)
    collector.record_transaction("send", "w", "success", duration)
    assert value("bitcoin_transactions_total", operation_type="send", status="success", wallet_id="w") == 1
    assert value("bitcoin_transaction_duration_seconds_count", operation_type="send") is None
    with strict(), pytest.raises(MisuseError, match="duration must be a number of 0 or more"):
        collector.record_transaction("send", "w", "success", duration)


def test_the_chain_is_told(metrics, value):
    """Height and memory pool; one that is wrong leaves the other."""
    collector = BitcoinMetricsCollector(metrics)
    collector.update_blockchain_state(840_000, 5)
    collector.update_blockchain_state("high", 6)
    assert (value("bitcoin_block_height"), value("bitcoin_mempool_size")) == (840_000, 6)


@pytest.mark.parametrize(("status", "errors"), [("success", None), ("error", 1), ("PinLocked", 1)])
def test_any_status_but_success_is_an_error_of_that_type(metrics, value, status, errors):
    """Counted beside the operation itself."""
    HsmMetricsCollector(metrics).record_operation("sign", "softhsm", status, 0.004)
    assert value("hsm_operations_total", operation_type="sign", provider="softhsm", status=status) == 1
    assert value("hsm_errors_total", error_type=status, provider="softhsm") == errors
    assert value("hsm_operation_duration_seconds_bucket", operation_type="sign", provider="softhsm", le="0.005") == 1


def test_an_error_may_be_of_a_type_that_the_status_does_not_say(value, metrics):
    """The status counts the operation, the type the error; a success has none."""
    collector = HsmMetricsCollector(metrics)
    collector.record_operation("sign", "softhsm", "error", 0.004, error_type="PinLocked")
    collector.record_operation("sign", "softhsm", "success", 0.004, error_type="PinLocked")
    assert value("hsm_operations_total", operation_type="sign", provider="softhsm", status="error") == 1
    assert value("hsm_errors_total", error_type="PinLocked", provider="softhsm") == 1


def test_active_keys_are_told(metrics, value):
    """As they are now."""
    collector = HsmMetricsCollector(metrics)
    collector.update_active_keys(5)
    collector.update_active_keys(-1)
    assert value("hsm_active_keys") == 5


def test_resources_are_told(metrics, value):
    """Bytes and percent; one that is wrong leaves the other."""
    collector = SystemMetricsCollector(metrics)
    collector.update_system_resources(1_000, 250.5)
    collector.update_system_resources(2_000, float("nan"))
    assert (value("memory_usage_bytes"), value("cpu_usage_percent")) == (2_000, 250.5)


@pytest.mark.parametrize(
    ("healthy", "score"), [(True, 1), (False, 0), (0.5, 0.5), (1, 1), (7, 1), (-1, 0), ("up", None)]
)
def test_a_component_is_healthy_or_has_a_score(metrics, value, healthy, score):
    """What lies outside 0 to 1 becomes the nearer bound."""
    SystemMetricsCollector(metrics).update_component_health("db", "eu", healthy)
    assert value("component_health", component="db", instance="eu") == score


@pytest.mark.parametrize(("given", "score"), [(0, 0), (0.25, 0.25), (1, 1), (1.01, 1), (-0.01, 0)])
def test_the_score_is_clamped_and_reported(metrics, value, caplog, given, score):  # noqa: PLR0917  # fixtures
    """The bounds themselves are sound."""
    SystemMetricsCollector(metrics).update_system_health_score(given)
    assert value("system_health_score") == score
    assert ("score must be from 0 to 1" in caplog.text) == (given not in (0, 0.25, 1))


def test_misuse_is_told_once(metrics, caplog):
    """A loop that is wrong does not flood the log."""
    collector = SystemMetricsCollector(metrics)
    with caplog.at_level(logging.WARNING):
        for number in range(100):
            collector.update_system_health_score(2 + number)
    assert len(caplog.records) == 1


def test_odd_arguments_leave_the_rest_recorded(metrics, value):
    """Each argument alone is judged."""
    BitcoinMetricsCollector(metrics).record_transaction(None, object(), b"success", "long", "much", exemplar=7)
    assert value("bitcoin_transactions_total", operation_type="None", status="success", wallet_id="object") == 1
