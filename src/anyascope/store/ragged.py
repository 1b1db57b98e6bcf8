"""Ragged sample columns: put in order, cut to a stretch, joined."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from anyascope.errors import LimitExceededError
from anyascope.frames.samples import SampleFrame
from anyascope.store.api.metrics import Selection
from anyascope.store.labelindex import LabelIndex, Refs


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


def frame_of(
    index: LabelIndex,
    refs: Refs,
    *,
    rows: NDArray[np.int64],
    times_ms: NDArray[np.int64],
    values: NDArray[np.float64],
) -> SampleFrame:
    """The frame of settled samples; `rows` index into `refs`, series without a sample are left out."""
    counts = np.bincount(rows, minlength=len(refs)) if len(rows) else np.zeros(len(refs), np.int64)
    present = np.flatnonzero(counts)
    offsets = np.zeros(len(present) + 1, np.int64)
    np.cumsum(counts[present], out=offsets[1:])
    return SampleFrame([index.labels(ref) for ref in refs[present].tolist()], offsets, times_ms, values)


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
