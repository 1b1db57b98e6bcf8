"""OTLP logs and traces as columns."""

from __future__ import annotations

import json

import pytest

from anyascope.errors import InvalidInputError
from anyascope.wire.compression import decompress
from anyascope.wire.otlp import values
from anyascope.wire.otlp.messages import Encoding
from anyascope.wire.otlp.records import RecordDecoder
from support.components import shared_path
from support.otlp import SPAN_ID, TRACE_ID, logs_request, spans_request

PROTOBUF, JSON = Encoding.PROTOBUF, Encoding.JSON


@pytest.fixture
def decoder() -> RecordDecoder:
    return RecordDecoder()


def test_reads_every_field_of_a_log_record(decoder: RecordDecoder) -> None:
    """Times, severity, body, attributes, ids, flags and event name arrive as they were sent."""
    request = logs_request(
        {
            "time_unix_nano": 5,
            "observed_time_unix_nano": 6,
            "severity_number": 17,
            "severity_text": "ERROR",
            "body": "signing failed",
            "attributes": {"wallet": "cold-1", "tries": 3, "share": 0.5, "final": True, "raw": b"\x00\xff"},
            "trace_id": TRACE_ID,
            "span_id": SPAN_ID,
            "flags": 1,
            "event_name": "sign.failed",
        }
    )
    record = decoder.logs(request.SerializeToString(), encoding=PROTOBUF).record(0)
    assert (record.time_ns, record.observed_ns, record.severity_number, record.severity_text) == (5, 6, 17, "ERROR")
    assert (record.trace_id, record.span_id, record.flags, record.event_name) == (TRACE_ID, SPAN_ID, 1, "sign.failed")
    assert record.body == "signing failed"
    assert record.attributes == {"wallet": "cold-1", "tries": 3, "share": 0.5, "final": True, "raw": b"\x00\xff"}
    assert record.resource.service == "custody"
    assert record.scope.name == "tests"
    assert record.stream == "otlp"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"event": "signed", "sats": 5}, '{"event":"signed","sats":5}'),
        (["a", 1, None], '["a",1,null]'),
        (7, "7"),
        (True, "true"),
        (0.25, "0.25"),
        (b"\x01", "AQ=="),
    ],
)
def test_keeps_the_structure_of_a_body_beside_its_text(decoder: RecordDecoder, value: object, text: str) -> None:
    """A body that is no text is searched as its JSON, and its structure is kept."""
    batch = decoder.logs(logs_request({"body": value}).SerializeToString(), encoding=PROTOBUF)
    assert batch.bodies == [text]
    assert batch.body_values == {0: value}


def test_tells_an_empty_body_from_a_structured_one(decoder: RecordDecoder) -> None:
    """An empty text, an empty value and no body at all are all an empty body."""
    batch = decoder.logs(logs_request({"body": ""}, {"body": None}, {}).SerializeToString(), encoding=PROTOBUF)
    assert batch.bodies == ["", "", ""]
    assert batch.body_values == {}


def test_nested_attributes_are_not_shared_between_records(decoder: RecordDecoder) -> None:
    """Lists and maps can be changed, so each record has its own."""
    body = logs_request({"attributes": {"a": [1]}}, {"attributes": {"a": [1]}}).SerializeToString()
    first, second = decoder.logs(body, encoding=PROTOBUF).attributes
    assert first == second
    assert first["a"] is not second["a"]


def test_equal_values_of_other_types_stay_apart(decoder: RecordDecoder) -> None:
    """1, 1.0 and true are three values, in both encodings, however often they were seen."""
    request = logs_request(*({"attributes": {"v": value}} for value in (1, 1.0, True, 1)))
    assert [type(a["v"]) for a in decoder.logs(request.SerializeToString(), encoding=PROTOBUF).attributes] == [
        *(int, float, bool, int)
    ]
    values = ({"intValue": 1}, {"doubleValue": 1}, {"boolValue": True}, {"intValue": "1"}, {"doubleValue": 1.0})
    records = [{"attributes": [{"key": "v", "value": value}]} for value in values]
    body = json.dumps({"resourceLogs": [{"scopeLogs": [{"logRecords": records}]}]}).encode()
    assert [type(a["v"]) for a in decoder.logs(body, encoding=JSON).attributes] == [int, float, bool, int, float]


