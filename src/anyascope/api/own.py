"""The own API, put together from its resources."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from fastapi import APIRouter, FastAPI

from anyascope import __version__
from anyascope.api.alerts import RulesSource, alerts_router
from anyascope.api.bitcoin import NodesSource, bitcoin_router, nodes_view
from anyascope.api.cardinality import SeriesRoomSource, cardinality_router
from anyascope.api.correlations import CorrelationParts, correlations_router
from anyascope.api.custody import SpendDesk, custody_router
from anyascope.api.deliveries import Deliveries, deliveries_router
from anyascope.api.examples import BY_OPERATION
from anyascope.api.hsms import HsmDesk, hsms_router
from anyascope.api.live import TopicMaker, live_router, live_topics
from anyascope.api.logs import logs_router
from anyascope.api.own_transactions import TransactionsSource, transactions_router, transactions_view
from anyascope.api.packs import PacksInForce, packs_router
from anyascope.api.problems import install_problems
from anyascope.api.queries import RunningQueries, queries_router
from anyascope.api.receivers import ReceiverTrials, receivers_router
from anyascope.api.responses import responses_router
from anyascope.api.routing import RoutingParts, routing_router
from anyascope.api.sdk import SdkSource, sdk_router
from anyascope.api.silences import SilenceBook, SilencesParts, TextCleaner, silences_router
from anyascope.api.slos import slos_router
from anyascope.api.sse import Streams
from anyascope.api.status import HealthBoard, StatusSource, status_router
from anyascope.api.traces import traces_router
from anyascope.api.wallets import WalletsSource, wallets_router, wallets_view
from anyascope.clock import Clock
from anyascope.model.sdk import SdkSettings
from anyascope.ports import AlertDesk, AlertResponder, Arrivals
from anyascope.store.api.logs import LogReader
from anyascope.store.api.metrics import MetricReader
from anyascope.store.api.spans import SpanReader

BASE_PATH: Final = "/api/anyascope/v1"

_DESCRIPTION = (
    "Logs, traces, alerts, health and status of an anyascope server. Metrics are asked through Prometheus' own API at "
    "`/api/v1`. Errors are `application/problem+json`."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnParts:
    """What the API asks, and who is told what it changes."""

    logs: LogReader
    spans: SpanReader
    arrivals: Arrivals
    desk: AlertDesk
    rules: RulesSource
    responder: AlertResponder
    board: HealthBoard
    status: StatusSource
    metrics: MetricReader
    room: SeriesRoomSource
    queries: RunningQueries
    streams: Streams
    clock: Clock
    sdk: SdkSource = SdkSettings
    routing: Callable[[], RoutingParts] = RoutingParts
    packs: PacksInForce = tuple
    deliveries: Deliveries
    silences: SilenceBook
    cleaner: TextCleaner
    trials: ReceiverTrials
    nodes: NodesSource
    wallets: WalletsSource
    hsms: HsmDesk
    spends: SpendDesk
    transactions: TransactionsSource


def own_api(parts: OwnParts) -> FastAPI:
    """The application to mount at `BASE_PATH`; its description is at `openapi.json` below."""
    app = _OwnApi(
        title="anyascope",
        version=__version__,
        description=_DESCRIPTION,
        openapi_url="/openapi.json",
        # Pages that describe an API load their scripts from elsewhere, which this server's policy forbids.
        docs_url=None,
        redoc_url=None,
        servers=[{"url": BASE_PATH}],
        root_path_in_servers=False,
        redirect_slashes=False,
        # Requests are traced and counted once, by what stands before all routes.
        telemetry={"tracing": False, "metrics": False, "logs": False},
    )
    install_problems(app)
    for router in _routers(parts):
        app.include_router(router)
    return app


def _routers(parts: OwnParts) -> Iterator[APIRouter]:
    """The resources, in the order in which they are described."""
    logs, spans, metrics, arrivals = parts.logs, parts.spans, parts.metrics, parts.arrivals
    desk, rules, responder = parts.desk, parts.rules, parts.responder
    clock, streams = parts.clock, parts.streams
    yield status_router(parts.status, parts.board)
    yield cardinality_router(metrics, parts.room, clock=clock)
    yield queries_router(parts.queries, clock=clock)
    yield logs_router(logs, arrivals, clock=clock, streams=streams)
    yield traces_router(spans, clock=clock)
    yield alerts_router(desk, rules, responder)
    yield responses_router(responder, rules)
    yield live_router(_topics(parts), arrivals, clock=clock, streams=streams)
    yield hsms_router(parts.hsms)
    yield bitcoin_router(parts.nodes)
    yield wallets_router(parts.wallets)
    yield custody_router(parts.spends)
    yield transactions_router(parts.transactions)
    yield correlations_router(
        CorrelationParts(
            logs, spans, metrics, desk=desk, rules=rules, responder=responder, spends=parts.spends, clock=clock
        )
    )
    yield sdk_router(parts.sdk)
    yield routing_router(parts.routing)
    yield deliveries_router(parts.deliveries)
    yield silences_router(SilencesParts(parts.silences, desk, rules, responder, metrics, parts.cleaner, clock))
    yield receivers_router(parts.trials)
    yield packs_router(parts.packs, rules)
    yield slos_router(rules, desk, responder, metrics=metrics, clock=clock)


def _topics(parts: OwnParts) -> Mapping[str, TopicMaker]:
    """What a page may follow live: each is the body of its resource."""
    return {
        **live_topics(parts.desk, parts.rules, parts.responder, parts.board),
        "bitcoin_nodes": lambda: nodes_view(parts.nodes.bitcoin_nodes()),
        "bitcoin_wallets": lambda: wallets_view(parts.wallets.bitcoin_wallets()),
        "bitcoin_transactions": lambda: transactions_view(parts.transactions.bitcoin_transactions()),
    }


class _OwnApi(FastAPI):
    """FastAPI, but for its own shape of validation errors, which `problems` replaces, and with examples."""

    def openapi(self) -> dict[str, Any]:
        if self.openapi_schema is None:
            described = super().openapi()
            for path in described["paths"].values():
                for operation in path.values():
                    operation["responses"].pop("422", None)
                    # Put in afterwards: the framework leaves nulls out of the examples that it is given.
                    well = operation["responses"].get("200") or operation["responses"]["201"]
                    (content,) = well["content"].values()
                    content["example"] = BY_OPERATION[operation["operationId"]]
            for name in ("HTTPValidationError", "ValidationError"):
                described["components"]["schemas"].pop(name, None)
        return super().openapi()
