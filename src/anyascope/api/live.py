"""What changes, told as it changes: health, alerts and custody as server-sent events."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from typing import TypeAlias

from fastapi import APIRouter
from starlette.responses import Response

from anyascope.api.alerts import RulesSource, all_alerts
from anyascope.api.encode import encode
from anyascope.api.render import health_view
from anyascope.api.sse import KEEP_ALIVE, OPENING, EventStreamResponse, Stream, Streams, event
from anyascope.api.status import HealthBoard
from anyascope.clock import NS_PER_S, Clock
from anyascope.model.logs import LogBatch
from anyascope.ports import AlertDesk, AlertResponder, Arrivals
from anyascope.wire.own_api import AlertsView

LOOK_EVERY_S = 1.0  # how late a change may be seen; a look costs under 1 ms and serves all readers
ARRIVED_S = 0.05  # from the first event of a burst to the look: a reorg is a dozen events, and one look
# Streams whose events change what is told: blocks, own transactions, spends. A page must not wait a second for them.
WAKING_STREAMS = frozenset(("bitcoin", "custody"))
KEEP_ALIVE_LOOKS = 15  # looks without a change after which a comment keeps the connection open

Topics: TypeAlias = dict[str, bytes]
TopicMaker: TypeAlias = Callable[[], object]
"""What a topic says now, as the API answers it; quick, never raises."""


def live_topics(
    desk: AlertDesk, rules: RulesSource, responder: AlertResponder, board: HealthBoard
) -> dict[str, TopicMaker]:
    """The topics of every server."""
    return {
        "health": lambda: health_view(board.report()),
        "alerts": lambda: AlertsView(alerts=all_alerts(desk, rules, responder)),
    }


def live_router(
    topics: Mapping[str, TopicMaker],
    arrivals: Arrivals,
    *,
    clock: Clock,
    streams: Streams,
    look_every_s: float = LOOK_EVERY_S,
) -> APIRouter:
    """The route `/live`.

    Args:
        topics: what is told, by the name of its event.
        arrivals: events of `WAKING_STREAMS` are looked after at once; without them, once every `look_every_s`.
    """
    router = APIRouter(tags=["server"])
    look = _Look(
        lambda: {topic: encode(make()) for topic, make in topics.items()}, clock=clock, fresh_s=look_every_s / 2
    )

    @router.get(
        "/live",
        operation_id="streamChanges",
        summary="Health, alerts, Bitcoin nodes: each at the start and whenever it changes, as server-sent events",
        response_class=Response,
        responses={200: {"content": {"text/event-stream": {}}}},
    )
    async def stream_changes() -> Response:
        """`health` with the body of `/health`, `alerts` with that of `/alerts`, `bitcoin_nodes` with that of `/bitcoin/nodes`."""
        stream = streams.open()
        changes = _woken_changes(look, arrivals, stream, every_s=look_every_s)
        return EventStreamResponse(changes, stream=stream, streams=streams)

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

    def forget(self) -> None:
        """Something changed: look anew the next time."""
        self._seen = {}


class _Waker:
    """Wakes one reader shortly after the first event of a burst has arrived."""

    def __init__(self, arrivals: Arrivals, look: _Look, stream: Stream) -> None:
        self._look = look
        self._stream = stream
        self._timer: asyncio.TimerHandle | None = None
        self._stop = arrivals.on_logs(self._hear)

    def close(self) -> None:
        """Hear no more."""
        self._stop()
        if self._timer is not None:
            self._timer.cancel()

    def _hear(self, batches: Sequence[LogBatch]) -> None:
        if self._timer is None and any(batch.stream in WAKING_STREAMS for batch in batches):
            self._timer = asyncio.get_running_loop().call_later(ARRIVED_S, self._wake)

    def _wake(self) -> None:
        self._timer = None
        self._look.forget()
        self._stream.wake()


async def _woken_changes(
    look: _Look, arrivals: Arrivals, stream: Stream, *, every_s: float
) -> AsyncGenerator[bytes, None]:
    waker = _Waker(arrivals, look, stream)
    try:
        async for chunk in _changes(look, stream, every_s=every_s):
            yield chunk
    finally:
        waker.close()


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
