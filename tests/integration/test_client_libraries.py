"""Real client libraries by OpenTelemetry's own instrumentations: their calls are traced, and the correlation id goes along."""

from __future__ import annotations

import asyncio
import http.server
import socketserver
import threading
from collections.abc import Iterator
from concurrent import futures
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import celery
import grpc
import httpx
import pytest
import redis
import requests
import sqlalchemy
from opentelemetry import trace
from opentelemetry.instrumentation.celery import CeleryInstrumentor
from opentelemetry.instrumentation.grpc import (
    GrpcAioInstrumentorClient,
    GrpcAioInstrumentorServer,
    GrpcInstrumentorClient,
    GrpcInstrumentorServer,
)
from opentelemetry.instrumentation.redis import RedisInstrumentor
from opentelemetry.instrumentation.requests import RequestsInstrumentor
from opentelemetry.propagate import get_global_textmap, set_global_textmap
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind

from anyascope.sdk.correlation import correlation, current_correlation_id
from anyascope.sdk.integrations import instrument, instrument_clients
from anyascope.sdk.tracing import CorrelationProcessor

ID = "c-clients"


@pytest.fixture
def spans(monkeypatch) -> Iterator[Spans]:
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(CorrelationProcessor())
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    former = get_global_textmap()
    yield Spans(exporter, provider)
    set_global_textmap(former)
    for kind in (
        *(CeleryInstrumentor, RedisInstrumentor, RequestsInstrumentor, GrpcInstrumentorClient, GrpcInstrumentorServer),
        *(GrpcAioInstrumentorClient, GrpcAioInstrumentorServer),
    ):
        if kind().is_instrumented_by_opentelemetry:
            kind().uninstrument()


@dataclass
class Spans:
    exporter: InMemorySpanExporter
    provider: TracerProvider

    def of(self, kind: SpanKind) -> list[Any]:
        return [span for span in self.exporter.get_finished_spans() if span.kind is kind]

    def only(self, kind: SpanKind) -> Any:
        (span,) = self.of(kind)
        assert span.attributes["anya.correlation_id"] == ID
        return span


@dataclass
class Site:
    """A web server that remembers the headers it was sent."""

    url: str
    headers: list[dict[str, str]] = field(default_factory=list)


@pytest.fixture
def site() -> Iterator[Site]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            # A connection that is closed with something unread is reset, and the client may lose its answer.
            self.rfile.read(int(self.headers.get("content-length", 0)))
            found.headers.append({name.lower(): value for name, value in self.headers.items()})
            self.send_response(200)
            self.send_header("content-length", "0")
            self.end_headers()

        do_POST = do_GET  # noqa: N815  # the name that http.server asks for

        def log_message(self, *args: Any) -> None:
            """Say nothing."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    found = Site(f"http://127.0.0.1:{server.server_port}/")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    yield found
    server.shutdown()
    server.server_close()
    thread.join()


def carried(site: Site, spans: Spans) -> None:
    """The one request that was made carries the id and the trace of its client's span."""
    (headers,) = site.headers
    assert headers["x-correlation-id"] == ID
    assert headers["traceparent"].split("-")[1] == f"{spans.only(SpanKind.CLIENT).context.trace_id:032x}"


def test_httpx_carries_the_id(spans, site):
    """A request of an instrumented client is a span and carries trace and correlation id."""
    with httpx.Client(trust_env=False) as client:
        assert instrument(client, tracer_provider=spans.provider) is client
        instrument(client, tracer_provider=spans.provider)
        with correlation(ID):
            client.get(site.url)
    carried(site, spans)


async def test_asynchronous_httpx_carries_the_id(spans, site):
    """So does one of an `AsyncClient`."""
    async with httpx.AsyncClient(trust_env=False) as client:
        instrument(client, tracer_provider=spans.provider)
        with correlation(ID):
            await client.get(site.url)
    carried(site, spans)


def test_requests_carries_the_id(spans, site):
    """So does one of `requests`."""
    with requests.Session() as session:
        session.trust_env = False
        assert instrument(session, tracer_provider=spans.provider) is session
        with correlation(ID):
            session.get(site.url, timeout=60)
    carried(site, spans)


