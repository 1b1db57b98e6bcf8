"""Builds everything that listens: routes, guards, HTTP servers and the gRPC server."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from anyascope.access.tokens import Tokens
from anyascope.alerting.escalation.settings import escalation_options
from anyascope.api.alertmanager.routes import AlertmanagerParts, alertmanager_routes
from anyascope.api.cardinality import SeriesRoom
from anyascope.api.middleware import GuardOptions
from anyascope.api.operations import operations_routes
from anyascope.api.own import OwnParts, own_api
from anyascope.api.prometheus.routes import PrometheusParts, prometheus_routes
from anyascope.api.routing import RoutingParts
from anyascope.api.sdk import sampling_routes
from anyascope.api.sse import Streams
from anyascope.app.alertmanager_names import AlertmanagerNames
from anyascope.app.answering import reachable
from anyascope.app.callbacks import build_callbacks
from anyascope.app.doors import Doors, GrpcWish
from anyascope.app.faces import HttpFace
from anyascope.app.ground import Ground
from anyascope.app.prometheus_names import PrometheusNames
from anyascope.app.reload import Reloads
from anyascope.app.rooms import Rooms
from anyascope.app.sockets import Sockets
from anyascope.app.status import Status, StatusParts
from anyascope.app.trials import Trials
from anyascope.app.web import OtlpOnly, Routes, main_application
from anyascope.config.packs import packs_in_force
from anyascope.config.settings import Settings, StoreKind
from anyascope.health.components import Health
from anyascope.ingest.ingest import Ingest
from anyascope.ingest.options import AdmitOptions
from anyascope.receive.base import TlsPair
from anyascope.receive.options import ReceiveOptions
from anyascope.receive.registry import Receive


@dataclass(frozen=True, slots=True)
class FrontParts:
    """What the front stands before. `unready` says why the server cannot serve; empty where it can."""

    rooms: Rooms
    health: Health
    reloads: Reloads
    streams: Streams
    unready: Callable[[], str]


def build_front(parts: FrontParts, settings: Settings, sockets: Sockets, *, url: str, ground: Ground) -> Doors:
    """The doors of these settings, closed."""
    tokens = Tokens(settings.token_files, clock=ground.clock) if settings.token_files else None
    options = ReceiveOptions(translation=settings.receive.translation)
    receive = Receive(parts.rooms.intake, options=options, clock=ground.clock, registry=ground.registry, tokens=tokens)
    wish = settings.receive.otlp_grpc
    grpc = GrpcWish(receive.listener("otlp_grpc"), wish, _tls_pair(settings)) if wish is not None else None
    doors = Doors(sockets, grpc=grpc, url=url)
    application = main_application(
        _routes(parts, receive, doors, settings, ground=ground, tokens=tokens),
        options=GuardOptions(
            hosts=settings.server.hosts,
            external_url=settings.server.external_url,
            cors_origin=settings.server.cors_origin,
        ),
        tokens=tokens,
        is_traced=parts.rooms.own is not None,
        ground=ground,
    )
    faces = [HttpFace(application, sockets.main, tls=settings.server.tls)]
    if sockets.otlp_http is not None:
        faces.append(HttpFace(OtlpOnly(application, main_url=url), sockets.otlp_http, tls=settings.server.tls))
    doors.stand_before(faces)
    return doors


def _routes(
    parts: FrontParts, receive: Receive, doors: Doors, settings: Settings, *, ground: Ground, tokens: Tokens | None
) -> Routes:
    rooms, telemetry = parts.rooms, parts.rooms.stores.telemetry
    status = _status(parts, doors, settings, ground=ground)
    ground.registry.register(PrometheusNames(ground.registry, targets=rooms.collect, server=status))
    ground.registry.register(
        AlertmanagerNames(
            ground.registry,
            room=rooms.alerting,
            server=status,
            options=lambda: parts.reloads.settings.alerting,
            clock=ground.clock,
        )
    )
    return Routes(
        otlp=receive.routes(),
        prometheus=prometheus_routes(
            PrometheusParts(
                engine=rooms.engine,
                reader=telemetry.metrics,
                clock=ground.clock,
                targets=rooms.collect,
                rules=rooms.rules,
                status=status,
                admin=telemetry.keeper,
                external_labels=lambda: parts.reloads.settings.rules.external_labels,
                has_admin_api=settings.server.has_admin_api,
                reach=settings.server.external_url,
            )
        ),
        alertmanager=alertmanager_routes(AlertmanagerParts(rooms.alerting, rooms.redactor, status, ground.registry)),
        operations=operations_routes(registry=ground.registry, ready=parts.unready, reload=parts.reloads.reload),
        own=own_api(_own(parts, doors, settings, status=status, ground=ground)),
        sampling=sampling_routes(lambda: parts.reloads.settings.sdk),
        callbacks=build_callbacks(
            rooms, parts.reloads, reach=settings.server.external_url, tokens=tokens, ground=ground
        ),
    )


def _own(parts: FrontParts, doors: Doors, settings: Settings, *, status: Status, ground: Ground) -> OwnParts:
    rooms, telemetry = parts.rooms, parts.rooms.stores.telemetry
    return OwnParts(
        logs=telemetry.logs,
        spans=telemetry.spans,
        arrivals=rooms.ingest,
        desk=rooms.alerting,
        deliveries=rooms.courier,
        trials=Trials(
            lambda: reachable(parts.reloads.settings.alerting, doors.url),
            clock=ground.clock,
            ids=ground.ids,
        ),
        rules=rooms.rules,
        responder=rooms.answering.responder,
        board=parts.health,
        status=status,
        metrics=telemetry.metrics,
        room=SeriesDoor(rooms.ingest, settings.admit),
        queries=lambda: rooms.engine.running,
        streams=parts.streams,
        clock=ground.clock,
        sdk=lambda: parts.reloads.settings.sdk,
        routing=lambda: _routing(parts.reloads.settings),
        packs=lambda: packs_in_force(parts.reloads.settings.packs, parts.reloads.settings.collect),
        silences=rooms.alerting.silences,
        cleaner=rooms.redactor,
        nodes=rooms.collect,
        wallets=rooms.collect,
        spends=rooms.custody,
        hsms=rooms.collect,
        transactions=rooms.collect,
    )


def _routing(settings: Settings) -> RoutingParts:
    return RoutingParts(settings.alerting, escalation_options(settings.escalation, settings.alerting.receivers))


def _status(parts: FrontParts, doors: Doors, settings: Settings, *, ground: Ground) -> Status:
    telemetry = parts.rooms.stores.telemetry
    return Status(
        StatusParts(
            health=parts.health,
            metrics=telemetry.metrics,
            keeper=telemetry.keeper,
            reloads=parts.reloads,
            directory=settings.storage.directory if settings.storage.kind is StoreKind.CHDB else None,
            faces=doors.faces,
        ),
        clock=ground.clock,
    )


@dataclass(frozen=True, slots=True)
class SeriesDoor:
    """Tells the API what `ingest` lets in."""

    ingest: Ingest
    options: AdmitOptions

    def series_room(self) -> SeriesRoom:
        """How many series are let in, and how many there are."""
        return SeriesRoom(self.options.series_total_max, self.options.series_max, self.ingest.series())


def _tls_pair(settings: Settings) -> Callable[[], TlsPair] | None:
    """Reads the certificate as its files hold it now."""
    files = settings.server.tls
    if files is None:
        return None
    return lambda: TlsPair(files.cert_file.read_bytes(), files.key_file.read_bytes())
