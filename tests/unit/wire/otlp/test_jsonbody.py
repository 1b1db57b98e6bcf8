"""OTLP/JSON, as its specification has it and as senders bend it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from anyascope.errors import InvalidInputError
from anyascope.wire.otlp.messages import Encoding
from anyascope.wire.otlp.records import RecordDecoder
from support.components import shared_path


def logs_of(*records: dict[str, Any]) -> Any:
    body = json.dumps({"resourceLogs": [{"scopeLogs": [{"logRecords": list(records)}]}]}).encode()
    return RecordDecoder().logs(body, encoding=Encoding.JSON)


def test_ids_are_hex() -> None:
    """Ids are hex in either case, not base64 as protobuf's own JSON has it."""
    batch = logs_of({"traceId": "5B8EFFF798038103D269B633813FC60C", "spanId": "eee19b7ec3c1b174"})
    assert batch.trace_ids[0].hex() == "5b8efff798038103d269b633813fc60c"
    assert batch.span_ids[0].hex() == "eee19b7ec3c1b174"


@pytest.mark.parametrize("number", ["1544712660300000000", 1544712660300000000])
def test_integers_are_texts_or_numbers(number: object) -> None:
    """64-bit integers come as texts or as numbers."""
    assert logs_of({"timeUnixNano": number}).times_ns == [1544712660300000000]


@pytest.mark.parametrize("severity", [17, "17", "SEVERITY_NUMBER_ERROR"])
def test_enums_are_numbers_or_names(severity: object) -> None:
    """Enums come as numbers; names are understood too."""
    assert logs_of({"severityNumber": severity}).severity_numbers == [17]


def test_unknown_fields_and_nulls_are_ignored() -> None:
    """What a newer sender adds does no harm, and null is absent."""
    batch = logs_of({"timeUnixNano": 1, "fromTheFuture": {"a": [1]}, "severityText": None})
    assert (batch.times_ns, batch.severity_texts) == ([1], [""])


def test_snake_case_is_tolerated() -> None:
    """The schema's own names are understood as well."""
    assert logs_of({"time_unix_nano": 7}).times_ns == [7]


def test_special_numbers_are_texts() -> None:
    """NaN and infinities come as texts; a number as text is a number."""
    values = ["NaN", "Infinity", "-Infinity", "2.5", 3]
    attributes = [{"key": f"v{n}", "value": {"doubleValue": value}} for n, value in enumerate(values)]
    found = logs_of({"attributes": attributes}).attributes[0]
    assert str(list(found.values())) == "[nan, inf, -inf, 2.5, 3.0]"


def test_bytes_are_base64() -> None:
    """Byte values come in base64, also the kind for URLs."""
    attributes = [
        {"key": "a", "value": {"bytesValue": "/+8="}},
        {"key": "b", "value": {"bytesValue": "_-8"}},
    ]
    assert logs_of({"attributes": attributes}).attributes[0] == {"a": b"\xff\xef", "b": b"\xff\xef"}


@pytest.mark.parametrize(
    ("record", "path"),
    [
        ({"timeUnixNano": "soon"}, "timeUnixNano"),
        ({"timeUnixNano": -1}, "timeUnixNano"),
        ({"timeUnixNano": 1.5}, "timeUnixNano"),
        ({"timeUnixNano": True}, "timeUnixNano"),
        ({"timeUnixNano": str(2**64)}, "timeUnixNano"),
        ({"timeUnixNano": "9" * 5000}, "timeUnixNano"),
        ({"severityNumber": "LOUD"}, "severityNumber"),
        ({"severityText": 5}, "severityText"),
        ({"traceId": "xyz"}, "traceId"),
        ({"traceId": 5}, "traceId"),
        ({"body": "text"}, "body"),
        ({"body": {"stringValue": 5}}, "body.stringValue"),
        ({"body": {"boolValue": "true"}}, "body.boolValue"),
        ({"body": {"doubleValue": "much"}}, "body.doubleValue"),
        ({"body": {"bytesValue": "*"}}, "body.bytesValue"),
        ({"attributes": {}}, "attributes"),
        ({"attributes": [5]}, "attributes[0]"),
        ({"attributes": [{"key": "a", "value": {"intValue": "x"}}]}, "attributes[0].value.intValue"),
        (
            {"attributes": [{"key": "a", "value": {"arrayValue": {"values": [{}, 3]}}}]},
            "attributes[0].value.arrayValue.values[1]",
        ),
    ],
)
def test_a_wrong_type_is_told_with_its_place(record: dict[str, Any], path: str) -> None:
    """The error's path leads to the value."""
    with pytest.raises(InvalidInputError) as caught:
        logs_of({}, record)
    assert caught.value.path == f"resourceLogs[0].scopeLogs[0].logRecords[1].{path}"


@pytest.mark.parametrize(
    "body",
    [
        *(b"", b"{", b"[]", b"5", b'"text"', b"null", b"\xff\xfe", b'{"resourceLogs": NaN}', b"{}{}"),
        b'{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"severityText":"\\ud800"}]}]}]}',
        b"[" * 100_000,
        b'{"resourceLogs":' * 50_000,
    ],
)
def test_rubbish_is_refused(body: bytes) -> None:
    """What is no JSON, no object, or nested without end is invalid input."""
    with pytest.raises(InvalidInputError):
        RecordDecoder().logs(body, encoding=Encoding.JSON)


def test_values_nested_too_deeply_are_refused() -> None:
    """A hundred lists in each other are refused with a reason."""
    value: dict[str, Any] = {"stringValue": "x"}
    for _ in range(100):
        value = {"arrayValue": {"values": [value]}}
    with pytest.raises(InvalidInputError, match="nested"):
        logs_of({"body": value})


@pytest.mark.parametrize("name", ["logs", "events"])
def test_reads_the_specifications_own_examples(name: str) -> None:
    """The examples of opentelemetry-proto decode."""
    body = shared_path(f"conformance/otlp/opentelemetry-proto/{name}.json").read_bytes()
    batch = RecordDecoder().logs(body, encoding=Encoding.JSON)
    assert batch.resources[0].service == "my.service"
    assert len(batch) == 1


def test_reads_the_specifications_trace() -> None:
    """The trace example of opentelemetry-proto decodes."""
    body = shared_path("conformance/otlp/opentelemetry-proto/trace.json").read_bytes()
    span = RecordDecoder().spans(body, encoding=Encoding.JSON).span(0)
    assert (span.name, span.kind, span.duration_ns) == ("I'm a server span", 2, 1_000_000_000)
