"""One far end's queue: reads the log, sends what is meant for the far end, and remembers how far it has come."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import structlog
from numpy.typing import NDArray

from anyascope.clock import MS_PER_S, NS_PER_S, Clock, wait_for
from anyascope.errors import AnyascopeError
from anyascope.forward.courier import Courier, counts_of
from anyascope.forward.log import Entry, Log, Standing
from anyascope.forward.options import RemoteWrite
from anyascope.forward.places import LanePlaces, Place
from anyascope.forward.series import SeriesBook
from anyascope.forward.shards import UPDATE_EVERY_S, Load, Rate, lane_bounds, next_shards, shards_wanted
from anyascope.forward.tally import KINDS, Tally
from anyascope.forward.window import Held, Piece, between, hold, outgoing, sort_rows
from anyascope.model.metrics import MetricMetadata

IDLE_S = 60.0  # a shard that has nothing is told when something comes
DRAIN_LOOK_S = 0.2  # how soon a far end that fails is noticed at the end
READ_EVERY_S = 0.05  # at the end of the log: what comes within so long is read together
POLL_S = 1.0  # how soon an entry is noticed that nobody told of
COMMIT_EVERY_S = 1.0  # of the place in the log, by which its files are removed; lanes' places are written at once
RETRY_FAULT_S = 10.0  # after a fault of our own
RETRY_DISK_S = 5.0  # after a log that cannot be read
STALLED_S = 20.0  # without a request that was taken, shards stay as they are

Metadata = Callable[[], Awaitable[Sequence[MetricMetadata]]]

log = structlog.get_logger("anyascope.forward")


@dataclass(slots=True)
class _Shard:
    """Lanes that are sent in order, one request at a time."""

    lanes: tuple[int, int]
    pieces: deque[Piece]
    rows: int = 0
    since_ns: int = 0  # when the first of what waits came
    arrived: asyncio.Event = field(default_factory=asyncio.Event)  # something came, or is to be done at once


@dataclass(frozen=True, slots=True)
class QueueParts:
    """What a queue is made of.

    Attributes:
        source: the log.
        book: what its series are called at the far end.
        places: where each lane is.
        courier: delivers.
        metadata: what is known of all metrics.
        newest_ms: the time of the newest sample that was stored.
    """

    source: Log
    book: SeriesBook
    places: LanePlaces
    courier: Courier
    metadata: Metadata
    newest_ms: Callable[[], int]


class Queue:
    """Sends what the log holds to one far end; `name` is how the log knows its consumer."""

    def __init__(
        self,
        name: str,
        remote: RemoteWrite,
        *,
        parts: QueueParts,
        clock: Clock,
        tally: Tally,
    ) -> None:
        self._name = name
        self._remote = remote
        self._options = remote.queue
        self._source = parts.source
        self._book = parts.book
        self._places = parts.places
        self._courier = parts.courier
        self._metadata = parts.metadata
        self._newest_ms = parts.newest_ms
        self._clock = clock
        self._tally = tally
        self._labels = (remote.name, remote.shown_url)
        self._held: deque[Held] = deque()
        self._shards = _shards(self._options.min_shards)
        self._waiting = 0
        self._pending = dict.fromkeys(KINDS, 0)
        self._read_to = Place(0, 0)
        self._committed = Place(0, 0)
        self._arrived = asyncio.Event()  # the log has more
        self._room = asyncio.Event()  # rows were dealt with
        self._is_resharding = False
        self._closing = False
        self._in, self._out, self._dropped, self._sending = Rate(), Rate(), Rate(), Rate()
        self._fault = ""
        self._standing = Standing()
        self._tasks: list[asyncio.Task[None]] = []

    # --- life ---------------------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Go on where the last run ended."""
        start = await self._source.position(self._name)
        self._committed = start
        self._standing = await self._source.standing(self._name)
        self._places.open(start)
        self._note_options()
        self._tasks = [asyncio.create_task(self._run())]

    def told(self) -> None:
        """The log has more."""
        self._arrived.set()

    async def drain(self, *, within_s: float) -> None:
        """Send what waits in memory as far as time allows; the rest stays in the log."""
        self._closing = True
        self._arrived.set()
        self._room.set()
        self._hurry()
        deadline_ns = self._clock.monotonic_ns() + round(within_s * NS_PER_S)
        while self._waiting and not self._courier.fault and self._clock.monotonic_ns() < deadline_ns:
            self._room.clear()
            left_s = (deadline_ns - self._clock.monotonic_ns()) / NS_PER_S
            await wait_for(self._room, clock=self._clock, timeout_s=min(left_s, DRAIN_LOOK_S))
        await self.stop()

    async def stop(self) -> None:
        """Send nothing more."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        with contextlib.suppress(AnyascopeError, OSError):
            await self._commit()
        self._places.close()
        await self._courier.close()

    @property
    def fault(self) -> str:
        """Why nothing is sent; empty where all is well."""
        return self._fault or self._courier.fault

    @property
    def backlog_bytes(self) -> int:
        """What is in the log and not sent yet, as of a second ago."""
        return self._standing.backlog_bytes

    @property
    def shards(self) -> int:
        """How many requests may go out beside each other."""
        return len(self._shards)

    # --- the whole ----------------------------------------------------------------------------------------------------

    async def _run(self) -> None:
        """Send until it is stopped; a fault of ours is told, and everything is taken up again from what is on disk."""
        while True:
            try:
                await self._go_on()
            except Exception as error:
                log.exception("forward_failed", remote_name=self._remote.name)
                self._fault = f"a fault of anyascope's own: {error}"
                self._forget_all()
                await self._clock.sleep(RETRY_FAULT_S)

    async def _go_on(self) -> None:
        await self._settle()
        self._read_to = self._places.first()
        async with asyncio.TaskGroup() as group:
            group.create_task(self._read())
            group.create_task(self._send_all())
            group.create_task(self._commit_now_and_then())
            if self._remote.metadata.send:
                group.create_task(self._tell_metadata())

    def _forget_all(self) -> None:
        self._held.clear()
        self._waiting, self._pending = 0, dict.fromkeys(KINDS, 0)
        self._shards = _shards(len(self._shards))

    async def _tell_metadata(self) -> None:
        while True:
            entries = await self._metadata()
            await self._courier.tell_metadata(entries)
            await self._clock.sleep(self._remote.metadata.send_interval_s)

    def _note_options(self) -> None:
        options, tally = self._options, self._tally
        tally.begin(*self._labels)
        for gauge, value in (
            (tally.shards, len(self._shards)),
            (tally.shards_desired, len(self._shards)),
            (tally.shards_min, options.min_shards),
            (tally.shards_max, options.max_shards),
            (tally.capacity, options.capacity),
            (tally.batch, options.max_samples_per_send),
            (tally.highest_sent, self._courier.state.newest_ms / MS_PER_S),
        ):
            gauge.labels(*self._labels).set(value)
        self._count_waiting()

    async def _settle(self) -> None:
        """Send what was under way when the last run ended, by itself."""
        place, end = self._places.first(), self._places.settled()
        while place < end:
            entries = await self._next_entries(place)
            if not entries:
                break
            for entry in entries:
                if entry.start < end:
                    done, sent = self._places.taken("done", entry.start), self._places.taken("sent", entry.start)
                    held = self._hold(entry, low=done, high=sent)
                    for piece in _cut_up(held, self._options.max_samples_per_send) if held else ():
                        await self._deliver_unsure(piece)
                place = entry.end
        self._places.settle()

    async def _deliver_unsure(self, piece: Piece) -> None:
        """Rows of several requests may be among these: where they are refused together, each lane speaks for itself."""
        if await self._courier.deliver(outgoing([piece]), is_repeat=True):
            return
        held = piece.held
        for lane in range(len(held.lane_starts) - 1):
            first, stop = held.bounds((lane, lane + 1))
            part = Piece(held, max(first, piece.start), min(stop, piece.stop))
            if 0 < len(part) < len(piece):
                await self._courier.deliver(outgoing([part]), is_repeat=True)

    # --- reading ------------------------------------------------------------------------------------------------------

    async def _read(self) -> None:
        settled = self._places.settled()
        while not self._closing:
            self._arrived.clear()
            began_ns = self._clock.monotonic_ns()
            entries = await self._next_entries(self._read_to)
            for entry in entries:
                if not await self._has_room():
                    return
                low = self._places.taken("done", entry.start) if entry.start < settled else None
                self._take(entry, self._hold(entry, low=low))
            if not entries:
                await wait_for(self._arrived, clock=self._clock, timeout_s=POLL_S)
                took_s = (self._clock.monotonic_ns() - began_ns) / NS_PER_S
                await self._clock.sleep(READ_EVERY_S - took_s)

    async def _has_room(self) -> bool:
        """Return once another entry may be held (True), or nothing more is to be read."""
        while self._waiting >= self._options.capacity * len(self._shards):
            if self._closing:
                return False
            self._room.clear()
            await wait_for(self._room, clock=self._clock, timeout_s=POLL_S)
        return not self._closing

    async def _next_entries(self, place: Place) -> Sequence[Entry]:
        """What the log has from here on; asks again where it cannot be read."""
        while True:
            try:
                entries = await self._source.read(place)
            except (AnyascopeError, OSError) as error:
                if not self._fault:
                    log.error("forward_log_unreadable", remote_name=self._remote.name, error=str(error))  # noqa: TRY400
                self._fault = f"the log cannot be read: {error}"
                await self._clock.sleep(RETRY_DISK_S)
            else:
                self._fault = ""
                return entries

    def _hold(
        self, entry: Entry, *, low: NDArray[np.int64] | None = None, high: NDArray[np.int64] | None = None
    ) -> Held | None:
        """The rows of an entry that are to be sent; of each lane those from row `low` to before `high` (-1 is all)."""
        ordered = sort_rows(entry)
        series, is_kept = self._book.series_of(entry, ordered.order)
        if low is not None:
            everything = np.full(len(low), -1)
            is_kept &= between(ordered.lane_starts, low, everything if high is None else high)
        kept = np.flatnonzero(is_kept)
        self._in.add(len(entry.ids))
        self._dropped.add(len(entry.ids) - len(kept))
        if not len(kept):
            return None
        return hold(entry, ordered, kept, series[kept].tolist())

    def _take(self, entry: Entry, held: Held | None) -> None:
        self._read_to = entry.end
        if held is None:
            if not self._waiting and len(entry.ids):
                self._courier.reached(int(entry.times_ms.max()))  # all of it is dealt with: none is for this far end
            return
        self._held.append(held)
        self._waiting += held.waiting
        for kind, number in held.counts.items():
            self._pending[kind] += number
        for shard in self._shards:
            self._add(shard, held, *held.bounds(shard.lanes))
        self._count_waiting()

    def _add(self, shard: _Shard, held: Held, start: int, stop: int) -> None:
        if start >= stop:
            return
        if not shard.pieces:
            shard.since_ns = self._clock.monotonic_ns()
        shard.pieces.append(Piece(held, start, stop))
        shard.rows += stop - start
        shard.arrived.set()

    # --- sending ------------------------------------------------------------------------------------------------------

    async def _send_all(self) -> None:
        """Run the shards; now and then as many as the rates call for."""
        while True:
            self._is_resharding = False
            async with asyncio.TaskGroup() as group:
                for shard in self._shards:
                    group.create_task(self._send(shard))
                wanted = await self._wanted_shards()
                self._is_resharding = True
                self._hurry()
            log.info("forward_resharded", remote_name=self._remote.name, before=len(self._shards), after=wanted)
            self._exchange_shards(wanted)

    async def _wanted_shards(self) -> int:
        """Return once another number of shards is called for, and that number."""
        while True:
            await self._clock.sleep(UPDATE_EVERY_S)
            self._sending.add(self._courier.take_seconds())
            for rate in (self._in, self._out, self._dropped, self._sending):
                rate.tick()
            load = Load(self._in.per_s, self._out.per_s, self._dropped.per_s, self._sending.per_s, self._delay_s())
            wanted = shards_wanted(load)
            if wanted is not None:
                self._tally.shards_desired.labels(*self._labels).set(wanted)
            since_s = (self._clock.monotonic_ns() - self._courier.state.taken_ns) / NS_PER_S
            count = next_shards(len(self._shards), load, self._options)
            if count != len(self._shards) and since_s < max(STALLED_S, 2 * self._options.batch_send_deadline_s):
                return count

    def _delay_s(self) -> float:
        newest_sent_ms = self._courier.state.newest_ms
        return max(self._newest_ms() - newest_sent_ms, 0) / MS_PER_S if newest_sent_ms else 0.0

    def _exchange_shards(self, count: int) -> None:
        pieces = sorted((piece for shard in self._shards for piece in shard.pieces), key=lambda piece: piece.held.start)
        self._shards = _shards(count)
        for piece in pieces:
            for shard in self._shards:
                first, stop = piece.held.bounds(shard.lanes)
                self._add(shard, piece.held, max(first, piece.start), min(stop, piece.stop))
        self._tally.shards.labels(*self._labels).set(count)

    async def _send(self, shard: _Shard) -> None:
        while not self._is_resharding:
            due_in_s = self._due_in_s(shard)
            if due_in_s > 0:
                shard.arrived.clear()
                await wait_for(shard.arrived, clock=self._clock, timeout_s=due_in_s)
                continue
            pieces = _first_rows(shard, self._options.max_samples_per_send)
            shard.since_ns = self._clock.monotonic_ns()
            last = pieces[-1]
            self._note("sent", shard.lanes, last)
            content = outgoing(pieces)
            await self._courier.deliver(content)
            self._note("done", shard.lanes, last)
            self._out.add(sum(map(len, pieces)))
            for kind, number in counts_of(content).items():
                self._pending[kind] -= number
            self._dealt_with(pieces)

    def _due_in_s(self, shard: _Shard) -> float:
        """How long the shard may still wait for more; not at all where a request is full."""
        if not shard.rows:
            return IDLE_S
        if shard.rows >= self._options.max_samples_per_send or self._closing:
            return 0.0
        waited_s = (self._clock.monotonic_ns() - shard.since_ns) / NS_PER_S
        return self._options.batch_send_deadline_s - waited_s

    def _note(self, name: str, lanes: tuple[int, int], last: Piece) -> None:
        """The lanes' places with everything up to the end of a piece behind them."""
        first, end = lanes
        held = last.held
        if last.stop == held.bounds(lanes)[1]:
            self._places.note(name, lanes, held.end)
        else:
            lane, rows = held.cut(last.stop)
            self._places.note(name, (first, lane), held.end)
            self._places.note(name, (lane, lane + 1), held.start, rows)
            self._places.note(name, (lane + 1, end), held.start)
        self._places.write(lanes)

    def _dealt_with(self, pieces: Sequence[Piece]) -> None:
        for piece in pieces:
            piece.held.waiting -= len(piece)
            self._waiting -= len(piece)
        while self._held and not self._held[0].waiting:
            self._held.popleft()
        self._count_waiting()
        self._room.set()

    # --- the log's place ----------------------------------------------------------------------------------------------

    async def _commit_now_and_then(self) -> None:
        while True:
            await self._clock.sleep(COMMIT_EVERY_S)
            try:
                await self._commit()
            except (AnyascopeError, OSError) as error:
                log.warning("forward_place_not_written", remote_name=self._remote.name, error=str(error))

    async def _commit(self) -> None:
        place = self._held[0].start if self._held else self._read_to
        if place > self._committed:
            self._committed = place
            await self._source.commit(self._name, place)
        standing = await self._source.standing(self._name)
        lost_bytes = standing.lost_bytes - self._standing.lost_bytes
        if lost_bytes > 0:
            self._tally.lost_bytes.labels(*self._labels).inc(lost_bytes)
            log.error("forward_lost", remote_name=self._remote.name, bytes=lost_bytes)
        self._standing = standing
        self._tally.backlog_bytes.labels(*self._labels).set(standing.backlog_bytes)

    def _hurry(self) -> None:
        for shard in self._shards:
            shard.arrived.set()

    def _count_waiting(self) -> None:
        for kind, count in self._pending.items():
            self._tally.pending[kind].labels(*self._labels).set(count)


def _shards(count: int) -> list[_Shard]:
    return [_Shard(lanes, deque()) for lanes in lane_bounds(count)]


def _first_rows(shard: _Shard, rows_max: int) -> list[Piece]:
    """The first pieces of a shard, cut so that they have at most so many rows; they are taken out of it."""
    found: list[Piece] = []
    room = rows_max
    while shard.pieces and room:
        piece = shard.pieces.popleft()
        if len(piece) > room:
            middle = piece.start + room
            shard.pieces.appendleft(Piece(piece.held, middle, piece.stop))
            piece = Piece(piece.held, piece.start, middle)
        found.append(piece)
        room -= len(piece)
    shard.rows -= rows_max - room
    return found


def _cut_up(held: Held, rows_max: int) -> list[Piece]:
    """All rows held, in pieces."""
    rows = len(held.kept)
    return [Piece(held, start, min(start + rows_max, rows)) for start in range(0, rows, rows_max)]
