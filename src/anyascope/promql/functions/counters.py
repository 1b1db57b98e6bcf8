"""`rate` and its relatives: how fast the samples of a window rise."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from anyascope.promql.columns import Bools, Floats, Ints
from anyascope.promql.functions.flat import FlatWindows, reduced
from anyascope.promql.values import Windows

MS_PER_S = 1000.0
GAP_MAX = 1.1  # of the usual distance between samples: nearer to an edge, the series is taken to reach it


def rate(windows: Windows, _arguments: Sequence[Floats]) -> tuple[Floats, Bools]:
    """The rise a second of a counter, extrapolated to the edges of the window."""
    return _extrapolated(windows, is_counter=True, is_rate=True)


def increase(windows: Windows, _arguments: Sequence[Floats]) -> tuple[Floats, Bools]:
    """The rise of a counter, extrapolated to the edges of the window."""
    return _extrapolated(windows, is_counter=True, is_rate=False)


def delta(windows: Windows, _arguments: Sequence[Floats]) -> tuple[Floats, Bools]:
    """The change of a gauge, extrapolated to the edges of the window."""
    return _extrapolated(windows, is_counter=False, is_rate=False)


def irate(windows: Windows, _arguments: Sequence[Floats]) -> tuple[Floats, Bools]:
    """The rise a second between the two newest samples of a counter."""
    flat, before, after, interval_s = _last_two(windows)
    with np.errstate(all="ignore"):
        rise = np.where(after < before, after, after - before) / interval_s
    return flat.spread(rise), flat.mask


def idelta(windows: Windows, _arguments: Sequence[Floats]) -> tuple[Floats, Bools]:
    """The change between the two newest samples of a gauge."""
    flat, before, after, _ = _last_two(windows)
    with np.errstate(all="ignore"):
        return flat.spread(after - before), flat.mask


def _last_two(windows: Windows) -> tuple[FlatWindows, Floats, Floats, Floats]:
    flat = FlatWindows.of(windows, samples_min=2)
    last = flat.stop - 1
    interval_s = (windows.times_ms[last] - windows.times_ms[last - 1]) / MS_PER_S
    return flat, windows.values[last - 1], windows.values[last], interval_s


def reset_sums(values: Floats, first: Ints, stop: Ints) -> Floats:
    """float64[windows]: how much a counter lost in each window by falling, added up.

    A sample below its predecessor is a restart: the value before it is carried on. Falls are few, so only they are
    looked at; the fall from one series to the next lies in no window.

    Args:
        values: float64[samples], flat.
        first, stop: int64[windows]; the window's samples are `first:stop`.

    Source: Prometheus, `rate()`, "counter resets".
    """
    with np.errstate(invalid="ignore"):
        falls = np.flatnonzero(values[1:] < values[:-1])
    lost = np.zeros(len(first))
    if not len(falls):
        return lost
    # `falls` holds the number of the sample before each fall; it and the next must lie in the window.
    begin = np.searchsorted(falls, first)
    end = np.searchsorted(falls, stop - 1)
    hit = np.flatnonzero(end > begin)
    if len(hit):
        lost[hit] = reduced(np.add, values[falls], begin[hit], end[hit])
    return lost


def _extrapolated(windows: Windows, *, is_counter: bool, is_rate: bool) -> tuple[Floats, Bools]:
    """Source: Prometheus, `extrapolatedRate`."""
    flat = FlatWindows.of(windows, samples_min=2)
    values, times_ms = windows.values, windows.times_ms
    last = flat.stop - 1
    first_ms, last_ms = times_ms[flat.first], times_ms[last]
    right_ms = windows.right_ms[flat.step]
    with np.errstate(all="ignore"):
        first_values = values[flat.first]
        rise = values[last] - first_values
        if is_counter:
            rise += reset_sums(values, flat.first, flat.stop)
        to_start = (first_ms - (right_ms - windows.range_ms)) / MS_PER_S
        to_end = (right_ms - last_ms) / MS_PER_S
        sampled = (last_ms - first_ms) / MS_PER_S
        spacing = sampled / (last - flat.first)
        threshold = spacing * GAP_MAX
        half = spacing / 2
        to_start = np.where(to_start >= threshold, half, to_start)
        if is_counter:
            # A counter was not below zero: where its slope would have it so, it began later.
            to_zero = sampled * (first_values / rise)
            began_later = (rise > 0) & (first_values >= 0) & (to_zero < to_start)
            to_start = np.where(began_later, to_zero, to_start)
        to_end = np.where(to_end >= threshold, half, to_end)
        factor = (sampled + to_start + to_end) / sampled
        if is_rate:
            factor /= windows.range_ms / MS_PER_S
        return flat.spread(rise * factor), flat.mask
