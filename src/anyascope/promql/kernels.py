"""The loops of PromQL over samples and steps, each to be compiled; beside each stands what numpy does until it is.

Both ways add in the same order, so that they answer the same, to the last digit, and as Prometheus does.
"""

from __future__ import annotations

from anyascope.compiled import kernel
from anyascope.model.metrics import STALE_NAN_BITS
from anyascope.promql.columns import Bools, Floats, Ints

MS_PER_S = 1000.0
GAP_MAX = 1.1  # of the usual distance between samples: nearer to an edge, the series is taken to reach it
DELTA, INCREASE, RATE = 0, 1, 2
INFINITY = float("inf")


def added(value: float, total: float, lost: float) -> tuple[float, float]:
    """A sum with one more summand, and what rounding has taken from it so far.

    Source: Prometheus, `kahanSumInc` (Neumaier's variant of Kahan's summation).
    """
    after = total + value
    if abs(after) == INFINITY:
        lost = 0.0
    elif abs(total) >= abs(value):
        lost += (total - after) + value
    else:
        lost += (value - after) + total
    return after, lost


@kernel("i8[:] i8[:] i8[:] i8 i8[:,:]! i8[:,:]!")
def bounds(offsets: Ints, times_ms: Ints, right_ms: Ints, range_ms: int, first: Ints, stop: Ints) -> None:
    """Where the window of each series and step begins and ends; see `Windows`. `right_ms` does not fall."""
    for row in range(len(offsets) - 1):
        low = high = offsets[row]
        end = offsets[row + 1]
        until = end
        while low < until:  # the first window's left edge, by halves: most samples may lie before it
            middle = (low + until) // 2
            if times_ms[middle] <= right_ms[0] - range_ms:
                low = middle + 1
            else:
                until = middle
        high = low
        for step in range(len(right_ms)):
            while high < end and times_ms[high] <= right_ms[step]:
                high += 1
            while low < high and times_ms[low] <= right_ms[step] - range_ms:
                low += 1
            first[row, step], stop[row, step] = low, high


@kernel("i8[:] i8[:] i8[:] i8[:] i8 i8[:,:]! b1[:,:]!")
def newest_bits(
    offsets: Ints, times_ms: Ints, bits: Ints, right_ms: Ints, lookback_ms: int, chosen: Ints, present: Bools
) -> None:
    """The bits of the sample that an instant selector sees at each step, and whether there is one."""
    for row in range(len(offsets) - 1):
        begin, end = offsets[row], offsets[row + 1]
        place, until = begin, end
        while place < until:
            middle = (place + until) // 2
            if times_ms[middle] <= right_ms[0]:
                place = middle + 1
            else:
                until = middle
        for step in range(len(right_ms)):
            while place < end and times_ms[place] <= right_ms[step]:
                place += 1
            if place > begin and times_ms[place - 1] > right_ms[step] - lookback_ms:
                chosen[row, step] = bits[place - 1]
                present[row, step] = bits[place - 1] != STALE_NAN_BITS
            else:
                chosen[row, step] = 0
                present[row, step] = False


def never_falls(values: Floats, begin: int, end: int) -> bool:
    """Whether no sample of a stretch lies below the one before it."""
    for place in range(begin + 1, end):
        if values[place] < values[place - 1]:
            return False
    return True


def risen(values: Floats, begin: int, last: int) -> float:
    """How far a counter rose from one sample to another: whatever it lost by falling is added."""
    total = values[last] - values[begin]
    for place in range(begin + 1, last + 1):
        if values[place] < values[place - 1]:
            total += values[place - 1]
    return float(total)


