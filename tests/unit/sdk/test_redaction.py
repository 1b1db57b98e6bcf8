"""Nothing secret leaves the process, whatever it stands in."""

from __future__ import annotations

import base64
import dataclasses
import enum
import random
import threading
from typing import Any, NamedTuple

import pytest
from opentelemetry._logs import LogRecord
from opentelemetry.sdk._logs import ReadableLogRecord
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanLimits, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import Link, SpanContext, Status, StatusCode
from prometheus_client import CollectorRegistry, generate_latest

from anyascope.redact.values import CUT, NODES_MAX
from anyascope.sdk.redaction import (
    VALUE_CHARS_MAX,
    redact_text,
    redact_value,
    redacted_counts,
    redacting,
    register,
)
from support.planted import Mint, is_left

WIF = "KwdMAjGmerYanjeui5SHS7JkmpZvVipYvB2LJGU1ZxJwYvP98617"
PHRASE = "legal winner thank year wave sausage worth useful legal winner thank yellow"


def test_a_text_without_secrets_is_the_very_same() -> None:
    """No copy is made of what holds nothing."""
    text = f"txid {'ab' * 32} confirmed"
    assert redact_text(text) is text


def test_what_is_no_text_becomes_one() -> None:
    """The caller's mistake costs no exception."""
    assert redact_text(None) == "None"  # type: ignore[arg-type]
    assert redact_text(b"pin=1234") == "b'pin=<redacted:pin>'"  # type: ignore[arg-type]
    assert redact_text(ValueError(f"key {WIF}")) == "key <redacted:wif>"  # type: ignore[arg-type]


def test_a_long_text_is_cut() -> None:
    """The host waits for the work on a bounded number of characters."""
    result = redact_text("x" * 1_000_000 + WIF)
    assert result == "x" * VALUE_CHARS_MAX + f"<cut:{1_000_000 + len(WIF) - VALUE_CHARS_MAX}>"


@dataclasses.dataclass
class Login:
    user: str
    user_pin: int
    note: str = ""


class Level(enum.Enum):
    HIGH = "high"


