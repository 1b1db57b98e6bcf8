"""What a service counts and measures, on `prometheus_client`: 19 metrics of a custody platform, scraped or pushed by OTLP.

metrics = AnyaMetrics.init()
BitcoinMetricsCollector().record_transaction("send", "hot-1", "success", 0.42, amount_sats=50_000)
app.mount("/metrics", metrics_app())
"""

from anyascope.sdk.metrics.collectors import BitcoinMetricsCollector, HsmMetricsCollector, SystemMetricsCollector
from anyascope.sdk.metrics.exemplars import trace_exemplar
from anyascope.sdk.metrics.pages import metrics_app, metrics_wsgi_app
from anyascope.sdk.metrics.registry import AnyaMetrics, bounded_label
from anyascope.sdk.metrics.timer import MetricsTimer

__all__ = [
    "AnyaMetrics",
    "BitcoinMetricsCollector",
    "HsmMetricsCollector",
    "MetricsTimer",
    "SystemMetricsCollector",
    "bounded_label",
    "metrics_app",
    "metrics_wsgi_app",
    "trace_exemplar",
]
