"""Spans in memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from anyascope.model.attributes import Attributes
from anyascope.model.traces import Span, SpanBatch, SpanStatus
from anyascope.store.api.spans import TraceQuery
from anyascope.store.text import text_of
from anyascope.store.tokens import Tokens


class MemorySpans:
    """Writer and reader of spans."""

    def __init__(self) -> None:
        self._traces: dict[bytes, dict[bytes, Span]] = {}
        self._operations: dict[str, set[tuple[str, int]]] = {}
        self._tokens = Tokens()

    async def write_spans(self, batches: Sequence[SpanBatch], *, token: str = "") -> None:
        if self._tokens.has(token):
            return
        self._tokens.add(token)
        for batch in batches:
            for row in range(len(batch)):
                span = batch.span(row)
                self._traces.setdefault(span.trace_id, {})[span.span_id] = span
                self._operations.setdefault(span.resource.service, set()).add((span.name, int(span.kind)))

    async def find_traces(self, query: TraceQuery) -> list[bytes]:
        newest: dict[bytes, int] = {}
        for trace_id, spans in self._traces.items():
            starts = [span.start_ns for span in spans.values() if meets(query, span)]
            if starts:
                newest[trace_id] = max(starts)
        return sorted(newest, key=lambda trace_id: (-newest[trace_id], trace_id))[: query.limit]

    async def spans_of(self, trace_ids: Sequence[bytes], *, spans_max: int = 100_000) -> list[Span]:
        found = [span for trace_id in dict.fromkeys(trace_ids) for span in self._traces.get(trace_id, {}).values()]
        return sorted(found, key=lambda span: (span.start_ns, span.span_id))[:spans_max]

    async def services(self) -> list[str]:
        return sorted(self._operations)

    async def operations(self, service: str) -> list[tuple[str, int]]:
        return sorted(self._operations.get(service, ()))

    # --- keeping ------------------------------------------------------------------------------------------------------

    def _every(self) -> Iterator[Span]:
        return (span for spans in self._traces.values() for span in spans.values())

    def rows(self) -> int:
        """Spans held."""
        return sum(len(spans) for spans in self._traces.values())

    def stretch_ns(self) -> tuple[int, int]:
        """(oldest, newest) start held, (0, 0) where there is nothing."""
        starts = [span.start_ns for span in self._every()]
        return (min(starts), max(starts)) if starts else (0, 0)

    def drop_before(self, time_ns: int) -> None:
        """Remove every span that started before this time."""
        kept = [span for span in self._every() if span.start_ns >= time_ns]
        self._traces.clear()
        for span in kept:
            self._traces.setdefault(span.trace_id, {})[span.span_id] = span


def meets(query: TraceQuery, span: Span) -> bool:
    """Whether the span meets every condition of the query."""
    return (
        query.start_ns <= span.start_ns <= query.end_ns
        and (not query.service or span.resource.service == query.service)
        and (not query.operation or span.name == query.operation)
        and span.duration_ns >= query.duration_ns_min
        and (not query.duration_ns_max or span.duration_ns <= query.duration_ns_max)
        and (not query.errors_only or span.status == SpanStatus.ERROR)
        and all(has_tag(span, key, value) for key, value in query.tags.items())
    )


def has_tag(span: Span, key: str, value: str) -> bool:
    """Whether the tag stands anywhere in the span."""
    return any(key in held and text_of(held[key]) == value for held in tagged_parts(span))


def tagged_parts(span: Span) -> Iterator[Attributes]:
    """Every set of attributes that belongs to the span."""
    yield span.attributes
    yield span.resource.attributes
    yield span.scope.attributes
    yield from (event.attributes for event in span.events)
    yield from (link.attributes for link in span.links)
