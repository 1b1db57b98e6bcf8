"""Spans as Jaeger's Thrift batches, read back by Apache's library and laid beside what OpenTelemetry's exporter sent."""

from __future__ import annotations

import json
from typing import Any

import pytest
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event, ReadableSpan, SpanLimits, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode, TraceFlags, TraceState

from anyascope.sdk.tracing.jaeger import encode_batches
from support.components import shared_path
from support.jaeger import decode_batch, recorded, values

START_NS = 1_764_500_000_000_000_000
RESOURCE = Resource({"service.name": "custody", "service.version": "1.2", "process.pid": 7})
RECORDINGS = (
    "01-one-span",
    "02-tree-of-kinds",
    "03-error-events-link",
    "04-typed-tags",
    "05-ids-with-the-high-bit",
    "06-infinite-doubles",
    "07-forty-spans",
)
# What OpenTelemetry's exporter of 2023 adds or writes in another way than its specification says now.
REPEATED = ("service.name",)
OWN_TAGS = ("span.kind", "otel.status_code", "otel.status_description", "error", "otel.library", "otel.scope")


def span(**given: Any) -> ReadableSpan:
    fields: dict[str, Any] = {
        "name": "sign",
        "context": SpanContext(0xABC, 0xDEF, is_remote=False, trace_flags=TraceFlags(1)),
        "resource": RESOURCE,
        "start_time": START_NS,
        "end_time": START_NS + 1_500_000,
    }
    return ReadableSpan(**{**fields, **given})


def sent(*spans: ReadableSpan) -> dict[str, Any]:
    """The one batch of these spans, decoded."""
    (batch,) = encode_batches(spans)
    return decode_batch(batch.body)


def sent_span(**given: Any) -> dict[str, Any]:
    found: dict[str, Any] = sent(span(**given))["spans"][0]
    return found


# --- beside OpenTelemetry's own exporter ------------------------------------------------------------------------------


def rebuilt(told: dict[str, Any], service: str) -> ReadableSpan:
    """The OpenTelemetry span that a recording came from."""
    tags = values(told["tags"])
    own = {key: value for key, value in tags.items() if not key.startswith(OWN_TAGS) and key not in REPEATED}
    numbers = {"Infinity": float("inf"), "-Infinity": float("-inf")}
    context = _context(told["trace_id"], told["span_id"])
    status = Status(StatusCode[tags.get("otel.status_code", "UNSET")], tags.get("otel.status_description"))
    return ReadableSpan(
        name=told["name"],
        context=context,
        parent=_context(told["trace_id"], told["parent_span_id"]) if told["parent_span_id"] else None,
        resource=Resource({"service.name": service}),
        attributes={key: numbers.get(value, value) if isinstance(value, str) else value for key, value in own.items()},
        events=[_event(log) for log in told["logs"]],
        links=[Link(_context(link["trace_id"], link["span_id"])) for link in told["references"]],
        kind=SpanKind[tags.get("span.kind", "internal").upper()],
        status=status,
        start_time=told["start_us"] * 1000,
        end_time=(told["start_us"] + told["duration_us"]) * 1000,
        instrumentation_scope=InstrumentationScope(tags["otel.scope.name"], tags.get("otel.scope.version")),
    )


def _context(trace_id: str, span_id: str) -> SpanContext:
    return SpanContext(int(trace_id, 16), int(span_id, 16), is_remote=False, trace_flags=TraceFlags(1))


def _event(log: dict[str, Any]) -> Event:
    fields = values(log["fields"])
    name = fields.pop("message")
    return Event(name, fields, log["time_us"] * 1000)


def as_specified(told: dict[str, Any]) -> dict[str, Any]:
    """A recorded span as OpenTelemetry's specification wants it today, tags in order of their keys."""
    tags = [tag for tag in told["tags"] if tag["key"] not in REPEATED]
    tags = [tag for tag in tags if (tag["key"], tag["value"]) != ("span.kind", "internal")]
    logs = [
        {
            **log,
            "fields": sorted(
                ({**f, "key": {"message": "event"}.get(f["key"], f["key"])} for f in log["fields"]), key=_key
            ),
        }
        for log in told["logs"]
    ]
    return {**told, "tags": sorted(tags, key=_key), "logs": logs}


