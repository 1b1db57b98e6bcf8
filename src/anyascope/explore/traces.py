"""Spans put together to traces, and traces summed up to a line."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from anyascope.model.traces import Span, SpanStatus

SKEW_NS_MIN = 1_000_000  # clocks kept by NTP differ by less than 1 ms; a child that starts earlier yet is worth a word


@dataclass(frozen=True, slots=True)
class TraceSpan:
    """A span in its trace.

    Attributes:
        is_root: it has no parent, or one that is not in the trace.
        warnings: what is odd about it, one sentence each.
    """

    span: Span
    is_root: bool
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Trace:
    """A trace as it is known: spans by start, each once. It ends where its last span ends."""

    trace_id: bytes
    start_ns: int
    duration_ns: int
    spans: tuple[TraceSpan, ...]


@dataclass(frozen=True, slots=True)
class TraceSummary:
    """A trace in one line. `services` are its services with their number of spans, the largest first."""

    trace_id: bytes
    root_service: str
    root_name: str
    start_ns: int
    duration_ns: int
    spans: int
    errors: int
    services: tuple[tuple[str, int], ...]


def assemble(trace_id: bytes, spans: Iterable[Span]) -> Trace:
    """Put the spans of one trace together, at least one.

    A span that arrived twice counts once. Orphans, circles of parents, ids used twice and clocks that disagree are
    told as warnings of the spans that they concern; no time is changed.
    """
    distinct = _distinct(spans)
    assert distinct, "a trace has a span"
    by_id = {span.span_id: span for span in reversed(distinct)}
    uses = Counter(span.span_id for span in distinct)
    in_circles = _in_circles(by_id)
    start_ns, end_ns = _extent(distinct)
    assembled = tuple(
        TraceSpan(
            span,
            is_root=span.parent_id not in by_id,
            warnings=_warnings(span, by_id, uses=uses[span.span_id], in_circle=span.span_id in in_circles),
        )
        for span in distinct
    )
    return Trace(trace_id, start_ns, end_ns - start_ns, assembled)


def summarize(trace_id: bytes, spans: Iterable[Span]) -> TraceSummary:
    """One trace in one line; its root is the earliest span without a parent, else the earliest whose parent is absent."""
    distinct = _distinct(spans)
    assert distinct, "a trace has a span"
    known = {span.span_id for span in distinct}
    root = next(
        (span for span in distinct if not span.parent_id),
        next((span for span in distinct if span.parent_id not in known), distinct[0]),
    )
    start_ns, end_ns = _extent(distinct)
    services = Counter(span.resource.service for span in distinct)
    return TraceSummary(
        trace_id=trace_id,
        root_service=root.resource.service,
        root_name=root.name,
        start_ns=start_ns,
        duration_ns=end_ns - start_ns,
        spans=len(distinct),
        errors=sum(span.status == SpanStatus.ERROR for span in distinct),
        services=tuple(sorted(services.items(), key=lambda item: (-item[1], item[0]))),
    )


def summarize_all(trace_ids: Sequence[bytes], spans: Iterable[Span]) -> list[TraceSummary]:
    """The summaries of those traces that have spans here, newest first."""
    of_trace: defaultdict[bytes, list[Span]] = defaultdict(list)
    for span in spans:
        of_trace[span.trace_id].append(span)
    found = [summarize(trace_id, of_trace[trace_id]) for trace_id in trace_ids if trace_id in of_trace]
    return sorted(found, key=lambda summary: -summary.start_ns)


def _distinct(spans: Iterable[Span]) -> list[Span]:
    """By start, then the longest first; of one span that was sent more than once the longest is the finished one."""
    ordered = sorted(spans, key=lambda span: (span.start_ns, -span.duration_ns, span.span_id))
    seen: set[tuple[bytes, str, str, int]] = set()
    distinct = []
    for span in ordered:
        identity = (span.span_id, span.resource.service, span.name, span.start_ns)
        if identity not in seen:
            seen.add(identity)
            distinct.append(span)
    return distinct


def _extent(spans: Sequence[Span]) -> tuple[int, int]:
    return min(span.start_ns for span in spans), max(span.start_ns + span.duration_ns for span in spans)


def _in_circles(by_id: Mapping[bytes, Span]) -> set[bytes]:
    """The ids of the spans whose parents lead back to themselves; each span is walked once."""
    found: set[bytes] = set()
    done: set[bytes] = set()
    for start in by_id:
        path: dict[bytes, None] = {}
        at = start
        while at in by_id and at not in done and at not in path:
            path[at] = None
            at = by_id[at].parent_id
        if at in path:
            steps = list(path)
            found.update(steps[steps.index(at) :])
        done.update(path)
    return found


def _warnings(span: Span, by_id: Mapping[bytes, Span], *, uses: int, in_circle: bool) -> tuple[str, ...]:
    warnings = []
    parent = by_id.get(span.parent_id)
    if span.parent_id and parent is None:
        warnings.append(f"its parent {span.parent_id.hex()} is not in the trace: not sent yet, not sampled or lost")
    if in_circle:
        warnings.append("its parents lead back to itself")
    elif parent is not None and span.start_ns < parent.start_ns - SKEW_NS_MIN:
        early_ms = (parent.start_ns - span.start_ns) / 1_000_000
        warnings.append(f"starts {early_ms:.3f} ms before its parent: the clocks of their hosts disagree")
    if uses > 1:
        warnings.append(f"its id {span.span_id.hex()} is used by {uses} spans")
    return tuple(warnings)
