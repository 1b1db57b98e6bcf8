"""What the far end gets of logs."""

from __future__ import annotations

import io
import logging
import threading

import pytest
import structlog
from opentelemetry import _logs
from opentelemetry import context as otel_context
from opentelemetry._logs import SeverityNumber
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.sdk.trace import TracerProvider

from anyascope.sdk.correlation import correlation
from anyascope.sdk.guard import forget_told
from anyascope.sdk.logs import emit, initialize_logs
from anyascope.sdk.logs.otlp import severity_number
from support.far_end import far_end
from support.logs import bare_logging, written

WIF = "5HueCGU8rMjxEXxiPuD5BDku4MkFqeZyd4dZ1jvhTVqvbTLvyTJ"


class Received:
    """A far end's log records, after a flush."""

    def __init__(self, end, provider) -> None:
        self._end = end
        self._provider = provider

    def requests(self) -> list[ExportLogsServiceRequest]:
        assert self._provider.force_flush(10_000)
        return [ExportLogsServiceRequest.FromString(body) for body in self._end.bodies]

    def records(self):
        """(scope, record) of each, in order."""
        return [
            (scope.scope.name, record)
            for request in self.requests()
            for resource in request.resource_logs
            for scope in resource.scope_logs
            for record in scope.log_records
        ]

    def events(self) -> list[str]:
        return [record.body.string_value for _, record in self.records()]


@pytest.fixture
def received():
    """Logs that are sent to a far end of the test's own."""
    forget_told()
    with far_end() as end, bare_logging(), written(endpoint=end.url, version="1.2"):
        provider = initialize_logs("custody", end.url, environment="test", version="1.2")
        yield Received(end, provider)


def plain(value):
    """An OTLP value as Python's."""
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return [plain(item) for item in value.array_value.values]
    if kind == "kvlist_value":
        return {pair.key: plain(pair.value) for pair in value.kvlist_value.values}
    return getattr(value, kind) if kind else None


def attributes(record):
    return {pair.key: plain(pair.value) for pair in record.attributes}


def test_a_record_is_sent_with_its_types(received):
    """Body, severity, event name, typed attributes, ids and the logger's name arrive as they were meant."""
    tracer = TracerProvider().get_tracer("t")
    with correlation("c-1"), tracer.start_as_current_span("op") as span:
        structlog.get_logger("vault.keys").warning(
            "key_rotated",
            key_id="k1",
            uses=7,
            share=0.5,
            is_root=False,
            none=None,
            blob=b"\x00",
            tags=["a", 1],
            at={"x": 1},
        )
    ((scope, record),) = received.records()
    context = span.get_span_context()
    assert scope == "vault.keys"
    assert record.body.string_value == record.event_name == "key_rotated"
    assert (record.severity_number, record.severity_text) == (13, "WARN")
    assert record.trace_id == context.trace_id.to_bytes(16, "big")
    assert record.span_id == context.span_id.to_bytes(8, "big")
    assert record.flags & 1
    assert attributes(record) == {
        "key_id": "k1",
        "uses": 7,
        "share": 0.5,
        "is_root": False,
        "none": None,
        "blob": b"\x00",
        "tags": ["a", 1],
        "at": {"x": 1},
        "anya.correlation_id": "c-1",
    }


def test_the_resource_says_who_we_are(received):
    """Service, version and environment, under its current and its older name, stand in the resource."""
    logging.getLogger("a").info("x")
    (request,) = received.requests()
    resource = {pair.key: plain(pair.value) for pair in request.resource_logs[0].resource.attributes}
    assert resource["service.name"] == "custody"
    assert resource["service.version"] == "1.2"
    assert resource["deployment.environment.name"] == resource["service.environment"] == "test"
    assert resource["service.instance.id"]


def test_a_message_of_logging_is_sent_with_its_place(received):
    """A formatted message is the body, is no event's name, and says where in the code it was said."""
    logging.getLogger("a").error("signed %s of %s", 1, 2, extra={"key_id": "k1"})
    ((_, record),) = received.records()
    assert record.body.string_value == "signed 1 of 2"
    assert record.event_name == ""
    found = attributes(record)
    assert found["key_id"] == "k1"
    assert found["code.function.name"] == "test_a_message_of_logging_is_sent_with_its_place"
    assert found["code.line.number"] > 0


def test_an_exception_is_sent_by_its_parts(received):
    """Type, message and stack have the names that OpenTelemetry gives them, and no secrets."""
    try:
        raise ValueError(f"cannot import {WIF}")
    except ValueError:
        structlog.get_logger("a").exception("failed", key=WIF)
    ((_, record),) = received.records()
    found = attributes(record)
    assert found["exception.type"] == "ValueError"
    assert found["exception.message"].startswith("cannot import <redacted:")
    assert "test_logs_export.py" in found["exception.stacktrace"]
    assert WIF not in str(found)


