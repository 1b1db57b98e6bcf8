"""The server's own metrics, read from its registry without a request."""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client import CollectorRegistry
from prometheus_client.metrics_core import Metric

from anyascope.collect.points import Family
from anyascope.model.metrics import MetricType

_TYPES = {
    "counter": MetricType.COUNTER,
    "gauge": MetricType.GAUGE,
    "histogram": MetricType.HISTOGRAM,
    "gaugehistogram": MetricType.GAUGE_HISTOGRAM,
    "summary": MetricType.SUMMARY,
    "info": MetricType.INFO,
    "stateset": MetricType.STATESET,
}
_CREATED = "_created"  # the client's own bookkeeping of when a counter began: twice the series for nothing


def read_registry(registry: CollectorRegistry) -> list[Family]:
    """Everything that the registry holds, one entry a sample name."""
    return registry_families(registry.collect())


def registry_families(metrics: Iterable[Metric]) -> list[Family]:
    """The same of metrics at hand."""
    families: list[Family] = []
    for metric in metrics:
        kind = _TYPES.get(metric.type, MetricType.UNKNOWN)
        name = f"{metric.name}_total" if metric.type == "counter" else metric.name
        parts: dict[str, Family] = {}
        for sample in metric.samples:
            if sample.name.endswith(_CREATED) and sample.name != metric.name:
                continue
            part = parts.setdefault(sample.name, Family(sample.name, kind, metric.documentation, family=name))
            part.points.append((tuple(sample.labels.items()), float(sample.value)))
        families += parts.values()
    return families
