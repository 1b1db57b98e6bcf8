"""What every store of spans does."""

from __future__ import annotations

import pytest

from anyascope.model.attributes import Resource, Scope
from anyascope.model.traces import SpanEvent, SpanKind, SpanLink, SpanStatus
from anyascope.store.api.spans import TraceQuery
from support.telemetry import NOW_NS, span, span_batch

API = Resource({"service.name": "api", "zone": "eu", "cores": 8})
SIGNER = Resource({"service.name": "signer"})
FULL = span(
    1,
    parent_id=bytes(range(1, 9)),
    kind=SpanKind.SERVER,
    status=SpanStatus.ERROR,
    status_message="device lost",
    trace_state="a=1",
    flags=257,
    attributes={"http.status_code": 500, "ok": False, "raw": b"\x00", "list": ["a", 1]},
    events=(
        SpanEvent(NOW_NS + 1, "exception", {"exception.type": "Lost", "n": 1}),
        SpanEvent(NOW_NS + 2, "empty"),
    ),
    links=(
        SpanLink(b"\x01" * 16, b"\x02" * 8, "s=1", {"why": "retry", "n": 2.5}),
        SpanLink(b"\x03" * 16, b"\x04" * 8),
    ),
    resource=Resource({"service.name": "signer", "pid": 4}, schema_url="r"),
    scope=Scope("lib", "2", {"flavour": "x"}, schema_url="s"),
    correlation_id="c-1",
)


def trace(number):
    return number.to_bytes(16, "big")


def ask(**conditions):
    return TraceQuery(**({"start_ns": 0, "end_ns": NOW_NS * 2} | conditions))


async def write(store, *spans, token=""):
    await store.spans.write_spans([span_batch(*spans)], token=token)


async def test_a_span_comes_back_whole(store):
    """Every field of a span, its events and links with the types of their attributes, survives."""
    bare = span(2, start_ns=NOW_NS + 1)
    await write(store, FULL, bare)

    assert await store.spans.spans_of([trace(1)]) == [FULL, bare]


async def test_spans_of_several_batches_keep_their_own(store):
    """Events, links and resources stay with their span across the batches of one write."""
    first = span_batch(span(1, resource=API), span(2, events=(SpanEvent(5, "e", {"k": "v"}),), resource=SIGNER))
    second = span_batch(span(3, links=(SpanLink(b"\x01" * 16, b"\x02" * 8),), scope=Scope("x")), span(4, resource=API))
    await store.spans.write_spans([first, span_batch(), second])

    found = await store.spans.spans_of([trace(1)])

    assert found == [batch.span(row) for batch in (first, second) for row in range(2)]


async def test_spans_of_traces_come_by_start_and_once(store):
    """All spans of the traces asked for, by start, one that was sent twice once."""
    await write(store, span(1, start_ns=NOW_NS + 5), span(2, trace=2), span(3, start_ns=NOW_NS - 5))
    await write(store, span(1, start_ns=NOW_NS + 5), span(4, trace=3))

    found = await store.spans.spans_of([trace(1), trace(2), trace(1)])

    assert [each.span_id[-1] for each in found] == [3, 2, 1]
    assert await store.spans.spans_of([trace(9)]) == []
    assert await store.spans.spans_of([]) == []


async def test_of_too_many_spans_the_earliest_are_given(store):
    """As many as were asked for at most; what was sent twice counts once, and whoever asks for one more sees that there is."""
    await write(store, *(span(number, start_ns=NOW_NS - number) for number in range(1, 6)))
    await write(store, *(span(number, start_ns=NOW_NS - number) for number in range(2, 6)))

    found = await store.spans.spans_of([trace(1)], spans_max=4)
    assert [each.span_id[-1] for each in found] == [5, 4, 3, 2]
    assert len(await store.spans.spans_of([trace(1)], spans_max=5)) == 5
    assert len(await store.spans.spans_of([trace(1)], spans_max=6)) == 5


async def test_a_token_is_written_once(store):
    """A batch whose token was written before is not repeated."""
    await write(store, span(1), token="t")
    await write(store, span(2), token="t")

    assert len(await store.spans.spans_of([trace(1)])) == 1


async def test_the_newest_trace_is_first(store):
    """Traces come by their newest matching span, as many as asked for."""
    await write(store, span(1, trace=1), span(2, trace=2, start_ns=NOW_NS + 9), span(3, trace=3, start_ns=NOW_NS + 5))
    await write(store, span(4, trace=1, start_ns=NOW_NS + 7))

    assert await store.spans.find_traces(ask()) == [trace(2), trace(1), trace(3)]
    assert await store.spans.find_traces(ask(limit=1)) == [trace(2)]
    assert await store.spans.find_traces(ask(start_ns=NOW_NS, end_ns=NOW_NS + 5)) == [trace(3), trace(1)]
    assert await store.spans.find_traces(ask(end_ns=NOW_NS - 1)) == []


CONDITIONS = [
    ({}, {1, 2}),
    ({"service": "signer"}, {1}),
    ({"operation": "get"}, {2}),
    ({"service": "signer", "operation": "get"}, set()),
    ({"errors_only": True}, {1}),
    ({"duration_ns_min": 2000}, {2}),
    ({"duration_ns_min": 1000, "duration_ns_max": 1000}, {1}),
    ({"duration_ns_max": 999}, set()),
    ({"tags": {"http.status_code": "500"}}, {1}),
    ({"tags": {"ok": "false"}}, {1}),
    ({"tags": {"exception.type": "Lost"}}, {1}),
    ({"tags": {"why": "retry"}}, {1}),
    ({"tags": {"flavour": "x"}}, {1}),
    ({"tags": {"zone": "eu", "cores": "8"}}, {2}),
    ({"tags": {"zone": "eu", "ok": "false"}}, set()),
    ({"tags": {"empty": ""}}, {2}),
    ({"tags": {"absent": ""}}, set()),
    ({"tags": {"long": "é" * 200}}, {2}),
    ({"tags": {"long": "é" * 199}}, set()),
    ({"tags": {"a'b": "c\\'d"}}, {2}),
]


@pytest.mark.asyncio(loop_scope="class")
class TestConditions:
    """Over the same two traces."""

    @staticmethod
    async def fill(store):
        attributes = {"empty": "", "long": "é" * 200, "a'b": "c\\'d"}
        other = span(2, trace=2, name="get", duration_ns=2000, resource=API, attributes=attributes)
        await write(store, FULL, other)

    @pytest.mark.parametrize(("conditions", "expected"), CONDITIONS, ids=str)
    async def test_one_span_meets_every_condition(self, filled, conditions, expected):
        """A trace is found when one of its spans meets all conditions; tags may stand anywhere in it."""
        assert set(await filled.spans.find_traces(ask(**conditions))) == {trace(number) for number in expected}


async def test_services_and_operations_are_listed(store):
    """The menus know every service and its operations with their kinds."""
    assert await store.spans.services() == []
    await write(store, span(1, resource=API, kind=SpanKind.CLIENT), span(2, resource=SIGNER, name="b"))
    await write(store, span(3, resource=SIGNER, name="a"), span(4, resource=SIGNER, name="a", kind=2))

    assert await store.spans.services() == ["api", "signer"]
    assert await store.spans.operations("signer") == [("a", 0), ("a", 2), ("b", 0)]
    assert await store.spans.operations("api") == [("sign", 3)]
    assert await store.spans.operations("none") == []
