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
from anyascope.store.kernels import place_blocks


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


@dataclass(frozen=True, slots=True)
class Piece:
    """Settled samples of some series, side by side.

    Attributes:
        begins, counts: int64[series], where each asked series' samples begin, and how many there are.
        times_ms, values: int64[n], float64[n]; each series' in time order, no time twice.
    """

    begins: NDArray[np.int64]
    counts: NDArray[np.int64]
    times_ms: NDArray[np.int64]
    values: NDArray[np.float64]

    @staticmethod
    def of(columns: Columns, series: int) -> Piece:
        """From samples by row."""
        counts = np.bincount(columns.rows, minlength=series)
        return Piece(offsets_of(counts)[:-1], counts, columns.times_ms, columns.values)


def offsets_of(counts: NDArray[np.int64]) -> NDArray[np.int64]:
    """int64[series + 1]: where each of several stretches side by side begins, and where the last ends."""
    offsets = np.zeros(len(counts) + 1, np.int64)
    np.cumsum(counts, out=offsets[1:])
    return offsets


def frame_of(labels: Sequence[Labels], early: Piece, late: Piece | None = None) -> SampleFrame:
    """The frame of the series that were asked for; those without a sample are left out.

    In each series every time of `early` is before every one of `late`.
    """
    counts = early.counts if late is None else early.counts + late.counts
    offsets = offsets_of(counts)
    if late is None and np.array_equal(early.begins, offsets[:-1]):
        times_ms, values = early.times_ms, early.values
    else:
        times_ms, values = np.empty(offsets[-1], np.int64), np.empty(offsets[-1], np.float64)
        _place(early, offsets[:-1], times_ms, values)
        if late is not None:
            _place(late, offsets[:-1] + early.counts, times_ms, values)
    if counts.all():
        return SampleFrame(labels, offsets, times_ms, values)
    present = np.flatnonzero(counts)
    return SampleFrame([labels[row] for row in present.tolist()], offsets_of(counts[present]), times_ms, values)


def joined(pieces: Sequence[Piece]) -> Piece:
    """Pieces of the same series as one; each series has samples in one of them at most."""
    counts = np.sum([piece.counts for piece in pieces], axis=0)
    offsets = offsets_of(counts)
    times_ms, values = np.empty(offsets[-1], np.int64), np.empty(offsets[-1], np.float64)
    for piece in pieces:
        _place(piece, offsets[:-1], times_ms, values)
    return Piece(offsets[:-1], counts, times_ms, values)


def _place(piece: Piece, targets: NDArray[np.int64], times_ms: NDArray[np.int64], values: NDArray[np.float64]) -> None:
    """Copy each series' samples to where they belong."""
    copy = place_blocks.ready(len(piece.times_ms))
    if copy is not None:
        copy(piece.begins, piece.counts, targets, piece.times_ms, piece.values, times_ms, values)
        return
    own = np.arange(int(piece.counts.sum())) - np.repeat(offsets_of(piece.counts)[:-1], piece.counts)
    sources, places = own + np.repeat(piece.begins, piece.counts), own + np.repeat(targets, piece.counts)
    times_ms[places], values[places] = piece.times_ms[sources], piece.values[sources]


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
