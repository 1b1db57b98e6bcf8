"""OpenTelemetry's processors on our queues."""

from __future__ import annotations

import time

import pytest
from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter, LogRecordExportResult
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF

from anyascope.sdk import delivery
from anyascope.sdk.delivery import (
    Format,
    Target,
    backlog,
    batch_log_processor,
    batch_span_processor,
    delivery_stats,
    door_log_exporter,
    door_span_exporter,
    open_door,
    processors,
)
from anyascope.sdk.redaction import redacting

pytestmark = pytest.mark.usefixtures("fresh")


class Kept(SpanExporter):
    """Keeps spans, or fails."""

    def __init__(self, result=SpanExportResult.SUCCESS):
        self.spans = []
        self.result = result
        self.is_shut = False

    def export(self, spans):
        self.spans.extend(spans)
        return self.result

    def shutdown(self):
        self.is_shut = True


@pytest.fixture
def tracing():
    """A provider on our processor; shut down afterwards."""
    providers = []

    def make(exporter, *, sampler=None, **options):
        provider = TracerProvider(shutdown_on_exit=False, sampler=sampler)
        provider.add_span_processor(batch_span_processor(exporter, **{"delay_ms": 60_000, **options}))
        providers.append(provider)
        return provider

    yield make
    for provider in providers:
        provider.shutdown()


@pytest.fixture
def logging_to():
    """A logger provider on our processor; shut down afterwards."""
    providers = []

    def make(exporter, **options):
        provider = LoggerProvider(shutdown_on_exit=False)
        provider.add_log_record_processor(batch_log_processor(exporter, **{"delay_ms": 60_000, **options}))
        providers.append(provider)
        return provider

    yield make
    for provider in providers:
        provider.shutdown()


def record(provider, number, scope="app"):
    provider.get_logger(scope).emit(
        LogRecord(timestamp=1, body=f"line {number}", severity_number=SeverityNumber.INFO, severity_text="INFO")
    )


def spans_in(end):
    names = []
    for body in end.bodies:
        request = ExportTraceServiceRequest.FromString(body)
        names += [span.name for of in request.resource_spans for scope in of.scope_spans for span in scope.spans]
    return names


def lines_in(end):
    lines = []
    for body in end.bodies:
        request = ExportLogsServiceRequest.FromString(body)
        lines += [
            line.body.string_value
            for of in request.resource_logs
            for scope in of.scope_logs
            for line in scope.log_records
        ]
    return lines


def test_spans_arrive_as_otlp(end, tracing):
    """What ended is encoded, sent and counted."""
    provider = tracing(door_span_exporter(open_door("traces", Target(f"{end.url}/v1/traces"))))
    for number in range(10):
        provider.get_tracer("t").start_span(f"s{number}").end()
    assert provider.force_flush(20_000)
    assert delivery.flush(20)
    assert spans_in(end) == [f"s{number}" for number in range(10)]
    assert delivery_stats().signals["traces"].exported == 10


def test_only_bodies_that_can_be_joined_are_made_in_slices(end):
    """OTLP's requests travel together afterwards; Jaeger's would each be a request."""
    otlp = open_door("traces", Target(f"{end.url}/v1/traces"))
    jaeger = open_door("traces", Target(f"{end.url}/api/traces", format=Format.JAEGER))
    assert redacting(door_span_exporter(otlp)).slice_max == processors.SLICE_MAX
    assert door_span_exporter(jaeger).slice_max is None


def test_what_is_not_sampled_is_not_queued(tracing):
    """A dropped span costs nothing."""
    exporter = Kept()
    provider = tracing(exporter, sampler=ALWAYS_OFF)
    provider.get_tracer("t").start_span("s").end()
    assert provider.force_flush(20_000)
    assert exporter.spans == []


def test_any_exporter_can_stand_behind(tracing):
    """OpenTelemetry's own contract: export, then shutdown."""
    exporter = Kept()
    provider = tracing(exporter)
    provider.get_tracer("t").start_span("s").end()
    provider.shutdown()
    assert [span.name for span in exporter.spans] == ["s"]
    assert exporter.is_shut


def test_what_an_exporter_does_not_take_is_counted(tracing, fresh):
    """FAILURE costs the batch, counted."""
    provider = tracing(Kept(SpanExportResult.FAILURE))
    provider.get_tracer("t").start_span("s").end()
    provider.force_flush(20_000)
    assert fresh.stats()["traces"].dropped == {"export_failed": 1}


