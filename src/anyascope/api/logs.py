"""Logs out: search, histogram, fields, values and the live tail."""

from __future__ import annotations

import base64
import binascii
from dataclasses import replace
from typing import Annotated, Literal

from fastapi import APIRouter, Query
from starlette.responses import Response

from anyascope.api.encode import json_response
from anyascope.api.params import NAME_CHARS_MAX, CursorParam, EndParam, LogQueryParam, StartParam, answers
from anyascope.api.render import log_row
from anyascope.api.sse import EventStreamResponse, Streams
from anyascope.api.tail import Tail
from anyascope.clock import NS_PER_S, Clock
from anyascope.errors import InvalidInputError
from anyascope.explore.fields import canonical_field
from anyascope.explore.language import parse_query
from anyascope.explore.times import TIME_NS_MAX, format_time, parse_range
from anyascope.ports import Arrivals
from anyascope.store.api.logs import EVERYTHING, LogCursor, LogQuery, LogReader
from anyascope.store.api.matching import predicate_of
from anyascope.wire.own_api import (
    FieldsView,
    FieldView,
    HistogramBucketView,
    HistogramView,
    LogSearchView,
    ValuesView,
    ValueView,
)

ROWS_MAX = 5_000  # of one answer: about 5 MB of JSON, 50 ms to make; more comes by the cursor
BUCKETS_MAX = 1_000  # bars of a histogram: more than any screen has pixels for
FIELDS_MAX = 1_000
VALUES_MAX = 1_000
UNSPECIFIED = "UNSPECIFIED"  # how a histogram calls records without a severity
SKIP_MAX = 100_000_000  # records of one nanosecond; a cursor that says more is not ours

# Widths of histogram bars, in seconds: what people count time by.
_WIDTHS_S = (
    *(0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5),
    *(1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1_800),
    *(3_600, 7_200, 10_800, 21_600, 43_200, 86_400, 172_800, 604_800, 2_592_000, 31_536_000),
)


def logs_router(reader: LogReader, arrivals: Arrivals, *, clock: Clock, streams: Streams) -> APIRouter:
    """The routes below `/logs`."""
    resource = _Logs(reader, arrivals, clock=clock, streams=streams)
    router = APIRouter(tags=["logs"])
    router.get(
        "/logs/search",
        operation_id="searchLogs",
        summary="Log records that meet a query",
        response_model=LogSearchView,
        responses=answers(),
    )(resource.search)
    router.get(
        "/logs/histogram",
        operation_id="countLogs",
        summary="How many records there were when, by severity",
        response_model=HistogramView,
        responses=answers(),
    )(resource.histogram)
    router.get(
        "/logs/fields",
        operation_id="listLogFields",
        summary="Which fields the records have",
        response_model=FieldsView,
        responses=answers(),
    )(resource.fields)
    router.get(
        "/logs/values",
        operation_id="listLogValues",
        summary="The commonest values of a field",
        response_model=ValuesView,
        responses=answers(),
    )(resource.values)
    router.get(
        "/logs/tail",
        operation_id="tailLogs",
        summary="Records as they are stored, as server-sent events",
        response_class=Response,
        responses={200: {"content": {"text/event-stream": {}}}},
    )(resource.tail)
    return router


def encode_cursor(cursor: LogCursor) -> str:
    """A cursor as text that says nothing to others."""
    return base64.urlsafe_b64encode(f"{cursor.time_ns}.{cursor.skip}".encode()).decode().rstrip("=")


def decode_cursor(text: str) -> LogCursor:
    """The inverse of `encode_cursor`.

    Raises:
        InvalidInputError: it is not one of ours.
    """
    try:
        plain = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode("ascii")
        time_ns, skip = (int(part) for part in plain.split("."))
    except (ValueError, binascii.Error) as error:
        raise InvalidInputError("is not a cursor that a search gave", path="cursor") from error
    if not (0 <= time_ns <= TIME_NS_MAX and 0 <= skip <= SKIP_MAX):
        raise InvalidInputError("is not a cursor that a search gave", path="cursor")
    return LogCursor(time_ns, skip)


