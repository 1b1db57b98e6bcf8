"""What the journal holds and the tables do not yet, in memory, so that readers see it from the moment it is durable."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from anyascope.model.metrics import Exemplar, HistogramSample, MetricMetadata
from anyascope.store.labelindex import Refs
from anyascope.store.ragged import Columns

NEVER_MS = np.iinfo(np.int64).max


@dataclass(frozen=True, slots=True)
class Appended:
    """The float samples of one append: uint32[n] references of their series, times, values; in the order of writing."""

    refs: Refs
    times_ms: NDArray[np.int64]
    values: NDArray[np.float64]
    first_ms: int
    last_ms: int

    @staticmethod
    def of(refs: Refs, times_ms: NDArray[np.int64], values: NDArray[np.float64]) -> Appended:
        """With its stretch of time."""
        return Appended(refs, times_ms, values, int(times_ms.min()), int(times_ms.max()))

    def outside(self, refs: Refs, *, start_ms: int, end_ms: int) -> Appended | None:
        """Without these series' samples of a stretch (inclusive); None where nothing stays."""
        if self.first_ms > end_ms or self.last_ms < start_ms:
            return self
        stays = (self.times_ms < start_ms) | (self.times_ms > end_ms) | ~np.isin(self.refs, refs)
        return Appended.of(self.refs[stays], self.times_ms[stays], self.values[stays]) if stays.any() else None


@dataclass(slots=True)
class Unsorted:
    """Everything of some appends, oldest first; histograms and exemplars beside the references of their series."""

    pieces: list[Appended] = field(default_factory=list)
    histograms: list[tuple[int, HistogramSample]] = field(default_factory=list)
    exemplars: list[tuple[int, Exemplar]] = field(default_factory=list)
    metadata: dict[str, MetricMetadata] = field(default_factory=dict)
    rows: int = 0  # samples, histograms and exemplars

    def __bool__(self) -> bool:
        return bool(self.rows or self.metadata)

    def add(self, piece: Appended) -> None:
        """Take samples in."""
        self.pieces.append(piece)
        self.rows += len(piece.refs)

    def add_extras(
        self,
        histograms: Sequence[tuple[int, HistogramSample]],
        exemplars: Sequence[tuple[int, Exemplar]],
        metadata: Mapping[str, MetricMetadata],
    ) -> None:
        """Take in what comes beside samples."""
        self.histograms += histograms
        self.exemplars += exemplars
        self.metadata.update(metadata)
        self.rows += len(histograms) + len(exemplars)

    def between(self, refs: Refs, *, start_ms: int, end_ms: int) -> Columns:
        """The float samples of series in a stretch (inclusive), in the order of writing; `rows` count the asked series."""
        found = [piece for piece in self.pieces if piece.first_ms <= end_ms and piece.last_ms >= start_ms]
        if not found:
            return Columns(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, np.float64))
        own = np.concatenate([piece.refs for piece in found])
        times_ms = np.concatenate([piece.times_ms for piece in found])
        values = np.concatenate([piece.values for piece in found])
        order = np.argsort(refs)
        places = np.minimum(np.searchsorted(refs[order], own), len(refs) - 1)
        rows = order[places]
        wanted = (refs[rows] == own) & (times_ms >= start_ms) & (times_ms <= end_ms)
        return Columns(rows[wanted], times_ms[wanted], values[wanted])

    def cut(self, refs: Refs, *, start_ms: int, end_ms: int) -> None:
        """Forget what these series have in a stretch (inclusive)."""
        gone = set(refs.tolist())

        def stays(ref: int, time_ms: int) -> bool:
            return ref not in gone or not start_ms <= time_ms <= end_ms

        kept = (piece.outside(refs, start_ms=start_ms, end_ms=end_ms) for piece in self.pieces)
        self.pieces = [piece for piece in kept if piece is not None]
        self.histograms = [(ref, each) for ref, each in self.histograms if stays(ref, each.time_ms)]
        self.exemplars = [(ref, each) for ref, each in self.exemplars if stays(ref, each.time_ms)]
        self.rows = sum(len(piece.refs) for piece in self.pieces) + len(self.histograms) + len(self.exemplars)

    def stretch_ms(self) -> tuple[int, int]:
        """(oldest, newest) time held; a stretch that ends before it begins where there is none."""
        times = [each.time_ms for _, each in self.histograms] + [each.time_ms for _, each in self.exemplars]
        firsts, lasts = [piece.first_ms for piece in self.pieces], [piece.last_ms for piece in self.pieces]
        return min(times + firsts, default=NEVER_MS), max(times + lasts, default=-NEVER_MS)
