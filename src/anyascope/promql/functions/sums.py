"""Sums as exact as compensated ones, at the cost of plain ones where that makes no difference."""

from __future__ import annotations

import numpy as np

from anyascope.promql.columns import Bools, Floats, Ints
from anyascope.promql.functions.flat import FlatWindows, reduced

# A plain sum of n values errs by at most about n * 1e-16 of the sum of their sizes. Where that sum is not a thousand
# times what remains, the plain sum has at least ten good digits for any n that occurs, mostly all of them.
CANCELLATION_MAX = 1e3


def window_sums(flat: FlatWindows, values: Floats) -> Floats:
    """float64[windows]: the sum of each window's samples.

    Source: Prometheus, `sum_over_time` (Neumaier's variant of Kahan's summation).
    """
    if not len(flat.first):
        return np.empty(0)
    with np.errstate(all="ignore"):
        sums = reduced(np.add, values, flat.first, flat.stop)
        if not (values < 0).any():
            return sums
        sizes = reduced(np.add, np.abs(values), flat.first, flat.stop)
        doubtful = sizes > CANCELLATION_MAX * np.abs(sums)
        if doubtful.any():
            sums[doubtful] = compensated(values, flat.first[doubtful], flat.stop[doubtful])
    return sums


def compensated(values: Floats, first: Ints, stop: Ints) -> Floats:
    """float64[windows]: compensated sums, all windows advancing together one sample at a time."""
    sums = np.zeros(len(first))
    lost = np.zeros(len(first))
    for ahead in range(int((stop - first).max(initial=0))):
        active = np.flatnonzero(first + ahead < stop)
        before, added = sums[active], values[first[active] + ahead]
        after = before + added
        carried = np.where(np.abs(before) >= np.abs(added), (before - after) + added, (added - after) + before)
        lost[active] = np.where(np.isinf(after), 0.0, lost[active] + carried)
        sums[active] = after
    return np.where(np.isinf(sums), sums, sums + lost)


def window_means(flat: FlatWindows, values: Floats) -> Floats:
    """float64[windows]: the mean of each window; finite where its samples are, even if their sum is not.

    Source: Prometheus, `avg_over_time`.
    """
    if not len(flat.first):
        return np.empty(0)
    with np.errstate(all="ignore"):
        counts = flat.counts.astype(np.float64)
        means = window_sums(flat, values) / counts
        overflowed = np.flatnonzero(np.isinf(means))
        if len(overflowed):
            first, stop = flat.first[overflowed], flat.stop[overflowed]
            means[overflowed] = _scaled_means(values, first, stop)
    return means


def _scaled_means(values: Floats, first: Ints, stop: Ints) -> Floats:
    counts = stop - first
    scale = 2.0 ** np.ceil(np.log2(counts))  # a power of two, so that dividing by it loses nothing
    means = np.empty(len(first))
    for length in np.unique(counts).tolist():
        of_length = np.flatnonzero(counts == length)
        scaled = values / scale[of_length[0]]
        sums = compensated(scaled, first[of_length], stop[of_length])
        means[of_length] = sums / length * scale[of_length]
    return means


def doubtful_sums(sums: Floats, sizes: Floats) -> Bools:
    """Which sums are so much smaller than the sizes of what was added that plain addition may have lost them."""
    doubtful: Bools = (sizes > CANCELLATION_MAX * np.abs(sums)) & np.isfinite(sizes)
    return doubtful
