"""Samples that were read from the tables, kept in memory for who asks for them again.

A question to the engine costs milliseconds before its first row, and a granule of 8,192 rows for one: more than all else that
a dashboard's refresh of an older hour costs. What is read is rounded to a grid, so that the questions of one page and of its
next refresh meet.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from anyascope.store.ragged import Piece, joined

GRID_MS = 900_000  # stretches begin and end at quarters of an hour, or at the hot window
SAMPLES_MAX = 12_000_000  # in all segments; 16 bytes each
SEGMENTS_MAX = 256  # each is looked at by each question
STRETCH_MS_MAX = 86_400_000  # longer ones are seldom asked twice, and would push everything else out
SPACING_MS = 15_000  # usual between samples, to guess how many a stretch has

Ids: TypeAlias = NDArray[np.uint64]
Ints: TypeAlias = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Segment:
    """All samples of some series in a stretch of time.

    Attributes:
        start_ms, end_ms: of the stretch, inclusive.
        ids: uint64[series], ascending; also of series that have none.
        begins, counts: int64[series], where each has its samples.
        times_ms, values: int64[n], float64[n]; nobody may change them.
    """

    start_ms: int
    end_ms: int
    ids: Ids
    begins: Ints
    counts: Ints
    times_ms: Ints
    values: NDArray[np.float64]

    @staticmethod
    def of(ids: Ids, piece: Piece | None, *, start_ms: int, end_ms: int) -> Segment:
        """What was read of these series; the piece's arrays are copied."""
        none = np.zeros(len(ids), np.int64)
        found = Piece(none, none, np.empty(0, np.int64), np.empty(0)) if piece is None else piece
        order = np.argsort(ids)
        times_ms, values = found.times_ms.copy(), found.values.copy()
        times_ms.flags.writeable = values.flags.writeable = False
        return Segment(start_ms, end_ms, ids[order], found.begins[order], found.counts[order], times_ms, values)

    def covers(self, start_ms: int, end_ms: int) -> bool:
        """Whether it has all of a stretch (inclusive)."""
        return self.start_ms <= start_ms and end_ms <= self.end_ms

    def places(self, ids: Ids) -> Ints:
        """int64[asked]: which of its series each is, or -1."""
        if not len(self.ids):
            return np.full(len(ids), -1, np.int64)
        at = np.minimum(np.searchsorted(self.ids, ids), len(self.ids) - 1)
        return np.where(self.ids[at] == ids, at, -1)


Found: TypeAlias = Sequence[tuple[Segment, Ints]]
"""Segments, each with which of its series stands for each asked one, -1 for those that others have."""


class Remembered:
    """The segments, least lately used ones first. Lives on the event loop."""

    def __init__(self, *, samples_max: int = SAMPLES_MAX) -> None:
        self.samples_max = samples_max
        self._segments: OrderedDict[int, Segment] = OrderedDict()
        self._following = 0
        self.samples = 0
        self.version = 0  # counts what was forgotten: who reads meanwhile has read what may be no more

    def stretch(self, start_ms: int, end_ms: int, *, hot_ms: int, series: int) -> tuple[int, int] | None:
        """What to read, or to look for, for a question (inclusive); None where remembering is not worth it.

        Args:
            hot_ms: where the samples in memory begin: later ones are not taken from here.
            series: how many are asked for.
        """
        first = start_ms // GRID_MS * GRID_MS
        last = min((end_ms // GRID_MS + 1) * GRID_MS, hot_ms) - 1
        if last - first > STRETCH_MS_MAX or (last - first) // SPACING_MS * series > self.samples_max // 2:
            return None
        return first, last

    def find(self, ids: Ids, start_ms: int, end_ms: int) -> tuple[Found, NDArray[np.bool_]]:
        """What is here of these series and all of this stretch, and which of them are not."""
        missing = np.ones(len(ids), np.bool_)
        found: list[tuple[Segment, Ints]] = []
        for key in reversed(list(self._segments)):
            segment = self._segments[key]
            if not segment.covers(start_ms, end_ms):
                continue
            places = np.where(missing, segment.places(ids), -1)
            own = places >= 0
            if own.any():
                found.append((segment, places))
                missing &= ~own
                self._segments.move_to_end(key)
            if not missing.any():
                break
        return found, missing

    def add(self, segment: Segment, *, version: int) -> None:
        """Remember what was read since this version; not where something was forgotten meanwhile, or it is too much."""
        count = len(segment.times_ms)
        if version != self.version or count > self.samples_max // 2:
            return
        self._segments[self._following] = segment
        self._following += 1
        self.samples += count
        while self.samples > self.samples_max or len(self._segments) > SEGMENTS_MAX:
            self._drop(next(iter(self._segments)))

    def forget(self, start_ms: int, end_ms: int) -> None:
        """The tables have changed in this stretch (inclusive)."""
        self.version += 1
        for key, segment in list(self._segments.items()):
            if segment.start_ms <= end_ms and start_ms <= segment.end_ms:
                self._drop(key)

    def _drop(self, key: int) -> None:
        self.samples -= len(self._segments.pop(key).times_ms)


def piece_of_segments(found: Found, series: int, *, start_ms: int, end_ms: int) -> Piece:
    """The samples of the asked series within a stretch (inclusive)."""
    parts = [_cut(segment, places, start_ms, end_ms) for segment, places in found]
    if not parts:
        return Piece(np.zeros(series, np.int64), np.zeros(series, np.int64), np.empty(0, np.int64), np.empty(0))
    return parts[0] if len(parts) == 1 else joined(parts)


def _cut(segment: Segment, places: Ints, start_ms: int, end_ms: int) -> Piece:
    own = places >= 0
    begins, counts = np.where(own, segment.begins[places], 0), np.where(own, segment.counts[places], 0)
    if segment.start_ms < start_ms or segment.end_ms > end_ms:
        first = first_from(segment.times_ms, begins, begins + counts, start_ms)
        stop = first_from(segment.times_ms, first, begins + counts, end_ms + 1)
        begins, counts = first, stop - first
    return Piece(begins, counts, segment.times_ms, segment.values)


def first_from(times_ms: Ints, begins: Ints, ends: Ints, time_ms: int) -> Ints:
    """int64[series]: where each stretch, in time order, reaches a time; its end where it does not. All halve at once."""
    low, high = begins.copy(), ends.copy()
    while (open_ := low < high).any():
        middle = (low + high) // 2
        is_before = np.zeros(len(low), np.bool_)
        is_before[open_] = times_ms[middle[open_]] < time_ms
        low = np.where(open_ & is_before, middle + 1, low)
        high = np.where(open_ & ~is_before, middle, high)
    return low
