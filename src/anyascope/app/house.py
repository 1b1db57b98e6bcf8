"""The running house: what starts after what, what stops before what, and what a reload touches."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import structlog

from anyascope.alerting.settings import AlertingOptions
from anyascope.api.sse import Streams
from anyascope.app.answering import reachable
from anyascope.app.doors import Doors
from anyascope.app.recovery import RunMark
from anyascope.app.reload import Plan
from anyascope.app.rooms import Rooms, named
from anyascope.app.sockets import Face
from anyascope.errors import AnyascopeError
from anyascope.notify.channel import Channel
from anyascope.notify.settings import courier_options

STEP_S_MAX = 5.0  # one room that hangs must not keep the others from stopping in the 10 s that SIGTERM promises

log = structlog.get_logger("anyascope.app")

MakeChannels = Callable[[AlertingOptions], dict[str, Channel]]


class Readiness:
    """Whether the server can serve, and why not yet."""

    def __init__(self) -> None:
        self._reason = "starting"

    def set(self, reason: str) -> None:
        """Say why it cannot; empty where it can."""
        self._reason = reason

    def reason(self) -> str:
        """Why it cannot; empty where it can."""
        return self._reason


class House:
    """Starts, reloads and stops all rooms, each after what it leans on.

    Args:
        rooms: what runs.
        doors: everything that listens.
        reach: where people reach the server, for links.
        streams: the open event streams, which are ended first.
        readiness: told when the server can serve.
        mark: stands while the server runs; None where nothing lies on a disk.
        make_channels: builds the channels of all receivers.
    """

    def __init__(
        self,
        rooms: Rooms,
        doors: Doors,
        *,
        reach: str,
        streams: Streams,
        readiness: Readiness,
        mark: RunMark | None,
        make_channels: MakeChannels,
    ) -> None:
        self._rooms = rooms
        self._doors = doors
        self._reach = reach
        self._streams = streams
        self._readiness = readiness
        self._mark = mark
        self._make_channels = make_channels

    @property
    def url(self) -> str:
        """The main address, for people."""
        return self._doors.url

    @property
    def faces(self) -> Sequence[Face]:
        """Every address, those that could not be had included."""
        return self._doors.faces()

    async def start(self, plan: Plan) -> None:
        """Start everything; data is taken once what keeps it runs, and collected once what judges it runs."""
        rooms = self._rooms
        await rooms.ingest.start()
        if rooms.own is not None:
            rooms.own.start(rooms.ingest)
        await rooms.upkeep.start()
        await rooms.forward.start()
        await rooms.courier.start()
        await rooms.answering.start()
        await rooms.alerting.start()
        await rooms.rules.start(plan.groups)
        await rooms.custody.start()
        await rooms.heartbeats.start()
        await self._doors.open()
        await rooms.collect.start()
        await rooms.watchdog.start()
        rooms.workshop.start()
        self._readiness.set("")
        log.info("started", url=self.url, rule_groups=len(plan.groups))

    async def apply(self, plan: Plan) -> None:
        """Put a plan into force: receivers, routes, rules, collectors, far ends, retention and certificates."""
        rooms = self._rooms
        alerting = plan.settings.alerting
        channels = self._make_channels(alerting)
        await rooms.courier.reload(channels, options=courier_options(plan.settings.notify, alerting.receivers))
        await rooms.alerting.reload(reachable(alerting, self._reach))
        await rooms.answering.reload(plan.settings, rooms.alerting, url=self._reach)
        await rooms.heartbeats.reload(plan.settings.heartbeats)
        await rooms.watchdog.reload(plan.settings.watchdog)
        await rooms.rules.reload(plan.groups)
        await rooms.collect.reload(named(plan.settings.collect, self._reach))
        await rooms.custody.reload(plan.settings.custody)
        await rooms.forward.reload(plan.settings.forward)
        rooms.upkeep.set_policies(plan.settings.retention)
        rooms.engine.reload(plan.settings.queries)
        rooms.query_log.write_to(plan.settings.query_log_file)
        self._doors.renew()

    async def stop(self) -> None:
        """Take nothing more, store what waits, finish sends, close the store. A step that fails is logged and passed."""
        rooms = self._rooms
        self._readiness.set("stopping")
        self._streams.close()
        for name, step in (
            ("collect", rooms.collect.stop),
            ("doors", self._doors.close),
            ("watchdog", rooms.watchdog.stop),
            ("custody", rooms.custody.stop),
            ("heartbeats", rooms.heartbeats.stop),
            ("rules", rooms.rules.stop),
            ("alerting", rooms.alerting.stop),
            ("time lines", rooms.answering.upkeep.stop),
            ("notify", rooms.courier.drain),
            ("own telemetry", rooms.own.stop if rooms.own is not None else _nothing),
            ("queries", self._stop_queries),
            ("ingest", rooms.ingest.drain),
            ("forward", rooms.forward.drain),
            ("upkeep", rooms.upkeep.stop),
            ("stores", rooms.stores.close),
        ):
            await _step(name, step)
        if self._mark is not None:
            self._mark.clear()

    async def _stop_queries(self) -> None:
        self._rooms.workshop.close()
        self._rooms.engine.close()


async def _nothing() -> None:
    """No such room."""


async def _step(name: str, step: Callable[[], Awaitable[None]]) -> None:
    try:
        await asyncio.wait_for(step(), STEP_S_MAX)
    except (AnyascopeError, TimeoutError) as error:
        log.error("stop_step_failed", step=name, error=str(error) or type(error).__name__)  # noqa: TRY400  # goes on
    except Exception:
        log.exception("stop_step_failed", step=name)
