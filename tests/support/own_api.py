"""The own API on a memory store and doubles, called in process or over a socket."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any

import fastapi.routing
import httpx
from prometheus_client import CollectorRegistry
from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.types import ASGIApp

from anyascope.alerting.escalation.policy import SHIPPED
from anyascope.alerting.silences import Silences
from anyascope.api.cardinality import SeriesRoom
from anyascope.api.middleware import GuardOptions, HttpMetrics, guarded
from anyascope.api.operations import operations_routes
from anyascope.api.own import BASE_PATH, OwnParts, own_api
from anyascope.api.routing import RoutingParts
from anyascope.api.sdk import sampling_routes
from anyascope.api.sse import Streams
from anyascope.clock import Clock, ManualClock
from anyascope.custody.book import SpendPage
from anyascope.custody.nouns import Item, SpendKey, State
from anyascope.errors import ConflictError, NotFoundError
from anyascope.health.components import HealthReport
from anyascope.ids import CountedIds
from anyascope.model.bitcoin import WatchedNode
from anyascope.model.escalation import EscalationPolicy
from anyascope.model.hsm import WatchedHsm
from anyascope.model.logs import LogBatch, LogRecord
from anyascope.model.notifications import (
    AlertStatus,
    AttemptOutcome,
    ChannelReport,
    DeliveryStatus,
    JournalEntry,
    JournalPage,
)
from anyascope.model.own_transactions import OpenTransaction
from anyascope.model.responses import AlertCare, AlertEvent, AlertStory, ResponseAction, ResponseResult
from anyascope.model.sdk import SdkSettings
from anyascope.model.status import AlertView as RuleAlert
from anyascope.model.status import RuleGroupView
from anyascope.model.traces import Span, SpanBatch
from anyascope.model.wallets import WalletSight
from anyascope.notify.trial import Trial
from anyascope.ports import HealthStatus, LogsListener, MetricsListener, SpansListener
from anyascope.promql.asking import Asked
from anyascope.redact.api import Redactor
from anyascope.store.documents import MemoryDocuments
from anyascope.store.memory import MemoryStore
from anyascope.wire.own_api import ConfigView, StatusView

# Pydantic takes tenths of a second for the shapes of all answers, which are the same in each test's own application.
fastapi.routing.create_model_field = cache(fastapi.routing.create_model_field)

STATUS = StatusView(
    version="0.1.0",
    started_at="2026-11-23T22:51:00.000000000Z",
    uptime_s=12.5,
    pid=4711,
    data_directory="data",
    config=ConfigView(file="", loaded_at=None),
    faces=[],
    memory_bytes=210_000_000,
    cpu_seconds=3.2,
    disk_free_bytes=80_000_000_000,
    storage={},
    series=0,
    collectors=[],
    problems=[],
)


class Listeners:
    """Arrivals by hand."""

    def __init__(self) -> None:
        self.of_logs: list[LogsListener] = []

    def on_metrics(self, listener: MetricsListener) -> Callable[[], None]:
        raise NotImplementedError

    def on_spans(self, listener: SpansListener) -> Callable[[], None]:
        raise NotImplementedError

    def on_logs(self, listener: LogsListener) -> Callable[[], None]:
        self.of_logs.append(listener)
        return lambda: self.of_logs.remove(listener)

    def arrive(self, *batches: LogBatch) -> None:
        for listener in list(self.of_logs):
            listener(batches)


@dataclass
class Desk:
    """An alert desk whose content is set by hand."""

    known: list[AlertStatus] = field(default_factory=list)
    journal: JournalPage = field(default_factory=JournalPage)
    asked: dict[str, Any] = field(default_factory=dict)

    def alerts(self) -> Sequence[AlertStatus]:
        return self.known

    async def notifications(
        self, *, limit: int = 100, cursor: str = "", receiver: str = "", status: DeliveryStatus | None = None
    ) -> JournalPage:
        self.asked = {"limit": limit, "cursor": cursor, "receiver": receiver, "status": status}
        return self.journal


@dataclass
class PostOffice:
    """Deliveries whose content is set by hand."""

    reports: list[ChannelReport] = field(default_factory=list)
    entries: dict[str, JournalEntry] = field(default_factory=dict)
    asked_by: list[str] = field(default_factory=list)

    def channels(self) -> Sequence[ChannelReport]:
        return self.reports

    async def try_receiver(self, name: str) -> Sequence[Trial]:
        if name != "team":
            raise NotFoundError(f"there is no receiver {name}; there are team")
        return [
            Trial("team/slack/0", "slack", AttemptOutcome.OK, ("200 OK",)),
            Trial("team/email/0", "email", AttemptOutcome.FAILED, ("550 nobody",)),
        ]

    def hsms(self) -> Sequence[WatchedHsm]:
        return [WatchedHsm("core", "luna", "degraded", token="t", changes=("firmware",))]

    async def accept_hsm(self, name: str, *, by: str) -> WatchedHsm:
        self.asked_by.append(by)
        if name != "core":
            raise NotFoundError(f"no HSM is called {name}")
        return WatchedHsm("core", "luna", "healthy", token="t")

    async def replay(self, identity: str, *, by: str) -> JournalEntry:
        self.asked_by.append(by)
        if identity not in self.entries:
            raise NotFoundError(f"the journal has no notification {identity!r}")
        return self.entries[identity]


@dataclass
class Answers:
    """A responder that knows what the desk knows, and remembers what it was asked."""

    desk: Desk
    cares: dict[str, AlertCare] = field(default_factory=dict)
    timeline: list[AlertEvent] = field(default_factory=list)
    asked: list[tuple[str, ResponseAction, dict[str, Any]]] = field(default_factory=list)
    notice: str = ""

    async def respond(self, alert_id: str, action: ResponseAction, **given: Any) -> ResponseResult:
        story = await self.story(alert_id)
        self.asked.append((alert_id, action, given))
        return ResponseResult(story, self.notice)

    async def story(self, alert_id: str) -> AlertStory:
        for alert in self.desk.known:
            if alert.id == alert_id:
                return AlertStory(alert, self.care_of(alert_id), tuple(self.timeline))
        raise NotFoundError(f"there is no alert {alert_id}")

    def policies(self) -> Sequence[EscalationPolicy]:
        return list(SHIPPED.values())

    def care_of(self, alert_id: str) -> AlertCare:
        return self.cares.get(alert_id, AlertCare())


@dataclass
class Spends:
    """Spends that are set by hand, the newest first; the cursor is the number of those that were given."""

    items: list[Item] = field(default_factory=list)

    async def spends(self, *, limit: int, cursor: str, state: State | None) -> SpendPage:
        found = [item for item in self.items if state in {None, item.state}]
        begin = int(cursor or 0)
        end = begin + limit
        return SpendPage(tuple(found[begin:end]), str(end) if end < len(found) else "")

    async def related(self, ids: Collection[str], keys: Collection[SpendKey]) -> Sequence[Item]:
        return [one for one in self.items if one.spend.key in keys or {one.spend.txid, *one.correlation_ids} & {*ids}]

    async def accept(self, key: SpendKey, *, by: str, note: str) -> Item:
        for number, item in enumerate(self.items):
            if item.spend.key == key:
                if item.state is not State.UNMATCHED:
                    raise ConflictError("only an unmatched one can be accepted")
                self.items[number] = replace(item, state=State.ACCEPTED, accepted_by=by, note=note)
                return self.items[number]
        raise NotFoundError("no such spend")


@dataclass
class House:
    """Everything that the API asks, and the API."""

    clock: Clock = field(default_factory=ManualClock)
    registry: CollectorRegistry = field(default_factory=CollectorRegistry)
    arrivals: Listeners = field(default_factory=Listeners)
    desk: Desk = field(default_factory=Desk)
    post: PostOffice = field(default_factory=PostOffice)
    rule_groups: list[RuleGroupView] = field(default_factory=list)
    report_now: HealthReport = field(default_factory=lambda: HealthReport(HealthStatus.HEALTHY, ()))
    status_now: StatusView = STATUS
    not_ready: str = ""
    room: SeriesRoom = field(default_factory=lambda: SeriesRoom(20, 10, {"host": 1, "scrape": 9}))
    sdk: SdkSettings = field(default_factory=SdkSettings)
    routing: RoutingParts = field(default_factory=RoutingParts)
    nodes: list[WatchedNode] = field(default_factory=list)
    wallets: list[WalletSight] = field(default_factory=list)
    spend_desk: Spends = field(default_factory=Spends)
    transactions: list[OpenTransaction] = field(default_factory=list)
    packs_on: tuple[str, ...] = ()
    asked: list[Asked] = field(default_factory=list)
    reloads: list[Exception | None] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.store = MemoryStore(clock=self.clock)
        self.silences = Silences(MemoryDocuments(clock=self.clock), clock=self.clock, ids=CountedIds())
        self.streams = Streams(registry=self.registry)
        self.answers = Answers(self.desk)
        self.http_metrics = HttpMetrics(self.registry)

    # --- what the API asks ---

    def groups(self) -> Sequence[RuleGroupView]:
        return self.rule_groups

    def alerts(self) -> Sequence[RuleAlert]:
        return [alert for group in self.groups() for rule in group.rules for alert in rule.alerts]

    def report(self) -> HealthReport:
        return self.report_now

    async def status(self) -> StatusView:
        return self.status_now

    def series_room(self) -> SeriesRoom:
        return self.room

    def bitcoin_nodes(self) -> Sequence[WatchedNode]:
        return self.nodes

    def bitcoin_wallets(self) -> Sequence[WalletSight]:
        return self.wallets

    def bitcoin_transactions(self) -> Sequence[OpenTransaction]:
        return self.transactions

    async def reload(self) -> None:
        self.reloads.append(None)

    # --- what tests do ---

    async def keep_logs(self, *records: LogRecord) -> None:
        batch = batch_of(*records, stream=records[0].stream or "otlp")
        await self.store.logs.write_logs([batch])
        self.arrivals.arrive(batch)

    async def keep_spans(self, *spans: Span) -> None:
        batch = SpanBatch()
        for span in spans:
            batch.add(span)
        await self.store.spans.write_spans([batch])

    def app(self, *, tokens: Any = None, options: GuardOptions | None = None) -> ASGIApp:
        own = own_api(
            OwnParts(
                logs=self.store.logs,
                spans=self.store.spans,
                arrivals=self.arrivals,
                desk=self.desk,
                rules=self,
                responder=self.answers,
                board=self,
                status=self,
                metrics=self.store.metrics,
                room=self,
                queries=lambda: self.asked,
                streams=self.streams,
                clock=self.clock,
                sdk=lambda: self.sdk,
                routing=lambda: self.routing,
                packs=lambda: self.packs_on,
                deliveries=self.post,
                silences=self.silences,
                cleaner=Redactor(registry=CollectorRegistry()),
                trials=self.post,
                nodes=self,
                wallets=self,
                hsms=self.post,
                spends=self.spend_desk,
                transactions=self,
            )
        )
        routes = [
            *operations_routes(registry=self.registry, ready=lambda: self.not_ready, reload=self.reload),
            *sampling_routes(lambda: self.sdk),
            Mount(BASE_PATH, app=own),
        ]
        return guarded(
            Starlette(routes=routes),
            options=options or GuardOptions(),
            tokens=tokens,
            metrics=self.http_metrics,
            clock=self.clock,
            ids=CountedIds(),
        )

    def client(self, **options: Any) -> httpx.AsyncClient:
        """A client that calls the application in process, at the own API's base."""
        transport = httpx.ASGITransport(app=self.app(**options), raise_app_exceptions=False)
        return httpx.AsyncClient(transport=transport, base_url=f"http://127.0.0.1:9470{BASE_PATH}")


def batch_of(*records: LogRecord, stream: str = "otlp") -> LogBatch:
    batch = LogBatch(stream=stream)
    for record in records:
        batch.add(record)
    return batch
