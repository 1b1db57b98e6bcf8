"""`series`, `labels`, `label/<name>/values`, `metadata`: what there is to ask about."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from anyascope.api.prometheus.answers import TRUNCATED, compressed, endpoint, failure, success
from anyascope.api.prometheus.forms import TIME_MAX_MS, TIME_MIN_MS, Form, form_of
from anyascope.api.prometheus.selectors import matcher_sets
from anyascope.errors import AnyascopeError, InvalidInputError
from anyascope.store.api.metrics import MetricReader

ESCAPED_PREFIX = "U__"  # Prometheus' escaping of names that older clients cannot write


def series_routes(reader: MetricReader) -> list[BaseRoute]:
    """The routes that tell of series, labels and metrics."""
    handlers = _Series(reader)
    both = ["GET", "POST"]
    return [
        Route("/api/v1/series", endpoint(handlers.series), methods=both),
        Route("/api/v1/labels", endpoint(handlers.labels), methods=both),
        Route("/api/v1/series", handlers.no_deletion, methods=["DELETE"]),
        Route("/api/v1/label/{name:path}/values", handlers.label_values, methods=["GET"]),
        Route("/api/v1/metadata", endpoint(handlers.metadata), methods=["GET"]),
    ]


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
    def __init__(self, reader: MetricReader) -> None:
        self._reader = reader

    async def series(self, form: Form) -> Response:
        """`/api/v1/series`."""
        if not form.texts("match[]"):
            raise InvalidInputError("no match[] parameter provided")
        limit = form.limit()
        sets = matcher_sets(form.texts("match[]"), parameter="match[]")
        start_ms, end_ms = _stretch(form)
        if end_ms < start_ms:
            return success([])
        # One more than asked for tells whether there are more.
        found = await self._reader.series(sets, start_ms=start_ms, end_ms=end_ms, limit=limit + 1 if limit else 0)
        return _limited([dict(labels) for labels in found], limit)

    async def labels(self, form: Form) -> Response:
        """`/api/v1/labels`."""
        limit = form.limit()
        sets = matcher_sets(form.texts("match[]"))
        start_ms, end_ms = _stretch(form)
        found = await self._reader.label_names(sets, start_ms=start_ms, end_ms=end_ms, limit=limit + 1 if limit else 0)
        return _limited(found, limit)

    async def no_deletion(self, _request: Request) -> Response:
        """Upstream has the route and says this; series are deleted below `admin/tsdb`."""
        return failure(AnyascopeError("not implemented"))

    async def label_values(self, request: Request) -> Response:
        """`/api/v1/label/<name>/values`."""
        return await compressed(await self._label_values(request), request)

    async def _label_values(self, request: Request) -> Response:
        try:
            form = await form_of(request)
            name = unescaped(request.path_params["name"])
            if not name or "\ufffd" in name:
                raise InvalidInputError(f'invalid label name: "{name}"')
            limit = form.limit()
            sets = matcher_sets(form.texts("match[]"))
            start_ms, end_ms = _stretch(form)
            found = await self._reader.label_values(
                name, sets, start_ms=start_ms, end_ms=end_ms, limit=limit + 1 if limit else 0
            )
            return _limited(found, limit)
        except AnyascopeError as error:
            return failure(error)

    async def metadata(self, form: Form) -> Response:
        """`/api/v1/metadata`."""
        limit, per_metric = form.whole("limit"), form.whole("limit_per_metric")
        found: dict[str, list[dict[str, str]]] = {}
        for known in await self._reader.metadata(metric=form.text("metric")):
            entries = found.get(known.metric)
            if entries is None:
                if 0 <= limit <= len(found):
                    break
                entries = found[known.metric] = []
            if per_metric <= 0 or len(entries) < per_metric:
                entries.append({"type": known.type.value, "unit": known.unit, "help": known.help})
        return success(found)


def _stretch(form: Form) -> tuple[int, int]:
    return form.time_ms("start", TIME_MIN_MS), form.time_ms("end", TIME_MAX_MS)


def _limited(found: Sequence[Any], limit: int) -> Response:
    if limit and len(found) > limit:
        return success(found[:limit], warnings=[TRUNCATED])
    return success(found)
