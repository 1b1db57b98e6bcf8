"""Sums and variances as Prometheus makes them, to the last digit: compensated, one summand after the other.

Each has three ways to the same answer: a compiled loop; until that is ready a walk of all windows side by side, one numpy
operation a sample; and plain Python where windows are so few that numpy would not pay.
"""

from __future__ import annotations

import math

import numpy as np

from anyascope.promql.columns import Bools, Floats, Ints
from anyascope.promql.functions.flat import FlatWindows
from anyascope.promql.kernels import added, group_spreads, group_totals, window_totals, window_variances

TABLE_SAMPLES_MAX = 1_000_000  # of all windows, copied side by side: 8 MB
STEP_COST = 60  # a numpy step over all windows takes as long as so many summands in plain Python; measured


def window_sums(flat: FlatWindows, values: Floats) -> Floats:
    """float64[windows]: the sum of each window's samples.

    Source: Prometheus, `sum_over_time` (Neumaier's variant of Kahan's summation).
    """
    totals, lost = _window_totals(flat, values)
    with np.errstate(invalid="ignore"):
        return np.where(np.isinf(totals), totals, totals + lost)


def window_means(flat: FlatWindows, values: Floats) -> Floats:
    """float64[windows]: the mean of each window; finite where its samples are, even if their sum is not.

    Source: Prometheus, `avg_over_time`.
    """
    totals, lost = _window_totals(flat, values)
    counts = flat.counts
    with np.errstate(all="ignore"):
        means = totals / counts + lost / counts
    for window in np.flatnonzero(~np.isfinite(totals)).tolist():
        means[window] = _mean(values[flat.first[window] : flat.stop[window]].tolist())
    return means


def _mean(samples: list[float]) -> float:
    """The mean of some samples whose sum may be too large for a number."""
    total, lost = samples[0], 0.0
    for place in range(1, len(samples)):
        after, missing = added(samples[place], total, lost)
        if math.isinf(after):
            return _running_mean(samples, place, total / place, lost / place)
        total, lost = after, missing
    return total / len(samples) + lost / len(samples)


def _running_mean(samples: list[float], begin: int, mean: float, lost: float) -> float:
    for place in range(begin, len(samples)):
        count = place + 1
        share = place / count
        mean, lost = added(samples[place] / count, share * mean, share * lost)
    return mean + lost


def _window_totals(flat: FlatWindows, values: Floats) -> tuple[Floats, Floats]:
    totals, lost = np.zeros(len(flat.first)), np.zeros(len(flat.first))
    samples, longest = int(flat.counts.sum()), int(flat.counts.max(initial=0))
    loop = window_totals.ready(samples)
    if loop is not None:
        loop(values, flat.first, flat.stop, totals, lost)
    elif samples < longest * STEP_COST:
        bounds = zip(flat.first.tolist(), flat.stop.tolist(), strict=True)
        for window, (first, stop) in enumerate(bounds):
            totals[window], lost[window] = _total(values[first:stop].tolist())
    else:
        shared = int(flat.counts.min()) if 0 < samples <= TABLE_SAMPLES_MAX else 0
        # What all windows have is a table, whose columns need no looking up.
        for column in values[flat.first + np.arange(shared)[:, None]]:
            totals, lost = added_all(column, totals, lost)
        for ahead in range(shared, longest):
            active = np.flatnonzero(flat.first + ahead < flat.stop)
            totals[active], lost[active] = added_all(values[flat.first[active] + ahead], totals[active], lost[active])
    return totals, lost


def _total(samples: list[float]) -> tuple[float, float]:
    total, lost = 0.0, 0.0
    for sample in samples:
        total, lost = added(sample, total, lost)
    return total, lost


def added_all(values: Floats, totals: Floats, lost: Floats) -> tuple[Floats, Floats]:
    """`added` for many sums at once."""
    with np.errstate(all="ignore"):
        after = totals + values
        carried = np.where(np.abs(totals) >= np.abs(values), (totals - after) + values, (values - after) + totals)
        return after, np.where(np.isinf(after), 0.0, lost + carried)


