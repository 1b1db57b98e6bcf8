"""`/federate`: the newest sample of every series that another Prometheus asks for, as a page to be scraped.

Source: Prometheus, "Federation"; `web/federate.go`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from anyascope.api.prometheus.answers import compressed, status_of
from anyascope.api.prometheus.forms import form_of
from anyascope.api.prometheus.selectors import matcher_sets
from anyascope.clock import NS_PER_MS, Clock
from anyascope.errors import AnyascopeError
from anyascope.model.labels import Labels, Matcher, metric_of
from anyascope.model.metrics import HistogramSample, is_stale
from anyascope.promql.engine import Engine
from anyascope.store.api.metrics import MetricReader, Selection
from anyascope.wire.exposition.written import Page, page_for

SERIES_MAX = 1_000_000  # of one `match[]`; a page of 150 MB, more than a scrape of it would take
INLINE_ROWS_MAX = 2_000  # some 10 ms of writing; longer pages are written beside the event loop

ExternalLabels: TypeAlias = Callable[[], Labels]


@dataclass(frozen=True, slots=True)
class _Row:
    """The newest sample of a series: a number, or a native histogram."""

    labels: Labels
    time_ms: int
    value: float
    histogram: HistogramSample | None = None


def federate_routes(engine: Engine, reader: MetricReader, clock: Clock, external: ExternalLabels) -> list[BaseRoute]:
    """The route; `external` labels are put on series that have none of their names."""
    handler = _Federate(engine, reader, clock, external)
    return [Route("/federate", handler.federate, methods=["GET"])]


class _Federate:
    def __init__(self, engine: Engine, reader: MetricReader, clock: Clock, external: ExternalLabels) -> None:
        self._engine = engine
        self._reader = reader
        self._clock = clock
        self._external = external

    async def federate(self, request: Request) -> Response:
        """`/federate`."""
        try:
            form = await form_of(request)
            rows = await self._rows(matcher_sets(form.texts("match[]")))
        except AnyascopeError as error:
            return PlainTextResponse(f"{error}\n", status_of(error))
        page, media_type = page_for(request.headers.get("accept", ""))
        external = dict(self._external())
        if len(rows) > INLINE_ROWS_MAX:
            body = await asyncio.to_thread(_written, page, rows, external)
        else:
            body = _written(page, rows, external)
        return await compressed(Response(body, headers={"content-type": media_type}), request)

    async def _rows(self, sets: Sequence[Sequence[Matcher]]) -> list[_Row]:
        """The newest sample of each series, stale ones left out, by name and labels."""
        end_ms = self._clock.now_ns() // NS_PER_MS
        start_ms = end_ms - self._engine.options.lookback_ms
        found: dict[Labels, _Row] = {}
        for matchers in sets:
            selection = Selection(tuple(matchers), start_ms, end_ms, series_max=SERIES_MAX)
            frame = await self._reader.select(selection)
            last = frame.offsets[1:] - 1
            values = frame.values[last]
            for labels, time_ms, value, stale in zip(
                frame.labels, frame.times_ms[last].tolist(), values.tolist(), is_stale(values).tolist(), strict=True
            ):
                if stale:
                    found.pop(labels, None)
                else:
                    found[labels] = _Row(labels, time_ms, value)
            for histogram in await self._reader.select_histograms(selection):
                known = found.get(histogram.labels)
                if known is None or known.time_ms <= histogram.time_ms:
                    found[histogram.labels] = _Row(histogram.labels, histogram.time_ms, 0.0, histogram)
        return sorted((row for row in found.values() if metric_of(row.labels)), key=_by_name)


def _by_name(row: _Row) -> tuple[str, Labels]:
    return metric_of(row.labels), row.labels


def _written(page: Page, rows: Sequence[_Row], external: dict[str, str]) -> bytes:
    # Without an instance of its own a series would get the one of the server that is scraped: this one's.
    added = {"instance": "", **external}
    for row in rows:
        own = {name for name, _ in row.labels}
        labels = (*row.labels, *((name, value) for name, value in sorted(added.items()) if name not in own))
        if row.histogram is None:
            page.sample(labels, row.value, row.time_ms)
        elif not row.histogram.is_stale:
            page.histogram(labels, row.histogram)
    return page.body()
