"""Which metrics are the process's, and what happens where they cannot be made."""

from __future__ import annotations

import threading

import pytest
from prometheus_client import REGISTRY, CollectorRegistry, Counter

from anyascope.sdk.guard import MisuseError, strict
from anyascope.sdk.metrics import AnyaMetrics, BitcoinMetricsCollector, bounded_label


@pytest.fixture(autouse=True)
def no_global():
    former = AnyaMetrics.swap_global(None)
    yield
    AnyaMetrics.swap_global(former)


def test_init_gives_the_same_for_the_same_registry():
    """A second call registers nothing again."""
    registry = CollectorRegistry()
    assert AnyaMetrics.init(registry) is AnyaMetrics.init(registry)
    assert AnyaMetrics.init(CollectorRegistry()) is not AnyaMetrics.init(registry)


def test_the_first_init_decides_what_is_global():
    """A registry of one application does not take the process's metrics away."""
    first = AnyaMetrics.init(CollectorRegistry())
    AnyaMetrics.init(CollectorRegistry())
    assert AnyaMetrics.global_() is first


def test_global_makes_itself():
    """Where nobody called `init` the metrics stand in `prometheus_client`'s own registry."""
    assert AnyaMetrics.global_().registry is REGISTRY
    assert AnyaMetrics.init() is AnyaMetrics.global_()


def test_threads_that_come_at_once_get_one():
    """Twenty first uses at the same time make the metrics once."""
    registry, found = CollectorRegistry(), []
    together = threading.Barrier(20)

    def come():
        together.wait()
        found.append(AnyaMetrics.init(registry))

    threads = [threading.Thread(target=come) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(map(id, found))) == 1


def test_a_name_that_is_taken_costs_that_metric_only(caplog):
    """The others count; the one that could not be made takes every call in silence, and one line says so."""
    registry = CollectorRegistry()
    Counter("anya_bitcoin_transactions_total", "somebody else's", registry=registry)
    metrics = AnyaMetrics(registry)
    BitcoinMetricsCollector(metrics).record_transaction("send", "w", "success", 0.2)
    metrics.bitcoin_transactions_total.labels("a").inc(exemplar={"a": "b"})
    assert registry.get_sample_value("anya_bitcoin_transactions_total") == 0
    assert registry.get_sample_value(
        "anya_bitcoin_transaction_duration_seconds_count", {"operation_type": "send"}
    ) == pytest.approx(1)
    assert "making the metric anya_bitcoin_transactions_total" in caplog.text


def test_a_wrong_registry_is_reported():
    """In tests by raising."""
    with strict(), pytest.raises(MisuseError, match="CollectorRegistry"):
        AnyaMetrics.init("registry")


def test_swapped_metrics_get_what_the_label_guard_caps():
    """`bounded_label` asks those of the process as they are now."""
    metrics = AnyaMetrics(CollectorRegistry(), label_limits={"colour": 1})
    AnyaMetrics.swap_global(metrics)
    assert [bounded_label("colour", value) for value in ("red", "blue", "red")] == ["red", "other", "red"]
    assert metrics.registry.get_sample_value("anya_label_values_capped_total", {"label": "colour"}) == 1