def test_an_event_name_that_is_given_is_the_records(received):
    """`event.name` names the kind of event; the attribute stays for readers that know no other."""
    emit(logging.getLogger("anyascope.audit"), logging.INFO, "signing begins", **{"event.name": "audit.sign.intent"})
    ((_, record),) = received.records()
    assert record.event_name == "audit.sign.intent"
    assert attributes(record)["event.name"] == "audit.sign.intent"


def test_values_beyond_the_wire_do_not_cost_a_batch(received):
    """Integers of more than 64 bits and halves of characters arrive as texts, and the rest of the batch with them."""
    log = structlog.get_logger("a")
    log.info("big", n=2**80)
    log.info("half", text="\ud800")
    log.info("set", some={1})
    big, half, some = (attributes(record) for _, record in received.records())
    assert (big["n"], half["text"], some["some"]) == (str(2**80), "?", [1])


@pytest.mark.parametrize("name", ["opentelemetry.sdk.trace.export", "anyascope.sdk"])
def test_what_exporters_say_is_not_exported(received, name):
    """Lines of OpenTelemetry's SDK and of our own faults are written and never sent."""
    logging.getLogger(name).error("export failed")
    logging.getLogger("a").info("x")
    assert received.events() == ["x"]


def test_a_neighbours_name_is_no_exporters(received):
    """A logger whose name only begins like one of those is sent."""
    logging.getLogger("opentelemetryish").error("x")
    logging.getLogger("anyascope.sdkish").error("y")
    assert received.events() == ["x", "y"]


def test_a_transport_that_speaks_of_our_exports_is_not_exported(received):
    """What urllib3 says in a thread of ours, or while instrumentation is suppressed, is about our own requests."""
    log = logging.getLogger("urllib3.connectionpool")
    thread = threading.Thread(target=log.warning, args=("ours",), name="anyascope-courier")
    thread.start()
    thread.join()
    token = otel_context.attach(otel_context.set_value("suppress_instrumentation", value=True))
    log.warning("ours too")
    otel_context.detach(token)
    log.warning("the host's")
    assert received.events() == ["the host's"]


def test_opentelemetrys_own_loggers_go_the_same_way(received):
    """Who logs by OpenTelemetry's API sends to the same far end, without secrets."""
    provider = _logs.get_logger_provider()
    provider.get_logger("otel.scope").emit(
        body=f"imported {WIF}", severity_number=SeverityNumber.INFO, attributes={"pin": "123456"}
    )
    ((scope, record),) = received.records()
    assert scope == "otel.scope"
    assert WIF not in str(record)
    assert "123456" not in str(record)


@pytest.mark.parametrize(
    ("level", "number"),
    [(0, 0), (5, 4), (9, 4), (10, 5), (15, 8), (20, 9), (25, 12), (30, 13), (40, 17), (50, 21), (53, 24), (1000, 24)],
)
def test_severity_numbers_follow_the_data_model(level, number):
    """Levels of `logging`, and those between and beyond, have OpenTelemetry's numbers."""
    assert severity_number(level) == number


def test_a_jaeger_endpoint_gets_no_logs(caplog):
    """Jaeger takes traces only: lines are written, nothing is sent, and that is said once."""
    forget_told()
    with far_end() as end, bare_logging(), written() as lines:
        for _ in range(2):
            made = initialize_logs("custody", end.url, protocol="jaeger_thrift_http", stream=lines.stream)
            assert made is None
        logging.getLogger("a").info("x")
        assert end.attempts == 0
    said = [line["event"] for line in lines() if line["logger"] == "anyascope.sdk"]
    assert len(said) == 1
    assert "Jaeger takes traces only" in said[0]


@pytest.mark.parametrize("wrong", ["ftp://x", "http://", "", 5])
def test_an_endpoint_that_is_none_sends_nothing(wrong, monkeypatch):
    """An endpoint that cannot be meant is told once; lines are written all the same."""
    monkeypatch.delenv("OTEL_EXPORTER_OTLP_ENDPOINT", raising=False)
    forget_told()
    with bare_logging(), written() as lines:
        made = initialize_logs("custody", wrong, stream=lines.stream)
        logging.getLogger("a").info("x")
    assert (made is None) == (wrong != "")
    assert "x" in [line["event"] for line in lines()]


def test_a_new_endpoint_takes_over_and_nothing_is_lost():
    """A second call with another endpoint sends what follows there; what waited goes where it was meant to."""
    forget_told()
    with far_end() as first, far_end() as second, bare_logging():
        initialize_logs("custody", first.url, stream=open_nowhere())
        logging.getLogger("a").info("first")
        provider = initialize_logs("custody", second.url, stream=open_nowhere())
        logging.getLogger("a").info("second")
        assert provider.force_flush(10_000)
        assert [Received(end, provider).events() for end in (second,)] == [["second"]]
        for thread in threading.enumerate():
            if thread.name == "anyascope-retire":
                thread.join(10)
        assert Received(first, provider).events() == ["first"]


def open_nowhere():
    return io.StringIO()
