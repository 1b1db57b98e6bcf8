"""Spans put together to traces."""

from __future__ import annotations

from anyascope.explore.traces import assemble, summarize, summarize_all
from anyascope.model.attributes import Resource
from anyascope.model.traces import Span, SpanStatus

TRACE = b"t" * 16
MS = 1_000_000


def span(number, parent=0, *, at_ms=0, took_ms=10, service="custody", trace=TRACE, **more):
    return Span(
        trace_id=trace,
        span_id=bytes([number]) * 8,
        parent_id=bytes([parent]) * 8 if parent else b"",
        name=f"op{number}",
        start_ns=1_000_000_000 + at_ms * MS,
        duration_ns=took_ms * MS,
        resource=Resource({"service.name": service}),
        **more,
    )


def warnings_of(*spans):
    return {item.span.name: item.warnings for item in assemble(TRACE, spans).spans if item.warnings}


def test_a_trace_has_its_spans_by_start_and_ends_with_its_last_one():
    """Order of arrival plays no part, and a child that outlives its root counts."""
    trace = assemble(TRACE, [span(2, 1, at_ms=5, took_ms=20), span(1)])
    assert [item.span.name for item in trace.spans] == ["op1", "op2"]
    assert (trace.start_ns, trace.duration_ns) == (1_000_000_000, 25 * MS)
    assert [item.is_root for item in trace.spans] == [True, False]


def test_a_span_that_arrived_twice_counts_once():
    """Of two tellings of one span the longer one is the finished one."""
    trace = assemble(TRACE, [span(1, took_ms=1), span(1, took_ms=9)])
    assert [item.span.duration_ns for item in trace.spans] == [9 * MS]
    assert trace.spans[0].warnings == ()


def test_an_orphan_is_a_root_with_a_warning():
    """A span whose parent is not there says which one it lacks."""
    trace = assemble(TRACE, [span(1), span(3, 9)])
    assert trace.spans[1].is_root
    assert "0909090909090909 is not in the trace" in trace.spans[1].warnings[0]


def test_a_child_that_starts_before_its_parent_tells_of_clock_skew():
    """Up to a millisecond is what well-kept clocks differ by."""
    told = warnings_of(span(1, at_ms=5), span(2, 1, at_ms=4), span(3, 1, at_ms=2))
    assert list(told) == ["op3"]
    assert "3.000 ms before its parent" in told["op3"][0]


def test_parents_in_a_circle_are_told():
    """Only the spans of the circle are told, and putting the trace together ends."""
    told = warnings_of(span(1, 2), span(2, 1), span(3, 2))
    assert list(told) == ["op1", "op2"]
    assert "lead back to itself" in told["op1"][0]


def test_a_span_that_is_its_own_parent_is_a_circle():
    """The smallest circle is found."""
    assert "lead back to itself" in warnings_of(span(1, 1))["op1"][0]


def test_an_id_used_by_two_spans_is_told():
    """Both spans are kept."""
    told = warnings_of(span(1), span(1, at_ms=3, service="other"))
    assert "used by 2 spans" in told["op1"][-1]


def test_a_summary_names_root_errors_and_services():
    """The root is the span without a parent, however late it starts."""
    found = summarize(
        TRACE,
        [
            span(2, 1, service="hsm", status=SpanStatus.ERROR),
            span(3, 1, service="hsm"),
            span(1, at_ms=1, took_ms=30),
        ],
    )
    assert (found.root_service, found.root_name, found.spans, found.errors) == ("custody", "op1", 3, 1)
    assert found.services == (("hsm", 2), ("custody", 1))
    assert found.duration_ns == 31 * MS


def test_a_summary_without_a_root_names_the_earliest_orphan():
    """A child whose parent is there does not stand for the trace."""
    assert summarize(TRACE, [span(2, 9, at_ms=3), span(3, 2, at_ms=1)]).root_name == "op2"


def test_a_summary_of_a_circle_names_its_first_span():
    """There is always a name."""
    assert summarize(TRACE, [span(1, 2), span(2, 1, at_ms=1)]).root_name == "op1"


def test_summaries_are_newest_first_and_leave_out_what_has_no_spans():
    """A trace that was dropped between search and reading is passed over."""
    other = b"u" * 16
    spans = [span(1), span(2, at_ms=50, trace=other)]
    assert [found.trace_id for found in summarize_all([TRACE, b"x" * 16, other], spans)] == [other, TRACE]


def test_a_long_chain_is_put_together():
    """Ten thousand spans below each other need no deep stack."""
    chain = [
        Span(TRACE, number.to_bytes(8, "big"), "op", number, 1, parent_id=(number - 1).to_bytes(8, "big"))
        for number in range(2, 10_002)
    ]
    assert len(assemble(TRACE, chain).spans) == 10_000
