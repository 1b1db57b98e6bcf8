"""The page of metrics over ASGI and WSGI."""

from __future__ import annotations

import asyncio
import gzip

import httpx
import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace import use_span
from prometheus_client import CollectorRegistry, Counter, Gauge
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_open
from prometheus_client.parser import text_string_to_metric_families as parse_text

from anyascope.sdk.guard import MisuseError, strict
from anyascope.sdk.metrics import AnyaMetrics, metrics_app, metrics_wsgi_app, trace_exemplar

OPEN = "application/openmetrics-text;version=1.0.0;q=0.6,text/plain;version=0.0.4;q=0.4"


@pytest.fixture
def registry():
    return AnyaMetrics(CollectorRegistry()).registry


@pytest.fixture(params=["asgi", "wsgi"])
async def client(request, registry):
    transport = (
        httpx.ASGITransport(metrics_app(registry))
        if request.param == "asgi"
        else _Wsgi(httpx.WSGITransport(metrics_wsgi_app(registry)))
    )
    async with httpx.AsyncClient(transport=transport, base_url="http://t") as client:
        yield client


class _Wsgi(httpx.AsyncBaseTransport):
    def __init__(self, transport):
        self._transport = transport

    async def handle_async_request(self, request):
        await request.aread()
        answer = self._transport.handle_request(request)
        body = httpx.ByteStream(b"".join(answer.stream))  # as it is: the client unpacks it
        return httpx.Response(answer.status_code, headers=answer.headers, stream=body)


async def test_it_speaks_prometheus_text(client):
    """By default, with a type that Prometheus 3 accepts."""
    answer = await client.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert "anya_failed_auth_attempts" in {family.name for family in parse_text(answer.text)}


async def test_it_speaks_openmetrics_with_exemplars(client, registry):
    """Where the scraper prefers that."""
    with use_span(TracerProvider().get_tracer("t").start_span("s")) as span:
        Counter("traced_total", "h", registry=registry).inc(exemplar=trace_exemplar())
    answer = await client.get("/metrics", headers={"accept": OPEN})
    assert answer.headers["content-type"].startswith("application/openmetrics-text; version=1.0.0")
    families = {family.name: family for family in parse_open(answer.text)}
    (sample,) = (s for s in families["traced"].samples if s.name == "traced_total")
    assert sample.exemplar.labels["trace_id"] == f"{span.get_span_context().trace_id:032x}"


async def test_it_is_packed_where_that_is_understood(client):
    """And only there."""
    async with client.stream("GET", "/metrics", headers={"accept-encoding": "gzip"}) as packed:
        raw = b"".join([part async for part in packed.aiter_raw()])
    plain = await client.get("/metrics", headers={"accept-encoding": "identity"})
    assert packed.headers["content-encoding"] == "gzip"
    assert len(gzip.decompress(raw)) == len(plain.content)
    assert "content-encoding" not in plain.headers


async def test_it_can_be_restricted_to_names(client):
    """`name[]=` as `prometheus_client` has it."""
    answer = await client.get("/metrics", params={"name[]": ["anya_active_sessions", "anya_hsm_active_keys"]})
    assert {f.name for f in parse_text(answer.text)} == {"anya_active_sessions", "anya_hsm_active_keys"}


@pytest.mark.parametrize(("method", "status"), [("HEAD", 200), ("OPTIONS", 200), ("POST", 405), ("DELETE", 405)])
async def test_other_methods(client, method, status):
    """HEAD has no body, and what changes something is refused."""
    answer = await client.request(method, "/metrics")
    assert answer.status_code == status
    assert "allow" in answer.headers or answer.content == b""


class Broken:
    def describe(self):
        return []

    def collect(self):
        raise RuntimeError("the host's")


async def test_a_broken_collector_does_not_hide_the_others(client, registry, caplog):
    """One line tells which; the page comes."""
    registry.register(Broken())
    answer = await client.get("/metrics")
    assert answer.status_code == 200
    assert "anya_active_sessions 0.0" in answer.text
    assert "collecting from Broken" in caplog.text


@pytest.mark.parametrize("accept", ["text/plain", OPEN])
async def test_a_metric_that_cannot_be_written_does_not_hide_the_others(client, registry, accept):
    """A label with a character that no encoding has."""
    Gauge("broken", "h", ["x"], registry=registry).labels("\ud800").set(1)
    answer = await client.get("/metrics", headers={"accept": accept})
    assert answer.status_code == 200
    assert "anya_active_sessions 0.0" in answer.text
    assert "broken" not in answer.text
    assert answer.text.count("# EOF") == (accept == OPEN)
    if accept == OPEN:
        list(parse_open(answer.text))


async def test_a_slow_collector_does_not_hold_up_the_loop():
    """The page is made in a thread: what the loop does meanwhile goes on."""
    registry, began, may_end = CollectorRegistry(), asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()

    class Slow:
        def describe(self):
            return []

        def collect(self):
            loop.call_soon_threadsafe(began.set)
            asyncio.run_coroutine_threadsafe(may_end.wait(), loop).result(10)
            return []

    registry.register(Slow())
    async with httpx.AsyncClient(transport=httpx.ASGITransport(metrics_app(registry)), base_url="http://t") as client:
        asked = asyncio.ensure_future(client.get("/metrics"))
        await asyncio.wait_for(began.wait(), 60)
        may_end.set()
        assert (await asyncio.wait_for(asked, 60)).status_code == 200


async def test_it_lives_as_an_application_of_its_own():
    """A server starts and ends it, and a websocket is closed."""
    sent = []
    told = iter([{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}])

    async def receive():
        return next(told)

    async def send(message):
        sent.append(message["type"])

    await metrics_app(CollectorRegistry())({"type": "lifespan"}, receive, send)
    await metrics_app(CollectorRegistry())({"type": "websocket"}, receive, send)
    assert sent == ["lifespan.startup.complete", "lifespan.shutdown.complete", "websocket.close"]


@pytest.mark.parametrize("make", [metrics_app, metrics_wsgi_app])
def test_a_wrong_registry_is_reported(make):
    """In tests by raising."""
    with strict(), pytest.raises(MisuseError, match="CollectorRegistry"):
        make("registry")
