"""`targets`, `targets/metadata` and `scrape_pools`: what is scraped, and how that goes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any, Protocol
from urllib.parse import urlsplit, urlunsplit

from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from anyascope.api.prometheus.answers import endpoint, success
from anyascope.api.prometheus.forms import Form
from anyascope.api.prometheus.selectors import matcher_sets, selects
from anyascope.api.prometheus.times import format_ns
from anyascope.model.status import DroppedTargetView, TargetView
from anyascope.wire.durations import format_duration_ms

LOCAL_NAMES = frozenset({"127.0.0.1", "localhost", "::1"})


class TargetsSource(Protocol):
    """Tells of targets."""

    def targets(self) -> Sequence[TargetView]:
        """All that are scraped."""

    def dropped_targets(self) -> Sequence[DroppedTargetView]:
        """All that relabelling took away."""

    def scrape_pools(self) -> Sequence[str]:
        """The names of all scrape configurations, those without targets included."""


def targets_routes(source: TargetsSource, *, reach: str = "") -> list[BaseRoute]:
    """The routes that tell of targets; `reach` is where people reach this server, empty where that is not known."""
    handlers = _Targets(source, reach)
    return [
        Route("/api/v1/targets", endpoint(handlers.targets), methods=["GET"]),
        Route("/api/v1/targets/metadata", endpoint(handlers.metadata), methods=["GET"]),
        Route("/api/v1/scrape_pools", endpoint(handlers.scrape_pools), methods=["GET"]),
    ]


class _Targets:
    def __init__(self, source: TargetsSource, reach: str) -> None:
        self._source = source
        self._reach = reach

    async def targets(self, form: Form) -> Response:
        """`/api/v1/targets`."""
        state, pool = form.text("state").lower(), form.text("scrapePool")
        answer: dict[str, Any] = {"activeTargets": [], "droppedTargets": [], "droppedTargetCounts": None}
        if state in {"", "any", "active"}:
            answer["activeTargets"] = [
                _active(view, self._reach) for view in self._ordered() if pool in {"", view.scrape_pool}
            ]
        if state in {"", "any", "dropped"}:
            dropped = self._source.dropped_targets()
            answer["droppedTargets"] = [
                {"discoveredLabels": dict(view.discovered_labels), "scrapePool": view.scrape_pool}
                for view in dropped
                if view.is_shown and pool in {"", view.scrape_pool}
            ]
            counts = Counter(view.scrape_pool for view in dropped)
            answer["droppedTargetCounts"] = {name: counts[name] for name in self._pools()}
        return success(answer)

    async def metadata(self, form: Form) -> Response:
        """`/api/v1/targets/metadata`: what each target's own page says of its metrics."""
        limit, metric, text = form.whole("limit"), form.text("metric"), form.text("match_target")
        sets = matcher_sets([text] if text else [], parameter="match_target")
        found: list[dict[str, Any]] = []
        for view in self._ordered():
            if 0 <= limit <= len(found):  # upstream counts before a target, and tells a target whole
                break
            if sets and not selects(sets[0], view.labels):
                continue
            for known in view.metadata:
                if metric in {"", known.metric}:
                    named = {} if metric else {"metric": known.metric}
                    said = {"type": known.type.value, "help": known.help, "unit": known.unit}
                    found.append({"target": dict(view.labels), **named, **said})
        return success(found)

    async def scrape_pools(self, _form: Form) -> Response:
        """`/api/v1/scrape_pools`."""
        return success({"scrapePools": self._pools()})

    def _ordered(self) -> list[TargetView]:
        return sorted(self._source.targets(), key=lambda view: (view.scrape_pool, view.scrape_url))

    def _pools(self) -> list[str]:
        return sorted(set(self._source.scrape_pools()))


def global_url(url: str, reach: str) -> str:
    """A target's address for people elsewhere: in place of this machine's own names stands the one that they know it by.

    Source: Prometheus, `web/api/v1/api.go`, `getGlobalURL`.
    """
    target, own = urlsplit(url), urlsplit(reach)
    if not own.hostname or target.hostname not in LOCAL_NAMES:
        return url
    host = f"[{own.hostname}]" if ":" in own.hostname else own.hostname
    port = f":{target.port}" if target.port is not None else ""
    return urlunsplit(target._replace(netloc=f"{host}{port}"))


def _active(view: TargetView, reach: str) -> dict[str, Any]:
    return {
        "discoveredLabels": dict(view.discovered_labels),
        "labels": dict(view.labels),
        "scrapePool": view.scrape_pool,
        "scrapeUrl": view.scrape_url,
        "globalUrl": global_url(view.global_url or view.scrape_url, reach),
        "lastError": view.last_error,
        "lastScrape": format_ns(view.last_scrape_ns),
        "lastScrapeDuration": view.last_scrape_duration_s,
        "health": view.health.value,
        "scrapeInterval": format_duration_ms(view.scrape_interval_ms),
        "scrapeTimeout": format_duration_ms(view.scrape_timeout_ms),
    }