async def test_aiohttp_carries_the_id(spans, site):
    """So does one of an `aiohttp.ClientSession`, however often it was instrumented."""
    async with aiohttp.ClientSession() as session:
        instrument(instrument(session, tracer_provider=spans.provider), tracer_provider=spans.provider)
        with correlation(ID):
            async with session.get(site.url):
                pass
    carried(site, spans)


def test_sqlalchemy_traces_statements_without_values(spans):
    """A statement is a span; what is bound to it is not written."""
    engine = instrument(sqlalchemy.create_engine("sqlite://"), tracer_provider=spans.provider)
    instrument(engine, tracer_provider=spans.provider)
    with correlation(ID), engine.connect() as connection:
        assert connection.execute(sqlalchemy.text("select :amount"), {"amount": 987_654_321}).scalar() == 987_654_321
    statements = [span for span in spans.of(SpanKind.CLIENT) if span.name.startswith("select")]
    assert len(statements) == 1
    assert "987654321" not in statements[0].to_json()
    assert statements[0].attributes["anya.correlation_id"] == ID


class _Redis(socketserver.StreamRequestHandler):
    """Speaks enough of RESP to store and give texts."""

    def handle(self) -> None:
        while line := self.rfile.readline():
            words = [self._word() for _ in range(int(line[1:]))]
            self.wfile.write(self._answer(words))

    def _word(self) -> bytes:
        length = int(self.rfile.readline()[1:])
        return self.rfile.read(length + 2)[:-2]

    def _answer(self, words: list[bytes]) -> bytes:
        stored: dict[bytes, bytes] = self.server.stored  # type: ignore[attr-defined]
        match words[0].upper():
            case b"SET":
                stored[words[1]] = words[2]
                return b"+OK\r\n"
            case b"GET":
                return b"$%d\r\n%s\r\n" % (len(stored[words[1]]), stored[words[1]])
        return b"+OK\r\n"


@pytest.fixture
def redis_port() -> Iterator[int]:
    server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), _Redis)
    server.daemon_threads = True
    server.stored = {}  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    yield server.server_address[1]
    server.shutdown()
    server.server_close()
    thread.join()


def test_redis_traces_commands_without_values(spans, redis_port):
    """A command is a span; the value is not written."""
    client = redis.Redis(port=redis_port, protocol=2, decode_responses=True)
    assert instrument(client, tracer_provider=spans.provider) is client
    instrument(client, tracer_provider=spans.provider)
    with correlation(ID):
        client.set("balance", "987654321")
        assert client.get("balance") == "987654321"
    client.close()
    names = [span.name for span in spans.of(SpanKind.CLIENT)]
    assert names.count("SET") == 1
    assert names.count("GET") == 1
    assert all("987654321" not in span.to_json() for span in spans.of(SpanKind.CLIENT))


def test_celery_carries_the_id_to_the_task(spans):
    """A task that runs in a worker is in the trace of its sender and under its id."""
    app = celery.Celery("t", broker="memory://", backend="cache+memory://")
    seen: list[tuple[str, int]] = []

    @app.task(name="sign")
    def sign() -> None:
        seen.append((current_correlation_id(), trace.get_current_span().get_span_context().trace_id))

    instrument(app, tracer_provider=spans.provider)
    instrument(app, tracer_provider=spans.provider)
    from celery.contrib.testing.worker import start_worker

    with start_worker(app, perform_ping_check=False, pool="solo", shutdown_timeout=60):
        with correlation(ID), spans.provider.get_tracer("t").start_as_current_span("request") as outside:
            result = sign.delay()
        result.get(timeout=60)
    assert seen == [(ID, outside.get_span_context().trace_id)]
    assert spans.only(SpanKind.PRODUCER).name == "apply_async/sign"
    assert spans.only(SpanKind.CONSUMER).name == "run/sign"


def _echo(request: bytes, context: Any) -> bytes:
    _ = request, context
    return current_correlation_id().encode()


def _handlers() -> Any:
    return grpc.method_handlers_generic_handler("Signer", {"Sign": grpc.unary_unary_rpc_method_handler(_echo)})


