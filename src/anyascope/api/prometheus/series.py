"""`series`, `labels`, `label/<name>/values`, `metadata`: what there is to ask about."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from anyascope.api.prometheus.answers import TRUNCATED, endpoint, failure, success
from anyascope.api.prometheus.forms import TIME_MAX_MS, TIME_MIN_MS, Form, form_of
from anyascope.api.prometheus.query import parsed
from anyascope.errors import AnyascopeError, InvalidInputError
from anyascope.model.labels import Matcher
from anyascope.promql.engine import Engine
from anyascope.promql.syntax import Select, unwrapped
from anyascope.store.api.metrics import MetricReader

ESCAPED_PREFIX = "U__"  # Prometheus' escaping of names that older clients cannot write


def series_routes(engine: Engine, reader: MetricReader) -> list[BaseRoute]:
    """The routes that tell of series, labels and metrics."""
    handlers = _Series(engine, reader)
    both = ["GET", "POST"]
    return [
        Route("/api/v1/series", endpoint(handlers.series), methods=both),
        Route("/api/v1/labels", endpoint(handlers.labels), methods=both),
        Route("/api/v1/label/{name:path}/values", handlers.label_values, methods=["GET"]),
        Route("/api/v1/metadata", endpoint(handlers.metadata), methods=["GET"]),
    ]


def matcher_sets(engine: Engine, form: Form) -> list[Sequence[Matcher]]:
    """What `match[]` selects.

    Raises:
        InvalidInputError: one of them is no instant selector.
    """
    found: list[Sequence[Matcher]] = []
    for text in form.texts("match[]"):
        node = unwrapped(parsed(engine, text, "match[]").root)
        if not isinstance(node, Select) or node.range_ms or node.offset_ms or node.anchor is not None:
            raise InvalidInputError(f'invalid parameter "match[]": expected a series selector, got "{text}"')
        found.append(node.matchers)
    return found


def unescaped(name: str) -> str:
    """A label's name that was escaped as `U__…`: `__` stands for `_`, `_1F600_` for the character of that number.

    What is no such escaping is returned as it is. Source: Prometheus, "UTF-8 names", values encoding.
    """
    if not name.startswith(ESCAPED_PREFIX):
        return name
    rest = name.removeprefix(ESCAPED_PREFIX)
    out: list[str] = []
    pos = 0
    while pos < len(rest):
        if rest[pos] != "_":
            out.append(rest[pos])
            pos += 1
            continue
        end = rest.find("_", pos + 1)
        if end < 0:
            return name
        digits = rest[pos + 1 : end]
        try:
            out.append(chr(int(digits, 16)) if digits else "_")
        except (ValueError, OverflowError):
            return name
        pos = end + 1
    return "".join(out)


class _Series:
    def __init__(self, engine: Engine, reader: MetricReader) -> None:
        self._engine = engine
        self._reader = reader

    async def series(self, form: Form) -> Response:
        """`/api/v1/series`."""
        if not form.texts("match[]"):
            raise InvalidInputError("no match[] parameter provided")
        limit = form.limit()
        sets = matcher_sets(self._engine, form)
        start_ms, end_ms = _stretch(form)
        # One more than asked for tells whether there are more.
        found = await self._reader.series(sets, start_ms=start_ms, end_ms=end_ms, limit=limit + 1 if limit else 0)
        return _limited([dict(labels) for labels in found], limit)

    async def labels(self, form: Form) -> Response:
        """`/api/v1/labels`."""
        limit = form.limit()
        sets = matcher_sets(self._engine, form)
        start_ms, end_ms = _stretch(form)
        found = await self._reader.label_names(sets, start_ms=start_ms, end_ms=end_ms, limit=limit + 1 if limit else 0)
        return _limited(found, limit)

    async def label_values(self, request: Request) -> Response:
        """`/api/v1/label/<name>/values`."""
        try:
            form = await form_of(request)
            name = unescaped(request.path_params["name"])
            if not name or "\ufffd" in name:
                raise InvalidInputError(f'invalid label name: "{name}"')
            limit = form.limit()
            sets = matcher_sets(self._engine, form)
            start_ms, end_ms = _stretch(form)
            found = await self._reader.label_values(
                name, sets, start_ms=start_ms, end_ms=end_ms, limit=limit + 1 if limit else 0
            )
            return _limited(found, limit)
        except AnyascopeError as error:
            return failure(error)

    async def metadata(self, form: Form) -> Response:
        """`/api/v1/metadata`."""
        limit, per_metric = form.limit(), form.limit("limit_per_metric")
        metric = form.text("metric")
        found: dict[str, list[dict[str, str]]] = {}
        for known in await self._reader.metadata(metric=metric, limit=0 if per_metric else limit):
            entries = found.get(known.metric)
            if entries is None:
                if limit and len(found) >= limit:
                    break
                entries = found[known.metric] = []
            if not per_metric or len(entries) < per_metric:
                entries.append({"type": known.type.value, "unit": known.unit, "help": known.help})
        return success(found)


def _stretch(form: Form) -> tuple[int, int]:
    start_ms, end_ms = form.time_ms("start", TIME_MIN_MS), form.time_ms("end", TIME_MAX_MS)
    if end_ms < start_ms:
        raise InvalidInputError('invalid parameter "end": end timestamp must not be before start time')
    return start_ms, end_ms


def _limited(found: Sequence[Any], limit: int) -> Response:
    if limit and len(found) > limit:
        return success(found[:limit], warnings=[TRUNCATED])
    return success(found)
