"""`query`, `query_range`, `query_exemplars`, `format_query`, `parse_query`: asking with PromQL."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby

from starlette.responses import Response, StreamingResponse
from starlette.routing import BaseRoute, Route

from anyascope.api.prometheus.answers import endpoint, json_response, parameter_error, success
from anyascope.api.prometheus.encode import encode_pieces, encode_result, format_time
from anyascope.api.prometheus.forms import TIME_MAX_MS, TIME_MIN_MS, Form, parse_duration_ms
from anyascope.clock import NS_PER_MS, Clock
from anyascope.errors import InvalidInputError
from anyascope.model.labels import Matcher
from anyascope.promql.engine import Engine
from anyascope.promql.errors import QuerySyntaxError
from anyascope.promql.layout import laid_out
from anyascope.promql.numbers import format_float
from anyascope.promql.options import QueryLimits
from anyascope.promql.parse import Query
from anyascope.promql.result import QueryResult, ResultKind
from anyascope.promql.syntax import kind_of
from anyascope.promql.written import written
from anyascope.store.api.metrics import MetricReader

STREAM_FROM = 1_000_000  # samples, some 30 MB of text; more are never in memory as a whole
ENCODE_INLINE_MAX = 20_000  # samples, some 5 ms; more are written beside the event loop


def query_routes(engine: Engine, reader: MetricReader, clock: Clock) -> list[BaseRoute]:
    """The routes that take a query."""
    handlers = _Queries(engine, reader, clock)
    both = ["GET", "POST"]
    return [
        Route("/api/v1/query", endpoint(handlers.query), methods=both),
        Route("/api/v1/query_range", endpoint(handlers.query_range), methods=both),
        Route("/api/v1/query_exemplars", endpoint(handlers.query_exemplars), methods=both),
        Route("/api/v1/format_query", endpoint(handlers.format_query), methods=both),
        Route("/api/v1/parse_query", endpoint(handlers.parse_query), methods=both),
    ]


def parsed(engine: Engine, text: str, parameter: str = "query") -> Query:
    """A query of a request.

    Raises:
        InvalidInputError: it is not PromQL.
    """
    try:
        return engine.parse(text)
    except QuerySyntaxError as error:
        raise parameter_error(parameter, error) from error


class _Queries:
    def __init__(self, engine: Engine, reader: MetricReader, clock: Clock) -> None:
        self._engine = engine
        self._reader = reader
        self._clock = clock

    async def query(self, form: Form) -> Response:
        """`/api/v1/query`."""
        limit = form.limit()
        at_ms = form.time_ms("time", self._clock.now_ns() // NS_PER_MS)
        limits, lookback_ms = self._allowed(form)
        plan = parsed(self._engine, form.text("query"))
        result = await self._engine.instant(plan, at_ms, lookback_ms=lookback_ms, limits=limits)
        return await _answer(result, form, limit)

    async def query_range(self, form: Form) -> Response:
        """`/api/v1/query_range`."""
        limit = form.limit()
        start_ms, end_ms = form.time_ms("start"), form.time_ms("end")
        if end_ms < start_ms:
            raise InvalidInputError('invalid parameter "end": end timestamp must not be before start time')
        step_ms = form.duration_ms("step")
        if step_ms <= 0:
            raise InvalidInputError(
                'invalid parameter "step": zero or negative query resolution step widths are not accepted. '
                "Try a positive integer"
            )
        limits, lookback_ms = self._allowed(form)
        plan = parsed(self._engine, form.text("query"))
        kind = kind_of(plan.root)
        if kind in {ResultKind.MATRIX, ResultKind.STRING}:
            named = "range vector" if kind is ResultKind.MATRIX else "string"
            raise InvalidInputError(
                f'invalid parameter "query": invalid expression type "{named}" for range query, '
                "must be Scalar or instant Vector"
            )
        result = await self._engine.range(plan, start_ms, end_ms, step_ms, lookback_ms=lookback_ms, limits=limits)
        return await _answer(result, form, limit)

    def _allowed(self, form: Form) -> tuple[QueryLimits, int | None]:
        limits = self._engine.options.limits
        if form.text("timeout"):
            asked_s = form.duration_ms("timeout") / 1000
            # Nobody is given more time than the server allows.
            limits = replace(limits, timeout_s=min(asked_s, limits.timeout_s))
        return limits, _lookback_ms(form)

    async def query_exemplars(self, form: Form) -> Response:
        """`/api/v1/query_exemplars`."""
        start_ms, end_ms = form.time_ms("start", TIME_MIN_MS), form.time_ms("end", TIME_MAX_MS)
        if end_ms < start_ms:
            raise InvalidInputError("end timestamp must not be before start timestamp")
        sets: list[Sequence[Matcher]] = [
            selector.matchers for selector in self._engine.parse(form.text("query")).selectors
        ]
        if not sets:
            return Response(status_code=204)
        found = await self._reader.exemplars(sets, start_ms=start_ms, end_ms=end_ms)
        return success(
            [
                {
                    "seriesLabels": dict(series),
                    "exemplars": [
                        {
                            "labels": dict(exemplar.labels),
                            "value": format_float(exemplar.value),
                            "timestamp": float(format_time(exemplar.time_ms)),
                        }
                        for exemplar in exemplars
                    ],
                }
                for series, exemplars in groupby(found, key=lambda exemplar: exemplar.series)
            ]
        )

    async def format_query(self, form: Form) -> Response:
        """`/api/v1/format_query`."""
        return success(laid_out(parsed(self._engine, form.text("query")).text))

    async def parse_query(self, form: Form) -> Response:
        """`/api/v1/parse_query`."""
        return success(written(parsed(self._engine, form.text("query")).text))


def _lookback_ms(form: Form) -> int | None:
    """How far instant selectors look back, where that was asked for."""
    text = form.text("lookback_delta")
    if not text:
        return None
    try:
        asked_ms = parse_duration_ms(text)
    except InvalidInputError as error:
        raise InvalidInputError(f"error parsing lookback delta duration: {error.message}") from error
    return asked_ms if asked_ms > 0 else None


async def _answer(result: QueryResult, form: Form, limit: int) -> Response:
    with_stats = bool(form.text("stats"))
    if len(result.frame.values) > STREAM_FROM:
        # The pieces are made on threads, each when the one before it is on its way.
        pieces = encode_pieces(result, with_stats=with_stats, limit=limit)
        return StreamingResponse(pieces, media_type="application/json")
    if len(result.frame.values) > ENCODE_INLINE_MAX:
        body = await asyncio.to_thread(encode_result, result, with_stats=with_stats, limit=limit)
    else:
        body = encode_result(result, with_stats=with_stats, limit=limit)
    return json_response(body)
