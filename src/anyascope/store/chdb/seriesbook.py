"""Which series are written down, and which stretch of time each covers: the label index on disk.

What is on disk always allows the index to be rebuilt so that it hides no sample: a series' row stands before its samples
are acknowledged, its first time is never later than its first sample, and its last time is at most SLACK_MS earlier than
its last one. Times that run on are noted now and then; times that jump are noted at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
from numpy.typing import NDArray

from anyascope.clock import MS_PER_S, NS_PER_MS, Clock
from anyascope.store.chdb.engine import Engine
from anyascope.store.chdb.samples import label_sets, seen_block, series_block
from anyascope.store.labelindex import NEVER_MS, LabelIndex, Refs

NOTE_EVERY_MS = 300 * MS_PER_S  # a row a series: cheap at this pace, and well within the slack
SLACK_MS = 600 * MS_PER_S  # how far the noted last time may lag, which a start after a crash makes up for
ON_LOOP_SERIES_MAX = 50  # beyond, rows are built on a worker thread: fewer take under a millisecond, less than a thread may be waited for
IDS_PER_STATEMENT = 50_000  # of a deletion; 1 MB of text
TABLES = ("series", "series_seen")
FIRST_CAPACITY = 1024  # entries; the arrays double from here


class SeriesBook:
    """Keeps tables `series` and `series_seen` in step with the label index."""

    def __init__(self, engine: Engine, index: LabelIndex, *, clock: Clock) -> None:
        self._engine = engine
        self._index = index
        self._clock = clock
        # What is on disk of each reference; a series that is not there covers no time at all.
        self._first_ms = np.full(FIRST_CAPACITY, NEVER_MS, np.int64)
        self._last_ms = np.full(FIRST_CAPACITY, -NEVER_MS, np.int64)
        self._noted_at_ms = clock.now_ns() // NS_PER_MS
        # A row that is written while its series is being removed would be removed with it.
        self._turn = asyncio.Lock()
        self._held: dict[object, Refs] = {}  # series of writes under way, a key a write

    async def load(self, *, is_after_crash: bool) -> None:
        """Fill the index from disk."""
        is_deleting = await self._is_deleting()  # asked before the rows: it may end at any time
        table = await self._engine.ask("series_all")
        if not len(table):
            return
        columns = (table[name].to_pylist() for name in ("series_id", "first_ms", "is_moved"))
        refs: list[int] = []
        times_ms: list[int] = []
        for labels, number, first_ms, is_moved in zip(label_sets(table), *columns, strict=True):
            known = self._index.ref_of(number)
            refs.append(self._index.add(labels, number, moved=bool(is_moved)) if known is None else known)
            times_ms.append(first_ms)
        seen = await self._engine.ask("series_seen")
        if len(seen):
            names = ("series_id", "first_ms", "last_ms")
            for number, first_ms, last_ms in zip(*(seen[name].to_pylist() for name in names), strict=True):
                known = self._index.ref_of(number)
                if known is not None:
                    refs += (known, known)
                    times_ms += (first_ms, last_ms)
        self._note(np.array(refs, np.uint32), np.array(times_ms, np.int64))
        every = self._index.every()
        self._index.saw(every, self._first_ms[every])
        self._index.saw(every, self._last_ms[every] + (SLACK_MS if is_after_crash else 0))
        if is_deleting:
            # The rows that were just read may go: a series that gets samples is written down anew.
            self._first_ms.fill(NEVER_MS)
            self._last_ms.fill(-NEVER_MS)

    async def _is_deleting(self) -> bool:
        """Whether a removal that a stop cut off still goes on by itself."""
        waiting = await self._engine.ask("mutations")
        return len(waiting) > 0 and not set(TABLES).isdisjoint(waiting["table"].to_pylist())

    def _note(self, refs: Refs, times_ms: NDArray[np.int64]) -> None:
        """These times of these series are on disk."""
        self._reserve()
        np.minimum.at(self._first_ms, refs, times_ms)
        np.maximum.at(self._last_ms, refs, times_ms)

    def _reserve(self) -> None:
        while self._index.capacity > len(self._first_ms):
            fresh = np.full(len(self._first_ms), NEVER_MS, np.int64)
            self._first_ms = np.concatenate((self._first_ms, fresh))
            self._last_ms = np.concatenate((self._last_ms, -fresh))

    @contextmanager
    def holding(self, refs: Refs) -> Iterator[None]:
        """Keep these series from being removed while samples of them are written; references may repeat."""
        key = object()
        self._held[key] = refs
        try:
            yield
        finally:
            del self._held[key]

    async def cover(self, refs: Refs, times_ms: NDArray[np.int64]) -> None:
        """Make durable what lets these samples be found; one entry a sample, references may repeat."""
        self._reserve()
        if not self._uncovered(refs, times_ms).any():
            return
        async with self._turn:
            uncovered = self._uncovered(refs, times_ms)
            refs, times_ms = refs[uncovered], times_ms[uncovered]
            await self._write_new(refs, times_ms)
            jumped = self._uncovered(refs, times_ms)
            await self._write_seen(refs[jumped], times_ms[jumped])

    def _uncovered(self, refs: Refs, times_ms: NDArray[np.int64]) -> NDArray[np.bool_]:
        """bool[samples]: whose series is not on disk, or is noted with times too far from theirs."""
        is_uncovered: NDArray[np.bool_] = (times_ms < self._first_ms[refs]) | (
            times_ms > self._last_ms[refs] + SLACK_MS
        )
        return is_uncovered

    async def _write_new(self, refs: Refs, times_ms: NDArray[np.int64]) -> None:
        """Rows of the series that have none."""
        is_new = self._first_ms[refs] == NEVER_MS
        fresh, places = np.unique(refs[is_new], return_inverse=True)
        if not len(fresh):
            return
        first_ms = self._index.first_ms(fresh)  # NEVER_MS, but for one whose row may be deleted by what a stop cut off
        np.minimum.at(first_ms, places, times_ms[is_new])
        chosen = fresh.tolist()
        ids, labels = self._index.ids(fresh), [self._index.labels(ref) for ref in chosen]
        moved = [self._index.is_moved(ref) for ref in chosen]
        if len(chosen) > ON_LOOP_SERIES_MAX:
            block = await self._engine.work(lambda: series_block(ids, labels, first_ms=first_ms, moved=moved))
        else:
            block = series_block(ids, labels, first_ms=first_ms, moved=moved)
        await self._engine.insert("series", block, rows=len(chosen))
        self._note(fresh, first_ms)

    async def _write_seen(self, refs: Refs, times_ms: NDArray[np.int64]) -> None:
        """Rows that widen what is known of series; one entry a time."""
        series, places = np.unique(refs, return_inverse=True)
        if not len(series):
            return
        first_ms, last_ms = np.full(len(series), NEVER_MS, np.int64), np.full(len(series), -NEVER_MS, np.int64)
        np.minimum.at(first_ms, places, times_ms)
        np.maximum.at(last_ms, places, times_ms)
        block = seen_block(self._index.ids(series), first_ms=first_ms, last_ms=last_ms)
        await self._engine.insert("series_seen", block, rows=len(series))
        self._note(refs, times_ms)

    async def note_seen(self, *, at_once: bool = False) -> None:
        """Write down how far the series have come, where that is due."""
        now_ms = self._clock.now_ns() // NS_PER_MS
        if not at_once and now_ms - self._noted_at_ms < NOTE_EVERY_MS:
            return
        self._noted_at_ms = now_ms
        self._reserve()
        every = self._index.every()
        # Series whose first write failed have no row and no time.
        moved_on = every[(self._first_ms[every] != NEVER_MS) & (self._index.last_ms(every) > self._last_ms[every])]
        await self._write_seen(moved_on, self._index.last_ms(moved_on))

    async def remove(self, choose: Callable[[], Refs], *, on_dropped: Callable[[Refs], None]) -> None:
        """Forget series, in memory and on disk, but none that is held.

        A series that comes back afterwards is a new one, whose row is written behind the deletion of the old one's.

        Args:
            choose: which; asked when their turn has come, for what was quiet before may have got samples while it waited.
            on_dropped: told which were, before anything is waited for.
        """
        async with self._turn:
            refs = self._removable(choose())
            if not len(refs):
                return
            ids = self._index.ids(refs).tolist()
            self._index.drop(refs.tolist())
            on_dropped(refs)
            for begin in range(0, len(ids), IDS_PER_STATEMENT):
                some = ",".join(map(str, ids[begin : begin + IDS_PER_STATEMENT]))
                for table in TABLES:
                    await self._engine.command(
                        f"ALTER TABLE {table} DELETE WHERE series_id IN ({some}) SETTINGS mutations_sync = 1"
                    )

    def _removable(self, refs: Refs) -> Refs:
        """Those that are there still, for another removal may have come first, and that no write holds."""
        refs = refs[np.isin(refs, self._index.every())]
        if not self._held:
            return refs
        return refs[~np.isin(refs, np.concatenate(list(self._held.values())))]