@kernel("i8[:] f8[:] i8[:,:] i8[:,:] i8[:] i8 i8 f8[:,:]! b1[:,:]!", never_falls, risen)
def extrapolated(
    times_ms: Ints,
    values: Floats,
    first: Ints,
    stop: Ints,
    right_ms: Ints,
    range_ms: int,
    kind: int,
    found: Floats,
    present: Bools,
) -> None:
    """`delta`, `increase` or `rate` of each window; see `functions.counters`."""
    for row in range(len(first)):
        rises = kind == DELTA or never_falls(values, first[row, 0], stop[row, -1])
        for step in range(len(right_ms)):
            begin, last = first[row, step], stop[row, step] - 1
            present[row, step] = last > begin
            if last <= begin:
                found[row, step] = 0.0
                continue
            rise = values[last] - values[begin] if rises else risen(values, begin, last)
            sampled = (times_ms[last] - times_ms[begin]) / MS_PER_S
            to_start = (times_ms[begin] - (right_ms[step] - range_ms)) / MS_PER_S
            to_end = (right_ms[step] - times_ms[last]) / MS_PER_S
            spacing = sampled / (last - begin)
            if to_start >= spacing * GAP_MAX:
                to_start = spacing / 2
            if kind != DELTA and rise > 0 and values[begin] >= 0:
                # A counter was not below zero: where its slope would have it so, it began later.
                to_zero = sampled * (values[begin] / rise)
                if to_zero < to_start:
                    to_start = to_zero
            if to_end >= spacing * GAP_MAX:
                to_end = spacing / 2
            factor = (sampled + to_start + to_end) / sampled
            if kind == RATE:
                factor /= range_ms / MS_PER_S
            found[row, step] = rise * factor


@kernel("f8[:] i8[:] i8[:] f8[:]! f8[:]!", added)
def window_totals(values: Floats, first: Ints, stop: Ints, totals: Floats, lost: Floats) -> None:
    """The sum of each window's samples, and what rounding has taken from it."""
    for window in range(len(first)):
        total, missing = 0.0, 0.0
        for place in range(first[window], stop[window]):
            total, missing = added(values[place], total, missing)
        totals[window], lost[window] = total, missing


@kernel("f8[:] i8[:] i8[:] f8[:]!", added)
def window_variances(values: Floats, first: Ints, stop: Ints, found: Floats) -> None:
    """The population variance of each window's samples. Source: Prometheus, `varianceOverTime`."""
    for window in range(len(first)):
        mean, mean_lost, squares, squares_lost = 0.0, 0.0, 0.0, 0.0
        for place in range(first[window], stop[window]):
            delta = values[place] - (mean + mean_lost)
            mean, mean_lost = added(delta / (place - first[window] + 1), mean, mean_lost)
            squares, squares_lost = added(delta * (values[place] - (mean + mean_lost)), squares, squares_lost)
        found[window] = (squares + squares_lost) / (stop[window] - first[window])


@kernel("f8[:,:] b1[:,:] i8[:] f8[:,:]! f8[:,:]! i8[:,:]!", added)
def group_totals(values: Floats, present: Bools, rows: Ints, totals: Floats, lost: Floats, counts: Ints) -> None:
    """The sum and the number of each group's present values at each step, and what rounding has taken; begins at zeros."""
    for row in range(len(rows)):
        group = rows[row]
        for step in range(values.shape[1]):
            if present[row, step]:
                total, missing = added(values[row, step], totals[group, step], lost[group, step])
                totals[group, step], lost[group, step] = total, missing
                counts[group, step] += 1


@kernel("f8[:,:] b1[:,:] i8[:] f8[:,:]! f8[:,:]! i8[:,:]!")
def group_spreads(values: Floats, present: Bools, rows: Ints, means: Floats, squares: Floats, counts: Ints) -> None:
    """The running mean of each group's present values, and the sum of squares about it (Welford); begins at zeros."""
    for row in range(len(rows)):
        group = rows[row]
        for step in range(values.shape[1]):
            if present[row, step]:
                counts[group, step] += 1
                delta = values[row, step] - means[group, step]
                means[group, step] += delta / counts[group, step]
                squares[group, step] += delta * (values[row, step] - means[group, step])
