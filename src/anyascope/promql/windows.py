"""Which samples each step sees."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from anyascope.frames.samples import SampleFrame
from anyascope.model.metrics import is_stale
from anyascope.promql.columns import Bools, Floats, Ints
from anyascope.promql.kernels import bounds, newest_bits

SERIES_SEARCHED_MAX = 16  # up to here a binary search a series beats counting all samples; measured at 240 samples


def bounds_of(frame: SampleFrame, right_ms: Ints, range_ms: int) -> tuple[Ints, Ints]:
    """int64[series, steps] twice: the first sample of each window, and the one after its last.

    `right_ms` is int64[steps], either ascending by one step or the same everywhere.
    """
    series, steps = len(frame), len(right_ms)
    loop = bounds.ready(len(frame.times_ms) + series * steps)
    if loop is None:
        stopped = stops(frame, right_ms)
        return starts(frame, right_ms, range_ms, stopped), stopped
    first, stop = np.empty((series, steps), np.int64), np.empty((series, steps), np.int64)
    loop(frame.offsets, frame.times_ms, right_ms, range_ms, first, stop)
    return first, stop


def stops(frame: SampleFrame, right_ms: Ints) -> Ints:
    """int64[series, steps]: the number after the last sample at or before each right edge.

    `right_ms` is int64[steps], either ascending by one step or the same everywhere.
    """
    series = len(frame)
    if not len(frame.times_ms):
        return np.zeros((series, len(right_ms)), np.int64)
    if len(right_ms) == 1 or right_ms[0] == right_ms[-1]:
        return np.repeat(_stops_once(frame, int(right_ms[0]))[:, None], len(right_ms), axis=1)
    if series <= SERIES_SEARCHED_MAX:
        bounds = frame.offsets.tolist()
        found = [
            np.searchsorted(frame.times_ms[start:end], right_ms, side="right") + start
            for start, end in pairwise(bounds)
        ]
        return np.array(found, np.int64)
    return _stops_counted(frame, right_ms)


def _stops_once(frame: SampleFrame, right_ms: int) -> Ints:
    seen = frame.times_ms <= right_ms
    if seen.all():
        return frame.offsets[1:]
    counted = np.zeros(len(seen) + 1, np.int64)
    np.cumsum(seen, out=counted[1:])
    starts = frame.offsets[:-1]
    stopped: Ints = starts + counted[frame.offsets[1:]] - counted[starts]
    return stopped


def _stops_counted(frame: SampleFrame, right_ms: Ints) -> Ints:
    """Each sample is first seen at one step; counting those of each series and step gives all edges at once."""
    steps, series = len(right_ms), len(frame)
    step_ms = int(right_ms[1] - right_ms[0])
    first_seen = -((int(right_ms[0]) - frame.times_ms) // step_ms)
    np.clip(first_seen, 0, steps, out=first_seen)
    lengths = np.diff(frame.offsets)
    first_seen += np.repeat(np.arange(series, dtype=np.int64) * (steps + 1), lengths)
    counts = np.bincount(first_seen, minlength=series * (steps + 1)).reshape(series, steps + 1)[:, :steps]
    stopped: Ints = np.cumsum(counts, axis=1, dtype=np.int64)
    stopped += frame.offsets[:-1, None]
    return stopped


def starts(frame: SampleFrame, right_ms: Ints, range_ms: int, stopped: Ints) -> Ints:
    """int64[series, steps]: the number of the first sample after each left edge, `range_ms` before the right one.

    `stopped` is what `stops` gave for the same edges: where the range is a multiple of the step, most left edges are
    right edges of earlier steps.
    """
    steps = len(right_ms)
    if steps > 1 and right_ms[0] != right_ms[-1]:
        step_ms = int(right_ms[1] - right_ms[0])
        shift, rest = divmod(range_ms, step_ms)
        if not rest and shift < steps:
            started = np.empty_like(stopped)
            started[:, shift:] = stopped[:, : steps - shift]
            started[:, :shift] = stops(frame, right_ms[:shift] - range_ms)
            return started
    return stops(frame, right_ms - range_ms)


def without_stale(frame: SampleFrame) -> SampleFrame:
    """The frame without staleness markers: ranges step over them."""
    marked = is_stale(frame.values)
    if not marked.any():
        return frame
    kept = ~marked
    counted = np.zeros(len(kept) + 1, np.int64)
    np.cumsum(kept, out=counted[1:])
    return SampleFrame(frame.labels, counted[frame.offsets], frame.times_ms[kept], frame.values[kept])


def newest_values(frame: SampleFrame, right_ms: Ints, lookback_ms: int) -> tuple[Floats, Bools]:
    """What an instant selector sees at each step: float64[series, steps], and bool of that shape where it sees anything."""
    series, steps = len(frame), len(right_ms)
    loop = newest_bits.ready(len(frame.times_ms) + series * steps)
    if loop is None:
        chosen, present = newest(frame, right_ms, lookback_ms)
        return (frame.values[chosen] if len(frame.values) else np.zeros(chosen.shape)), present
    values, present = np.empty((series, steps)), np.empty((series, steps), np.bool_)
    bits = frame.values.view(np.int64), values.view(np.int64)
    loop(frame.offsets, frame.times_ms, bits[0], right_ms, lookback_ms, bits[1], present)
    return values, present


def newest(frame: SampleFrame, right_ms: Ints, lookback_ms: int) -> tuple[Ints, Bools]:
    """The sample that an instant selector sees at each step.

    Returns:
        int64[series, steps], its number; bool[series, steps], whether there is one: younger than the look-back (left
        bound exclusive) and no staleness marker.
    """
    chosen = stops(frame, right_ms) - 1
    has_any = chosen >= frame.offsets[:-1, None]
    if not len(frame.times_ms):
        return np.zeros_like(chosen), has_any
    np.maximum(chosen, 0, out=chosen)
    present = has_any & (frame.times_ms[chosen] > right_ms - lookback_ms)
    marked = is_stale(frame.values)
    if marked.any():
        present &= ~marked[chosen]
    return chosen, present
