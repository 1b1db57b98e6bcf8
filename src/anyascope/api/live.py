"""What changes, told as it changes: health and alerts as server-sent events."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from typing import TypeAlias

from fastapi import APIRouter
from starlette.responses import Response

from anyascope.api.alerts import RulesSource, all_alerts
from anyascope.api.encode import encode
from anyascope.api.render import health_view
from anyascope.api.sse import KEEP_ALIVE, OPENING, EventStreamResponse, Stream, Streams, event
from anyascope.api.status import HealthBoard
from anyascope.clock import NS_PER_S, Clock
from anyascope.ports import AlertDesk, AlertResponder
from anyascope.wire.own_api import AlertsView

LOOK_EVERY_S = 1.0  # how late a change may be seen; a look costs under 1 ms and serves all readers
KEEP_ALIVE_LOOKS = 15  # looks without a change after which a comment keeps the connection open

Topics: TypeAlias = dict[str, bytes]


def live_router(
    desk: AlertDesk,
    rules: RulesSource,
    responder: AlertResponder,
    board: HealthBoard,
    *,
    clock: Clock,
    streams: Streams,
    look_every_s: float = LOOK_EVERY_S,
) -> APIRouter:
    """The route `/live`."""
    router = APIRouter(tags=["server"])
    look = _Look(
        lambda: {
            "health": encode(health_view(board.report())),
            "alerts": encode(AlertsView(alerts=all_alerts(desk, rules, responder))),
        },
        clock=clock,
        fresh_s=look_every_s / 2,
    )

    @router.get(
        "/live",
        operation_id="streamChanges",
        summary="Health and alerts, each at the start and whenever it changes, as server-sent events",
        response_class=Response,
        responses={200: {"content": {"text/event-stream": {}}}},
    )
    async def stream_changes() -> Response:
        """`health` with the body of `/health`, `alerts` with the body of `/alerts`."""
        stream = streams.open()
        return EventStreamResponse(_changes(look, stream, every_s=look_every_s), stream=stream, streams=streams)

    return router


class _Look:
    """What all readers see, made at most once for all of them at about the same time."""

    def __init__(self, make: Callable[[], Topics], *, clock: Clock, fresh_s: float) -> None:
        self._make = make
        self._clock = clock
        self._fresh_ns = round(fresh_s * NS_PER_S)
        self._seen: Topics = {}
        self._at_ns = 0

    def topics(self) -> Topics:
        now_ns = self._clock.monotonic_ns()
        if not self._seen or now_ns - self._at_ns >= self._fresh_ns:
            self._seen, self._at_ns = self._make(), now_ns
        return self._seen


async def _changes(look: _Look, stream: Stream, *, every_s: float) -> AsyncGenerator[bytes, None]:
    told: Topics = {}
    quiet_looks = 0
    yield OPENING
    while not stream.is_closed:
        seen = look.topics()
        changed = [event(topic, data) for topic, data in seen.items() if told.get(topic) != data]
        told = seen
        quiet_looks = 0 if changed else quiet_looks + 1
        if quiet_looks == KEEP_ALIVE_LOOKS:
            changed, quiet_looks = [KEEP_ALIVE], 0
        if changed:
            yield b"".join(changed)
        await stream.woken(within_s=every_s)