def in_order(told: dict[str, Any]) -> dict[str, Any]:
    logs = [{**log, "fields": sorted(log["fields"], key=_key)} for log in told["logs"]]
    return {**told, "tags": sorted(told["tags"], key=_key), "logs": logs}


def _key(tag: dict[str, Any]) -> str:
    return str(tag["key"])


@pytest.mark.parametrize("name", RECORDINGS)
def test_the_same_spans_are_sent_as_opentelemetrys_exporter_sent_them(name):
    """Ids, times, tags of every type, references and logs agree, but for what the specification has changed since."""
    expected = json.loads((shared_path("components/samples/jaeger-thrift") / f"{name}.json").read_text())["expected"]
    service = expected["process"]["service"]
    found = recorded(sent(*(rebuilt(told, service) for told in expected["spans"])))
    assert found["process"] == {"service": service, "tags": []}
    assert [in_order(told) for told in found["spans"]] == [as_specified(told) for told in expected["spans"]]


@pytest.mark.parametrize("name", [*RECORDINGS, "10-js-client-64-bit-ids", "11-js-client-128-bit-ids", "21-no-spans"])
def test_the_independent_decoder_reads_what_others_sent(name):
    """What judges our bytes reads recordings of two other clients as they were meant."""
    folder = shared_path("components/samples/jaeger-thrift")
    expected = json.loads((folder / f"{name}.json").read_text())["expected"]
    assert recorded(decode_batch((folder / f"{name}.bin").read_bytes())) == expected


# --- by the specification ---------------------------------------------------------------------------------------------


def test_the_resource_is_the_process():
    """The service's name stands alone, the rest are tags of their types."""
    assert sent(span())["process"] == {
        "service": "custody",
        "tags": [
            {"key": "service.version", "type": "string", "value": "1.2"},
            {"key": "process.pid", "type": "long", "value": 7},
        ],
    }


def test_a_resource_without_a_name_is_an_unknown_service():
    """Jaeger cannot keep a span of nobody."""
    assert sent(span(resource=Resource({})))["process"]["service"] == "unknown_service"


def test_an_internal_span_has_no_kind():
    """The specification says so."""
    assert "span.kind" not in values(sent_span(kind=SpanKind.INTERNAL)["tags"])


@pytest.mark.parametrize("kind", [SpanKind.CLIENT, SpanKind.SERVER, SpanKind.PRODUCER, SpanKind.CONSUMER])
def test_other_kinds_are_words(kind):
    """In lower case."""
    assert values(sent_span(kind=kind)["tags"])["span.kind"] == kind.name.lower()


def test_an_error_is_a_status_a_description_and_a_flag():
    """The flag takes the place of an attribute of its name."""
    tags = sent_span(status=Status(StatusCode.ERROR, "bad fee"), attributes={"error": "no"})["tags"]
    assert [tag["key"] for tag in tags].count("error") == 1
    assert values(tags) == {"otel.status_code": "ERROR", "otel.status_description": "bad fee", "error": True}


def test_an_unset_status_is_not_told_and_a_good_one_is():
    """`UNSET` must not be reported."""
    assert values(sent_span()["tags"]) == {}
    assert values(sent_span(status=Status(StatusCode.OK))["tags"]) == {"otel.status_code": "OK"}


def test_the_scope_stands_under_its_new_and_its_old_name():
    """Readers of Jaeger's look for either."""
    tags = values(sent_span(instrumentation_scope=InstrumentationScope("signer", "3"))["tags"])
    assert tags == {
        "otel.scope.name": "signer",
        "otel.library.name": "signer",
        "otel.scope.version": "3",
        "otel.library.version": "3",
    }


def test_every_type_of_attribute_has_its_type_of_tag():
    """Lists and mappings are JSON; a number beyond 64 bits is its digits."""
    given = {
        "s": "höhe ₿",
        "t": True,
        "i": -7,
        "d": 0.5,
        "b": b"\x00\xff",
        "big": 2**63,
        "l": ("a", "b"),
        "m": {"k": [1, b"\x01"]},
    }
    tags = {tag["key"]: (tag["type"], tag["value"]) for tag in sent_span(attributes=given)["tags"]}
    assert tags == {
        "s": ("string", "höhe ₿"),
        "t": ("bool", True),
        "i": ("long", -7),
        "d": ("double", 0.5),
        "b": ("binary", b"\x00\xff"),
        "big": ("string", str(2**63)),
        "l": ("string", '["a","b"]'),
        "m": ("string", '{"k":[1,"01"]}'),
    }


