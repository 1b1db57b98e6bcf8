"""Whatever a service puts on spans and into carriers: it comes out as it went in, or is told, and never raises."""

from __future__ import annotations

import math
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from opentelemetry import baggage, trace
from opentelemetry import context as otel_context
from opentelemetry.context import Context
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.trace import Link, NonRecordingSpan, SpanContext, SpanKind, Status, StatusCode, TraceFlags

from anyascope.sdk.correlation import correlation, current_correlation_id
from anyascope.sdk.tracing import context_snapshot, continued, extract, inject, resume
from anyascope.sdk.tracing.jaeger import encode_batches
from anyascope.sdk.tracing.limits import is_ours, ours_last
from support.jaeger import decode_batch, values

TEXTS = st.text(st.characters(exclude_categories=("Cs",)), max_size=30)
I64 = st.integers(-(2**63), 2**63 - 1)
PLAIN = st.one_of(TEXTS, st.booleans(), I64, st.floats(), st.binary(max_size=30))
KEYS = st.text("abcdef_.", min_size=1, max_size=8)
ATTRIBUTES = st.dictionaries(KEYS, PLAIN, max_size=8)
TRACE_IDS = st.integers(1, 2**128 - 1)
SPAN_IDS = st.integers(1, 2**64 - 1)
TIMES = st.integers(0, 2**62)
CONTEXTS = st.builds(
    SpanContext,
    TRACE_IDS,
    SPAN_IDS,
    is_remote=st.booleans(),
    trace_flags=st.sampled_from([TraceFlags(0), TraceFlags(1)]),
)
BAGGAGE = st.text('abcä₿%=;,"+', max_size=10)  # without blanks at its ends, which the propagator leaves out
CORRELATION_IDS = st.text("abcdefghij0123456789-_", min_size=1, max_size=20)


def same(one: Any, other: Any) -> bool:
    return one == other or (isinstance(one, float) and math.isnan(one) and math.isnan(other))


@given(
    name=TEXTS,
    context=CONTEXTS,
    parent=st.none() | CONTEXTS,
    attributes=ATTRIBUTES,
    events=st.lists(st.tuples(TEXTS, ATTRIBUTES, TIMES), max_size=3),
    links=st.lists(st.tuples(CONTEXTS, ATTRIBUTES), max_size=3),
    kind=st.sampled_from(SpanKind),
    status=st.sampled_from(StatusCode),
    start_ns=TIMES,
    duration_ns=st.integers(-10, 2**60),
)
def test_jaegers_bytes_hold_what_the_span_held(
    *, name, context, parent, attributes, events, links, kind, status, start_ns, duration_ns
):
    """Ids, times, attributes of every type, events and links, as Apache's library reads them."""
    span = ReadableSpan(
        name,
        context,
        parent,
        Resource({"service.name": "s"}),
        attributes,
        [Event(*event) for event in events],
        [Link(*link) for link in links],
        kind,
        status=Status(status),
        start_time=start_ns,
        end_time=start_ns + duration_ns,
    )
    (batch,) = encode_batches([span])
    (told,) = decode_batch(batch.body)["spans"]
    assert (told["trace_id"], told["span_id"]) == (f"{context.trace_id:032x}", f"{context.span_id:016x}")
    assert told["parent_span_id"] == (f"{parent.span_id:016x}" if parent else None)
    assert (told["name"], told["start_us"]) == (name, start_ns // 1000)
    assert told["duration_us"] == max(duration_ns, 0) // 1000
    tags = values(told["tags"])
    assert all(same(tags[key], value) for key, value in attributes.items())
    assert [reference["span_id"] for reference in told["references"]] == [f"{link.span_id:016x}" for link, _ in links]
    for (title, own, time_ns), log in zip(events, told["logs"], strict=False):
        fields = values(log["fields"])
        assert fields.get("event") == title
        assert log["time_us"] == time_ns // 1000
        assert all(same(fields[key], value) for key, value in own.items())


@given(
    context=CONTEXTS,
    correlation_id=CORRELATION_IDS,
    bag=st.dictionaries(KEYS, BAGGAGE, max_size=4),
    kind=st.integers(0, 5),
)
def test_what_is_injected_is_extracted(context, correlation_id, bag, kind):
    """Through every kind of carrier, and through a snapshot."""
    current = trace.set_span_in_context(NonRecordingSpan(context), Context())
    for key, value in bag.items():
        current = baggage.set_baggage(key, value, current)
    carriers: list[Any] = [{}, [], [(b"a", b"b")], {b"a": b"b"}, (), {"REQUEST_METHOD": "GET"}]
    token = otel_context.attach(current)
    with correlation(correlation_id):
        carrier, snapshot = inject(carriers[kind]), context_snapshot()
    otel_context.detach(token)
    for active in (continued(carrier), resume(snapshot)):
        with active as found_id:
            found = trace.get_current_span().get_span_context()
            assert (found.trace_id, found.span_id, found.trace_flags) == (
                context.trace_id,
                context.span_id,
                context.trace_flags,
            )
            assert found_id == current_correlation_id() == correlation_id
            assert dict(baggage.get_all()) == bag


ODD = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.binary(), st.builds(object)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.tuples(inner, inner),
        st.dictionaries(st.text(max_size=5) | st.binary(max_size=5) | st.integers(), inner, max_size=4),
        st.frozensets(st.integers() | st.text(), max_size=3),
    ),
    max_leaves=12,
)


@given(odd=ODD)
def test_no_carrier_and_no_snapshot_raises(odd):
    """Thousands of odd values, and what was current stays so."""
    with correlation("order-7"):
        inject(odd)
        assert isinstance(extract(odd), Context)
        with continued(odd), resume(odd):
            pass
        assert current_correlation_id() == "order-7"


@given(header=st.text(max_size=200), name=st.sampled_from(["traceparent", "tracestate", "baggage", "x-correlation-id"]))
def test_no_header_raises(header, name):
    """Whatever a caller sends, the id that holds is sound."""
    with continued({name: header, "traceparent" if name == "tracestate" else "other": header}) as correlation_id:
        assert correlation_id.isascii()
        assert len(correlation_id) <= 128


@given(
    names=st.lists(KEYS | st.sampled_from(["wallet_id", "audit.required", "security_level"]), unique=True, max_size=20),
    most=st.integers(0, 20),
)
def test_ours_are_among_those_that_are_kept(names, most):
    """Nothing is lost in the order, the last `most` hold as many of ours as there is room for, and others in their order."""
    ordered = list(ours_last(dict.fromkeys(names, 1), most))
    kept = ordered[max(len(ordered) - most, 0) :]
    ours = [name for name in names if is_ours(name)]
    others = [name for name in names if not is_ours(name)]
    assert sorted(ordered) == sorted(names)
    assert sum(map(is_ours, kept)) == min(len(ours), most)
    assert [name for name in kept if not is_ours(name)] == others[: max(most - len(ours), 0)]
