"""`targets` and `scrape_pools`: what is scraped, and how that goes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any, Protocol

from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from anyascope.api.prometheus.answers import endpoint, success
from anyascope.api.prometheus.forms import Form
from anyascope.api.prometheus.times import format_ns
from anyascope.model.status import DroppedTargetView, TargetView
from anyascope.wire.durations import format_duration_ms


class TargetsSource(Protocol):
    """Tells of targets."""

    def targets(self) -> Sequence[TargetView]:
        """All that are scraped."""

    def dropped_targets(self) -> Sequence[DroppedTargetView]:
        """All that relabelling took away."""


def targets_routes(source: TargetsSource) -> list[BaseRoute]:
    """The routes that tell of targets."""
    handlers = _Targets(source)
    return [
        Route("/api/v1/targets", endpoint(handlers.targets), methods=["GET"]),
        Route("/api/v1/scrape_pools", endpoint(handlers.scrape_pools), methods=["GET"]),
    ]


class _Targets:
    def __init__(self, source: TargetsSource) -> None:
        self._source = source

    async def targets(self, form: Form) -> Response:
        state = form.text("state").lower()
        pool = form.text("scrapePool")
        active = [view for view in self._source.targets() if not pool or view.scrape_pool == pool]
        dropped = [view for view in self._source.dropped_targets() if not pool or view.scrape_pool == pool]
        answer: dict[str, Any] = {"activeTargets": [], "droppedTargets": [], "droppedTargetCounts": {}}
        if state in {"", "any", "active"}:
            ordered = sorted(active, key=lambda view: (view.scrape_pool, view.scrape_url))
            answer["activeTargets"] = [_active(view) for view in ordered]
        if state in {"", "any", "dropped"}:
            answer["droppedTargets"] = [
                {"discoveredLabels": dict(view.discovered_labels), "scrapePool": view.scrape_pool} for view in dropped
            ]
        counts = Counter(view.scrape_pool for view in dropped)
        answer["droppedTargetCounts"] = {
            name: counts[name] for name in sorted({v.scrape_pool for v in active} | set(counts))
        }
        return success(answer)

    async def scrape_pools(self, _form: Form) -> Response:
        return success({"scrapePools": sorted({view.scrape_pool for view in self._source.targets()})})


def _active(view: TargetView) -> dict[str, Any]:
    return {
        "discoveredLabels": dict(view.discovered_labels),
        "labels": dict(view.labels),
        "scrapePool": view.scrape_pool,
        "scrapeUrl": view.scrape_url,
        "globalUrl": view.global_url or view.scrape_url,
        "lastError": view.last_error,
        "lastScrape": format_ns(view.last_scrape_ns),
        "lastScrapeDuration": view.last_scrape_duration_s,
        "health": view.health.value,
        "scrapeInterval": format_duration_ms(view.scrape_interval_ms),
        "scrapeTimeout": format_duration_ms(view.scrape_timeout_ms),
    }
