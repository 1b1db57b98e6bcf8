"""The resources below /logs."""

from __future__ import annotations

import base64
import json

import pytest

from anyascope.api.logs import BUCKETS_MAX, ROWS_MAX, bucket_width_ns, decode_cursor, encode_cursor
from anyascope.clock import NS_PER_S
from anyascope.errors import InvalidInputError
from anyascope.model.attributes import Resource, Scope
from anyascope.model.logs import LogRecord
from anyascope.store.api.logs import LogCursor
from support.own_api import House


def record(house, body="signing failed", *, age_s=1, **more):
    more.setdefault("resource", Resource({"service.name": "custody", "host.name": "h1"}))
    return LogRecord(house.clock.now_ns() - age_s * NS_PER_S, body, **more)


async def test_a_row_has_every_field_of_its_record():
    """A record comes out whole: ids as hex, times with nanoseconds, attributes with their types."""
    house = House()
    now_ns = house.clock.now_ns()
    await house.keep_logs(
        LogRecord(
            now_ns - 1,
            "signing failed",
            observed_ns=now_ns,
            severity_number=18,
            severity_text="err",
            attributes={"wallet": "cold-1", "n": 5, "raw": b"\1", "deep": {"a": [1.5, None, True]}},
            resource=Resource({"service.name": "custody", "host.name": "h1"}),
            scope=Scope("signer", "1.4"),
            trace_id=b"\xab" * 16,
            span_id=b"\xcd" * 8,
            correlation_id="c-1",
            event_name="sign",
        )
    )
    async with house.client() as client:
        answer = await client.get("/logs/search")
    assert answer.json()["rows"] == [
        {
            "time": "2023-11-14T22:13:19.999999999Z",
            "observed_time": "2023-11-14T22:13:20.000000000Z",
            "severity": "ERROR2",
            "severity_number": 18,
            "body": "signing failed",
            "service": "custody",
            "host": "h1",
            "stream": "otlp",
            "attributes": {"wallet": "cold-1", "n": 5, "raw": "AQ==", "deep": {"a": [1.5, None, True]}},
            "resource": {"service.name": "custody", "host.name": "h1"},
            "scope": {"name": "signer", "version": "1.4"},
            "trace_id": "ab" * 16,
            "span_id": "cd" * 8,
            "correlation_id": "c-1",
            "event_name": "sign",
        }
    ]


async def test_pages_go_on_where_they_ended():
    """Cursors lead through all records, each once, also where many share a nanosecond."""
    house = House()
    await house.keep_logs(*[record(house, f"line {n}", age_s=1 + n // 4) for n in range(10)])
    for order in ("newest", "oldest"):
        found, cursor = [], ""
        async with house.client() as client:
            while cursor is not None:
                page = (await client.get("/logs/search", params={"limit": 3, "cursor": cursor, "order": order})).json()
                found += [row["body"] for row in page["rows"]]
                cursor = page["cursor"]
        assert sorted(found) == sorted(f"line {n}" for n in range(10)), order


async def test_only_what_meets_the_query_and_the_stretch_is_found():
    """The start is inclusive, the end exclusive."""
    house = House()
    await house.keep_logs(record(house, "old", age_s=10), record(house, "mid", age_s=5), record(house, "new", age_s=2))
    async with house.client() as client:
        rows = (await client.get("/logs/search", params={"start": "-10s", "end": "-2s", "query": "NOT mid"})).json()
    assert [row["body"] for row in rows["rows"]] == ["old"]


async def test_a_histogram_counts_by_severity_in_round_bars():
    """Bars have a round width; records without a severity have a name, too."""
    house = House()
    await house.keep_logs(record(house, severity_number=17), record(house, severity_number=9), record(house))
    async with house.client() as client:
        answer = (await client.get("/logs/histogram", params={"start": "-10m", "buckets": 60})).json()
    assert answer["bucket_s"] == 10.0
    assert sum(bar["total"] for bar in answer["buckets"]) == 3
    assert {name for bar in answer["buckets"] for name in bar["counts"]} == {"ERROR", "INFO", "UNSPECIFIED"}


async def test_fields_and_values_are_counted():
    """A sidebar asks which fields there are and what they commonly say; `level` is `severity`."""
    house = House()
    await house.keep_logs(record(house, attributes={"wallet": "cold-1"}, severity_number=17), record(house))
    async with house.client() as client:
        fields = (await client.get("/logs/fields")).json()["fields"]
        values = (await client.get("/logs/values", params={"field": "wallet"})).json()
        levels = (await client.get("/logs/values", params={"field": "level"})).json()
    assert {"name": "attributes.wallet", "count": 1} in fields
    assert values == {"values": [{"value": "cold-1", "count": 1}]}
    assert levels == {"values": [{"value": "ERROR", "count": 1}]}


@pytest.mark.parametrize(
    ("path", "parameters", "field"),
    [
        ("search", {"limit": 0}, "limit"),
        ("search", {"limit": ROWS_MAX + 1}, "limit"),
        ("search", {"limit": "x"}, "limit"),
        ("search", {"cursor": "rubbish!"}, "cursor"),
        ("search", {"cursor": base64.urlsafe_b64encode(b"1.2.3").decode()}, "cursor"),
        ("search", {"cursor": base64.urlsafe_b64encode(b"1.-2").decode()}, "cursor"),
        ("search", {"order": "best"}, "order"),
        ("search", {"query": "a:"}, "query"),
        ("search", {"start": "later"}, "start"),
        ("search", {"start": "now", "end": "-1h"}, "end"),
        ("histogram", {"buckets": BUCKETS_MAX + 1}, "buckets"),
        ("values", {}, "field"),
        ("values", {"field": "attributes."}, "field"),
        ("tail", {"query": "("}, "query"),
    ],
)
async def test_a_wrong_parameter_is_named(path, parameters, field):
    """Each wrong parameter gives a 400 problem that names it."""
    async with House().client() as client:
        answer = await client.get(f"/logs/{path}", params=parameters)
    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["path"] == field


async def test_a_mistake_in_a_query_tells_its_column():
    """The page draws a caret there."""
    async with House().client() as client:
        problem = (await client.get("/logs/search", params={"query": 'a "b'})).json()
    assert (problem["code"], problem["column"]) == ("invalid_input", 3)


def test_a_cursor_reads_back():
    """A cursor says nothing to others and the same thing to us."""
    cursor = LogCursor(1_763_938_260_123_456_789, 3)
    assert decode_cursor(encode_cursor(cursor)) == cursor


def test_a_cursor_with_huge_numbers_is_refused():
    """A number that Python refuses to read is a wrong cursor, not a fault."""
    huge = base64.urlsafe_b64encode(b"9" * 5000 + b".1").decode()
    with pytest.raises(InvalidInputError):
        decode_cursor(huge)


def test_bars_cover_any_stretch():
    """From a nanosecond to centuries no more bars are made than were asked for."""
    for exponent in range(20):
        width_ns = bucket_width_ns(10**exponent, buckets=60)
        assert 60 * width_ns >= 10**exponent


async def test_answers_are_kept_by_nobody():
    """What a log says is for its reader only."""
    async with House().client() as client:
        assert (await client.get("/logs/search")).headers["cache-control"] == "no-store"


async def test_what_json_cannot_say_is_null():
    """NaN and infinities do not break the answer's JSON."""
    house = House()
    await house.keep_logs(record(house, attributes={"nan": float("nan"), "inf": float("inf")}))
    async with house.client() as client:
        answer = await client.get("/logs/search")
    assert json.loads(answer.text)["rows"][0]["attributes"] == {"nan": None, "inf": None}
