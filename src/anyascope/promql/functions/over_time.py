"""Functions that make one number of the samples of a window, whatever their order means."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from anyascope.promql.columns import Bools, Floats, Ints
from anyascope.promql.errors import QueryError
from anyascope.promql.functions.flat import FlatWindows, reduced
from anyascope.promql.functions.sums import window_means, window_sums, window_variance
from anyascope.promql.values import Windows

MS_PER_S = 1000.0


def sum_over_time(windows: Windows, _arguments: Sequence[Floats]) -> tuple[Floats, Bools]:
    """The sum of the samples, compensated."""
    flat = FlatWindows.of(windows, samples_min=1)
    return flat.spread(window_sums(flat, windows.values)), flat.mask


def avg_over_time(windows: Windows, _arguments: Sequence[Floats]) -> tuple[Floats, Bools]:
    """The mean of the samples."""
    flat = FlatWindows.of(windows, samples_min=1)
    return flat.spread(window_means(flat, windows.values)), flat.mask


def min_over_time(windows: Windows, _arguments: Sequence[Floats]) -> tuple[Floats, Bools]:
    """The smallest sample; NaN only where there is nothing else."""
    flat = FlatWindows.of(windows, samples_min=1)
    return flat.spread(reduced(np.fmin, windows.values, flat.first, flat.stop)), flat.mask


def max_over_time(windows: Windows, _arguments: Sequence[Floats]) -> tuple[Floats, Bools]:
    """The largest sample; NaN only where there is nothing else."""
    flat = FlatWindows.of(windows, samples_min=1)
    return flat.spread(reduced(np.fmax, windows.values, flat.first, flat.stop)), flat.mask


def count_over_time(windows: Windows, _arguments: Sequence[Floats]) -> tuple[Floats, Bools]:
    """How many samples there are."""
    counts = windows.stop - windows.first
    return counts.astype(np.float64), counts > 0


def present_over_time(windows: Windows, _arguments: Sequence[Floats]) -> tuple[Floats, Bools]:
    """1 where there is a sample."""
    present = windows.stop > windows.first
    return np.ones(present.shape), present


def last_over_time(windows: Windows, _arguments: Sequence[Floats]) -> tuple[Floats, Bools]:
    """The newest sample."""
    flat = FlatWindows.of(windows, samples_min=1)
    return flat.spread(windows.values[flat.stop - 1]), flat.mask


def first_over_time(windows: Windows, _arguments: Sequence[Floats]) -> tuple[Floats, Bools]:
    """The oldest sample."""
    flat = FlatWindows.of(windows, samples_min=1)
    return flat.spread(windows.values[flat.first]), flat.mask


def ts_of_last_over_time(windows: Windows, _arguments: Sequence[Floats]) -> tuple[Floats, Bools]:
    """Seconds since 1970 of the newest sample."""
    flat = FlatWindows.of(windows, samples_min=1)
    return flat.spread(windows.times_ms[flat.stop - 1] / MS_PER_S), flat.mask


def ts_of_first_over_time(windows: Windows, _arguments: Sequence[Floats]) -> tuple[Floats, Bools]:
    """Seconds since 1970 of the oldest sample."""
    flat = FlatWindows.of(windows, samples_min=1)
    return flat.spread(windows.times_ms[flat.first] / MS_PER_S), flat.mask


def ts_of_max_over_time(windows: Windows, _arguments: Sequence[Floats]) -> tuple[Floats, Bools]:
    """Seconds since 1970 of the newest among the largest samples."""
    return _time_of(windows, np.fmax)


def ts_of_min_over_time(windows: Windows, _arguments: Sequence[Floats]) -> tuple[Floats, Bools]:
    """Seconds since 1970 of the newest among the smallest samples."""
    return _time_of(windows, np.fmin)


def _time_of(windows: Windows, operation: np.ufunc) -> tuple[Floats, Bools]:
    flat = FlatWindows.of(windows, samples_min=1)
    wanted = reduced(operation, windows.values, flat.first, flat.stop)
    times = np.empty(len(wanted))
    for part, samples, begins in flat.chunks():
        counts = flat.counts[part]
        each = np.repeat(wanted[part], counts)
        # Where all samples are NaN, each of them replaces the one before.
        hits = (windows.values[samples] == each) | np.isnan(each)
        numbers = np.where(hits, samples, -1)
        times[part] = windows.times_ms[np.maximum.reduceat(numbers, begins)] / MS_PER_S
    return flat.spread(times), flat.mask


def stdvar_over_time(windows: Windows, _arguments: Sequence[Floats]) -> tuple[Floats, Bools]:
    """The population variance of the samples."""
    flat = FlatWindows.of(windows, samples_min=1)
    return flat.spread(window_variance(flat, windows.values)), flat.mask


def stddev_over_time(windows: Windows, arguments: Sequence[Floats]) -> tuple[Floats, Bools]:
    """The population standard deviation of the samples."""
    variances, mask = stdvar_over_time(windows, arguments)
    with np.errstate(all="ignore"):
        return np.sqrt(variances), mask


def quantile_over_time(windows: Windows, arguments: Sequence[Floats]) -> tuple[Floats, Bools]:
    """The quantile of the samples, interpolated; NaN samples count as the smallest."""
    flat = FlatWindows.of(windows, samples_min=1)
    wanted = arguments[0][flat.step]
    found = np.empty(len(wanted))
    for part, samples, begins in flat.chunks():
        counts = flat.counts[part]
        found[part] = quantiles(windows.values[samples], begins, counts, wanted[part])
    return flat.spread(found), flat.mask


def mad_over_time(windows: Windows, _arguments: Sequence[Floats]) -> tuple[Floats, Bools]:
    """The median of the distances from the median."""
    flat = FlatWindows.of(windows, samples_min=1)
    found = np.empty(len(flat.first))
    for part, samples, begins in flat.chunks():
        counts = flat.counts[part]
        half = np.full(len(counts), 0.5)
        values = windows.values[samples]
        medians = quantiles(values, begins, counts, half)
        with np.errstate(invalid="ignore"):
            distances = np.abs(values - np.repeat(medians, counts))
        # A sample that is NaN makes the result so, wherever it sorts.
        has_nan = np.logical_or.reduceat(np.isnan(values), begins)
        found[part] = np.where(has_nan, np.nan, quantiles(distances, begins, counts, half))
    return flat.spread(found), flat.mask


def quantiles(values: Floats, begins: Ints, counts: Ints, wanted: Floats) -> Floats:
    """float64[groups]: the quantile of each group of values.

    Args:
        values: float64[n], the groups side by side.
        begins, counts: int64[groups], where each begins and how many values it has, at least one.
        wanted: float64[groups], the quantile of each; below 0 gives -Inf, above 1 +Inf, NaN NaN.

    Source: Prometheus, `quantile`: weighted between the two nearest ranks, NaN sorted first.
    """
    found = np.empty(len(counts))
    # Groups of one size are the rows of a table, which sorts much faster than a flat column with keys.
    for size in np.unique(counts).tolist():
        alike = np.flatnonzero(counts == size)
        table = values[begins[alike][:, None] + np.arange(size)]
        table.sort(axis=1)
        found[alike] = _ranked(table, wanted[alike])
    found = np.where(wanted < 0, -np.inf, np.where(wanted > 1, np.inf, found))
    result: Floats = np.where(np.isnan(wanted), np.nan, found)
    return result


def _ranked(table: Floats, wanted: Floats) -> Floats:
    """The quantile of each row of float64[rows, values], sorted with NaN last; it is read as if NaN came first."""
    rows, size = np.arange(len(table)), table.shape[1]
    nans = np.count_nonzero(np.isnan(table), axis=1)

    def at(place: Ints) -> Floats:
        picked: Floats = np.where(place < nans, np.nan, table[rows, np.maximum(place - nans, 0)])
        return picked

    with np.errstate(all="ignore"):
        rank = np.where((wanted >= 0) & (wanted <= 1), wanted, 0.0) * (size - 1)
        lower = np.floor(rank).astype(np.int64)
        upper = np.minimum(lower + 1, size - 1)
        weight = rank - lower
        quantile: Floats = at(lower) * (1 - weight) + at(upper) * weight
    return quantile


def double_exponential_smoothing(windows: Windows, arguments: Sequence[Floats]) -> tuple[Floats, Bools]:
    """Holt's linear smoothing with a smoothing and a trend factor, both between 0 and 1 (exclusive).

    Raises:
        QueryError: a factor is out of bounds.
    """
    flat = FlatWindows.of(windows, samples_min=2)
    for name, factors in zip(("smoothing", "trend"), arguments, strict=True):
        if len(flat.first) and not ((factors > 0) & (factors < 1)).all():
            raise QueryError(f"invalid {name} factor. Expected: 0 < {name[0]}f < 1, got: {factors[0]:f}")
    smoothing, trending = arguments[0][flat.step], arguments[1][flat.step]
    values = windows.values
    level = values[flat.first].copy()
    before = np.zeros(len(level))
    trend = values[np.minimum(flat.first + 1, len(values) - 1)] - level if len(level) else level
    for ahead in range(1, int(flat.counts.max(initial=0))):
        active = np.flatnonzero(flat.first + ahead < flat.stop)
        factor, previous = trending[active], level[active]
        if ahead > 1:
            trend[active] = factor * (previous - before[active]) + (1 - factor) * trend[active]
        weight = smoothing[active]
        before[active] = previous
        level[active] = weight * values[flat.first[active] + ahead] + (1 - weight) * (previous + trend[active])
    return flat.spread(level), flat.mask


def changes(windows: Windows, _arguments: Sequence[Floats]) -> tuple[Floats, Bools]:
    """How often the value differs from the one before; NaN equals NaN."""

    def differs(before: Floats, after: Floats) -> Bools:
        changed: Bools = (after != before) & ~(np.isnan(after) & np.isnan(before))
        return changed

    return _count_steps(windows, differs)


def resets(windows: Windows, _arguments: Sequence[Floats]) -> tuple[Floats, Bools]:
    """How often the value is below the one before."""

    def falls(before: Floats, after: Floats) -> Bools:
        fell: Bools = after < before
        return fell

    return _count_steps(windows, falls)


def _count_steps(windows: Windows, happens: Callable[[Floats, Floats], Bools]) -> tuple[Floats, Bools]:
    """Counts the steps from sample to sample within each window at which something happens."""
    values = windows.values
    happened = np.zeros(len(values) + 1, np.int64)
    if len(values) > 1:
        np.cumsum(happens(values[:-1], values[1:]), out=happened[2:])
    mask = windows.stop > windows.first
    # The step into the first sample of a window belongs to what lies before.
    counts = happened[windows.stop] - happened[np.minimum(windows.first + 1, len(values))]
    return np.where(mask, counts, 0).astype(np.float64), mask
