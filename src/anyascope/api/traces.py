"""Traces out: services, search and a whole trace."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from typing import Annotated, Literal

from fastapi import APIRouter, Query
from starlette.responses import Response

from anyascope.api.encode import json_response
from anyascope.api.params import NAME_CHARS_MAX, EndParam, StartParam, answers
from anyascope.api.render import kind_name, trace_summary, trace_view
from anyascope.clock import Clock
from anyascope.errors import InvalidInputError, NotFoundError
from anyascope.explore.times import TEXT_CHARS_MAX, parse_duration_ns, parse_range
from anyascope.explore.traces import assemble, summarize_all
from anyascope.model.traces import Span
from anyascope.store.api.spans import SpanReader, TraceQuery
from anyascope.wire.own_traces import OperationView, ServicesView, ServiceView, TraceSearchView, TraceView

TRACES_MAX = 1_000  # of one search; each is read whole for its line
TAGS_MAX = 20  # each is a look at every span
SPANS_MAX = 20_000  # of one trace that is shown, about 20 MB of JSON; the page was made for 10,000
SUMMED_SPANS_MAX = 200_000  # of all traces of one search, about 1 s of work; traces beyond it are summed up in part
DURATION_NS_MAX = 2**63 - 1  # what the store's column holds, 292 years

_TRACE_ID = re.compile(r"(?:[0-9a-fA-F]{16}){1,2}", re.ASCII)


def traces_router(reader: SpanReader, *, clock: Clock) -> APIRouter:
    """The routes below `/traces`."""
    resource = _Traces(reader, clock=clock)
    router = APIRouter(tags=["traces"])
    router.get(
        "/traces/services",
        operation_id="listServices",
        summary="Services that sent spans, and what they do",
        response_model=ServicesView,
        responses=answers(problems=()),
    )(resource.services)
    router.get(
        "/traces/search",
        operation_id="searchTraces",
        summary="Traces in which one span meets all conditions",
        response_model=TraceSearchView,
        responses=answers(),
    )(resource.search)
    router.get(
        "/traces/{trace_id}",
        operation_id="getTrace",
        summary="A whole trace",
        response_model=TraceView,
        responses=answers(problems=(400, 404)),
    )(resource.trace)
    return router


class _Traces:
    """The operations, on what they need."""

    def __init__(self, reader: SpanReader, *, clock: Clock) -> None:
        self._reader = reader
        self._clock = clock

    async def services(self) -> Response:
        """Sorted by name."""
        views = []
        for name in await self._reader.services():
            operations = await self._reader.operations(name)
            views.append(
                ServiceView(
                    name=name, operations=[OperationView(name=o, kind=kind_name(kind)) for o, kind in operations]
                )
            )
        return json_response(ServicesView(services=views))

    async def search(
        self,
        *,
        service: Annotated[str, Query(max_length=NAME_CHARS_MAX)] = "",
        operation: Annotated[str, Query(max_length=NAME_CHARS_MAX, description="A span's name.")] = "",
        tags: Annotated[
            list[str] | None,
            Query(max_length=TAGS_MAX, description="`key=value`; may be repeated, then all must hold."),
        ] = None,
        min_duration: Annotated[str, Query(max_length=TEXT_CHARS_MAX, examples=["10ms"])] = "",
        max_duration: Annotated[str, Query(max_length=TEXT_CHARS_MAX, examples=["1.5s"])] = "",
        status: Annotated[Literal["", "error"], Query(description="Only spans that failed.")] = "",
        start: StartParam = "",
        end: EndParam = "",
        limit: Annotated[int, Query(ge=1, le=TRACES_MAX)] = 20,
    ) -> Response:
        """The newest traces with one line each; durations are of the span, not of the trace."""
        stretch = parse_range(start, end, now_ns=self._clock.now_ns())
        query = TraceQuery(
            start_ns=stretch.start_ns,
            end_ns=stretch.end_ns - 1,
            service=service,
            operation=operation,
            tags=dict(_tag(tag) for tag in tags or ()),
            duration_ns_min=_duration(min_duration, "min_duration"),
            duration_ns_max=_duration(max_duration, "max_duration"),
            errors_only=status == "error",
            limit=limit,
        )
        if query.duration_ns_max and query.duration_ns_max < query.duration_ns_min:
            raise InvalidInputError(f"must be at least min_duration, {min_duration}", path="max_duration")
        trace_ids = await self._reader.find_traces(query)
        spans = await self._reader.spans_of(trace_ids, spans_max=SUMMED_SPANS_MAX) if trace_ids else []
        # Beside the event loop: many spans take long, and a page must not wait for another's search.
        found = await asyncio.to_thread(summarize_all, trace_ids, spans)
        return json_response(TraceSearchView(traces=[trace_summary(summary) for summary in found]))

    async def trace(self, trace_id: str) -> Response:
        """All its spans by start, with what is odd about them. 16 digits stand for an id with zeros before."""
        if not _TRACE_ID.fullmatch(trace_id):
            raise InvalidInputError(f"must be 32 hex digits, got {trace_id[:TEXT_CHARS_MAX]!r}", path="trace_id")
        wanted = bytes.fromhex(trace_id.rjust(32, "0"))
        spans = await self._reader.spans_of([wanted], spans_max=SPANS_MAX + 1)
        if not spans:
            raise NotFoundError(f"there is no trace {wanted.hex()}: it may be too old, not sampled, or not arrived yet")
        return await asyncio.to_thread(_whole, wanted, spans)


def _whole(trace_id: bytes, spans: Sequence[Span]) -> Response:
    trace = assemble(trace_id, spans[:SPANS_MAX])
    return json_response(trace_view(trace, is_cut=len(spans) > SPANS_MAX))


def _tag(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not equals or not key or len(text) > NAME_CHARS_MAX:
        raise InvalidInputError(f"must be key=value, got {text[:TEXT_CHARS_MAX]!r}", path="tags")
    return key, value


def _duration(text: str, name: str) -> int:
    duration_ns = parse_duration_ns(text, name=name) if text else 0
    if duration_ns > DURATION_NS_MAX:
        raise InvalidInputError(f"must be below 292 years, got {text!r}", path=name)
    return duration_ns
