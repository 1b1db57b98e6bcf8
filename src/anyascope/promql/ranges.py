"""Functions of windows that hold native histograms, one window at a time; windows of floats alone stay with the kernels.

Source: Prometheus, `promql/functions.go`: `histogramRate`, `instantValue` and the functions `*_over_time`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TypeAlias

import numpy as np

from anyascope.frames.histogram import NativeHistogram, ResetHint
from anyascope.model.labels import METRIC_NAME
from anyascope.promql.columns import Bools, Floats, Ints
from anyascope.promql.kernels import GAP_MAX, MS_PER_S
from anyascope.promql.mixed import SUBTRACTION, note_reconciled, total, warn_of_schemas
from anyascope.promql.natives import (
    MixedSchemasError,
    added,
    at_schema,
    compacted,
    divided,
    is_equal,
    is_reset,
    scaled,
    subtracted,
)
from anyascope.promql.values import Context, Notes, Windows, label_of

Sample: TypeAlias = NativeHistogram | float

# What these make of a window depends on how many samples it has, or on which is first or last, and not on their kinds.
ANY_KIND = frozenset(
    {
        "absent_over_time",
        "count_over_time",
        "first_over_time",
        "last_over_time",
        "present_over_time",
        "ts_of_first_over_time",
        "ts_of_last_over_time",
    }
)


@dataclass(frozen=True, slots=True)
class Window:
    """One window that holds a histogram.

    Attributes:
        samples: its samples, at least one.
        times_ms: int64[samples].
        right_ms: its right edge, inclusive; the left one, exclusive, is `range_ms` before.
        name: the metric's, for what is said about it.
        pos: the place of the range vector in the query.
    """

    samples: list[Sample]
    times_ms: Ints
    right_ms: int
    range_ms: int
    name: str
    pos: int
    notes: Notes

    @property
    def histograms(self) -> list[NativeHistogram]:
        """Its histograms."""
        return [sample for sample in self.samples if isinstance(sample, NativeHistogram)]

    @property
    def is_mixed(self) -> bool:
        """Whether there are floats in it too."""
        return len(self.histograms) < len(self.samples)

    def warn_of_mix(self) -> None:
        """Say that there are floats and histograms."""
        self.notes.warn(f'encountered a mix of histograms and floats for metric name "{self.name}"', self.pos)

    def warn_of_kind(self, kind: str) -> None:
        """Say that the metric is no counter, or no gauge."""
        self.notes.warn(f'this native histogram metric is not a {kind}: "{self.name}"', self.pos)


Handler: TypeAlias = Callable[[Window], Sample | None]


def without_histograms(windows: Windows, context: Context, pos: int) -> Windows:
    """The windows without their histograms, for functions that know none; where both were, it is said."""
    boxed = context.natives.mask(windows.values)
    inside = _inside(windows, boxed)
    mixed = (inside > 0) & (inside < windows.stop - windows.first)
    for row in np.flatnonzero(mixed.any(axis=1)).tolist():
        name = label_of(windows.labels[row], METRIC_NAME)
        message = f'ignored histograms in a range containing both floats and histograms for metric name "{name}"'
        context.notes.info(message, pos)
    kept = np.zeros(len(boxed) + 1, np.int64)
    np.cumsum(~boxed, out=kept[1:])
    return replace(
        windows,
        times_ms=windows.times_ms[~boxed],
        values=windows.values[~boxed],
        first=kept[windows.first],
        stop=kept[windows.stop],
    )


def with_histograms(windows: Windows, context: Context) -> Bools:
    """bool[series, steps]: which windows hold a histogram."""
    return _inside(windows, context.natives.mask(windows.values)) > 0


def _inside(windows: Windows, marked: Bools) -> Ints:
    """int64[series, steps]: how many marked samples each window has."""
    counted = np.zeros(len(marked) + 1, np.int64)
    np.cumsum(marked, out=counted[1:])
    found: Ints = counted[windows.stop] - counted[windows.first]
    return found


def fill(
    handler: Handler, windows: Windows, touched: Bools, answer: tuple[Floats, Bools], *, context: Context, pos: int
) -> tuple[Floats, Bools]:
    """Replace what the kernel gave by what the handler makes of the windows that hold a histogram."""
    values, present = np.array(answer[0]), np.array(answer[1])
    for row, step in np.argwhere(touched).tolist():
        result = handler(window_at(windows, row, step, context=context, pos=pos))
        present[row, step] = result is not None
        if isinstance(result, NativeHistogram):
            values[row, step] = context.natives.box(compacted(result))
        elif result is not None:
            values[row, step] = result
    return values, present


def window_at(windows: Windows, row: int, step: int, *, context: Context, pos: int) -> Window:
    """One window with its histograms."""
    part = slice(int(windows.first[row, step]), int(windows.stop[row, step]))
    cells = windows.values[part]
    boxed = context.natives.mask(cells)
    samples: list[Sample] = [
        context.natives.at(cell) if is_boxed else cell
        for cell, is_boxed in zip(cells.tolist(), boxed.tolist(), strict=True)
    ]
    name = label_of(windows.labels[row], METRIC_NAME)
    right_ms = int(windows.right_ms[step])
    return Window(samples, windows.times_ms[part], right_ms, windows.range_ms, name, pos, context.notes)


def _sum_over_time(window: Window) -> Sample | None:
    return _total(window, is_mean=False)


def _avg_over_time(window: Window) -> Sample | None:
    return _total(window, is_mean=True)


def _total(window: Window, *, is_mean: bool) -> Sample | None:
    if window.is_mixed:
        window.warn_of_mix()
        return None
    if len(window.samples) == 1:
        return window.samples[0]
    return total(window.histograms, window.notes, window.pos, name=window.name, is_mean=is_mean)


def _changes(window: Window) -> Sample | None:
    return float(sum(not _is_same(before, after) for before, after in pairwise(window.samples)))


def _is_same(before: Sample, after: Sample) -> bool:
    match before, after:
        case NativeHistogram(), NativeHistogram():
            return is_equal(before, after)
        case float(), float():
            return before == after or (np.isnan(before) and np.isnan(after))
    return False


def _resets(window: Window) -> Sample | None:
    return float(sum(_falls(before, after) for before, after in pairwise(window.samples)))


def _falls(before: Sample, after: Sample) -> bool:
    match before, after:
        case NativeHistogram(), NativeHistogram():
            return is_reset(after, before)
        case float(), float():
            return after < before
    return True


def _rate(window: Window) -> Sample | None:
    return _extrapolated(window, is_counter=True, divisor_s=window.range_ms / MS_PER_S)


def _increase(window: Window) -> Sample | None:
    return _extrapolated(window, is_counter=True, divisor_s=1.0)


def _delta(window: Window) -> Sample | None:
    return _extrapolated(window, is_counter=False, divisor_s=1.0)


def _extrapolated(window: Window, *, is_counter: bool, divisor_s: float) -> Sample | None:
    if window.is_mixed:
        window.warn_of_mix()
        return None
    if len(window.samples) < 2:
        return None
    histograms = window.histograms
    rise = _risen(window, histograms, is_counter=is_counter)
    if rise is None:
        return None
    first_ms, last_ms = int(window.times_ms[0]), int(window.times_ms[-1])
    sampled_s = (last_ms - first_ms) / MS_PER_S
    spacing_s = sampled_s / (len(histograms) - 1)
    to_start_s = (first_ms - (window.right_ms - window.range_ms)) / MS_PER_S
    to_end_s = (window.right_ms - last_ms) / MS_PER_S
    threshold_s = spacing_s * GAP_MAX
    if to_start_s >= threshold_s:
        to_start_s = spacing_s / 2
    if is_counter and rise.count > 0 and histograms[0].count >= 0:
        # A counter was not below zero: where its slope would have it so, it began later.
        to_start_s = min(to_start_s, sampled_s * (histograms[0].count / rise.count))
    if to_end_s >= threshold_s:
        to_end_s = spacing_s / 2
    return scaled(rise, (sampled_s + to_start_s + to_end_s) / sampled_s / divisor_s)


def _risen(window: Window, histograms: list[NativeHistogram], *, is_counter: bool) -> NativeHistogram | None:
    """How far the histogram rose from the first to the last sample, resets added; a gauge."""
    first, last = histograms[0], histograms[-1]
    gauges = [each.hint is ResetHint.GAUGE for each in histograms]
    if is_counter and any(gauges):
        window.warn_of_kind("counter")
    if is_counter and is_reset(histograms[1], first):
        # What the first one counts is lost at once, so its layout does not matter.
        first = NativeHistogram(schema=histograms[1].schema, custom_bounds=histograms[1].custom_bounds)
    looked_at = [first, *(histograms[1:-1] if is_counter else []), last]
    if len({each.is_custom for each in looked_at}) > 1:
        warn_of_schemas(window.notes, window.name, window.pos)
        return None
    if not is_counter and not (gauges[0] and gauges[-1]):
        window.warn_of_kind("gauge")
    try:
        return _with_resets(window, first, histograms, is_counter=is_counter)
    except MixedSchemasError:
        warn_of_schemas(window.notes, window.name, window.pos)
        return None


def _with_resets(
    window: Window, first: NativeHistogram, histograms: list[NativeHistogram], *, is_counter: bool
) -> NativeHistogram:
    schema = min(each.schema for each in [first, *histograms[1:]])
    risen = subtracted(at_schema(histograms[-1], schema), first)
    is_reconciled = risen.is_reconciled
    found = risen.histogram
    if is_counter:
        before = first
        for after in histograms[1:]:
            if is_reset(after, before):
                more = added(found, before)
                found, is_reconciled = more.histogram, is_reconciled or more.is_reconciled
            before = after
    if is_reconciled:
        note_reconciled(window.notes, SUBTRACTION, window.pos)
    return replace(found, hint=ResetHint.GAUGE)


def _irate(window: Window) -> Sample | None:
    return _last_step(window, is_rate=True)


def _idelta(window: Window) -> Sample | None:
    return _last_step(window, is_rate=False)


def _last_step(window: Window, *, is_rate: bool) -> Sample | None:
    if len(window.samples) < 2:
        return None
    interval_s = float(window.times_ms[-1] - window.times_ms[-2]) / MS_PER_S
    match window.samples[-2], window.samples[-1]:
        case float() as before, float() as after:
            rise = after if is_rate and after < before else after - before
            return rise / interval_s if is_rate else rise
        case NativeHistogram() as earlier, NativeHistogram() as later:
            step = _histogram_step(window, earlier, later, is_rate=is_rate)
            return divided(step, interval_s) if is_rate and step is not None else step
    window.warn_of_mix()
    return None


def _histogram_step(
    window: Window, earlier: NativeHistogram, later: NativeHistogram, *, is_rate: bool
) -> NativeHistogram | None:
    gauges = [each.hint is ResetHint.GAUGE for each in (earlier, later)]
    if is_rate and any(gauges):
        window.warn_of_kind("counter")
    if not is_rate and not all(gauges):
        window.warn_of_kind("gauge")
    if is_rate and is_reset(later, earlier):
        return replace(later, hint=ResetHint.GAUGE)
    try:
        step = subtracted(later, earlier)
    except MixedSchemasError:
        warn_of_schemas(window.notes, window.name, window.pos)
        return None
    if step.is_reconciled:
        note_reconciled(window.notes, SUBTRACTION, window.pos)
    return step.histogram


HANDLERS: dict[str, Handler] = {
    "avg_over_time": _avg_over_time,
    "changes": _changes,
    "delta": _delta,
    "idelta": _idelta,
    "increase": _increase,
    "irate": _irate,
    "rate": _rate,
    "resets": _resets,
    "sum_over_time": _sum_over_time,
}
