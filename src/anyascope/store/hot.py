"""The hot window: the newest minutes of every series' samples, in memory.

Samples live in chunks of CHUNK samples that are handed out from one pool; each series has a chain of them, newest first.
Writing and reading are numpy operations over many series at once: a batch of one sample a series costs a few array
writes, a read of a few series touches their chains alone. The pool's arrays are reserved whole, and the operating system
gives them pages as they are first written.

The promise: every sample with a time at or after `start_ms` is here, none is missing. Older ones may still be here and
are not given out.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from anyascope.store.kernels import NONE, copy_samples, count_samples
from anyascope.store.labelindex import Refs
from anyascope.store.ragged import offsets_of

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

CHUNK = 32  # samples; 8 minutes at one every 15 s, so that a series at rest wastes little
SERIES_FIRST_CAPACITY = 1024  # entries; the arrays double from here
SHRINK_SHARE = 0.75  # of the pool that stays in use when it ran full, so that it is not cleared batch by batch
NEVER_MS = np.iinfo(np.int64).max


@dataclass(frozen=True, slots=True)
class Gathered:
    """Samples out of the window, series after series, each series' in the order in which they were written.

    Attributes:
        counts: int64[series], how many there are of each asked series.
        times_ms: int64[n].
        values: float64[n].
        start_ms: from when on the answer is complete.
        is_settled: each series' are known to be in time order, no time twice.
    """

    counts: Ints
    times_ms: Ints
    values: Floats
    start_ms: int
    is_settled: bool = False

    @property
    def rows(self) -> Ints:
        """int64[n]: which of the asked series."""
        return np.repeat(np.arange(len(self.counts)), self.counts)


class HotWindow:
    """Samples by series reference. Not safe for threads: it lives on the event loop.

    Args:
        start_ms: nothing before this is taken or given.
        samples_max: the pool's size; 16 bytes a sample. Where it runs full the window gets shorter.
    """

    def __init__(self, *, start_ms: int, samples_max: int) -> None:
        self.start_ms = start_ms
        chunks = max(samples_max // CHUNK, 2)
        self._times = np.empty((chunks, CHUNK), np.int64)
        self._values = np.empty((chunks, CHUNK), np.float64)
        self._before = np.empty(chunks, np.int32)  # the next older chunk of the same series
        self._newest_ms = np.empty(chunks, np.int64)  # the largest time in the chunk
        self._used = np.zeros(chunks, np.bool_)
        self._free = np.empty(chunks, np.int32)  # a stack: the first `_free_count` entries
        self._free_count = 0
        self._untouched = 0  # chunks from here on were never handed out
        self._current = np.full(SERIES_FIRST_CAPACITY, NONE, np.int32)
        self._fill = np.full(SERIES_FIRST_CAPACITY, CHUNK, np.int32)

    @property
    def chunks_used(self) -> int:
        """Chunks that hold samples now."""
        return self._untouched - self._free_count

    @property
    def samples(self) -> int:
        """Samples held, at most; chunks in use may not be full."""
        return self.chunks_used * CHUNK

    # --- writing ------------------------------------------------------------------------------------------------------

    def append(self, refs: Refs, times_ms: Ints, values: Floats) -> None:
        """Take samples; those before `start_ms` are left out. References may repeat and times may fall."""
        if not len(refs):
            return
        if len(refs) > 1 and not np.all(refs[1:] > refs[:-1]):
            order = np.argsort(refs, kind="stable")
            refs, times_ms, values = refs[order], times_ms[order], values[order]
        self._reserve(int(refs[-1]) + 1)
        for _ in range(2):  # once more after making room, with what is still inside the then shorter window
            recent = times_ms >= self.start_ms
            if not recent.all():
                refs, times_ms, values = refs[recent], times_ms[recent], values[recent]
            missing = self._append(refs, times_ms, values)
            if not missing:
                return
            self._make_room(missing)
        # More series than the pool has chunks: memory cannot help, the disk answers alone.
        self.evict(int(times_ms.max()) + 1)

    def _reserve(self, series: int) -> None:
        while series > len(self._current):
            self._current = np.concatenate((self._current, np.full(len(self._current), NONE, np.int32)))
            self._fill = np.concatenate((self._fill, np.full(len(self._fill), CHUNK, np.int32)))

    def _append(self, refs: Refs, times_ms: Ints, values: Floats) -> int:
        """Take samples sorted by series, or none: how many chunks that needs where they are not there."""
        if not len(refs):
            return 0
        is_first = np.ones(len(refs), np.bool_)
        is_first[1:] = refs[1:] != refs[:-1]
        firsts = np.flatnonzero(is_first)
        if len(firsts) == len(refs):
            return self._append_single(refs, times_ms, values)
        return self._append_many(refs[firsts], firsts, times_ms, values)

    def _append_single(self, refs: Refs, times_ms: Ints, values: Floats) -> int:
        """One sample a series, the usual scrape."""
        full = self._fill[refs] == CHUNK
        if full.any():
            needy = refs[full]
            fresh = self._take(len(needy))
            if fresh is None:
                return len(needy)
            self._before[fresh] = self._current[needy]
            self._current[needy] = fresh
            self._fill[needy] = 0
        chunks, places = self._current[refs], self._fill[refs]
        self._times[chunks, places] = times_ms
        self._values[chunks, places] = values
        self._newest_ms[chunks] = np.maximum(self._newest_ms[chunks], times_ms)
        self._fill[refs] = places + 1
        return 0

    def _append_many(self, series: Refs, firsts: Ints, times_ms: Ints, values: Floats) -> int:
        """Several samples a series: `firsts` are the positions where each begins."""
        counts = np.diff(np.append(firsts, len(times_ms)))
        fill = self._fill[series].astype(np.int64)
        needs = (fill + counts - 1) // CHUNK
        fresh = self._take(int(needs.sum()))
        if fresh is None:
            return int(needs.sum())
        begins = np.cumsum(needs) - needs  # where each series' new chunks stand in `fresh`
        if len(fresh):
            # New chunks of a series follow each other; the first of them follows the one in use.
            self._before[fresh[1:]] = fresh[:-1]
            grown = needs > 0
            self._before[fresh[begins[grown]]] = self._current[series[grown]]
        place = np.arange(len(times_ms)) - np.repeat(firsts - fill, counts)
        nth = place // CHUNK
        chunks = np.repeat(self._current[series], counts).astype(np.int64)
        in_new = nth > 0
        chunks[in_new] = fresh[(np.repeat(begins, counts) + nth - 1)[in_new]]
        self._times[chunks, place % CHUNK] = times_ms
        self._values[chunks, place % CHUNK] = values
        np.maximum.at(self._newest_ms, chunks, times_ms)
        ends = firsts + counts - 1
        self._current[series] = chunks[ends]
        self._fill[series] = place[ends] % CHUNK + 1
        return 0

    def _take(self, count: int) -> NDArray[np.int32] | None:
        """Chunks from the pool, or None where it has not as many left."""
        recycled = min(count, self._free_count)
        if self._untouched + count - recycled > len(self._used):
            return None
        taken = np.empty(count, np.int32)
        taken[:recycled] = self._free[self._free_count - recycled : self._free_count]
        taken[recycled:] = np.arange(self._untouched, self._untouched + count - recycled)
        self._free_count -= recycled
        self._untouched += count - recycled
        self._newest_ms[taken] = -NEVER_MS
        self._used[taken] = True
        return taken

    # --- forgetting ---------------------------------------------------------------------------------------------------

    def _make_room(self, count: int) -> None:
        """Shorten the window so far that `count` chunks are free."""
        used = np.flatnonzero(self._used)
        keep = max(min(int(len(self._used) * SHRINK_SHARE), len(self._used) - count), 0)
        if keep < len(used):
            newest = self._newest_ms[used]
            self.evict(int(np.partition(newest, len(used) - keep - 1)[len(used) - keep - 1]) + 1)

    def evict(self, start_ms: int) -> None:
        """Promise nothing before this time any more, and free the chunks that hold only older samples."""
        self.start_ms = max(self.start_ms, start_ms)
        dead = self._used & (self._newest_ms < self.start_ms)
        if dead.any():
            self._unlink(dead)

    def drop(self, refs: Refs) -> None:
        """Forget everything of these series."""
        known = refs[refs < len(self._current)]
        dead = np.zeros(len(self._used), np.bool_)
        for level in self._chains(known):
            dead[level[1]] = True
        if dead.any():
            self._unlink(dead)

    def _unlink(self, dead: NDArray[np.bool_]) -> None:
        """Take dead chunks out of their chains and give them back to the pool."""
        alive = np.flatnonzero(self._used & ~dead)
        self._before[alive] = self._skipped(self._before[alive], dead)
        heads = np.flatnonzero(self._current != NONE)
        followed = self._skipped(self._current[heads], dead)
        # A chain that lost its newest chunk goes on in a new one: its older chunks are full.
        lost = heads[dead[self._current[heads]]]
        self._current[heads] = followed
        self._fill[lost] = CHUNK
        gone = np.flatnonzero(dead).astype(np.int32)
        self._used[gone] = False
        self._free[self._free_count : self._free_count + len(gone)] = gone
        self._free_count += len(gone)

    def _skipped(self, chunks: NDArray[np.int32], dead: NDArray[np.bool_]) -> NDArray[np.int32]:
        """The first chunk of each chain that lives, NONE where none does."""
        chunks = chunks.copy()
        while True:
            skip = np.flatnonzero((chunks != NONE) & dead[chunks])
            if not len(skip):
                return chunks
            chunks[skip] = self._before[chunks[skip]]

    # --- reading ------------------------------------------------------------------------------------------------------

    def _chains(self, refs: Refs) -> list[tuple[Ints, NDArray[np.int32]]]:
        """The chunks of series, level by level from the newest: (positions in `refs`, chunks)."""
        levels: list[tuple[Ints, NDArray[np.int32]]] = []
        rows = np.arange(len(refs))
        chunks = self._current[refs]
        while True:
            there = chunks != NONE
            if not there.all():
                rows, chunks = rows[there], chunks[there]
            if not len(chunks):
                return levels
            levels.append((rows, chunks))
            chunks = self._before[chunks]

    def gather(self, refs: Refs, *, start_ms: int, end_ms: int) -> Gathered:
        """The samples of series in the stretch (inclusive) as far as the window reaches back."""
        known = refs < len(self._current)
        if not known.all():
            inner = self.gather(refs[known], start_ms=start_ms, end_ms=end_ms)
            counts = np.zeros(len(refs), np.int64)
            counts[known] = inner.counts
            return replace(inner, counts=counts)
        begin = max(start_ms, self.start_ms)
        count, copy = count_samples.ready(len(refs) * CHUNK), copy_samples.ready(0)
        if count is None or copy is None:
            return self._gather(refs, begin, end_ms)
        rows = refs.astype(np.int64)
        counts = np.empty(len(rows), np.int64)
        chunks = (self._current, self._before, self._newest_ms, self._fill)
        count(rows, *chunks, self._times, begin, end_ms, counts)
        offsets = offsets_of(counts)
        times_ms, values = np.empty(offsets[-1], np.int64), np.empty(offsets[-1], np.float64)
        is_settled = copy(rows, *chunks, self._times, self._values, begin, end_ms, offsets, times_ms, values)
        return Gathered(counts, times_ms, values, self.start_ms, is_settled)

    def _gather(self, refs: Refs, begin_ms: int, end_ms: int) -> Gathered:
        """What the kernels do, with numpy."""
        levels = self._chains(refs)[::-1]
        if not levels:
            counts = np.zeros(len(refs), np.int64)
            return Gathered(counts, np.empty(0, np.int64), np.empty(0, np.float64), self.start_ms)
        rows = np.concatenate([level[0] for level in levels])
        chunks = np.concatenate([level[1] for level in levels])
        useful = self._newest_ms[chunks] >= begin_ms
        rows, chunks = rows[useful], chunks[useful]
        # Oldest chunks first and stably by series: each series' samples come in the order in which they were written.
        order = np.argsort(rows, kind="stable")
        rows, chunks = rows[order], chunks[order]
        filled = np.where(chunks == self._current[refs[rows]], self._fill[refs[rows]], CHUNK)
        times = self._times[chunks]
        wanted = (np.arange(CHUNK) < filled[:, None]) & (times >= begin_ms) & (times <= end_ms)
        counts = np.zeros(len(refs), np.int64)
        np.add.at(counts, rows, wanted.sum(axis=1))
        return Gathered(counts, times[wanted], self._values[chunks][wanted], self.start_ms)
