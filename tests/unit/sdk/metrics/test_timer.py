"""A timer records its operation once."""

from __future__ import annotations

import pytest
from prometheus_client import CollectorRegistry

from anyascope.clock import ManualClock
from anyascope.sdk.guard import MisuseError, strict
from anyascope.sdk.metrics import AnyaMetrics, MetricsTimer


@pytest.fixture
def metrics():
    return AnyaMetrics(CollectorRegistry())


@pytest.fixture
def value(metrics):
    return lambda name, **labels: metrics.registry.get_sample_value(f"anya_{name}", labels)


def bitcoin(value, status):
    return value("bitcoin_transactions_total", operation_type="send", status=status, wallet_id="hot")


async def test_it_measures_from_its_start_to_its_completion(metrics, value):
    """By the clock that it was given."""
    clock = ManualClock()
    timer = MetricsTimer.bitcoin_operation("send", "hot", metrics=metrics, clock=clock)
    await clock.advance(1.5)
    timer.complete_bitcoin("success", amount_sats=50)
    assert value("bitcoin_transaction_duration_seconds_sum", operation_type="send") == 1.5
    assert bitcoin(value, "success") == 1
    assert value("bitcoin_wallet_balance_sats", wallet_id="hot", wallet_type="main") == -50


def test_hsm_operations_are_timed_too(metrics, value):
    """With the provider."""
    MetricsTimer.hsm_operation("sign", "softhsm", metrics=metrics).complete_hsm("PinLocked")
    assert value("hsm_operations_total", operation_type="sign", provider="softhsm", status="PinLocked") == 1
    assert value("hsm_errors_total", error_type="PinLocked", provider="softhsm") == 1


def test_a_second_completion_is_misuse(metrics, value):
    """Nothing is counted twice."""
    timer = MetricsTimer.bitcoin_operation("send", "hot", metrics=metrics)
    timer.complete_bitcoin("success")
    timer.complete_bitcoin("error")
    assert (bitcoin(value, "success"), bitcoin(value, "error")) == (1, None)
    with strict(), pytest.raises(MisuseError, match="completed already"):
        timer.complete_bitcoin("error")


def test_a_block_that_ends_is_a_success(metrics, value):
    """With the amount that was named at the start."""
    with MetricsTimer.bitcoin_operation("send", "hot", 70, metrics=metrics):
        pass
    assert bitcoin(value, "success") == 1
    assert value("bitcoin_wallet_balance_sats", wallet_id="hot", wallet_type="main") == -70


@pytest.mark.parametrize("kind", [ValueError, KeyboardInterrupt, GeneratorExit])
def test_a_block_that_raises_is_an_error_and_the_exception_passes(metrics, value, kind):
    """The very same exception."""
    error = kind("the host's")
    with pytest.raises(kind) as raised, MetricsTimer.bitcoin_operation("send", "hot", metrics=metrics):
        raise error
    assert raised.value is error
    assert (bitcoin(value, "error"), bitcoin(value, "success")) == (1, None)


def test_a_block_may_complete_itself(metrics, value):
    """What it says counts, once, and without a report."""
    with strict(), MetricsTimer.bitcoin_operation("send", "hot", metrics=metrics) as timer:
        timer.complete_bitcoin("rejected")
    assert (bitcoin(value, "rejected"), bitcoin(value, "success")) == (1, None)


def test_the_wrong_completion_is_recorded_as_what_it_is(metrics, value):
    """And reported: the measurement is not lost."""
    timer = MetricsTimer.bitcoin_operation("send", "hot", metrics=metrics)
    with strict(), pytest.raises(MisuseError, match="complete_hsm"):
        timer.complete_hsm("success")
    assert bitcoin(value, "success") == 1


def test_a_clock_that_is_none_is_reported(metrics, value):
    """And the machine's own is used."""
    MetricsTimer.bitcoin_operation("send", "hot", metrics=metrics, clock=5).complete_bitcoin("success")
    assert bitcoin(value, "success") == 1
