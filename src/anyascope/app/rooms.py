"""Builds the rooms that run, each given those that it leans on."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial

from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider

from anyascope.alerting.desk import Alerting
from anyascope.alerting.heartbeats import Heartbeats
from anyascope.alerting.settings import AlertingOptions
from anyascope.app.answering import Answering, build_answering
from anyascope.app.forwarding import build_forward
from anyascope.app.ground import Ground
from anyascope.app.stores import Stores
from anyascope.app.upkeep import RoomyIntake, Upkeep
from anyascope.app.watch_self import OwnTelemetry
from anyascope.collect.collect import Collect
from anyascope.collect.collectors.bitcoin.follower import coins_of_nodes
from anyascope.collect.options import CollectOptions
from anyascope.compiled import Workshop
from anyascope.config.settings import RulesSettings, Settings, StoreKind
from anyascope.custody.coverage import Coverage
from anyascope.custody.reconciliation import Doors, Reconciliation
from anyascope.forward.forward import Forward
from anyascope.ingest.ingest import Ingest
from anyascope.ingest.options import IngestOptions
from anyascope.notify.channel import Channel
from anyascope.notify.channels.registry import build_channels
from anyascope.notify.courier import Courier
from anyascope.notify.memory import DocumentMemory
from anyascope.notify.phone.calls import CallBook
from anyascope.notify.receipts import Receipts
from anyascope.notify.settings import courier_options
from anyascope.notify.templates import load_templates
from anyascope.notify.watchdog import Watchdog
from anyascope.promql.engine import Engine
from anyascope.promql.querylog import QueryLog
from anyascope.redact.api import Redactor
from anyascope.rules.manager import Rules
from anyascope.rules.options import RulesOptions
from anyascope.store.api.documents import DocumentStore

KERNELS_DIRECTORY = "kernels"  # below the data directory: what was compiled, some megabyte that may be deleted


@dataclass(frozen=True, slots=True)
class Rooms:
    """What runs. `intake` is the way in for everybody: it refuses while the disk is full."""

    stores: Stores
    ingest: Ingest
    intake: RoomyIntake
    upkeep: Upkeep
    engine: Engine
    query_log: QueryLog
    workshop: Workshop
    courier: Courier
    calls: CallBook
    heartbeats: Heartbeats
    watchdog: Watchdog
    alerting: Alerting
    answering: Answering
    rules: Rules
    collect: Collect
    custody: Reconciliation
    coverage: Coverage
    forward: Forward
    own: OwnTelemetry | None
    redactor: Redactor


def build_rooms(settings: Settings, stores: Stores, *, url: str, ground: Ground, own: OwnTelemetry | None) -> Rooms:
    """The rooms of these settings.

    Args:
        url: where people reach the server.
        own: takes the server's own logs and spans; None where nothing of itself is kept.
    """
    clock, registry = ground.clock, ground.registry
    redactor = Redactor(registry=registry)
    ingest = _build_ingest(settings, stores, redactor, ground)
    upkeep = _build_upkeep(settings, stores, ground)
    intake = RoomyIntake(ingest, upkeep=upkeep)
    query_log = QueryLog(clock=clock, registry=registry)
    query_log.write_to(settings.query_log_file)
    options = replace(settings.queries, features=settings.features)
    engine = Engine(stores.telemetry.metrics, options=options, clock=clock, registry=registry, query_log=query_log)
    calls = CallBook()
    courier = _build_courier(settings, stores, calls, ground)
    alerting, answering = build_answering(settings, stores.documents, courier, url=url, ground=ground)
    rules = Rules(
        engine,
        intake,
        alerting,
        ingest,
        options=_rules_options(settings.rules, url),
        documents=stores.documents,
        clock=clock,
        registry=registry,
    )
    collect = Collect(
        intake,
        options=named(settings.collect, url),
        documents=stores.documents,
        clock=clock,
        registry=registry,
    )
    forward = build_forward(settings.forward, stores, ingest, ground)
    custody = _build_custody(settings, stores, (intake, ingest), ground)
    return Rooms(
        stores=stores,
        ingest=ingest,
        intake=intake,
        upkeep=upkeep,
        engine=engine,
        query_log=query_log,
        workshop=Workshop(settings.storage.directory / KERNELS_DIRECTORY if _is_on_disk(settings) else None),
        courier=courier,
        calls=calls,
        heartbeats=Heartbeats(
            stores.documents, alerting, heartbeats=settings.heartbeats, clock=clock, registry=registry
        ),
        watchdog=Watchdog(
            settings.watchdog,
            health=lambda: [*alerting.health(), *rules.health(), *courier.health()],
            clock=clock,
            registry=registry,
        ),
        alerting=alerting,
        answering=answering,
        rules=rules,
        collect=collect,
        custody=custody,
        coverage=Coverage(
            lambda: custody.options,
            wallets=lambda: [one.name for one in collect.bitcoin_wallets() if one.is_loaded],
            clock=clock,
        ),
        forward=forward,
        own=own,
        redactor=redactor,
    )


def _build_custody(
    settings: Settings, stores: Stores, ways: tuple[RoomyIntake, Ingest], ground: Ground
) -> Reconciliation:
    intake, arrivals = ways
    coins = partial(coins_of_nodes, stores.documents)
    return Reconciliation(
        Doors(intake, arrivals, stores.telemetry.logs, stores.documents, coins),
        options=settings.custody,
        clock=ground.clock,
        registry=ground.registry,
    )


def _build_courier(settings: Settings, stores: Stores, calls: CallBook, ground: Ground) -> Courier:
    return Courier(
        stores.documents,
        make_channels(settings.alerting, ground=ground, calls=calls, documents=stores.documents),
        options=courier_options(settings.notify, settings.alerting.receivers),
        clock=ground.clock,
        random=ground.chance,
        registry=ground.registry,
        receipts=Receipts(settings.storage.directory if _is_on_disk(settings) else None),
    )


def make_channels(
    options: AlertingOptions, *, ground: Ground, calls: CallBook, documents: DocumentStore
) -> dict[str, Channel]:
    """The channels of all receivers.

    Raises:
        InvalidInputError: a template file cannot be used.
    """
    templates = load_templates(options.templates, now_ns=ground.clock.now_ns)
    memory = DocumentMemory(documents, clock=ground.clock)
    return build_channels(
        options.receivers.values(), templates=templates, clock=ground.clock, calls=calls, memory=memory
    )


def named(options: CollectOptions, url: str) -> CollectOptions:
    """With the main address as `instance` of the server's own metrics, where none was configured."""
    if options.itself.instance:
        return options
    return replace(options, itself=replace(options.itself, instance=url.partition("://")[2]))