def window_variance(flat: FlatWindows, values: Floats) -> Floats:
    """float64[windows]: the population variance of each window's samples.

    Source: Prometheus, `stdvar_over_time` (Welford's running variance, compensated).
    """
    found = np.zeros(len(flat.first))
    loop = window_variances.ready(int(flat.counts.sum()))
    if loop is not None:
        loop(values, flat.first, flat.stop, found)
        return found
    mean, mean_lost, squares, squares_lost = (np.zeros(len(flat.first)) for _ in range(4))
    with np.errstate(all="ignore"):
        for ahead in range(int(flat.counts.max(initial=0))):
            active = np.flatnonzero(flat.first + ahead < flat.stop)
            samples = values[flat.first[active] + ahead]
            delta = samples - (mean[active] + mean_lost[active])
            mean[active], mean_lost[active] = added_all(delta / (ahead + 1), mean[active], mean_lost[active])
            more = delta * (samples - (mean[active] + mean_lost[active]))
            squares[active], squares_lost[active] = added_all(more, squares[active], squares_lost[active])
        return (squares + squares_lost) / flat.counts


def group_sums(values: Floats, present: Bools, rows: Ints, groups: int) -> Floats:
    """float64[groups, steps]: the sum of each group's present values.

    Args:
        values, present: float64 and bool[series, steps].
        rows: int64[series], the group of each series.
        groups: how many there are.

    Source: Prometheus, `sum`.
    """
    totals, lost, _ = _group_totals(values, present, rows, groups)
    with np.errstate(invalid="ignore"):
        return totals + lost


def group_means(values: Floats, present: Bools, rows: Ints, groups: int) -> Floats:
    """float64[groups, steps]: the mean of each group's present values; finite where they are, even if their sum is not.

    Source: Prometheus, `avg`.
    """
    totals, lost, counts = _group_totals(values, present, rows, groups)
    with np.errstate(all="ignore"):
        means = totals / counts + lost / counts
    for group, step in np.argwhere(~np.isfinite(totals)).tolist():
        members = (rows == group) & present[:, step]
        means[group, step] = _mean(values[members, step].tolist())
    return means


def group_variances(values: Floats, present: Bools, rows: Ints, groups: int) -> Floats:
    """float64[groups, steps]: the population variance of each group's present values.

    Source: Prometheus, `stdvar` (Welford's running variance).
    """
    shape = (groups, values.shape[1])
    means, squares, counts = np.zeros(shape), np.zeros(shape), np.zeros(shape, np.int64)
    loop = group_spreads.ready(values.size)
    if loop is not None:
        loop(np.ascontiguousarray(values), np.ascontiguousarray(present), rows, means, squares, counts)
    else:
        with np.errstate(all="ignore"):
            for row, group in enumerate(rows.tolist()):
                _spread(values[row], present[row], means=means[group], squares=squares[group], counts=counts[group])
    with np.errstate(all="ignore"):
        return squares / counts


def _spread(values: Floats, present: Bools, *, means: Floats, squares: Floats, counts: Ints) -> None:
    """One series more in its group."""
    counts += present
    delta = np.where(present, values - means, 0.0)
    means += np.where(present, delta / counts, 0.0)
    squares += np.where(present, delta * (values - means), 0.0)


def _group_totals(values: Floats, present: Bools, rows: Ints, groups: int) -> tuple[Floats, Floats, Ints]:
    shape = (groups, values.shape[1])
    totals, lost, counts = np.zeros(shape), np.zeros(shape), np.zeros(shape, np.int64)
    loop = group_totals.ready(values.size)
    if loop is not None:
        loop(np.ascontiguousarray(values), np.ascontiguousarray(present), rows, totals, lost, counts)
        return totals, lost, counts
    np.add.at(counts, rows, present)
    add = _add_singly if values.shape[1] < STEP_COST else _add_rows
    add(values, present, rows, totals=totals, lost=lost)
    return totals, lost, counts


def _add_singly(values: Floats, present: Bools, rows: Ints, *, totals: Floats, lost: Floats) -> None:
    numbers = rows.tolist()
    for step in range(values.shape[1]):
        sums = [(0.0, 0.0)] * len(totals)
        cells = zip(numbers, values[:, step].tolist(), present[:, step].tolist(), strict=True)
        for group, value, is_present in cells:
            if is_present:
                sums[group] = added(value, *sums[group])
        totals[:, step], lost[:, step] = np.array(sums).T


def _add_rows(values: Floats, present: Bools, rows: Ints, *, totals: Floats, lost: Floats) -> None:
    for row, group in enumerate(rows.tolist()):
        total, missing = added_all(values[row], totals[group], lost[group])
        totals[group] = np.where(present[row], total, totals[group])
        lost[group] = np.where(present[row], missing, lost[group])