def test_an_event_is_a_log_with_its_name_as_event():
    """An attribute `event` of the caller's goes before the name."""
    events = [Event("retry", {"n": 2}, START_NS + 1_999), Event("other", {"event": "mine"}, START_NS)]
    logs = sent_span(events=events)["logs"]
    assert [values(log["fields"]) for log in logs] == [{"event": "retry", "n": 2}, {"event": "mine"}]
    assert logs[0]["time_us"] == (START_NS + 1_999) // 1_000


def test_a_link_follows_from_and_its_attributes_are_a_log():
    """A reference has no room for attributes; one of OpenTracing's says that it is a child."""
    other = SpanContext(2**127 + 1, 2**63, is_remote=True)
    links = [Link(other), Link(other, {"opentracing.ref_type": "child_of"})]
    told = sent_span(links=links)
    assert [reference["kind"] for reference in told["references"]] == ["follows_from", "child_of"]
    assert told["references"][0]["trace_id"] == f"{2**127 + 1:032x}"
    assert [values(log["fields"])["span_id"] for log in told["logs"]] == ["8000000000000000"]


def test_what_was_dropped_is_counted():
    """Attributes, events and links beyond the limits of a real span."""
    memory = InMemorySpanExporter()
    provider = TracerProvider(span_limits=SpanLimits(max_events=1, max_span_attributes=2, max_links=1))
    provider.add_span_processor(SimpleSpanProcessor(memory))
    link = Link(SpanContext(1, 2, is_remote=True))
    with provider.get_tracer("t").start_as_current_span("s", links=[link, link, link]) as started:
        for index in range(5):
            started.set_attribute(f"a{index}", index)
            started.add_event(f"e{index}")
    tags = values(sent(*memory.get_finished_spans())["spans"][0]["tags"])
    assert tags["otel.dropped_attributes_count"] == 3
    assert tags["otel.dropped_events_count"] == 4
    assert tags["otel.dropped_links_count"] == 2


def test_the_state_of_a_trace_goes_along():
    """As a tag, where there is any."""
    context = SpanContext(1, 2, is_remote=False, trace_flags=TraceFlags(1), trace_state=TraceState([("vendor", "x")]))
    assert values(sent_span(context=context)["tags"])["w3c.tracestate"] == "vendor=x"


def test_a_clock_that_went_back_gives_no_negative_duration():
    """Jaeger refuses those."""
    assert sent_span(end_time=START_NS - 1)["duration_us"] == 0


# --- batches ----------------------------------------------------------------------------------------------------------


def test_a_batch_has_one_process():
    """Spans of two resources go in two bodies."""
    other = Resource({"service.name": "signer"})
    batches = list(encode_batches([span(), span(resource=other), span(name="second")]))
    told = [decode_batch(batch.body) for batch in batches]
    assert [(batch["process"]["service"], [s["name"] for s in batch["spans"]]) for batch in told] == [
        ("custody", ["sign", "second"]),
        ("signer", ["sign"]),
    ]
    assert [batch.spans for batch in batches] == [2, 1]


def test_batches_keep_their_limit_and_lose_nothing():
    """A span that is longer than the limit goes alone."""
    spans = [
        span(name=f"s{index}", attributes={"blob": "x" * size}) for index, size in enumerate([100, 900, 5_000, 10, 10])
    ]
    batches = list(encode_batches(spans, bytes_max=2_000))
    told = [[s["name"] for s in decode_batch(batch.body)["spans"]] for batch in batches]
    assert [name for names in told for name in names] == [f"s{index}" for index in range(5)]
    assert all(len(batch.body) <= 2_000 for batch, names in zip(batches, told, strict=True) if names != ["s2"])
    assert ["s2"] in told


def test_no_spans_are_no_batch():
    """Nothing is sent for nothing."""
    assert list(encode_batches([])) == []