def trace_into(own: OwnTelemetry) -> None:
    """Send the spans of this process to `own`."""
    provider = TracerProvider()
    provider.add_span_processor(own)
    trace.set_tracer_provider(provider)


def _build_ingest(settings: Settings, stores: Stores, redactor: Redactor, ground: Ground) -> Ingest:
    telemetry = stores.telemetry
    return Ingest(
        telemetry.metrics,
        telemetry.logs,
        telemetry.spans,
        options=IngestOptions(admit=settings.admit),
        clock=ground.clock,
        ids=ground.ids,
        registry=ground.registry,
        redactor=redactor,
    )


def _build_upkeep(settings: Settings, stores: Stores, ground: Ground) -> Upkeep:
    return Upkeep(
        stores.telemetry.keeper,
        directory=settings.storage.directory if _is_on_disk(settings) else None,
        reserve_bytes=settings.storage.reserve_bytes,
        policies=settings.retention,
        clock=ground.clock,
        registry=ground.registry,
    )


def _is_on_disk(settings: Settings) -> bool:
    return settings.storage.kind is StoreKind.CHDB


def _rules_options(settings: RulesSettings, url: str) -> RulesOptions:
    return RulesOptions(
        interval_s=settings.evaluation_interval_s,
        query_offset_s=settings.query_offset_s,
        external_url=url,
        external_labels=dict(settings.external_labels),
        resend_s=settings.resend_delay_s,
        outage_tolerance_s=settings.for_outage_tolerance_s,
        for_grace_s=settings.for_grace_period_s,
    )
