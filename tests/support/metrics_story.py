"""One day of a custody service, told to all 19 metrics, and what a page of it says."""

from __future__ import annotations

from pathlib import Path

from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace import SpanContext, use_span
from prometheus_client.parser import text_string_to_metric_families

from anyascope.sdk.correlation import correlation
from anyascope.sdk.metrics import AnyaMetrics, BitcoinMetricsCollector, HsmMetricsCollector, SystemMetricsCollector

GOLDEN = Path(__file__).resolve().parents[1] / "golden" / "sdk" / "metrics.txt"
CORRELATION_ID = "7d444840-9dc0-11d1-b245-5ffdce74fad2"

Place = tuple[str, tuple[tuple[str, str], ...]]


def tell(metrics: AnyaMetrics) -> SpanContext:
    """Record the day; the span under which the first withdrawal was counted."""
    bitcoin, hsm, system = (
        BitcoinMetricsCollector(metrics),
        HsmMetricsCollector(metrics),
        SystemMetricsCollector(metrics),
    )
    span = TracerProvider().get_tracer("story").start_span("withdrawal")
    with use_span(span, end_on_exit=True), correlation(CORRELATION_ID):
        bitcoin.record_transaction("send", "hot-1", "success", 0.42, amount_sats=50_000)
        hsm.record_operation("sign", "softhsm", "success", 0.003)
    bitcoin.record_transaction("receive", "hot-1", "success", 0.02, amount_sats=2_099_999_999_999_999)
    bitcoin.record_transaction("send", "cold-1", "error", 30.0, amount_sats=7)
    bitcoin.update_blockchain_state(840_000, 12_345)
    hsm.record_operation("sign", "softhsm", "PinLocked", 2.0)
    hsm.update_active_keys(5)
    for status, took_s in (("200", 0.0005), ("200", 0.04), ("404", 0.2), ("500", 7.0)):
        metrics.http_requests_total.labels("GET", "/wallets/{wallet_id}", status).inc()
        metrics.http_request_duration.labels("GET", "/wallets/{wallet_id}").observe(took_s)
    metrics.http_active_connections.inc(3)
    metrics.http_active_connections.dec()
    system.update_system_resources(1_234_567_890, 37.5)
    system.update_component_health("hsm", "slot-0", True)
    system.update_component_health("node", "eu-1", 0.5)
    system.update_system_health_score(0.75)
    metrics.security_events_total.labels("authentication_failed", "medium", "api").inc(2)
    metrics.failed_auth_attempts.inc(2)
    metrics.active_sessions.inc(4)
    return span.get_span_context()


def samples_of(page: str) -> dict[Place, float]:
    """Name and labels -> value of each sample of a page in Prometheus' text format, without times of creation."""
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(page)
        for sample in family.samples
        if not sample.name.endswith("_created")
    }


def told_samples() -> dict[Place, float]:
    """What every reader must see of the day."""
    return samples_of(GOLDEN.read_text())


def told_metadata() -> dict[str, tuple[str, str]]:
    """Family -> type and help."""
    found: dict[str, tuple[str, str]] = {}
    help_text = ""
    for line in GOLDEN.read_text().splitlines():
        if line.startswith("# TYPE"):
            _, _, name, kind = line.split()
            found[name] = (kind, help_text)
        elif line.startswith("# HELP"):
            help_text = line.split(maxsplit=3)[3]
    return found
