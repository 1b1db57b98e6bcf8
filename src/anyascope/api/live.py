"""What changes, told as it changes: health, alerts and custody as server-sent events."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from typing import TypeAlias

import structlog
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
# Streams whose events change what is told: blocks, own transactions, spends, HSMs. A page must not wait a second for them.
WAKING_STREAMS = frozenset(("bitcoin", "custody", "hsm"))
KEEP_ALIVE_LOOKS = 15  # looks without a change after which a comment keeps the connection open

Topics: TypeAlias = dict[str, bytes]
TopicMaker: TypeAlias = Callable[[], object]
"""What a topic says now, as the API answers it; quick."""

log = structlog.get_logger("anyascope.api")


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
    look = _Look(clock=clock, fresh_s=look_every_s / 2)
    ear = _Ear(arrivals, look)
    look.makers = {**topics, "events": ear.counts}

    @router.get(
        "/live",
        operation_id="streamChanges",
        summary="Health, alerts, Bitcoin nodes: each at the start and whenever it changes, as server-sent events",
        response_class=Response,
        responses={200: {"content": {"text/event-stream": {}}}},
    )
    async def stream_changes() -> Response:
        """A topic each with the body of the resource of its name.

        `health`, `alerts`, `bitcoin_nodes`, `bitcoin_wallets`, `bitcoin_transactions`; `events` counts stored events of
        custody by stream.
        """
        stream = streams.open()
        changes = _woken_changes(look, ear, stream, every_s=look_every_s)
        return EventStreamResponse(changes, stream=stream, streams=streams)

    return router


class _Look:
    """What all readers see, made at most once for all of them at about the same time."""

    def __init__(self, *, clock: Clock, fresh_s: float) -> None:
        self.makers: Mapping[str, TopicMaker] = {}
        self._clock = clock
        self._fresh_ns = round(fresh_s * NS_PER_S)
        self._seen: Topics = {}
        self._broken: set[str] = set()
        self._at_ns = 0

    def topics(self) -> Topics:
        now_ns = self._clock.monotonic_ns()
        if not self._seen or now_ns - self._at_ns >= self._fresh_ns:
            told = ((topic, self._told(topic, make)) for topic, make in self.makers.items())
            self._seen = {topic: data for topic, data in told if data is not None}
            self._at_ns = now_ns
        return self._seen

    def _told(self, topic: str, make: TopicMaker) -> bytes | None:
        """What a topic says; None while its room fails, which must not keep alerts from being told."""
        try:
            data = encode(make())
        except Exception:
            if topic not in self._broken:
                log.exception("topic_broke", topic=topic)
            self._broken.add(topic)
            return None
        self._broken.discard(topic)
        return data

    def forget(self) -> None:
        """Something changed: look anew the next time."""
        self._seen = {}


class _Ear:
    """Hears of events of custody: shortly after the first of a burst all readers look again.

    The counts are a topic themselves: they tell a reader to ask again for what is not told here.
    """

    def __init__(self, arrivals: Arrivals, look: _Look) -> None:
        self._look = look
        self._counts = dict.fromkeys(sorted(WAKING_STREAMS), 0)
        self._readers: set[Stream] = set()
        self._timer: asyncio.TimerHandle | None = None
        arrivals.on_logs(self._hear)

    def counts(self) -> dict[str, int]:
        """Events that were stored since the server's start, by stream."""
        return dict(self._counts)

    def add(self, stream: Stream) -> None:
        """Wake this reader, too."""
        self._readers.add(stream)

    def discard(self, stream: Stream) -> None:
        """The reader is gone."""
        self._readers.discard(stream)

    def _hear(self, batches: Sequence[LogBatch]) -> None:
        known = [batch for batch in batches if batch.stream in self._counts and _has_events(batch)]
        for batch in known:
            self._counts[batch.stream] += len(batch)
        if known and self._readers and self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(ARRIVED_S, self._wake)

    def _wake(self) -> None:
        self._timer = None
        self._look.forget()
        for stream in self._readers:
            stream.wake()


def _has_events(batch: LogBatch) -> bool:
    """Lines of a node's debug.log come by the same stream; they are no events, and a batch is of one kind."""
    return len(batch) > 0 and batch.record(0).event_name != ""


async def _woken_changes(look: _Look, ear: _Ear, stream: Stream, *, every_s: float) -> AsyncGenerator[bytes, None]:
    ear.add(stream)
    try:
        async for chunk in _changes(look, stream, every_s=every_s):
            yield chunk
    finally:
        ear.discard(stream)


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