def test_grpc_carries_the_id_to_the_server(spans):
    """The handler works under the caller's id, within a server span."""
    assert instrument_clients("grpc", tracer_provider=spans.provider) == ("grpc",)
    server = grpc.server(futures.ThreadPoolExecutor(1), handlers=(_handlers(),))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        with grpc.insecure_channel(f"127.0.0.1:{port}") as channel, correlation(ID):
            assert channel.unary_unary("/Signer/Sign")(b"", timeout=60) == ID.encode()
    finally:
        server.stop(0).wait()
    assert spans.only(SpanKind.SERVER).attributes["rpc.method"] == "Sign"


async def test_asynchronous_grpc_carries_the_id_to_the_server(spans):
    """So it does with `grpc.aio`."""
    instrument_clients("grpc", tracer_provider=spans.provider)

    async def echo(request: bytes, context: Any) -> bytes:
        return _echo(request, context)

    server = grpc.aio.server()
    server.add_generic_rpc_handlers(
        (grpc.method_handlers_generic_handler("Signer", {"Sign": grpc.unary_unary_rpc_method_handler(echo)}),)
    )
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            with correlation(ID):
                assert await channel.unary_unary("/Signer/Sign")(b"", timeout=60) == ID.encode()
    finally:
        await server.stop(0)
    assert spans.only(SpanKind.CLIENT).context.trace_id == spans.only(SpanKind.SERVER).context.trace_id


def test_one_grpc_channel_carries_the_id(spans):
    """`instrument(channel)` gives a channel whose calls are traced and carry the id."""
    sent: list[dict[str, str]] = []

    def noting(request: bytes, context: Any) -> bytes:
        sent.append(dict(context.invocation_metadata()))
        return request

    handlers = grpc.method_handlers_generic_handler("Signer", {"Sign": grpc.unary_unary_rpc_method_handler(noting)})
    server = grpc.server(futures.ThreadPoolExecutor(1), handlers=(handlers,))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        with grpc.insecure_channel(f"127.0.0.1:{port}") as plain, correlation(ID):
            channel = instrument(instrument(plain, tracer_provider=spans.provider), tracer_provider=spans.provider)
            channel.unary_unary("/Signer/Sign")(b"", timeout=60)
    finally:
        server.stop(0).wait()
    assert sent[0]["x-correlation-id"] == ID
    spans.only(SpanKind.CLIENT)


def test_what_is_installed_is_instrumented_by_one_call(spans):
    """Without names, every library of the environment that can be traced is."""
    done = instrument_clients(tracer_provider=spans.provider)
    try:
        assert set(done) == {"aiohttp", "celery", "grpc", "httpx", "redis", "requests", "sqlalchemy"}
        assert instrument_clients(tracer_provider=spans.provider) == done
        with correlation(ID), sqlalchemy.create_engine("sqlite://").connect() as connection:
            connection.execute(sqlalchemy.text("select 1"))
        assert [span.name for span in spans.of(SpanKind.CLIENT)].count("select") == 1
    finally:
        from opentelemetry.instrumentation.aiohttp_client import AioHttpClientInstrumentor
        from opentelemetry.instrumentation.httpx import HTTPXClientInstrumentor
        from opentelemetry.instrumentation.sqlalchemy import SQLAlchemyInstrumentor

        for kind in (AioHttpClientInstrumentor, HTTPXClientInstrumentor, SQLAlchemyInstrumentor):
            kind().uninstrument()


def test_exporters_are_not_traced(spans, site):
    """What sends telemetry away is no operation of the host: it would be telemetry about telemetry, without end."""
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    instrument_clients("requests", tracer_provider=spans.provider)
    processor = BatchSpanProcessor(OTLPSpanExporter(f"{site.url}v1/traces"))
    spans.provider.add_span_processor(processor)
    with spans.provider.get_tracer("t").start_as_current_span("work"):
        pass
    processor.force_flush()
    processor.shutdown()
    assert len(site.headers) == 1
    assert spans.of(SpanKind.CLIENT) == []


@pytest.fixture(autouse=True)
def _own_loop() -> Iterator[None]:
    """grpc.aio keeps the loop of its first use: each test gets what it finds."""
    yield
    asyncio.set_event_loop_policy(None)
