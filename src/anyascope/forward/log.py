"""What the room needs of the log of what was stored, and a log in memory for stores that keep none."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from anyascope.forward.places import Place
from anyascope.model.labels import Labels, series_id
from anyascope.model.metrics import Exemplar, HistogramSample, MetricBatch


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of the log, from `start` to before `end`: either float samples, or histograms and exemplars.

    Attributes:
        ids: uint64[rows], the series of each.
        times_ms, values: int64[rows] and float64[rows] of samples; values are empty of others.
        others: of others one a row.
    """

    start: Place
    end: Place
    ids: NDArray[np.uint64]
    times_ms: NDArray[np.int64]
    values: NDArray[np.float64]
    others: Sequence[HistogramSample | Exemplar] = ()


@dataclass(frozen=True, slots=True)
class Standing:
    """How far a consumer is behind.

    Attributes:
        backlog_bytes: what it has still to deal with.
        lost_bytes: what gave way before it had dealt with it, since the start.
    """

    backlog_bytes: int = 0
    lost_bytes: int = 0


class Log(Protocol):
    """An append-only log of what was stored, which keeps what its consumers have not dealt with, within a size."""

    async def position(self, consumer: str) -> Place:
        """Where the consumer goes on; a new one begins at the end, and is waited for from now on."""

    async def read(self, place: Place) -> Sequence[Entry]:
        """The next entries from a place on, none at the end. What is gone meanwhile is passed over."""

    async def commit(self, consumer: str, place: Place) -> None:
        """The consumer has dealt with everything before this place."""

    async def forget(self, consumer: str) -> None:
        """Wait for this consumer no longer."""

    async def consumers(self) -> Sequence[str]:
        """Who is waited for."""

    async def standing(self, consumer: str) -> Standing:
        """How far the consumer is behind."""


LabelsOf = Callable[[Sequence[int]], Sequence[Labels | None]]
"""The labels of series by their ids; None where the store does not know the series (any more)."""

NO_VALUES = np.empty(0, np.float64)
ROW_BYTES = 24  # of a sample in memory; others are some hundreds, and few
OTHER_BYTES = 400


def others_entry(start: Place, end: Place, ids: Sequence[int], others: Sequence[HistogramSample | Exemplar]) -> Entry:
    """An entry of histograms and exemplars."""
    times_ms = np.fromiter((other.time_ms for other in others), np.int64, len(others))
    return Entry(start, end, np.array(ids, np.uint64), times_ms, NO_VALUES, others)


@dataclass(slots=True)
class _Consumer:
    place: Place
    lost_bytes: int = 0


@dataclass(slots=True)
class MemoryLog:
    """A log in memory: for stores that keep no journal, and for tests. It ends with the process."""

    bytes_max: int = 256 * 1024 * 1024
    _entries: deque[Entry] = field(default_factory=deque)
    _labels: dict[int, Labels] = field(default_factory=dict)
    _consumers: dict[str, _Consumer] = field(default_factory=dict)
    _size_bytes: int = 0
    _next: int = 0

    def append(self, batch: MetricBatch) -> None:
        """Take in what was stored."""
        if not self._consumers:
            return
        samples = batch.samples
        if len(samples):
            self._labels.update(zip(samples.series_ids.tolist(), samples.series, strict=True))
            ids = samples.series_ids[samples.rows]
            self._add(Entry(*self._places(), ids, samples.times_ms, samples.values))
        others: list[HistogramSample | Exemplar] = [*batch.histograms, *batch.exemplars]
        if others:
            labels = [each.labels if isinstance(each, HistogramSample) else each.series for each in others]
            numbers = [series_id(each) for each in labels]
            self._labels.update(zip(numbers, labels, strict=True))
            self._add(others_entry(*self._places(), numbers, others))

    def labels_of(self, ids: Sequence[int]) -> Sequence[Labels | None]:
        """The labels of series by their ids."""
        return [self._labels.get(number) for number in ids]

    async def position(self, consumer: str) -> Place:
        return self._consumers.setdefault(consumer, _Consumer(Place(0, self._next))).place

    async def read(self, place: Place) -> Sequence[Entry]:
        return next(([entry] for entry in self._entries if entry.start >= place), [])

    async def commit(self, consumer: str, place: Place) -> None:
        known = self._consumers[consumer]
        known.place = max(known.place, place)
        self._trim()

    async def forget(self, consumer: str) -> None:
        self._consumers.pop(consumer, None)
        self._trim()

    async def consumers(self) -> Sequence[str]:
        return tuple(self._consumers)

    async def standing(self, consumer: str) -> Standing:
        known = self._consumers[consumer]
        waiting = sum(_size_bytes(entry) for entry in self._entries if entry.end > known.place)
        return Standing(waiting, known.lost_bytes)

    def _places(self) -> tuple[Place, Place]:
        self._next += 1
        return Place(0, self._next - 1), Place(0, self._next)

    def _add(self, entry: Entry) -> None:
        self._entries.append(entry)
        self._size_bytes += _size_bytes(entry)
        while self._size_bytes > self.bytes_max and len(self._entries) > 1:
            gone = self._entries[0]
            for consumer in self._consumers.values():
                if consumer.place < gone.end:
                    consumer.place = gone.end
                    consumer.lost_bytes += _size_bytes(gone)
            self._trim()

    def _trim(self) -> None:
        needed = min((consumer.place for consumer in self._consumers.values()), default=Place(0, self._next))
        while self._entries and self._entries[0].end <= needed:
            self._size_bytes -= _size_bytes(self._entries.popleft())


def _size_bytes(entry: Entry) -> int:
    return ROW_BYTES * len(entry.ids) + OTHER_BYTES * len(entry.others)
