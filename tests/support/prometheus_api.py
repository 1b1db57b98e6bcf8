"""The Prometheus API over doubles, asked as a client asks it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import httpx
from starlette.applications import Starlette

from anyascope.api.prometheus.routes import PrometheusParts, prometheus_routes
from anyascope.api.prometheus.status import ServerView
from anyascope.clock import NS_PER_S, ManualClock
from anyascope.model.labels import Labels
from anyascope.model.status import DroppedTargetView, RuleGroupView, TargetView
from anyascope.promql.options import EngineOptions
from anyascope.store.memory.metrics import MemoryMetrics
from support.promql import engine_over

NOW_S = 1_795_425_586
SERVER = ServerView("1.2.3", NOW_S * NS_PER_S, "/srv", "host.test", "30d", NOW_S * NS_PER_S)


@dataclass
class Told:
    """What the doubles tell."""

    views: Sequence[TargetView] = ()
    dropped: Sequence[DroppedTargetView] = ()
    rule_groups: Sequence[RuleGroupView] = ()
    options: Mapping[str, str] = field(default_factory=dict)
    view: ServerView = SERVER
    pools: Sequence[str] = ()
    snapshots: list[str] = field(default_factory=list)
    cleanings: int = 0

    def targets(self) -> Sequence[TargetView]:
        return self.views

    def dropped_targets(self) -> Sequence[DroppedTargetView]:
        return self.dropped

    def scrape_pools(self) -> Sequence[str]:
        return self.pools or sorted({view.scrape_pool for view in (*self.views, *self.dropped)})

    def groups(self) -> Sequence[RuleGroupView]:
        return self.rule_groups

    def server(self) -> ServerView:
        return self.view

    def config_yaml(self) -> str:
        return "global: {}\n"

    def flags(self) -> Mapping[str, str]:
        return self.options

    async def clean(self) -> None:
        self.cleanings += 1

    async def snapshot(self, *, skips_head: bool = False) -> str:
        self.snapshots.append(f"{'disk' if skips_head else 'all'}-{len(self.snapshots)}")
        return self.snapshots[-1]


def client_of(
    store: MemoryMetrics,
    told: Told | None = None,
    *,
    options: EngineOptions | None = None,
    alertmanagers: Sequence[str] = (),
    has_admin_api: bool = False,
    external_labels: Labels = (),
) -> httpx.AsyncClient:
    told = told or Told()
    parts = PrometheusParts(
        engine=engine_over(store, options),
        reader=store,
        clock=ManualClock(NOW_S * NS_PER_S),
        targets=told,
        rules=told,
        status=told,
        admin=told,
        external_labels=lambda: external_labels,
        has_admin_api=has_admin_api,
        alertmanagers=alertmanagers,
    )
    transport = httpx.ASGITransport(Starlette(routes=prometheus_routes(parts)))
    return httpx.AsyncClient(transport=transport, base_url="http://api/api/v1/")
