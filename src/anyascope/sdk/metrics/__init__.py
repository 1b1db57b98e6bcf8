"""What a service counts and measures, on `prometheus_client`: 19 metrics of a custody platform, scraped or pushed by OTLP.

metrics = AnyaMetrics.init()
BitcoinMetricsCollector().record_transaction("send", "hot-1", "success", 0.42, amount_sats=50_000)
app.mount("/metrics", metrics_app())
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from anyascope.sdk.metrics.collectors import BitcoinMetricsCollector, HsmMetricsCollector, SystemMetricsCollector
from anyascope.sdk.metrics.exemplars import trace_exemplar
from anyascope.sdk.metrics.pages import metrics_app, metrics_wsgi_app
from anyascope.sdk.metrics.registry import AnyaMetrics, bounded_label
from anyascope.sdk.metrics.timer import MetricsTimer

if TYPE_CHECKING:
    from anyascope.sdk.metrics.push import MetricsPush as MetricsPush
    from anyascope.sdk.metrics.push import push_metrics

__all__ = [
    "AnyaMetrics",
    "BitcoinMetricsCollector",
    "HsmMetricsCollector",
    "MetricsTimer",
    "SystemMetricsCollector",
    "bounded_label",
    "metrics_app",
    "metrics_wsgi_app",
    "push_metrics",
    "trace_exemplar",
]


def __getattr__(name: str) -> Any:
    if name not in ("MetricsPush", "push_metrics"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from anyascope.sdk.metrics import push  # noqa: PLC0415  # protobuf and the network load where metrics are pushed

    return getattr(push, name)