def test_one_span_that_cannot_be_encoded_costs_no_other(end, tracing):
    """Protobuf refuses a lone surrogate: that span is dropped and counted, those beside it go."""
    provider = tracing(door_span_exporter(open_door("traces", Target(f"{end.url}/v1/traces"))))
    tracer = provider.get_tracer("t")
    for name in ("a", "b\ud800", "c"):
        tracer.start_span(name).end()
    assert provider.force_flush(20_000)
    assert delivery.flush(20)
    assert spans_in(end) == ["a", "c"]
    assert delivery_stats().signals["traces"].dropped == {"export_failed": 1}


def test_a_batch_that_is_too_large_is_sent_in_parts(end, tracing, monkeypatch):
    """No body exceeds the limit, every span arrives; one that alone exceeds it is counted."""
    monkeypatch.setattr("anyascope.sdk.delivery.processors.BODY_BYTES_MAX", 4_000)
    monkeypatch.setattr("anyascope.sdk.delivery.doors.BODY_BYTES_MAX", 4_000)
    monkeypatch.setattr("anyascope.sdk.delivery.courier.PARCEL_BYTES_MAX", 0)
    provider = tracing(door_span_exporter(open_door("traces", Target(f"{end.url}/v1/traces"))))
    tracer = provider.get_tracer("t")
    for number in range(20):
        tracer.start_span(f"s{number}", attributes={"text": "x" * (5_000 if number == 7 else 500)}).end()
    assert provider.force_flush(20_000)
    assert delivery.flush(20)
    assert spans_in(end) == [f"s{number}" for number in range(20) if number != 7]
    assert max(map(len, end.bodies)) <= 4_000
    assert delivery_stats().signals["traces"].dropped == {"too_large": 1}


def test_records_arrive_as_otlp(end, logging_to):
    """Log records too."""
    provider = logging_to(door_log_exporter(open_door("logs", Target(f"{end.url}/v1/logs"))))
    for number in range(3):
        record(provider, number)
    assert provider.force_flush(20_000)
    assert delivery.flush(20)
    assert lines_in(end) == ["line 0", "line 1", "line 2"]


def test_a_flood_of_lines_pushes_out_no_audit_event(end, logging_to):
    """Audit records have a queue and an account of their own."""
    logs, audit = (open_door(signal, Target(f"{end.url}/v1/{signal}")) for signal in ("logs", "audit"))
    provider = logging_to(door_log_exporter(logs, audit), queue_max=10, batch_max=10)
    record(provider, "the event", "anyascope.audit")
    for number in range(1_000):
        record(provider, number)
    assert provider.force_flush(20_000)
    assert delivery.flush(20)
    assert "line the event" in lines_in(end)
    assert delivery_stats().signals["audit"].exported == 1
    assert "/v1/audit" in end.paths


def test_an_audit_event_waits_for_no_batch(end, logging_to):
    """It is sent although lines may wait for an hour."""
    logs, audit = (open_door(signal, Target(f"{end.url}/v1/{signal}")) for signal in ("logs", "audit"))
    provider = logging_to(door_log_exporter(logs, audit), delay_ms=3_600_000)
    record(provider, "ordinary")
    record(provider, "moved", "anyascope.audit")
    deadline_s = time.monotonic() + 20
    while not lines_in(end) and time.monotonic() < deadline_s:
        time.sleep(0.01)
    assert lines_in(end) == ["line moved"]


@pytest.mark.parametrize("wrap", [lambda exporter: exporter, redacting])
def test_with_a_spool_an_audit_event_lies_on_disk_at_once(end, logging_to, tmp_path, wrap):
    """When the call returns nothing waits in memory: the event is in a file."""
    end.mode = "503"
    delivery.use_spool(tmp_path)
    logs, audit = (open_door(signal, Target(f"{end.url}/v1/{signal}")) for signal in ("logs", "audit"))
    provider = logging_to(wrap(door_log_exporter(logs, audit)))
    record(provider, "moved", "anyascope.audit")
    record(provider, "ordinary")
    (path,) = tmp_path.glob("*/audit.otlp.0/*.segment")
    assert b"line moved" in path.read_bytes()
    assert delivery_stats().signals["logs"].queued == 1


def test_what_a_record_exporter_does_not_take_is_counted(logging_to, fresh):
    """FAILURE, and what it raises, cost the batch."""

    class Failing(InMemoryLogRecordExporter):
        def export(self, batch):
            return LogRecordExportResult.FAILURE

    provider = logging_to(Failing())
    record(provider, 1)
    record(provider, 2, "anyascope.audit")
    provider.force_flush(20_000)
    assert fresh.stats()["logs"].dropped == fresh.stats()["audit"].dropped == {"export_failed": 1}


def test_a_body_is_never_larger_than_a_collector_takes():
    """Receivers of gRPC refuse messages over 4 MiB, and joined bodies stay below as well."""
    assert max(backlog.BODY_BYTES_MAX, backlog.PARCEL_BYTES_MAX) < 4 * 1024 * 1024
