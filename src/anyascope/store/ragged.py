"""Ragged sample columns: put in order, cut to a stretch, joined."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from anyascope.errors import LimitExceededError
from anyascope.frames.samples import SampleFrame
from anyascope.model.labels import Labels
from anyascope.store.api.metrics import Selection


def settle(
    rows: NDArray[np.int64], times_ms: NDArray[np.int64], values: NDArray[np.float64]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """Samples by (row, time), each time once: where one was written twice the later entry stays.

    Args:
        rows: int64[n], which series; need not be sorted.
        times_ms: int64[n].
        values: float64[n], in the order in which they were written.
    """
    if len(rows) < 2:
        return rows, times_ms, values
    row_steps, time_steps = np.diff(rows), np.diff(times_ms)
    if np.all((row_steps > 0) | ((row_steps == 0) & (time_steps > 0))):
        return rows, times_ms, values
    order = np.lexsort((times_ms, rows))  # stable: equal pairs stay in the order in which they were written
    rows, times_ms, values = rows[order], times_ms[order], values[order]
    is_last = np.ones(len(rows), np.bool_)
    is_last[:-1] = (rows[1:] != rows[:-1]) | (times_ms[1:] != times_ms[:-1])
    return rows[is_last], times_ms[is_last], values[is_last]


@dataclass(frozen=True, slots=True)
class Columns:
    """Settled samples: by (row, time), no time twice in a row; `rows` count the series that were asked for."""

    rows: NDArray[np.int64]
    times_ms: NDArray[np.int64]
    values: NDArray[np.float64]

    @staticmethod
    def settled(rows: NDArray[np.int64], times_ms: NDArray[np.int64], values: NDArray[np.float64]) -> Columns:
        """From samples in any order; see `settle`."""
        return Columns(*settle(rows, times_ms, values))


def regrouped(rows: NDArray[np.int64], times_ms: NDArray[np.int64], values: NDArray[np.float64]) -> Columns:
    """Samples whose rows come in any order but each row's together and in time order, by row; without sorting."""
    if len(rows) < 2 or np.all(rows[1:] >= rows[:-1]):
        return Columns(rows, times_ms, values)
    counts = np.bincount(rows)
    is_first = np.ones(len(rows), np.bool_)
    is_first[1:] = rows[1:] != rows[:-1]
    firsts = np.flatnonzero(is_first)
    shift = np.zeros(len(counts), np.int64)
    shift[rows[firsts]] = (np.cumsum(counts) - counts)[rows[firsts]] - firsts
    places = np.arange(len(rows)) + shift[rows]
    ordered = Columns(np.empty_like(rows), np.empty_like(times_ms), np.empty_like(values))
    ordered.rows[places], ordered.times_ms[places], ordered.values[places] = rows, times_ms, values
    return ordered


def joined(early: Columns, late: Columns, *, series: int) -> Columns:
    """Both, where in each row every time of `early` is before every one of `late`; without sorting."""
    if not len(early.rows):
        return late
    if not len(late.rows):
        return early
    early_counts = np.bincount(early.rows, minlength=series)
    late_counts = np.bincount(late.rows, minlength=series)
    begins = np.cumsum(early_counts + late_counts) - early_counts - late_counts
    total = len(early.rows) + len(late.rows)
    rows, times_ms, values = np.empty(total, np.int64), np.empty(total, np.int64), np.empty(total, np.float64)
    for part, counts, shift in ((early, early_counts, begins), (late, late_counts, begins + early_counts)):
        own_begins = np.cumsum(counts) - counts
        places = np.arange(len(part.rows)) + (shift - own_begins)[part.rows]
        rows[places], times_ms[places], values[places] = part.rows, part.times_ms, part.values
    return Columns(rows, times_ms, values)


def frame_of(labels: Sequence[Labels], columns: Columns) -> SampleFrame:
    """The frame of the series that were asked for; those without a sample are left out."""
    counts = np.bincount(columns.rows, minlength=len(labels))
    present = np.flatnonzero(counts)
    offsets = np.zeros(len(present) + 1, np.int64)
    np.cumsum(counts[present], out=offsets[1:])
    return SampleFrame([labels[row] for row in present.tolist()], offsets, columns.times_ms, columns.values)


def check_series(found: int, selection: Selection) -> None:
    """Raise where more series match than may be read."""
    if found > selection.series_max:
        raise LimitExceededError(
            f"the selector matches {found} series, at most {selection.series_max} may be read at once"
        )


def check_samples(found: int, selection: Selection) -> None:
    """Raise where more samples match than may be read."""
    if found > selection.samples_max:
        raise LimitExceededError(
            f"the selector reads {found} samples, at most {selection.samples_max} may be read at once"
        )