def bucket_width_ns(stretch_ns: int, *, buckets: int) -> int:
    """The smallest round width with which so many buckets cover the stretch."""
    for width_s in _WIDTHS_S:
        if width_s * NS_PER_S * buckets >= stretch_ns:
            return round(width_s * NS_PER_S)
    return -(-stretch_ns // buckets)


class _Logs:
    """The operations, on what they need."""

    def __init__(self, reader: LogReader, arrivals: Arrivals, *, clock: Clock, streams: Streams) -> None:
        self._reader = reader
        self._arrivals = arrivals
        self._clock = clock
        self._streams = streams

    async def search(
        self,
        *,
        query: LogQueryParam = "",
        start: StartParam = "",
        end: EndParam = "",
        limit: Annotated[int, Query(ge=1, le=ROWS_MAX, description="Records of a page.")] = 100,
        cursor: CursorParam = "",
        order: Annotated[Literal["newest", "oldest"], Query(description="Which come first.")] = "newest",
    ) -> Response:
        """Records whose time lies in the stretch, in order; the cursor goes on where the page ended."""
        given = self._query(query, start, end)
        page = await self._reader.search(
            replace(
                given,
                limit=limit,
                newest_first=order == "newest",
                cursor=decode_cursor(cursor) if cursor else None,
            )
        )
        rows = [log_row(record) for record in page.records]
        return json_response(LogSearchView(rows=rows, cursor=encode_cursor(page.cursor) if page.cursor else None))

    async def histogram(
        self,
        *,
        query: LogQueryParam = "",
        start: StartParam = "",
        end: EndParam = "",
        buckets: Annotated[int, Query(ge=1, le=BUCKETS_MAX, description="How many bars are wanted, about.")] = 60,
    ) -> Response:
        """Bars of a round width, aligned to it, so that a moving stretch does not shift them."""
        given = self._query(query, start, end)
        width_ns = bucket_width_ns(given.end_ns - given.start_ns, buckets=buckets)
        found = await self._reader.histogram(given, bucket_ns=width_ns)
        bars = [
            HistogramBucketView(
                start=format_time(bucket.start_ns),
                counts={name or UNSPECIFIED: count for name, count in bucket.counts.items()},
                total=sum(bucket.counts.values()),
            )
            for bucket in found
        ]
        return json_response(HistogramView(bucket_s=width_ns / NS_PER_S, buckets=bars))

    async def fields(
        self,
        *,
        query: LogQueryParam = "",
        start: StartParam = "",
        end: EndParam = "",
        limit: Annotated[int, Query(ge=1, le=FIELDS_MAX)] = 100,
    ) -> Response:
        """Attributes and resource attributes, as `attributes.k` and `resource.k`."""
        found = await self._reader.fields(self._query(query, start, end), limit=limit)
        return json_response(FieldsView(fields=[FieldView(name=name, count=count) for name, count in found]))

    async def values(
        self,
        *,
        field: Annotated[str, Query(min_length=1, max_length=NAME_CHARS_MAX, description="Such as `service`.")],
        query: LogQueryParam = "",
        start: StartParam = "",
        end: EndParam = "",
        limit: Annotated[int, Query(ge=1, le=VALUES_MAX)] = 10,
    ) -> Response:
        """Values as text with how many records have them."""
        given = self._query(query, start, end)
        found = await self._reader.top_values(_field(field), given, limit=limit)
        return json_response(ValuesView(values=[ValueView(value=value, count=count) for value, count in found]))

    async def tail(self, query: LogQueryParam = "") -> Response:
        """`row` with a record; `dropped` with how many were left out because the reader or the limit was too slow."""
        holds = predicate_of(parse_query(query)) if query.strip() else None
        stream = self._streams.open()
        tail = Tail(self._arrivals, stream, holds=holds, clock=self._clock)
        return EventStreamResponse(tail.chunks(), stream=stream, streams=self._streams)

    def _query(self, query: str, start: str, end: str) -> LogQuery:
        stretch = parse_range(start, end, now_ns=self._clock.now_ns())
        condition = parse_query(query) if query else EVERYTHING
        return LogQuery(condition, stretch.start_ns, stretch.end_ns)


def _field(name: str) -> str:
    try:
        return canonical_field(name)
    except ValueError as error:
        raise InvalidInputError(str(error), path="field") from error
