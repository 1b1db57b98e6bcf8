"""OpenTelemetry's own SDK sends to a real server; what it meant can be read from the store."""

from __future__ import annotations

import asyncio
import logging
import socket
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any

import grpc
import pytest
import uvicorn
from opentelemetry._logs import SeverityNumber
from opentelemetry.exporter.otlp.proto.grpc._log_exporter import OTLPLogExporter as GrpcLogs
from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter as GrpcMetrics
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as GrpcSpans
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter as HttpLogs
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter as HttpMetrics
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as HttpSpans
from opentelemetry.sdk._logs import LoggerProvider, LoggingHandler
from opentelemetry.sdk._logs.export import SimpleLogRecordProcessor
from opentelemetry.sdk.metrics import Counter, Histogram, MeterProvider
from opentelemetry.sdk.metrics.export import AggregationTemporality, InMemoryMetricReader, MetricExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.trace import SpanKind, Status, StatusCode
from prometheus_client import CollectorRegistry
from starlette.applications import Starlette

from anyascope.clock import SystemClock
from anyascope.errors import UnavailableError
from anyascope.model.labels import Matcher, MatchOp
from anyascope.store.api.logs import EVERYTHING, LogQuery
from anyascope.store.api.metrics import Selection
from anyascope.store.api.spans import TraceQuery
from anyascope.store.memory.store import MemoryStore
from support.receiving import start_receiving

FOREVER_NS = 2**62
RESOURCE = Resource.create({"service.name": "custody", "service.instance.id": "c-1", "deployment.environment": "test"})


@dataclass
class Server:
    store: MemoryStore
    http: str
    grpc: str


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    clock, registry = SystemClock(), CollectorRegistry()
    store = MemoryStore(clock=clock)
    ingest, receive = await start_receiving(store, clock=clock, registry=registry)
    bound = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(Starlette(routes=receive.routes()), lifespan="off", log_level="error")
    http = uvicorn.Server(config)
    task = asyncio.create_task(http.serve(sockets=[bound]))
    port = await receive.listener("otlp_grpc").start("127.0.0.1", 0)
    yield Server(store, f"http://127.0.0.1:{bound.getsockname()[1]}", f"127.0.0.1:{port}")
    await receive.listener("otlp_grpc").stop(0)
    http.should_exit = True
    await asyncio.wait_for(task, 60)
    await ingest.drain()
    await store.close()


ROADS = ("http", "http-gzip", "grpc", "grpc-gzip")


def exporter(road: str, signal: str, server: Server, **more: Any) -> Any:
    """The SDK's exporter of a signal for one of the roads."""
    if road.startswith("grpc"):
        packing = grpc.Compression.Gzip if road.endswith("gzip") else None
        kinds: dict[str, Any] = {"logs": GrpcLogs, "traces": GrpcSpans, "metrics": GrpcMetrics}
        return kinds[signal](endpoint=server.grpc, insecure=True, compression=packing, **more)
    packed = Compression.Gzip if road.endswith("gzip") else Compression.NoCompression
    kinds = {"logs": HttpLogs, "traces": HttpSpans, "metrics": HttpMetrics}
    return kinds[signal](endpoint=f"{server.http}/v1/{signal}", compression=packed, **more)


async def samples(server: Server, metric: str) -> list[tuple[dict[str, str], list[float]]]:
    """Labels and values of a metric's series."""
    matcher = Matcher("__name__", MatchOp.EQUAL, metric)
    frame = await server.store.metrics.select(Selection((matcher,), start_ms=0, end_ms=2**53))
    return [
        (dict(labels), frame.values[frame.offsets[row] : frame.offsets[row + 1]].tolist())
        for row, labels in enumerate(frame.labels)
    ]


@pytest.mark.parametrize("road", ROADS)
async def test_spans_of_the_sdk(server: Server, road: str) -> None:
    """A trace of two spans, an exception and a link is found by its service and comes out whole."""

    def work() -> None:
        provider = TracerProvider(resource=RESOURCE)
        provider.add_span_processor(SimpleSpanProcessor(exporter(road, "traces", server)))
        tracer = provider.get_tracer("custody.signing", "1.2")
        with tracer.start_as_current_span("POST /sign", kind=SpanKind.SERVER) as parent:
            parent.set_attribute("anya.correlation_id", "order-7")
            with tracer.start_as_current_span("C_Sign", attributes={"user_pin": "123456"}) as child:
                child.add_event("retry", {"n": 2})
                child.set_status(Status(StatusCode.ERROR, "CKR_DEVICE_ERROR"))
        provider.shutdown()

    await asyncio.to_thread(work)
    found = await server.store.spans.find_traces(TraceQuery(0, FOREVER_NS, service="custody"))
    child, parent = sorted(await server.store.spans.spans_of(found), key=lambda span: span.name)
    assert (parent.name, parent.kind, parent.correlation_id, parent.parent_id) == ("POST /sign", 2, "order-7", b"")
    assert (child.parent_id, child.status, child.status_message) == (parent.span_id, 2, "CKR_DEVICE_ERROR")
    assert [(event.name, event.attributes) for event in child.events] == [("retry", {"n": 2})]
    assert child.attributes == {"user_pin": "<redacted:name>"}
    assert (child.scope.name, child.scope.version) == ("custody.signing", "1.2")
    assert child.resource.attributes["service.instance.id"] == "c-1"


