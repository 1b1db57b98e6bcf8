"""`deriv` and `predict_linear`: a straight line through the samples of a window."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from anyascope.promql.columns import Bools, Floats, Ints
from anyascope.promql.functions.flat import FlatWindows
from anyascope.promql.values import Windows

MS_PER_S = 1000.0


def deriv(windows: Windows, _arguments: Sequence[Floats]) -> tuple[Floats, Bools]:
    """The slope a second of the line."""
    flat = FlatWindows.of(windows, samples_min=2)
    slopes, _ = _lines(flat, windows.times_ms[flat.first])
    return flat.spread(slopes), flat.mask


def predict_linear(windows: Windows, arguments: Sequence[Floats], times_ms: Ints) -> tuple[Floats, Bools]:
    """The line's value some seconds after the step.

    Args:
        windows: the samples.
        arguments: float64[steps], how many seconds.
        times_ms: int64[steps], the steps.
    """
    flat = FlatWindows.of(windows, samples_min=2)
    slopes, intercepts = _lines(flat, times_ms[flat.step])
    with np.errstate(all="ignore"):
        return flat.spread(slopes * arguments[0][flat.step] + intercepts), flat.mask


def _lines(flat: FlatWindows, zero_ms: Ints) -> tuple[Floats, Floats]:
    """The line of least squares through each window.

    Args:
        flat: the windows.
        zero_ms: int64[windows], the time at which the intercept is taken.

    Returns:
        float64[windows] slopes a second; float64[windows] intercepts. Of samples that are all the same, exactly 0 and
        that value; NaN where that is infinite.

    Source: Prometheus, `linearRegression`.
    """
    slopes, intercepts = np.empty(len(flat.first)), np.empty(len(flat.first))
    values, times_ms = flat.windows.values, flat.windows.times_ms
    for part, samples, begins in flat.chunks():
        counts = flat.counts[part]
        y = values[samples]
        x = (times_ms[samples] - np.repeat(zero_ms[part], counts)) / MS_PER_S
        with np.errstate(all="ignore"):
            # Least squares about the means: what Prometheus gains by compensated sums, nothing large is subtracted.
            x_mean = np.add.reduceat(x, begins) / counts
            y_mean = np.add.reduceat(y, begins) / counts
            x_off = x - np.repeat(x_mean, counts)
            y_off = y - np.repeat(y_mean, counts)
            slope = np.add.reduceat(x_off * y_off, begins) / np.add.reduceat(x_off * x_off, begins)
            intercept = y_mean - slope * x_mean
        initial = y[begins]
        is_constant = np.logical_and.reduceat(y == np.repeat(initial, counts), begins)
        slope = np.where(is_constant, np.where(np.isinf(initial), np.nan, 0.0), slope)
        intercept = np.where(is_constant, np.where(np.isinf(initial), np.nan, initial), intercept)
        slopes[part], intercepts[part] = slope, intercept
    return slopes, intercepts