class Pair(NamedTuple):
    user: str
    password: str


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("pin", 1234, "<redacted:name>"),
        ("db.password", b"hunter2", b"<redacted:name>"),
        ("password", {"value": "x1", "n": 5}, {"value": "<redacted:name>", "n": "<redacted:name>"}),
        ("credentials", ["a", "b"], ["<redacted:name>", "<redacted:name>"]),
        ("note", Login("bob", 1234), {"user": "bob", "user_pin": "<redacted:name>", "note": ""}),
        ("note", Pair("bob", "hunter2"), {"user": "bob", "password": "<redacted:name>"}),
        ("note", ("password", "hunter2"), ("password", "<redacted:name>")),
        ("headers", [(b"authorization", b"Negotiate abc")], [(b"authorization", b"<redacted:name>")]),
        ("argv", ["softhsm2-util", "--pin", "1234"], ["softhsm2-util", "--pin", "<redacted:name>"]),
        ("words", PHRASE.split(), ["<redacted:mnemonic>"]),
        ("words", tuple(PHRASE.split()), ("<redacted:mnemonic>",)),
        ("note", {WIF}, {"<redacted:wif>"}),
        ("note", frozenset({"a"}), frozenset({"a"})),
        ("note", {WIF: 1}, {"<redacted:wif>": 1}),
        ("note", {1: WIF, None: 2, b"pin": 3}, {1: "<redacted:wif>", None: 2, "pin": "<redacted:name>"}),
        ("note", ValueError(f"bad {WIF}"), "ValueError: bad <redacted:wif>"),
        ("note", bytearray(WIF.encode()), b"<redacted:wif>"),
        ("note", b"\xff\xfe" + WIF.encode(), b"\xff\xfe<redacted:wif>"),
        ("note", Level.HIGH, "Level.HIGH"),
        ("note", 1.5, 1.5),
        ("pin", True, True),
        ("pin", None, None),
        ("token", 5, 5),
        ("password", "incorrect", "incorrect"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_values_of_all_kinds(name: str, value: Any, expected: Any) -> None:
    """Each keeps its kind where it can; what its name or its content gives away goes."""
    assert redact_value(name, value) == expected


def test_an_integer_that_python_does_not_print_is_told_by_its_size() -> None:
    """Nothing that comes after would survive it."""
    assert redact_value("note", 10**5000) == "<integer of 16610 bits>"


def test_a_structure_that_holds_itself_ends() -> None:
    """Neither a circle nor a tree of circles takes for ever."""
    circle: list[Any] = [WIF]
    circle += [circle, circle, circle]
    text = repr(redact_value("note", circle))
    assert WIF not in text
    assert CUT in text
    many = redact_value("note", list(range(2 * NODES_MAX)))
    assert len(many) == NODES_MAX  # the list itself is one of them
    assert many[-1] == CUT


class Hostile:
    """Whose methods raise."""

    def __str__(self) -> str:
        raise RuntimeError("no")

    __repr__ = __str__


class HostileMapping(dict[str, str]):
    """Whose items raise."""

    def items(self) -> Any:
        raise RuntimeError("no")


class HostileText(str):
    """A text of the host's whose methods are its own."""

    __slots__ = ()

    def encode(self, *_: object) -> bytes:
        raise RuntimeError("no")

    def __str__(self) -> str:
        raise RuntimeError("no")


def test_a_hostile_object_is_named_and_no_more() -> None:
    """The type stands in its place."""
    assert redact_value("note", Hostile()) == "<Hostile that cannot be printed: RuntimeError>"
    assert redact_value("note", HostileMapping()) == "<HostileMapping that cannot be read: RuntimeError>"
    assert redact_value("note", HostileText(f"a {WIF}")) == "a <redacted:wif>"
    assert redact_value(Hostile(), 5) == 5  # type: ignore[arg-type]


def test_counts_are_exact_across_threads() -> None:
    """Each mark is counted once, by kind."""
    before = redacted_counts().get("wif", 0)
    threads = [threading.Thread(target=lambda: [redact_text(f"key {WIF}") for _ in range(50)]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert redacted_counts()["wif"] - before == 200


def test_a_registry_shows_the_counts() -> None:
    """`anya_redacted_total{kind}`, also where it is asked for twice."""
    registry = CollectorRegistry()
    register(registry)
    register(registry)
    redact_text("C_Login userPin=123456")
    expected = redacted_counts()["pin"]
    assert registry.get_sample_value("anya_redacted_total", {"kind": "pin"}) == expected
    assert generate_latest(registry).decode().count("# TYPE anya_redacted_total counter") == 1


@pytest.fixture
def spans() -> InMemorySpanExporter:
    return InMemorySpanExporter()


def recorded(spans: InMemorySpanExporter, *, resource: Resource | None = None, limits: SpanLimits | None = None) -> Any:
    provider = TracerProvider(resource=resource or Resource({"service.name": "custody"}), span_limits=limits)
    provider.add_span_processor(SimpleSpanProcessor(redacting(spans)))
    return provider.get_tracer("tests")


def test_spans_leave_without_secrets(spans: InMemorySpanExporter) -> None:
    """Names, attributes and their names, events, links, status and resource."""
    tracer = recorded(spans, resource=Resource({"service.name": "custody", "note": f"built with {WIF}"}))
    link = Link(SpanContext(1, 2, is_remote=False), {"user_pin": 1234})
    with tracer.start_as_current_span(f"sign {WIF}", links=[link]) as span:
        span.set_attribute("db.password", "hunter2")
        span.set_attribute("list", ["a", f"key {WIF}"])
        span.set_attribute(WIF, 1)
        span.add_event(f"event {WIF}", {"message": PHRASE})
        span.record_exception(ValueError("password=hunter2"))
        span.set_status(Status(StatusCode.ERROR, f"failed with {WIF}"))
    (left,) = spans.get_finished_spans()
    text = left.to_json()
    for secret in (WIF, PHRASE, "hunter2", "1234"):
        assert secret not in text
    assert left.name == "sign <redacted:wif>"
    assert left.attributes["list"] == ("a", "key <redacted:wif>")
    assert left.status.description == "failed with <redacted:wif>"
    assert left.status.status_code is StatusCode.ERROR
    assert left.resource.attributes["note"] == "built with <redacted:wif>"
    assert left.events[1].name == "exception"


def test_a_span_without_secrets_is_the_very_same(spans: InMemorySpanExporter) -> None:
    """No copy is made, and the host's own span is never changed."""
    tracer = recorded(spans)
    with tracer.start_as_current_span("clean") as clean:
        clean.set_attribute("wallet_id", "cold-1")
    with tracer.start_as_current_span("dirty") as dirty:
        dirty.set_attribute("note", f"key {WIF}")
    first, second = spans.get_finished_spans()
    assert first.attributes == {"wallet_id": "cold-1"}
    assert second.attributes == {"note": "key <redacted:wif>"}
    assert dirty.attributes["note"] == f"key {WIF}"
    assert (second.context, second.start_time, second.end_time, second.kind) == (
        dirty.context,
        dirty.start_time,
        dirty.end_time,
        dirty.kind,
    )


def test_what_a_span_has_dropped_stays_counted(spans: InMemorySpanExporter) -> None:
    """Counts of dropped attributes, events and links survive."""
    limits = SpanLimits(max_span_attributes=1, max_events=1, max_links=1)
    tracer = recorded(spans, limits=limits)
    link = Link(SpanContext(1, 2, is_remote=False), {"note": WIF})
    with tracer.start_as_current_span("s", links=[link, link]) as span:
        span.set_attributes({"a": WIF, "b": WIF})
        span.add_event(WIF)
        span.add_event(WIF)
    (left,) = spans.get_finished_spans()
    assert (left.dropped_attributes, left.dropped_events, left.dropped_links) == (1, 1, 1)
    assert WIF not in left.to_json()


class Keeping:
    """An exporter of log records that keeps them."""

    flushed = False

    def export(self, batch: Any) -> str:
        self.batch = batch
        return "kept"

    def force_flush(self) -> None:
        self.flushed = True


def test_log_records_leave_without_secrets() -> None:
    """Bodies of all kinds, attributes and resource; the answer and the other methods are the exporter's own."""
    kept = Keeping()
    exporter = redacting(kept)
    record = LogRecord(body={"note": f"key {WIF}"}, attributes={"user_pin": 1234, "n": 5}, timestamp=7)
    item = ReadableLogRecord(log_record=record, resource=Resource({"note": WIF}))
    clean = ReadableLogRecord(log_record=LogRecord(body="fine", timestamp=8), resource=Resource({"a": "b"}))
    assert exporter.export([item, clean]) == "kept"
    exporter.force_flush()
    assert kept.flushed
    assert kept.batch[1] is clean
    left = kept.batch[0]
    assert left.log_record.body == {"note": "key <redacted:wif>"}
    assert dict(left.log_record.attributes) == {"user_pin": "<redacted:name>", "n": 5}
    assert dict(left.resource.attributes) == {"note": "<redacted:wif>"}
    assert left.log_record.timestamp == 7
    assert record.body == {"note": f"key {WIF}"}


class BrokenSpan(ReadableSpan):
    """A span that cannot be looked at."""

    @property
    def events(self) -> Any:
        raise RuntimeError("no")


def test_a_span_that_cannot_be_looked_at_costs_no_other() -> None:
    """It is left out; the others leave."""
    kept = Keeping()
    fine = ReadableSpan("fine", resource=Resource({}))
    redacting(kept).export([BrokenSpan("broken", resource=Resource({})), fine])
    assert kept.batch == [fine]


@pytest.mark.parametrize("kind", sorted(Mint(random.Random(0)).kinds))
def test_planted_secrets_leave_no_field(spans: InMemorySpanExporter, kind: str) -> None:
    """Each kind, as attribute, event, status, nested value, bytes and exception."""
    tracer = recorded(spans)
    mint = Mint(random.Random(kind))
    for _ in range(15):
        spans.clear()
        planted = mint.planted(kind)
        with tracer.start_as_current_span("s") as span:
            span.set_attribute("note", planted.text)
            span.set_attribute("encoded", base64.b64encode(planted.text.encode()).decode())
            span.add_event("e", {"message": planted.text})
            span.set_status(Status(StatusCode.ERROR, planted.text))
        (left,) = spans.get_finished_spans()
        seen = [*left.attributes.values(), *left.events[0].attributes.values(), left.status.description]
        values = redact_value("request", {"a": [planted.text.encode(), ValueError(planted.text)]})["a"]
        seen += [values[0].decode("utf-8", "surrogateescape"), values[1]]
        assert [text for text in seen if is_left(planted, text)] == []
