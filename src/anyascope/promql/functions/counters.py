"""`rate` and its relatives: how fast the samples of a window rise."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from anyascope.promql.columns import Bools, Floats, Ints
from anyascope.promql.functions.flat import FlatWindows
from anyascope.promql.kernels import DELTA, GAP_MAX, INCREASE, MS_PER_S, RATE, extrapolated
from anyascope.promql.values import Windows


def rate(windows: Windows, _arguments: Sequence[Floats]) -> tuple[Floats, Bools]:
    """The rise a second of a counter, extrapolated to the edges of the window."""
    return _extrapolated(windows, RATE)


def increase(windows: Windows, _arguments: Sequence[Floats]) -> tuple[Floats, Bools]:
    """The rise of a counter, extrapolated to the edges of the window."""
    return _extrapolated(windows, INCREASE)


def delta(windows: Windows, _arguments: Sequence[Floats]) -> tuple[Floats, Bools]:
    """The change of a gauge, extrapolated to the edges of the window."""
    return _extrapolated(windows, DELTA)


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


def add_resets(rise: Floats, values: Floats, first: Ints, stop: Ints) -> None:
    """Add to each window's rise what its counter lost by falling.

    A sample below its predecessor is a restart: the value before it is carried on. Falls are few, so only they are
    looked at; the fall from one series to the next lies in no window.

    Args:
        rise: float64[windows], written.
        values: float64[samples], flat.
        first, stop: int64[windows]; the window's samples are `first:stop`.

    Source: Prometheus, `rate()`, "counter resets".
    """
    with np.errstate(invalid="ignore"):
        falls = np.flatnonzero(values[1:] < values[:-1])
    if not len(falls):
        return
    # `falls` holds the number of the sample before each fall; it and the next must lie in the window.
    begin = np.searchsorted(falls, first)
    end = np.searchsorted(falls, stop - 1)
    hit = np.flatnonzero(end > begin)
    while len(hit):  # one fall after the other, so that sums are the same to the last digit however they are made
        rise[hit] += values[falls[begin[hit]]]
        begin[hit] += 1
        hit = hit[end[hit] > begin[hit]]


def _extrapolated(windows: Windows, kind: int) -> tuple[Floats, Bools]:
    """Source: Prometheus, `extrapolatedRate`."""
    loop = extrapolated.ready(len(windows.values) + windows.first.size)
    if loop is None:
        return _extrapolated_flat(windows, kind)
    found, present = np.empty(windows.first.shape), np.empty(windows.first.shape, np.bool_)
    columns = (windows.times_ms, windows.values, windows.first, windows.stop, windows.right_ms)
    loop(*columns, windows.range_ms, kind, found, present)
    return found, present


def _extrapolated_flat(windows: Windows, kind: int) -> tuple[Floats, Bools]:
    """What the kernel does, with numpy."""
    is_counter = kind != DELTA
    flat = FlatWindows.of(windows, samples_min=2)
    values, times_ms = windows.values, windows.times_ms
    last = flat.stop - 1
    first_ms, last_ms = times_ms[flat.first], times_ms[last]
    right_ms = windows.right_ms[flat.step]
    with np.errstate(all="ignore"):
        first_values = values[flat.first]
        rise = values[last] - first_values
        if is_counter:
            add_resets(rise, values, flat.first, flat.stop)
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
        if kind == RATE:
            factor /= windows.range_ms / MS_PER_S
        return flat.spread(rise * factor), flat.mask