def test_reads_every_field_of_a_span(decoder: RecordDecoder) -> None:
    """Ids, times, kind, status, events and links arrive as they were sent; the end becomes a duration."""
    request = spans_request(
        {
            "parent_span_id": b"parentid",
            "kind": 3,
            "start_time_unix_nano": 100,
            "end_time_unix_nano": 150,
            "trace_state": "a=b",
            "flags": 257,
            "attributes": {"http.route": "/sign"},
        }
    )
    message = request.resource_spans[0].scope_spans[0].spans[0]
    message.status.code, message.status.message = 2, "refused"
    message.events.add(name="retry", time_unix_nano=120).attributes.add(key="n").value.int_value = 1
    message.links.add(trace_id=TRACE_ID, span_id=SPAN_ID, trace_state="c=d")
    span = decoder.spans(request.SerializeToString(), encoding=PROTOBUF).span(0)
    assert (span.trace_id, span.span_id, span.parent_id) == (TRACE_ID, SPAN_ID, b"parentid")
    assert (span.start_ns, span.duration_ns, span.kind, span.trace_state, span.flags) == (100, 50, 3, "a=b", 257)
    assert (span.status, span.status_message) == (2, "refused")
    assert [(event.time_ns, event.name, event.attributes) for event in span.events] == [(120, "retry", {"n": 1})]
    assert [(link.trace_id, link.span_id, link.trace_state) for link in span.links] == [(TRACE_ID, SPAN_ID, "c=d")]


def test_rows_point_to_their_own_resource_and_scope(decoder: RecordDecoder) -> None:
    """Records of several resources keep theirs; equal resources stand once."""
    request = logs_request({"body": "a"})
    request.MergeFrom(logs_request({"body": "b"}, resource={"service.name": "other"}))
    request.MergeFrom(logs_request({"body": "c"}))
    batch = decoder.logs(request.SerializeToString(), encoding=PROTOBUF)
    assert [batch.record(row).resource.service for row in range(3)] == ["custody", "other", "custody"]
    assert len(batch.resources) == 2


@pytest.mark.parametrize("body", [b"\xff\xff", b"\x0a\x05ab", b"not protobuf at all"])
def test_refuses_what_is_no_protobuf(decoder: RecordDecoder, body: bytes) -> None:
    """A body that cannot be parsed is invalid as a whole."""
    with pytest.raises(InvalidInputError):
        decoder.logs(body, encoding=PROTOBUF)


@pytest.mark.parametrize("at", range(1, 60, 7))
def test_refuses_a_body_that_was_cut(decoder: RecordDecoder, at: int) -> None:
    """Wherever it ends early, a body is refused or gives nothing wrong; it never crashes."""
    body = spans_request({"attributes": {"a": "b"}}).SerializeToString()
    with pytest.raises(InvalidInputError):
        decoder.spans(body[:-at], encoding=PROTOBUF)


def test_refuses_an_attribute_that_is_no_key_value(decoder: RecordDecoder) -> None:
    """Attributes are read late, and still refuse the body where they are broken."""
    body = logs_request({"attributes": {"key": "value"}}).SerializeToString().replace(b"\x0a\x03key", b"\x0a\x09key")
    with pytest.raises(InvalidInputError, match="KeyValue"):
        decoder.logs(body, encoding=PROTOBUF)


def test_refuses_values_nested_too_deeply(decoder: RecordDecoder) -> None:
    """200 lists in each other end the parser, not the server."""
    value: object = "x"
    for _ in range(200):
        value = [value]
    with pytest.raises(InvalidInputError):
        decoder.logs(logs_request({"attributes": {"deep": value}}).SerializeToString(), encoding=PROTOBUF)


