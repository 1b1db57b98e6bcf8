"""The own API, put together from its resources."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from fastapi import FastAPI

from anyascope import __version__
from anyascope.api.alerts import RulesSource, alerts_router
from anyascope.api.bitcoin import NodesSource, bitcoin_router, nodes_view
from anyascope.api.cardinality import SeriesRoomSource, cardinality_router
from anyascope.api.correlations import CorrelationParts, correlations_router
from anyascope.api.custody import SpendDesk, custody_router
from anyascope.api.deliveries import Deliveries, deliveries_router
from anyascope.api.examples import BY_OPERATION
from anyascope.api.hsms import HsmDesk, hsms_router
from anyascope.api.live import live_router, live_topics
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


def own_api(  # noqa: PLR0913  # what the API asks, each by keyword
    *,
    logs: LogReader,
    spans: SpanReader,
    arrivals: Arrivals,
    desk: AlertDesk,
    rules: RulesSource,
    responder: AlertResponder,
    board: HealthBoard,
    status: StatusSource,
    metrics: MetricReader,
    room: SeriesRoomSource,
    queries: RunningQueries,
    streams: Streams,
    clock: Clock,
    sdk: SdkSource = SdkSettings,
    routing: Callable[[], RoutingParts] = RoutingParts,
    packs: PacksInForce = tuple,
    deliveries: Deliveries,
    silences: SilenceBook,
    cleaner: TextCleaner,
    trials: ReceiverTrials,
    nodes: NodesSource,
    wallets: WalletsSource,
    hsms: HsmDesk,
    spends: SpendDesk,
    transactions: TransactionsSource,
) -> FastAPI:
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
    topics = {
        **live_topics(desk, rules, responder, board),
        "bitcoin_nodes": lambda: nodes_view(nodes.bitcoin_nodes()),
        "bitcoin_wallets": lambda: wallets_view(wallets.bitcoin_wallets()),
        "bitcoin_transactions": lambda: transactions_view(transactions.bitcoin_transactions()),
    }
    for router in (
        status_router(status, board),
        cardinality_router(metrics, room, clock=clock),
        queries_router(queries, clock=clock),
        logs_router(logs, arrivals, clock=clock, streams=streams),
        traces_router(spans, clock=clock),
        alerts_router(desk, rules, responder),
        responses_router(responder, rules),
        live_router(topics, arrivals, clock=clock, streams=streams),
        hsms_router(hsms),
        bitcoin_router(nodes),
        wallets_router(wallets),
        custody_router(spends),
        transactions_router(transactions),
        correlations_router(
            CorrelationParts(
                logs, spans, metrics, desk=desk, rules=rules, responder=responder, spends=spends, clock=clock
            )
        ),
        sdk_router(sdk),
        routing_router(routing),
        deliveries_router(deliveries),
        silences_router(SilencesParts(silences, desk, rules, responder, metrics, cleaner, clock)),
        receivers_router(trials),
        packs_router(packs, rules),
        slos_router(rules, desk, responder, metrics=metrics, clock=clock),
    ):
        app.include_router(router)
    return app


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
