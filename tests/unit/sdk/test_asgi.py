"""One middleware traces, measures and correlates."""

from __future__ import annotations

import httpx
import pytest
from fastapi import FastAPI
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from prometheus_client import CollectorRegistry

from anyascope.sdk.integrations.asgi import TelemetryMiddleware
from anyascope.sdk.tracing import CorrelationProcessor


@pytest.fixture
def house(monkeypatch):
    """An application behind the middleware: its client, spans and registry."""
    spans = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(CorrelationProcessor())
    provider.add_span_processor(SimpleSpanProcessor(spans))
    monkeypatch.setattr(trace, "get_tracer", provider.get_tracer)
    registry = CollectorRegistry()
    app = FastAPI()

    @app.get("/wallets/{wallet_id}")
    async def wallet(wallet_id: str):
        if wallet_id == "broken":
            raise RuntimeError("no")
        return {"id": wallet_id}

    client = httpx.AsyncClient(
        transport=httpx.ASGITransport(TelemetryMiddleware(app, registry=registry), raise_app_exceptions=False),
        base_url="http://t",
    )
    return client, spans, registry


async def test_a_request_is_a_span_with_its_route(house):
    """The span is named by method and route template and follows the caller's trace."""
    client, spans, _ = house
    caller = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    answer = await client.get("/wallets/w1", headers={"traceparent": caller, "x-correlation-id": "c-9"})
    (span,) = spans.get_finished_spans()
    assert span.name == "GET /wallets/{wallet_id}"
    assert f"{span.context.trace_id:032x}" == "0af7651916cd43dd8448eb211c80319c"
    assert span.attributes["http.response.status_code"] == 200
    assert span.attributes["anya.correlation_id"] == "c-9"
    assert answer.headers["x-correlation-id"] == "c-9"


async def test_a_span_outside_is_the_parent(house):
    """Where something outside of the middleware has begun a span, ours joins its trace."""
    client, spans, _ = house
    with trace.get_tracer("outside").start_as_current_span("outside") as outside:
        await client.get("/wallets/w1")
    span = next(span for span in spans.get_finished_spans() if span.name != "outside")
    assert span.parent.span_id == outside.get_span_context().span_id


async def test_requests_are_counted_by_route(house):
    """Counter, histogram and gauge carry the template, never the path."""
    client, _, registry = house
    for wallet in ("a", "b"):
        await client.get(f"/wallets/{wallet}")
    await client.get("/nowhere/1")
    labels = {"method": "GET", "endpoint": "/wallets/{wallet_id}"}
    assert registry.get_sample_value("anya_http_requests_total", {**labels, "status_code": "200"}) == 2
    assert registry.get_sample_value("anya_http_request_duration_seconds_count", labels) == 2
    unmatched = {"method": "GET", "endpoint": "unmatched", "status_code": "404"}
    assert registry.get_sample_value("anya_http_requests_total", unmatched) == 1
    assert registry.get_sample_value("anya_http_active_connections") == 0


async def test_a_failure_is_an_error_span(house):
    """An exception of the application passes through and its span says so."""
    client, spans, registry = house
    answer = await client.get("/wallets/broken")
    assert answer.status_code == 500
    (span,) = spans.get_finished_spans()
    assert span.status.status_code.name == "ERROR"
    assert registry.get_sample_value("anya_http_active_connections") == 0


async def test_a_hostile_header_does_no_harm(house):
    """A broken traceparent starts a new trace, a hostile correlation id is replaced."""
    client, spans, _ = house
    answer = await client.get("/wallets/w", headers={"traceparent": "rubbish", "x-correlation-id": "x" * 500})
    assert answer.status_code == 200
    assert len(answer.headers["x-correlation-id"]) == 36
    assert len(spans.get_finished_spans()) == 1