@pytest.mark.parametrize("name", ["http-logs.pb", "http-logs-gzip.pb.gz", "grpc-logs.pb"])
def test_reads_what_the_python_sdk_sends(decoder: RecordDecoder, name: str) -> None:
    """A recorded export decodes to what an independent decoder found in it."""
    body = recorded(name)
    expected = shared_path(f"components/samples/otlp-sdk-1.45/{name.partition('.')[0]}.json")
    records = [
        record
        for group in json.loads(expected.read_text())["expected"]["resourceLogs"]
        for inner in group["scopeLogs"]
        for record in inner["logRecords"]
    ]
    batch = decoder.logs(body, encoding=PROTOBUF)
    assert len(batch) == len(records)
    for row, record in enumerate(records):
        assert batch.times_ns[row] == int(record.get("timeUnixNano", 0))
        assert batch.trace_ids[row].hex() == record.get("traceId", "")
        assert len(batch.attributes[row]) == len(record.get("attributes", []))


@pytest.mark.parametrize(
    "name", ["http-traces.pb", "http-traces-gzip.pb.gz", "http-traces-deflate.pb.zz", "grpc-traces.pb"]
)
def test_reads_the_traces_of_the_python_sdk(decoder: RecordDecoder, name: str) -> None:
    """A recorded export decodes to what an independent decoder found in it."""
    expected = shared_path(f"components/samples/otlp-sdk-1.45/{name.partition('.')[0]}.json")
    spans = [
        span
        for group in json.loads(expected.read_text())["expected"]["resourceSpans"]
        for inner in group["scopeSpans"]
        for span in inner["spans"]
    ]
    batch = decoder.spans(recorded(name), encoding=PROTOBUF)
    assert batch.names == [span["name"] for span in spans]
    assert [span_id.hex() for span_id in batch.span_ids] == [span["spanId"] for span in spans]
    assert [len(batch.events.get(row, ())) for row in range(len(spans))] == [len(s.get("events", [])) for s in spans]


@pytest.mark.parametrize("kind", ["logs", "traces"])
def test_reads_what_the_javascript_sdk_sends(decoder: RecordDecoder, kind: str) -> None:
    """OTLP/JSON with integers as numbers and ids as hex."""
    body = recorded(f"js-http-json-{kind}.body")
    batch = decoder.logs(body, encoding=JSON) if kind == "logs" else decoder.spans(body, encoding=JSON)
    assert len(batch) == 2
    assert all(len(trace_id) in (0, 16) for trace_id in batch.trace_ids)


def recorded(name: str) -> bytes:
    path = shared_path(f"components/samples/otlp-sdk-1.45/{name}")
    return decompress(path.read_bytes(), {".gz": "gzip", ".zz": "deflate"}.get(path.suffix, ""))


@pytest.mark.parametrize("value", ["", "x", "x" * 100, "x" * 127, "x" * 128, "höhe ₿", "x" * 20_000])
@pytest.mark.parametrize("name", ["a", "n" * 130])
def test_texts_of_any_length_are_read(decoder: RecordDecoder, name: str, value: str) -> None:
    """Short texts take a road of their own, which must end where the long one does."""
    body = logs_request({"attributes": {name: value}}).SerializeToString()
    assert decoder.logs(body, encoding=PROTOBUF).attributes == [{name: value}]


def test_an_attribute_that_is_no_utf8_is_refused(decoder: RecordDecoder) -> None:
    """Broken text is refused on the short road, too."""
    body = logs_request({"attributes": {"key": "value"}}).SerializeToString().replace(b"value", b"\xff\xff\xff\xff\xff")
    with pytest.raises(InvalidInputError):
        decoder.logs(body, encoding=PROTOBUF)


def test_what_is_remembered_is_bounded(decoder: RecordDecoder, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ids and floods of names do not fill the memory, and every value is right all the same."""
    monkeypatch.setattr(values, "VARIETY_MAX", 3)
    monkeypatch.setattr(values, "PAIRS_MAX", 10)
    records = [{"attributes": {"request.id": str(n), f"name-{n}": n}} for n in range(50)]
    body = logs_request(*records).SerializeToString()
    assert decoder.logs(body, encoding=PROTOBUF).attributes == [record["attributes"] for record in records]
    assert len(decoder._pairs) <= 10
