"""What the SDK writes as OTLP is what OpenTelemetry's own encoder would have written."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.common._log_encoder import encode_logs
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.sdk._logs import ReadableLogRecord
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import TraceFlags

from anyascope.sdk.logs.entry import Entry, Fault, Ids
from anyascope.sdk.logs.export import PendingEntry
from anyascope.sdk.logs.otlp import encode_entries, severity_number

RESOURCE = Resource({"service.name": "küche", "a": 1, "b": True, "c": 0.5, "d": ("x", "y")}, "https://schema")

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=300)
names = texts.filter(bool)
scalars = (
    texts
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False)
    | st.binary(max_size=200)
    | st.none()
)
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(names, inner, max_size=4), max_leaves=8
)
ids = st.builds(
    Ids, st.integers(0, 2**128 - 1), st.integers(0, 2**64 - 1), st.integers(0, 255), st.sampled_from(["", "c-1"])
)
entries = st.builds(
    Entry,
    st.integers(0, 2**63),
    st.integers(0, 1000),
    st.sampled_from(["a", "a.b", "ü"]),
    texts,
    st.dictionaries(names, values, max_size=6),
    ids,
    st.none() | st.builds(Fault, texts, texts, texts),
    st.none() | st.tuples(texts, texts, st.integers(0, 10_000)),
    st.sampled_from(["", "signed"]),
)


def by_opentelemetry(pending: PendingEntry) -> ReadableLogRecord:
    entry = pending.entry
    attributes = dict(entry.fields)
    if entry.ids.correlation_id:
        attributes["anya.correlation_id"] = entry.ids.correlation_id
    if entry.fault is not None:
        attributes["exception.type"], attributes["exception.message"], attributes["exception.stacktrace"] = entry.fault
    if entry.code is not None:
        attributes["code.file.path"], attributes["code.function.name"], attributes["code.line.number"] = entry.code
    text = {10: "DEBUG", 20: "INFO", 30: "WARN", 40: "ERROR", 50: "FATAL"}.get(entry.level, f"LEVEL {entry.level}")
    record = LogRecord(
        timestamp=entry.time_ns,
        observed_timestamp=pending.observed_ns,
        context=Context(),
        severity_text="NOTSET" if entry.level == 0 else text,
        severity_number=SeverityNumber(severity_number(entry.level)),
        body=entry.event,
        attributes=attributes,
        event_name=entry.event_name or None,
    )
    record.trace_id, record.span_id = entry.ids.trace_id, entry.ids.span_id
    record.trace_flags = TraceFlags(entry.ids.flags)
    return ReadableLogRecord(record, RESOURCE, InstrumentationScope(entry.logger))


def sorted_attributes(body: bytes) -> ExportLogsServiceRequest:
    """The request, with each record's attributes in one order: an attribute that takes another's place stands elsewhere."""
    request = ExportLogsServiceRequest.FromString(body)
    for scope in request.resource_logs[0].scope_logs:
        for record in scope.log_records:
            record.attributes.sort(key=lambda pair: pair.key)
    return request


@given(st.lists(entries, min_size=1, max_size=4))
def test_entries_are_encoded_as_opentelemetry_encodes_them(made):
    """Every kind of value, nested too, every id and time, in as many scopes as there are loggers."""
    pending = [PendingEntry(entry) for entry in made]
    theirs = encode_logs([by_opentelemetry(each) for each in pending]).SerializeToString()
    assert sorted_attributes(encode_entries(pending, RESOURCE)) == sorted_attributes(theirs)


@given(st.lists(st.integers(2**63) | st.text(st.characters(categories=["Cs"]), min_size=1), min_size=1, max_size=3))
def test_what_otlp_cannot_carry_becomes_text(odd):
    """Integers beyond 64 bits, and halves of characters."""
    entry = Entry(1, 20, "a", "\ud800", {"odd": odd}, Ids())
    request = ExportLogsServiceRequest.FromString(encode_entries([PendingEntry(entry)], RESOURCE))
    (record,) = request.resource_logs[0].scope_logs[0].log_records
    assert record.body.string_value == "?"
    (attribute,) = record.attributes
    wanted = [str(value) if isinstance(value, int) else "?" * len(value) for value in odd]
    assert [value.string_value for value in attribute.value.array_value.values] == wanted
