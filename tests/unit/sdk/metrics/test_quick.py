"""The quick way to a child and an exemplar gives what `prometheus_client`'s own way gives."""

from __future__ import annotations

import pytest
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from anyascope.sdk.metrics import AnyaMetrics
from anyascope.sdk.metrics.quick import count, counter_of, gauge_of, histogram_of, observe
from anyascope.sdk.metrics.recording import count_transaction
from anyascope.sdk.metrics.silent import SilentMetric

POINTER = {"trace_id": "1" * 32, "span_id": "2" * 16}


def samples(registry):
    """All that a scrape tells but the times."""
    return [
        (sample.name, sample.labels, sample.value, sample.exemplar and (sample.exemplar.labels, sample.exemplar.value))
        for family in registry.collect()
        for sample in family.samples
        if not sample.name.endswith("_created")
    ]


def metrics_in(registry):
    return (
        Counter("c", "c", ["a", "b"], registry=registry),
        Histogram("h", "h", ["a"], buckets=(0.1, 1), registry=registry),
        Gauge("g", "g", ["a"], registry=registry),
    )


@pytest.mark.parametrize("pointer", [POINTER, {}, None])
def test_it_counts_and_observes_as_the_library_does(pointer):
    """Below, on and beyond each bound."""
    ours, theirs = CollectorRegistry(), CollectorRegistry()
    counter, histogram, gauge = metrics_in(ours)
    for seconds in (0.0, 0.1, 0.100001, 1, 1.5, float("inf")):
        count(counter_of(counter, "x", "y"), pointer)
        observe(histogram_of(histogram, "x"), seconds, pointer)
        gauge_of(gauge, "x").inc(seconds)
    counter, histogram, gauge = metrics_in(theirs)
    for seconds in (0.0, 0.1, 0.100001, 1, 1.5, float("inf")):
        counter.labels("x", "y").inc(exemplar=pointer)
        histogram.labels("x").observe(seconds, pointer)
        gauge.labels("x").inc(seconds)
    assert samples(ours) == samples(theirs)


def test_a_child_that_the_host_removed_is_made_anew():
    """Nothing is counted where nobody looks."""
    registry = CollectorRegistry()
    counter, _, _ = metrics_in(registry)
    count(counter_of(counter, "x", "y"), None)
    counter.remove("x", "y")
    count(counter_of(counter, "x", "y"), None)
    counter.clear()
    count(counter_of(counter, "x", "y"), POINTER)
    assert registry.get_sample_value("c_total", {"a": "x", "b": "y"}) == 1


def test_what_only_looks_like_a_metric_is_asked_as_always():
    """The silent one, and one of the host's own."""
    told = []

    class Own:
        def labels(self, *labels):
            told.append(labels)
            return self

        def inc(self, amount=1, exemplar=None):
            told.append((amount, exemplar))

        def observe(self, amount, exemplar=None):
            told.append((amount, exemplar))

    count(counter_of(Own(), "x"), POINTER)
    observe(histogram_of(Own(), "x"), 2.0, POINTER)
    assert told == [("x",), (1, POINTER), ("x",), (2.0, POINTER)]
    count(counter_of(SilentMetric(), "x"), POINTER)
    observe(histogram_of(SilentMetric(), "x"), 2.0, POINTER)


def test_an_operation_of_unknown_duration_and_amount_counts():
    """And nothing else is said of it."""
    metrics = AnyaMetrics(CollectorRegistry())
    count_transaction(metrics, "send", "w", "success", None, None, None)
    found = {name for name, _, value, _ in samples(metrics.registry) if name.startswith("anya_bitcoin") and value}
    assert found == {"anya_bitcoin_transactions_total"}
