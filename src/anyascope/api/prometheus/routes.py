"""All of Prometheus' resources at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from starlette.routing import BaseRoute

from anyascope.api.prometheus.admin import StoreAdmin, admin_routes
from anyascope.api.prometheus.federate import ExternalLabels, federate_routes
from anyascope.api.prometheus.query import query_routes
from anyascope.api.prometheus.read import read_routes
from anyascope.api.prometheus.rules import RulesSource, rules_routes
from anyascope.api.prometheus.series import series_routes
from anyascope.api.prometheus.status import StatusSource, status_routes
from anyascope.api.prometheus.targets import TargetsSource, targets_routes
from anyascope.clock import Clock
from anyascope.promql.engine import Engine
from anyascope.store.api.metrics import MetricReader


@dataclass(frozen=True, slots=True)
class PrometheusParts:
    """What the API asks.

    Attributes:
        admin: what may be done to the store.
        external_labels: what `/federate` and remote read put on series.
        has_admin_api: whether `admin/tsdb` may be used.
        reach: where people reach the server, as far as that was configured.
        alertmanagers: addresses to which alerts are forwarded.
    """

    engine: Engine
    reader: MetricReader
    clock: Clock
    targets: TargetsSource
    rules: RulesSource
    status: StatusSource
    admin: StoreAdmin
    external_labels: ExternalLabels = tuple
    has_admin_api: bool = False
    reach: str = ""
    alertmanagers: Sequence[str] = ()


def prometheus_routes(parts: PrometheusParts) -> list[BaseRoute]:
    """Every route of Prometheus' API that is answered, with its whole path."""
    return [
        *query_routes(parts.engine, parts.reader, parts.clock),
        *read_routes(parts.reader, parts.external_labels),
        *series_routes(parts.reader),
        *targets_routes(parts.targets, reach=parts.reach),
        *rules_routes(parts.engine, parts.rules, parts.alertmanagers),
        *status_routes(parts.status, parts.reader, parts.clock),
        *admin_routes(parts.reader, parts.admin, is_enabled=parts.has_admin_api),
        *federate_routes(parts.engine, parts.reader, parts.clock, parts.external_labels),
    ]
