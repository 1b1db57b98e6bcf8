"""Unit tests of reading the server's own registry."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Summary

from anyascope.collect.collectors.itself import read_registry
from anyascope.collect.points import PointBook
from anyascope.model.labels import labels_of
from anyascope.model.metrics import MetricType


def test_reads_every_kind() -> None:
    """Counters, gauges, histograms and summaries come with their samples' own names; creation times do not."""
    registry = CollectorRegistry()
    Counter("a_total", "A.", ["x"], registry=registry).labels(x="y").inc(3)
    Gauge("b", "B.", registry=registry).set(-1)
    Histogram("c_seconds", "C.", buckets=(1.0,), registry=registry).observe(0.5)
    Summary("d", "D.", registry=registry).observe(2)
    found = {family.name: family for family in read_registry(registry)}
    assert found["a_total"].points == [((("x", "y"),), 3.0)]
    assert found["c_seconds_bucket"].points == [((("le", "1.0"),), 1.0), ((("le", "+Inf"),), 1.0)]
    assert found["d_sum"].points == [((), 2.0)]
    assert not any(name.endswith("_created") for name in found)


def test_metadata_is_the_familys() -> None:
    """A histogram's parts share one entry of metadata, under the histogram's name."""
    registry = CollectorRegistry()
    Histogram("c_seconds", "C.", registry=registry).observe(0.5)
    Counter("a", "A.", registry=registry)
    _, batch = PointBook(labels_of({"job": "x"})).draft(read_registry(registry), time_ns=0)
    assert {(entry.metric, entry.type) for entry in batch.metadata} == {
        ("c_seconds", MetricType.HISTOGRAM),
        ("a_total", MetricType.COUNTER),
    }
