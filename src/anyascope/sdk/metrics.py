"""HTTP metrics of a service as `prometheus_client` objects, and the page that a Prometheus scrapes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from opentelemetry import trace
from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge, Histogram, make_asgi_app

DURATION_BUCKETS_S = (0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0)


@dataclass(frozen=True, slots=True)
class HttpMetrics:
    """What every web service of a custody platform counts."""

    requests: Counter
    duration: Histogram
    active: Gauge


_known: dict[int, HttpMetrics] = {}


def http_metrics(registry: CollectorRegistry = REGISTRY) -> HttpMetrics:
    """The HTTP metrics of this registry, made at the first call."""
    found = _known.get(id(registry))
    if found is None:
        found = _known[id(registry)] = HttpMetrics(
            requests=Counter(
                "anya_http_requests_total",
                "HTTP requests by method, route and status.",
                ["method", "endpoint", "status_code"],
                registry=registry,
            ),
            duration=Histogram(
                "anya_http_request_duration_seconds",
                "Time from a request's first byte to its answer's last.",
                ["method", "endpoint"],
                buckets=DURATION_BUCKETS_S,
                registry=registry,
            ),
            active=Gauge("anya_http_active_connections", "HTTP requests that are being served.", registry=registry),
        )
    return found


def trace_exemplar() -> dict[str, str] | None:
    """The current trace as an exemplar's labels; None outside of a sampled one."""
    context = trace.get_current_span().get_span_context()
    if not context.is_valid or not context.trace_flags.sampled:
        return None
    return {"trace_id": f"{context.trace_id:032x}", "span_id": f"{context.span_id:016x}"}


def metrics_app(registry: CollectorRegistry = REGISTRY) -> Callable[..., Awaitable[Any]]:
    """What answers a scrape, as an ASGI application to mount at `/metrics`."""
    application: Callable[..., Awaitable[Any]] = make_asgi_app(registry)
    return application
