"""`anchored` and `smoothed`: ranges that look beyond their edges instead of extrapolating.

Anchored, the newest sample at or before an edge stands at it; smoothed, the value at an edge is interpolated between the samples
around it. Source: Prometheus, "Extended range selectors", and `promql/functions.go`, `extendedRate`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from anyascope.frames.histogram import NativeHistogram, ResetHint
from anyascope.frames.samples import SampleFrame
from anyascope.model.labels import METRIC_NAME
from anyascope.promql.columns import Bools, Floats, Ints
from anyascope.promql.errors import QueryError
from anyascope.promql.functions.counters import add_resets
from anyascope.promql.kernels import MS_PER_S
from anyascope.promql.mixed import SUBTRACTION, note_reconciled, warn_of_schemas
from anyascope.promql.natives import MixedSchemasError, added, compacted, divided, is_reset, scaled, subtracted
from anyascope.promql.ranges import Window, window_at, with_histograms
from anyascope.promql.syntax import Extension, Select
from anyascope.promql.values import Context, Windows, label_of
from anyascope.promql.windows import bounds_of, stops

RATES = frozenset({"delta", "increase", "rate"})
SAFE = {Extension.ANCHORED: RATES | {"changes", "resets"}, Extension.SMOOTHED: RATES}


def check_safe(node: Select, function: str) -> None:
    """Refuse functions that would take the samples beyond the edges for their own.

    Raises:
        QueryError: the function is one of them.
    """
    if node.extension is not None and function not in SAFE[node.extension]:
        known = ", ".join(sorted(SAFE[node.extension]))
        raise QueryError(f"{node.extension.value} modifier can only be used with: {known} - not with {function}")


def extended_bounds(node: Select, frame: SampleFrame, right_ms: Ints, lookback_ms: int) -> tuple[Ints, Ints]:
    """int64[series, steps] twice: the first sample that a window may look at, and the one after the last."""
    extension, range_ms = node.extension, node.range_ms
    if extension is Extension.SMOOTHED:
        return bounds_of(frame, right_ms + lookback_ms, range_ms + 2 * lookback_ms)
    return bounds_of(frame, right_ms, range_ms + lookback_ms)


def from_anchor(windows: Windows, frame: SampleFrame) -> Windows:
    """The windows from the newest sample at or before their left edge on; without samples after it they are empty."""
    inside = np.maximum(stops(frame, windows.right_ms - windows.range_ms), windows.first)
    first = np.where(inside > windows.first, inside - 1, windows.first)
    return replace(windows, first=first, stop=np.where(windows.stop > inside, windows.stop, first))


# --- floats -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Edges:
    """Flat columns, an entry a window that has a result.

    Attributes:
        mask: bool[series, steps], which ones.
        first, last: int64[windows], the samples at or around the edges.
        left_ms, right_ms: int64[windows], the edges.
    """

    mask: Bools
    first: Ints
    last: Ints
    left_ms: Ints
    right_ms: Ints


def _edges(windows: Windows, frame: SampleFrame, mask: Bools) -> _Edges:
    is_smoothed = windows.extension is Extension.SMOOTHED
    left_ms = np.broadcast_to(windows.right_ms - windows.range_ms, mask.shape)
    right_ms = np.broadcast_to(windows.right_ms, mask.shape)
    newest = windows.stop - 1
    before = np.minimum(stops(frame, windows.right_ms - windows.range_ms), newest)
    first = np.maximum(before - 1, windows.first)
    last = newest
    if is_smoothed:
        last = np.minimum(np.maximum(stops(frame, windows.right_ms - 1), windows.first), newest)
    times = frame.times_ms
    safe_first, safe_last = (np.clip(each, 0, max(len(times) - 1, 0)) for each in (first, last))
    mask = mask & (windows.stop > windows.first)
    if len(times):
        mask = mask & (times[safe_last] > left_ms)
        if is_smoothed:
            mask &= times[safe_first] <= right_ms
    return _Edges(mask, first[mask], last[mask], left_ms[mask], right_ms[mask])


def rates(windows: Windows, frame: SampleFrame, mask: Bools, *, function: str) -> tuple[Floats, Bools]:
    """`rate`, `increase` and `delta` of the windows of `mask`, which hold floats alone."""
    edges = _edges(windows, frame, mask)
    times, values = frame.times_ms, frame.values
    is_smoothed, is_counter = windows.extension is Extension.SMOOTHED, function != "delta"
    first, last = edges.first, edges.last
    left, right = values[first], values[last]
    if is_smoothed and len(first):
        following = np.minimum(first + 1, len(times) - 1)
        left = _at(frame, (first, following), edges.left_ms, times[first] < edges.left_ms, is_counter=is_counter)
        preceding = np.maximum(last - 1, 0)
        is_beyond = (times[last] > edges.right_ms) & (last > windows.first[edges.mask])
        right = _at(frame, (preceding, last), edges.right_ms, is_beyond, is_counter=is_counter, otherwise=right)
    risen = right - left
    if is_counter and len(first):
        begin = first + (times[first] <= edges.left_ms)
        end = last - (times[last] >= edges.right_ms) + 1
        risen += _lost(values, begin, end, left=left, right=right)
    if function == "rate":
        risen /= windows.range_ms / MS_PER_S
    found = np.zeros(edges.mask.shape)
    found[edges.mask] = risen
    return found, edges.mask


def _at(
    frame: SampleFrame,
    pair: tuple[Ints, Ints],
    time_ms: Ints,
    wanted: Bools,
    *,
    is_counter: bool,
    otherwise: Floats | None = None,
) -> Floats:
    """The value at a time between two samples where it is wanted; a counter that fell began again at zero."""
    one, two = frame.values[pair[0]], frame.values[pair[1]]
    begin = np.where(two < one, 0.0, one) if is_counter else one
    with np.errstate(all="ignore"):
        share = (time_ms - frame.times_ms[pair[0]]) / (frame.times_ms[pair[1]] - frame.times_ms[pair[0]])
        between = begin + (two - begin) * share
    found: Floats = np.where(wanted, between, one if otherwise is None else otherwise)
    return found


def _lost(values: Floats, begin: Ints, end: Ints, *, left: Floats, right: Floats) -> Floats:
    """What a counter lost by falling between its edges: at them, and among the samples `begin:end`."""
    is_empty = end <= begin
    inner = np.maximum(end - 1, 0)
    head = values[np.minimum(begin, len(values) - 1)]
    tail = values[inner]
    lost = np.where(is_empty, 0.0, np.where(head < left, left, 0.0))
    lost += np.where(is_empty, np.where(right < left, left, 0.0), np.where(right < tail, tail, 0.0))
    many = np.flatnonzero(end - begin > 1)
    inside = np.zeros(len(many))
    add_resets(inside, values, begin[many], end[many])
    lost[many] += inside
    return lost


# --- histograms -------------------------------------------------------------------------------------------------------


def rate_answers(
    windows: Windows, frame: SampleFrame, *, function: str, context: Context, pos: int
) -> tuple[Floats, Bools]:
    """`rate`, `increase` and `delta` of windows that may hold histograms."""
    some = windows.stop > windows.first
    touched = with_histograms(windows, context) if context.natives else np.zeros(some.shape, np.bool_)
    values, present = rates(windows, frame, some & ~touched, function=function)
    for row, step in np.argwhere(touched).tolist():
        window = window_at(windows, row, step, context=context, pos=pos)
        found = _histogram_rate(window, windows.extension, function=function)
        if found is not None:
            present[row, step] = True
            values[row, step] = context.natives.box(compacted(found))
    return values, present


def _histogram_rate(window: Window, extension: Extension | None, *, function: str) -> NativeHistogram | None:
    if window.is_mixed:
        window.warn_of_mix()
        return None
    is_smoothed, is_counter = extension is Extension.SMOOTHED, function != "delta"
    times, found = window.times_ms, window.histograms
    left_ms, right_ms = window.right_ms - window.range_ms, window.right_ms
    last = len(found) - 1
    first = max(int(np.searchsorted(times[:last], left_ms, side="right")) - 1, 0)
    if is_smoothed:
        last = int(np.searchsorted(times[:last], right_ms, side="left"))
    if times[last] <= left_ms or (is_smoothed and times[first] > right_ms):
        return None
    if len({each.is_custom for each in found[first : last + 1]}) > 1:
        warn_of_schemas(window.notes, window.name, window.pos)
        return None
    if is_counter and any(each.hint is ResetHint.GAUGE for each in found[first : last + 1]):
        window.warn_of_kind("counter")
    is_left_between = is_smoothed and times[first] < left_ms
    left, right = found[first], found[last]
    if is_left_between:
        left = _between(window, first, left_ms, is_counter=is_counter)
    if is_smoothed and last > 0 and times[last] > right_ms:
        right = _between(window, last - 1, right_ms, is_counter=is_counter)
    if not is_counter and not left.hint is right.hint is ResetHint.GAUGE:
        window.warn_of_kind("gauge")
    risen = _minus(window, right, left)
    if is_counter:
        for each in _lost_histograms(found[first : last + 1], left, right, is_left_between=is_left_between):
            risen = added(risen, each).histogram
    if function == "rate":
        risen = divided(risen, window.range_ms / MS_PER_S)
    return replace(risen, hint=ResetHint.GAUGE)


def _minus(window: Window, right: NativeHistogram, left: NativeHistogram) -> NativeHistogram:
    found = subtracted(right, left)
    if found.is_reconciled:
        note_reconciled(window.notes, SUBTRACTION, window.pos)
    return found.histogram


def _between(window: Window, index: int, time_ms: int, *, is_counter: bool) -> NativeHistogram:
    before, after = window.histograms[index], window.histograms[index + 1]
    begin_ms, end_ms = int(window.times_ms[index]), int(window.times_ms[index + 1])
    return interpolated(before, after, (time_ms - begin_ms) / (end_ms - begin_ms), is_counter=is_counter)


def interpolated(before: NativeHistogram, after: NativeHistogram, share: float, *, is_counter: bool) -> NativeHistogram:
    """The histogram between two; a counter that was reset began again at nothing.

    Raises:
        MixedSchemasError: one has custom buckets, the other has not.
    """
    if before.is_custom is not after.is_custom:
        raise MixedSchemasError
    if is_counter and is_reset(after, before):
        return scaled(after, share)
    step = scaled(subtracted(after, before).histogram, share)
    return replace(added(step, before).histogram, hint=after.hint)


def _lost_histograms(
    found: list[NativeHistogram], left: NativeHistogram, right: NativeHistogram, *, is_left_between: bool
) -> list[NativeHistogram]:
    """What a counter lost by resets between its edges; the last sample is `right` or lies beyond it."""
    inner = found[1:-1]
    before = left
    if is_left_between and len(found) > 1 and is_reset(found[1], found[0]):
        # The value at the left edge is of the counter after this reset already.
        if len(found) == 2:
            return []
        before, inner = found[1], found[2:-1]
    if len(found) == 1:
        return []
    lost = []
    for each in (*inner, right):
        if is_reset(each, before):
            lost.append(before)
        before = each
    return lost


# --- instant selectors ------------------------------------------------------------------------------------------------


def smoothed(node: Select, frame: SampleFrame, right_ms: Ints, context: Context) -> tuple[Floats, Bools]:
    """What each series would be at each step: between its neighbours, or the one before where there is none after."""
    following = stops(frame, right_ms)
    before = following - 1
    times, values = frame.times_ms, frame.values
    if not len(times):
        return np.zeros(before.shape), np.zeros(before.shape, np.bool_)
    has_before, has_after = before >= frame.offsets[:-1, None], following < frame.offsets[1:, None]
    before, following = np.maximum(before, 0), np.minimum(following, len(times) - 1)
    has_before &= times[before] > right_ms - context.lookback_ms
    has_after &= times[following] <= right_ms + context.lookback_ms
    is_between = has_before & has_after & (times[before] < right_ms)
    with np.errstate(all="ignore"):
        share = (right_ms - times[before]) / (times[following] - times[before])
        between = values[before] + (values[following] - values[before]) * share
    found, present = np.where(is_between, between, values[before]), has_before.copy()
    boxed = context.natives.mask(values[before]) | context.natives.mask(values[following])
    for row, step in np.argwhere(boxed & is_between).tolist():
        pair = (float(values[before[row, step]]), float(values[following[row, step]]))
        name = label_of(frame.labels[row], METRIC_NAME)
        cell = _between_cells(pair, float(share[row, step]), name, node=node, context=context)
        present[row, step] = cell is not None
        found[row, step] = cell if cell is not None else 0.0
    return found, present


def _between_cells(
    pair: tuple[float, float], share: float, name: str, *, node: Select, context: Context
) -> float | None:
    if not context.natives.mask(np.array(pair)).all():
        message = f'encountered a mix of histograms and floats for metric name "{name}"'
        context.notes.warn(message, node.pos)
        return None
    before, after = (context.natives.at(cell) for cell in pair)
    try:
        found = interpolated(before, after, share, is_counter=before.hint is not ResetHint.GAUGE)
    except MixedSchemasError:
        warn_of_schemas(context.notes, name, node.pos)
        return None
    return context.natives.box(compacted(found))
