"""Builds the whole house from settings. Everything that lasts is made below here, and nowhere else."""

from __future__ import annotations

from collections.abc import Callable

from anyascope.api.sse import Streams
from anyascope.app.front import FrontParts, build_front
from anyascope.app.ground import Ground
from anyascope.app.house import House, Readiness
from anyascope.app.recovery import RunMark
from anyascope.app.reload import Plan, Reloads
from anyascope.app.rooms import build_rooms, make_channels, trace_into
from anyascope.app.sockets import Sockets
from anyascope.app.stores import Stores, open_stores
from anyascope.app.watch_self import OwnTelemetry
from anyascope.config.settings import StoreKind
from anyascope.health.components import Health


async def build(
    plan: Plan, sockets: Sockets, *, read: Callable[[], Plan], ground: Ground, own: OwnTelemetry | None
) -> tuple[House, Reloads]:
    """A house that is ready to start, and what exchanges its configuration.

    Args:
        plan: the configuration to build by.
        sockets: its addresses, bound; closed where the house cannot be built.
        read: reads the configuration again, for a reload.
        own: takes the server's own logs and spans; None where nothing of itself is kept.

    Raises:
        AnyascopeError: the data directory cannot be had; nothing is left open.
    """
    try:
        stores = await open_stores(
            plan.settings.storage,
            journal_bytes_max=plan.settings.forward.spool_bytes_max,
            clock=ground.clock,
            registry=ground.registry,
        )
    except BaseException:
        sockets.close()
        raise
    mark = None
    try:
        if plan.settings.storage.kind is StoreKind.CHDB:
            mark = RunMark(plan.settings.storage.directory)
            mark.set(found=stores.telemetry.found_at_start)
        return _assemble(plan, stores, sockets, read=read, ground=ground, own=own, mark=mark)
    except BaseException:
        sockets.close()
        await stores.close()
        raise


def _assemble(
    plan: Plan,
    stores: Stores,
    sockets: Sockets,
    *,
    read: Callable[[], Plan],
    ground: Ground,
    own: OwnTelemetry | None,
    mark: RunMark | None,
) -> tuple[House, Reloads]:
    settings = plan.settings
    url = sockets.url(has_tls=settings.server.tls is not None)
    reach = settings.server.external_url or url
    rooms = build_rooms(settings, stores, url=reach, ground=ground, own=own)
    if own is not None:
        trace_into(own)
    health = Health(clock=ground.clock, registry=ground.registry)
    health.watch(
        [
            rooms.upkeep,
            rooms.ingest,
            rooms.collect,
            rooms.custody,
            rooms.coverage,
            rooms.forward,
            rooms.rules,
            rooms.alerting,
            rooms.answering.escalation,
            rooms.courier,
            rooms.heartbeats,
            rooms.watchdog,
        ]
    )
    readiness, streams = Readiness(), Streams(registry=ground.registry)
    reloads = Reloads(plan, read=read, clock=ground.clock)
    doors = build_front(
        FrontParts(rooms, health, reloads, streams, readiness.reason), settings, sockets, url=url, ground=ground
    )
    house = House(
        rooms,
        doors,
        reach=reach,
        streams=streams,
        readiness=readiness,
        mark=mark,
        make_channels=lambda options: make_channels(
            options, ground=ground, calls=rooms.calls, documents=rooms.stores.documents
        ),
    )
    reloads.applies_by(house.apply)
    return house, reloads
