"""The resources below /traces."""

from __future__ import annotations

import pytest

from anyascope.api import traces
from anyascope.clock import NS_PER_S
from anyascope.model.attributes import Resource
from anyascope.model.traces import Span, SpanEvent, SpanKind, SpanLink, SpanStatus
from support.own_api import House

TRACE = b"\x5b" * 16
MS = 1_000_000


def span(house, number=1, parent=0, *, trace=TRACE, service="custody", took_ms=10, at_ms=0, **more):
    return Span(
        trace_id=trace,
        span_id=bytes([number]) * 8,
        parent_id=bytes([parent]) * 8 if parent else b"",
        name=f"op{number}",
        start_ns=house.clock.now_ns() - NS_PER_S + at_ms * MS,
        duration_ns=took_ms * MS,
        resource=Resource({"service.name": service}),
        **more,
    )


async def test_a_trace_comes_out_whole():
    """Every field of OTLP's span that people look at is there."""
    house = House()
    at_ns = house.clock.now_ns() - NS_PER_S
    await house.keep_spans(
        span(
            house,
            kind=SpanKind.SERVER,
            status=SpanStatus.ERROR,
            status_message="CKR_DEVICE_ERROR",
            attributes={"n": 1},
            events=(SpanEvent(at_ns, "exception", {"type": "PKCS11Error"}),),
            links=(SpanLink(b"\1" * 16, b"\2" * 8, attributes={"why": "retry"}),),
            correlation_id="c-1",
        )
    )
    async with house.client() as client:
        answer = (await client.get(f"/traces/{TRACE.hex()}")).json()
    assert answer == {
        "trace_id": TRACE.hex(),
        "start": "2023-11-14T22:13:19.000000000Z",
        "duration_ns": 10 * MS,
        "is_cut": False,
        "spans": [
            {
                "span_id": "01" * 8,
                "parent_id": "",
                "name": "op1",
                "service": "custody",
                "kind": "server",
                "start": "2023-11-14T22:13:19.000000000Z",
                "duration_ns": 10 * MS,
                "status": "error",
                "status_message": "CKR_DEVICE_ERROR",
                "attributes": {"n": 1},
                "events": [
                    {
                        "time": "2023-11-14T22:13:19.000000000Z",
                        "name": "exception",
                        "attributes": {"type": "PKCS11Error"},
                    }
                ],
                "links": [{"trace_id": "01" * 16, "span_id": "02" * 8, "attributes": {"why": "retry"}}],
                "resource": {"service.name": "custody"},
                "scope": {"name": "", "version": ""},
                "correlation_id": "c-1",
                "warnings": [],
            }
        ],
    }


async def test_a_short_id_stands_for_one_with_zeros():
    """64-bit ids of older tracers are found in either form."""
    house = House()
    await house.keep_spans(span(house, trace=bytes(8) + b"\xab" * 8))
    async with house.client() as client:
        assert (await client.get("/traces/" + "AB" * 8)).json()["trace_id"] == "0" * 16 + "ab" * 8


@pytest.mark.parametrize(("trace_id", "status"), [("00" * 16, 404), ("xyz", 400), ("a" * 33, 400), ("a" * 17, 400)])
async def test_what_is_no_trace_is_refused(trace_id, status):
    """An id without a trace is not found; what is no id is a mistake."""
    async with House().client() as client:
        assert (await client.get(f"/traces/{trace_id}")).status_code == status


@pytest.mark.parametrize("count", [3, 9])
async def test_a_trace_with_too_many_spans_is_cut_and_says_so(monkeypatch, count):
    """The page learns that there is more, by however many."""
    monkeypatch.setattr(traces, "SPANS_MAX", 2)
    house = House()
    await house.keep_spans(*[span(house, number, at_ms=number) for number in range(1, count + 1)])
    async with house.client() as client:
        answer = (await client.get(f"/traces/{TRACE.hex()}")).json()
    assert (len(answer["spans"]), answer["is_cut"]) == (2, True)


async def test_search_sums_whole_traces_up():
    """A trace is found by one span and told with all of its spans."""
    house = House()
    await house.keep_spans(
        span(house, 1, took_ms=80),
        span(house, 2, 1, service="hsm", took_ms=70, status=SpanStatus.ERROR, attributes={"slot": 3}),
        span(house, 7, trace=b"\1" * 16, service="other"),
    )
    wanted = {"service": "hsm", "status": "error", "min_duration": "50ms", "tags": ["slot=3"]}
    async with house.client() as client:
        found = (await client.get("/traces/search", params=wanted)).json()["traces"]
        every = (await client.get("/traces/search")).json()["traces"]
        none = (await client.get("/traces/search", params=wanted | {"tags": ["slot=3", "slot2=4"]})).json()["traces"]
    assert found == [
        {
            "trace_id": TRACE.hex(),
            "root_service": "custody",
            "root_name": "op1",
            "start": "2023-11-14T22:13:19.000000000Z",
            "duration_ns": 80 * MS,
            "spans": 2,
            "errors": 1,
            "services": [{"name": "custody", "spans": 1}, {"name": "hsm", "spans": 1}],
        }
    ]
    assert len(every) == 2
    assert none == []


@pytest.mark.parametrize(
    ("parameters", "field"),
    [
        ({"limit": 0}, "limit"),
        ({"tags": "slot"}, "tags"),
        ({"tags": "=3"}, "tags"),
        ({"tags": ["a=1"] * 21}, "tags"),
        ({"min_duration": "5"}, "min_duration"),
        ({"min_duration": "999y"}, "min_duration"),
        ({"min_duration": "2s", "max_duration": "1s"}, "max_duration"),
        ({"status": "good"}, "status"),
        ({"start": "x"}, "start"),
        ({"service": "s" * 1025}, "service"),
    ],
)
async def test_a_wrong_parameter_is_named(parameters, field):
    """Each wrong parameter gives a 400 problem that names it."""
    async with House().client() as client:
        answer = await client.get("/traces/search", params=parameters)
    assert (answer.status_code, answer.json()["path"]) == (400, field)


async def test_services_are_told_with_what_they_do():
    """The search form offers them."""
    house = House()
    await house.keep_spans(span(house, kind=SpanKind.CLIENT), span(house, 2, service="hsm"))
    async with house.client() as client:
        answer = (await client.get("/traces/services")).json()
    assert answer == {
        "services": [
            {"name": "custody", "operations": [{"name": "op1", "kind": "client"}]},
            {"name": "hsm", "operations": [{"name": "op2", "kind": "unspecified"}]},
        ]
    }
