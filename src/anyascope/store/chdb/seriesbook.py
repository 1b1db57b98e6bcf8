"""Which series are written down: the label index on disk."""

from __future__ import annotations

import asyncio

import numpy as np

from anyascope.clock import MS_PER_S, NS_PER_MS, Clock
from anyascope.model.labels import Labels
from anyascope.store.chdb.engine import Engine
from anyascope.store.chdb.samples import label_sets, seen_block, series_block
from anyascope.store.labelindex import LabelIndex, Refs

SEEN_EVERY_MS = 600 * MS_PER_S  # a crash loses at most this much of "last seen", and reading widens by as much
IDS_PER_STATEMENT = 50_000  # of a deletion; 1 MB of text


class SeriesBook:
    """Keeps table `series` in step with the label index."""

    def __init__(self, engine: Engine, index: LabelIndex, *, clock: Clock) -> None:
        self._engine = engine
        self._index = index
        self._clock = clock
        self._written = np.zeros(1024, np.bool_)
        self._seen_ms = clock.now_ns() // NS_PER_MS
        # A row that is written while its series is being removed would be removed with it.
        self._turn = asyncio.Lock()

    async def load(self) -> None:
        """Fill the index from disk."""
        table = await self._engine.ask("series_all")
        if not len(table):
            return
        seen = await self._engine.ask("series_seen")
        last_ms: dict[int, int] = {}
        if len(seen):
            last_ms = dict(zip(seen["series_id"].to_pylist(), seen["last_ms"].to_pylist(), strict=True))
        columns = (table[name].to_pylist() for name in ("series_id", "first_ms", "is_moved"))
        refs: list[int] = []
        times_ms: list[int] = []
        for labels, number, first_ms, is_moved in zip(label_sets(table), *columns, strict=True):
            known = self._index.ref_of(number)
            if known is None:
                known = self._index.add(labels, number, moved=bool(is_moved))
            refs += (known, known)
            times_ms += (first_ms, max(first_ms, last_ms.get(number, first_ms)) + SEEN_EVERY_MS)
        self._index.saw(np.array(refs, np.uint32), np.array(times_ms, np.int64))
        self._reserve()
        self._written[: self._index.capacity] = True

    def _reserve(self) -> None:
        while self._index.capacity > len(self._written):
            self._written = np.concatenate((self._written, np.zeros_like(self._written)))

    def unwritten(self, refs: Refs) -> Refs:
        """Those of the series that are not yet on disk, each once."""
        self._reserve()
        return np.unique(refs[~self._written[refs]])

    async def write(self, refs: Refs, first_ms: dict[int, int]) -> None:
        """Make the rows of these series durable; `first_ms` has the first sample of each."""
        async with self._turn:
            missing = self.unwritten(refs)
            if not len(missing):
                return
            chosen = missing.tolist()
            labels: list[Labels] = [self._index.labels(ref) for ref in chosen]
            ids, moved = self._index.ids(missing), [self._index.is_moved(ref) for ref in chosen]
            firsts = np.array([first_ms[ref] for ref in chosen], np.int64)
            block = await self._engine.work(lambda: series_block(ids, labels, first_ms=firsts, moved=moved))
            await self._engine.insert("series", block, rows=len(chosen))
            self._written[missing] = True

    async def note_seen(self, *, at_once: bool = False) -> None:
        """Write down the newest samples of the series that had any since the last time, now and then."""
        now_ms = self._clock.now_ns() // NS_PER_MS
        if not at_once and now_ms - self._seen_ms < SEEN_EVERY_MS:
            return
        since_ms, self._seen_ms = self._seen_ms - SEEN_EVERY_MS, now_ms
        every = self._index.every()
        active = every[self._index.last_ms(every) >= since_ms]
        if len(active):
            block = seen_block(self._index.ids(active), self._index.last_ms(active))
            await self._engine.insert("series_seen", block, rows=len(active))

    async def remove(self, refs: Refs) -> None:
        """Forget these series, in memory and on disk."""
        if not len(refs):
            return
        async with self._turn:
            ids = self._index.ids(refs).tolist()
            self._index.drop(refs.tolist())
            for begin in range(0, len(ids), IDS_PER_STATEMENT):
                some = ",".join(map(str, ids[begin : begin + IDS_PER_STATEMENT]))
                for table in ("series", "series_seen"):
                    await self._engine.command(
                        f"ALTER TABLE {table} DELETE WHERE series_id IN ({some}) SETTINGS mutations_sync = 1"
                    )
