"""Who makes the series, and how near that is to the limits."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated, Protocol

from fastapi import APIRouter, Query
from starlette.responses import Response

from anyascope.api.encode import json_response
from anyascope.api.params import NAME_CHARS_MAX, answers
from anyascope.clock import NS_PER_MS, Clock
from anyascope.store.api.metrics import MetricReader
from anyascope.wire.own_api import CardinalityView, CountView

ENTRIES_MAX = 10_000  # of each list; nobody reads more
CHURN_MS = 3_600_000  # what began or fell silent within an hour tells a label with ids from a fleet that grows


@dataclass(frozen=True, slots=True)
class SeriesRoom:
    """How many series are let in, and how many count against that by source."""

    limit: int
    source_limit: int
    sources: Mapping[str, int]


class SeriesRoomSource(Protocol):
    """Who lets series in."""

    def series_room(self) -> SeriesRoom:
        """How it is now."""


def cardinality_router(reader: MetricReader, room: SeriesRoomSource, *, clock: Clock) -> APIRouter:
    """The route `/cardinality`."""
    router = APIRouter(tags=["server"])

    @router.get(
        "/cardinality",
        operation_id="getCardinality",
        summary="Who makes the series",
        response_model=CardinalityView,
        responses=answers(),
    )
    async def get_cardinality(
        limit: Annotated[int, Query(ge=1, le=ENTRIES_MAX, description="Entries of each list.")] = 10,
        label: Annotated[
            str, Query(max_length=NAME_CHARS_MAX, description="Tell the series by value of this label, too.")
        ] = "job",
    ) -> Response:
        """What `anyascope cardinality` shows: series by metric, label, pair and source, beside the limits."""
        since_ms = clock.now_ns() // NS_PER_MS - CHURN_MS
        found = await reader.cardinality(limit=limit, focus=label, since_ms=since_ms)
        now = room.series_room()
        sources = sorted(now.sources.items(), key=lambda pair: (-pair[1], pair[0]))
        return json_response(
            CardinalityView(
                series=found.series,
                new=found.new,
                quiet=found.quiet,
                limit=now.limit,
                source_limit=now.source_limit,
                sources=_counts(sources),
                metrics=_counts(found.by_metric),
                labels=_counts(found.by_label),
                pairs=_counts(found.by_pair),
                bytes=_counts(found.bytes_by_label),
                by=_counts(found.by_focus),
            )
        )

    return router


def _counts(pairs: Iterable[tuple[str, int]]) -> list[CountView]:
    return [CountView(name=name, count=count) for name, count in pairs]
