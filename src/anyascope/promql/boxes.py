"""Native histograms among floats: a cell of a float column holds a NaN whose payload is the number of a histogram.

So selecting, sorting, joining and every other move of cells carries histograms along without knowing of them, and a query
without histograms pays nothing; only what computes must ask `mask` first.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from anyascope.frames.histogram import NativeHistogram, ResetHint
from anyascope.frames.samples import SampleFrame
from anyascope.model.labels import Labels
from anyascope.model.metrics import STALE_NAN, HistogramSample, is_stale
from anyascope.promql.columns import Bools, Floats, Ints
from anyascope.promql.natives import is_reset

BOX_BITS = 0x7FFD  # the highest 16 bits of a cell that is a histogram: a quiet NaN that no arithmetic makes
_SHIFT = np.uint64(48)
_NUMBER = (1 << 48) - 1


class NativeTable:
    """The histograms of one query, by number."""

    def __init__(self) -> None:
        self._all: list[NativeHistogram] = []
        self._telling: dict[int, ResetHint] = {}

    def __bool__(self) -> bool:
        return bool(self._all)

    def box(self, histogram: NativeHistogram) -> float:
        """The cell that stands for a histogram."""
        self._all.append(histogram)
        number = len(self._all) - 1
        cell: float = struct.unpack("<d", struct.pack("<Q", BOX_BITS << 48 | number))[0]
        return cell

    def mask(self, values: Floats) -> Bools:
        """Which cells are histograms; bool of the same shape."""
        if not self._all:
            return np.zeros(values.shape, np.bool_)
        found: Bools = (values.view(np.uint64) >> _SHIFT) == BOX_BITS
        return found

    def at(self, cell: float) -> NativeHistogram:
        """The histogram of a cell for which `mask` is true."""
        return self._all[self.number_of(cell)]

    @staticmethod
    def number_of(cell: float) -> int:
        """The number of a cell that is a histogram."""
        number: int = struct.unpack("<Q", struct.pack("<d", cell))[0] & _NUMBER
        return number

    def taken(self, values: Floats) -> list[NativeHistogram]:
        """The histograms of a flat column of boxed cells."""
        return [self._all[number] for number in (values.view(np.uint64) & np.uint64(_NUMBER)).tolist()]

    def changed(self, values: Floats, mask: Bools, change: Callable[[NativeHistogram], NativeHistogram]) -> Floats:
        """The column with other histograms where `mask` is true; each distinct one is changed once."""
        found = values.copy()
        done: dict[int, float] = {}
        cells = found[mask]
        for place, cell in enumerate(cells.tolist()):
            number = self.number_of(cell)
            if number not in done:
                done[number] = self.box(change(self._all[number]))
            cells[place] = done[number]
        found[mask] = cells
        return found

    def without_hints(self, values: Floats, present: Bools) -> Floats:
        """The column with nothing known of resets: between steps that are not neighbours anything may have happened."""
        mask = self.mask(values) & present
        return self.changed(values, mask, _without_hint) if mask.any() else values

    def note_telling(self, number: int, hint: ResetHint) -> None:
        """Keep what a reader that compares neighbours would know of a histogram."""
        self._telling[number] = hint

    def telling(self, values: Floats) -> Floats:
        """The column as a reader of counts and sums alone sees it: each reset is known.

        Source: Prometheus, `HistogramStatsIterator`.
        """
        mask = self.mask(values)
        if not mask.any() or not self._telling:
            return values
        found = values.copy()
        cells = found[mask]
        for place, cell in enumerate(cells.tolist()):
            number = self.number_of(cell)
            if number in self._telling:
                cells[place] = self.box(replace(self._all[number], hint=self._telling[number]))
        found[mask] = cells
        return found


def _without_hint(histogram: NativeHistogram) -> NativeHistogram:
    return histogram if histogram.hint is ResetHint.GAUGE else replace(histogram, hint=ResetHint.UNKNOWN)


@dataclass(frozen=True, slots=True)
class _Column:
    labels: Labels
    times_ms: Ints
    values: Floats

    def since(self, start_ms: int) -> _Column:
        begin = int(np.searchsorted(self.times_ms, start_ms))
        return _Column(self.labels, self.times_ms[begin:], self.values[begin:]) if begin else self


def with_histograms(
    frame: SampleFrame, samples: Sequence[HistogramSample], table: NativeTable, *, start_ms: int
) -> SampleFrame:
    """A frame of floats and the histograms of the same selection, by series and time, as one frame.

    Histograms before `start_ms` are looked at for what they tell of the next, and left out.
    """
    if not samples:
        return frame
    columns = {
        labels: _Column(
            labels,
            frame.times_ms[frame.offsets[row] : frame.offsets[row + 1]],
            _without_boxes(frame.values[frame.offsets[row] : frame.offsets[row + 1]]),
        )
        for row, labels in enumerate(frame.labels)
    }
    by_series: dict[Labels, list[HistogramSample]] = {}
    for sample in samples:
        by_series.setdefault(sample.labels, []).append(sample)
    for labels, members in by_series.items():
        column = _boxed(labels, members, table).since(start_ms)
        if not len(column.times_ms):
            continue
        floats = columns.get(labels)
        columns[labels] = _merged(floats, column) if floats is not None else column
    if not columns:
        return frame
    ordered = [columns[labels] for labels in sorted(columns)]
    offsets = np.zeros(len(ordered) + 1, np.int64)
    np.cumsum([len(column.times_ms) for column in ordered], out=offsets[1:])
    return SampleFrame(
        [column.labels for column in ordered],
        offsets,
        np.concatenate([column.times_ms for column in ordered]),
        np.concatenate([column.values for column in ordered]),
    )


def _without_boxes(values: Floats) -> Floats:
    """Floats whose NaNs, which a sender may have given any payload, are plain ones."""
    odd = np.isnan(values) & ~is_stale(values)
    return np.where(odd, np.nan, values) if odd.any() else values


def _boxed(labels: Labels, samples: Sequence[HistogramSample], table: NativeTable) -> _Column:
    """The histograms of one series, with what is known of resets between neighbours.

    Source: Prometheus keeps histograms in chunks that begin anew at a reset: of the first in a chunk nothing is known, the
    others are no resets.
    """
    cells: list[float] = []
    before: NativeHistogram | None = None
    for sample in samples:
        if is_stale(np.array([sample.sum]))[0]:
            cells.append(STALE_NAN)
            before = None
            continue
        histogram = NativeHistogram.of(sample)
        hint, telling = _hints(histogram, before)
        histogram = replace(histogram, hint=hint)
        cell = table.box(histogram)
        if telling is not hint:
            table.note_telling(table.number_of(cell), telling)
        cells.append(cell)
        before = histogram
    times_ms = np.array([sample.time_ms for sample in samples], np.int64)
    return _Column(labels, times_ms, np.array(cells))


def _hints(histogram: NativeHistogram, before: NativeHistogram | None) -> tuple[ResetHint, ResetHint]:
    """What a chunk tells of a histogram, and what comparing it with its neighbour does."""
    if histogram.hint is ResetHint.GAUGE:
        return ResetHint.GAUGE, ResetHint.GAUGE
    if before is None or before.hint is ResetHint.GAUGE:
        return ResetHint.UNKNOWN, ResetHint.UNKNOWN
    if is_reset(histogram, before):
        return ResetHint.UNKNOWN, ResetHint.RESET
    is_new_layout = (histogram.schema, histogram.zero_threshold, histogram.custom_bounds) != (
        before.schema,
        before.zero_threshold,
        before.custom_bounds,
    )
    return (ResetHint.UNKNOWN if is_new_layout else ResetHint.NOT_RESET), ResetHint.NOT_RESET


def _merged(floats: _Column, histograms: _Column) -> _Column:
    """Both in time order; where a time has both, the histogram stands."""
    kept = ~np.isin(floats.times_ms, histograms.times_ms)
    times_ms = np.concatenate([floats.times_ms[kept], histograms.times_ms])
    values = np.concatenate([floats.values[kept], histograms.values])
    order = np.argsort(times_ms, kind="stable")
    return _Column(floats.labels, times_ms[order], values[order])