@pytest.mark.filterwarnings("ignore:`LoggingHandler`:DeprecationWarning")
@pytest.mark.parametrize("road", ROADS)
async def test_logs_of_the_sdk(server: Server, road: str) -> None:
    """Python's logging through the SDK: severity, attributes, and secrets that are gone."""

    def work() -> None:
        provider = LoggerProvider(resource=RESOURCE)
        provider.add_log_record_processor(SimpleLogRecordProcessor(exporter(road, "logs", server)))
        logger = logging.getLogger(f"custody.{road}")
        logger.propagate = False
        logger.setLevel(logging.INFO)
        logger.addHandler(LoggingHandler(logger_provider=provider))
        logger.error("signing failed, password=%s", "hunter2", extra={"wallet": "cold-1"})
        provider.shutdown()

    await asyncio.to_thread(work)
    page = await server.store.logs.search(LogQuery(EVERYTHING, 0, FOREVER_NS))
    (record,) = page.records
    assert record.body == "signing failed, password=<redacted:password>"
    assert record.severity_number == SeverityNumber.ERROR.value
    assert record.attributes["wallet"] == "cold-1"
    assert record.resource.service == "custody"


@pytest.mark.parametrize("road", ROADS)
@pytest.mark.parametrize("temporality", list(AggregationTemporality)[1:])
async def test_metrics_of_the_sdk(server: Server, road: str, temporality: AggregationTemporality) -> None:
    """Counters and histograms add up to the same, whether they are sent as totals or as increments."""

    def work() -> None:
        preferred: dict[type, Any] = {Counter: temporality, Histogram: temporality}
        reader = InMemoryMetricReader(preferred_temporality=preferred)
        provider = MeterProvider([reader], resource=RESOURCE)
        meter = provider.get_meter("custody")
        counter = meter.create_counter("signatures", unit="{signature}")
        histogram = meter.create_histogram("latency", unit="ms")
        gauge = meter.create_up_down_counter("queue.depth")
        sender: MetricExporter = exporter(road, "metrics", server)
        for _ in range(3):
            counter.add(5, {"wallet": "cold-1"})
            histogram.record(7)
            gauge.add(-1)
            data = reader.get_metrics_data()
            assert data is not None
            sender.export(data)
            time.sleep(0.002)  # of two samples of one millisecond the later one is kept
        provider.shutdown()
        sender.shutdown()

    await asyncio.to_thread(work)
    ((labels, totals),) = await samples(server, "signatures_total")
    assert labels == {
        "__name__": "signatures_total",
        "job": "custody",
        "instance": "c-1",
        "wallet": "cold-1",
        "otel_scope_name": "custody",
    }
    assert totals == [5, 10, 15]
    ((_, counts),) = await samples(server, "latency_milliseconds_count")
    assert counts == [1, 2, 3]
    buckets = {labels["le"]: values for labels, values in await samples(server, "latency_milliseconds_bucket")}
    assert buckets["5"] == [0, 0, 0]
    assert buckets["10"] == buckets["+Inf"] == [1, 2, 3]
    ((_, depths),) = await samples(server, "queue_depth")
    assert depths == [-1, -2, -3]
    ((info, _),) = await samples(server, "target_info")
    assert info["deployment_environment"] == "test"


async def test_the_sdk_retries_what_was_turned_away(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """A 503 with `Retry-After` is understood: the SDK comes back, and nothing is lost."""
    write: Callable[..., Any] = server.store.spans.write_spans
    refusals = iter([True, False])

    async def sometimes(batches: Any, *, token: str = "") -> None:
        if next(refusals, False):
            raise UnavailableError("disk full", retry_after_s=1)
        await write(batches, token=token)

    monkeypatch.setattr(server.store.spans, "write_spans", sometimes)

    def work() -> None:
        provider = TracerProvider(resource=RESOURCE)
        provider.add_span_processor(SimpleSpanProcessor(exporter("http", "traces", server)))
        with provider.get_tracer("t").start_as_current_span("sign"):
            pass
        provider.shutdown()

    await asyncio.to_thread(work)
    assert await server.store.spans.services() == ["custody"]
