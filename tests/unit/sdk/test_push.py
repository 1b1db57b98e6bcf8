"""prometheus_client's metrics as OTLP."""

from __future__ import annotations

from opentelemetry.sdk.resources import Resource
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Summary

from anyascope.sdk.push import encode_registry


def encoded(registry):
    request = encode_registry(registry.collect(), resource=Resource({"service.name": "s"}), start_ns=1, now_ns=2)
    return {metric.name: metric for metric in request.resource_metrics[0].scope_metrics[0].metrics}


def test_a_counter_is_a_monotonic_cumulative_sum():
    """The name stands without `_total`, which the receiver adds."""
    registry = CollectorRegistry()
    Counter("sent_total", "h", ["to"], registry=registry).labels("x").inc(3)
    metric = encoded(registry)["sent"]
    assert metric.sum.is_monotonic
    assert metric.sum.aggregation_temporality == 2
    (point,) = metric.sum.data_points
    assert point.as_double == 3
    assert point.start_time_unix_nano == 1
    assert point.attributes[0].key == "to"


def test_a_histogram_has_counts_a_bucket():
    """Cumulative `le` counts become one count a bucket, the last one beyond the last bound."""
    registry = CollectorRegistry()
    histogram = Histogram("took_seconds", "h", buckets=(1, 2), registry=registry)
    for value in (0.5, 1.5, 1.7, 9):
        histogram.observe(value)
    (point,) = encoded(registry)["took_seconds"].histogram.data_points
    assert list(point.explicit_bounds) == [1, 2]
    assert list(point.bucket_counts) == [1, 2, 1]
    assert point.count == 4
    assert point.sum == 12.7


def test_gauges_and_summaries_stay_what_they_are():
    """A gauge is a gauge point, a summary has count and sum."""
    registry = CollectorRegistry()
    Gauge("height", "h", registry=registry).set(7)
    Summary("size", "h", registry=registry).observe(4)
    metrics = encoded(registry)
    assert metrics["height"].gauge.data_points[0].as_double == 7
    assert metrics["size"].summary.data_points[0].count == 1
    assert metrics["size"].summary.data_points[0].sum == 4
