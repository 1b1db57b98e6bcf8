"""Running totals for senders that report only what was added (OTLP's delta temporality).

A total is kept a series, the least recently used go first. After a restart or an eviction a total begins again with the
next increment, which queries see as a counter's restart, so no rate is wrong by more than that one gap.

The increment of a time that was already added is not added again: the sender did not hear our answer and repeats itself.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from anyascope.model.labels import Labels
from anyascope.model.metrics import HistogramSample, SampleBatch, is_stale
from anyascope.wire.otlp.buckets import add_histograms


@dataclass(slots=True)
class _Total:
    time_ms: int
    value: float


class Totals:
    """The totals of all series that are reported by increments.

    Args:
        series_max: how many totals are kept.
    """

    def __init__(self, *, series_max: int) -> None:
        self._series_max = series_max
        self._floats: OrderedDict[int, _Total] = OrderedDict()
        self._histograms: OrderedDict[Labels, HistogramSample] = OrderedDict()

    def __len__(self) -> int:
        return len(self._floats) + len(self._histograms)

    def add_samples(self, batch: SampleBatch) -> tuple[SampleBatch, NDArray[np.bool_]]:
        """The batch with totals in place of increments, and bool[n]: which samples came too late to be added.

        A staleness marker ends a series, and its total.
        """
        late = np.zeros(len(batch), dtype=np.bool_)
        if batch.increments is None:
            return batch, late
        if not batch.increments.any():
            return replace(batch, increments=None), late
        values = batch.values.copy()
        stale = is_stale(values)
        ids = batch.series_ids[batch.rows]
        for row in np.flatnonzero(batch.increments).tolist():
            key = int(ids[row])
            if stale[row]:
                self._floats.pop(key, None)
                continue
            total = self._add(key, int(batch.times_ms[row]), float(values[row]))
            if total is None:
                late[row] = True
            else:
                values[row] = total
        return replace(batch, values=values, increments=None), late

    def add_histogram(self, increment: HistogramSample) -> HistogramSample | None:
        """The histogram's total after this increment; None where it came too late to be added."""
        known = self._histograms.get(increment.labels)
        if bool(is_stale(np.array([increment.sum]))[0]):
            self._histograms.pop(increment.labels, None)
            return replace(increment, is_increment=False)
        if known is None:
            total = replace(increment, is_increment=False)
        elif increment.time_ms < known.time_ms:
            return None
        elif increment.time_ms == known.time_ms:
            return known
        else:
            total = replace(add_histograms(known, increment), is_increment=False)
        self._histograms[increment.labels] = total
        self._histograms.move_to_end(increment.labels)
        while len(self._histograms) > self._series_max:
            self._histograms.popitem(last=False)
        return total

    def _add(self, key: int, time_ms: int, value: float) -> float | None:
        total = self._floats.get(key)
        if total is None:
            total = self._floats[key] = _Total(time_ms, value)
            if len(self._floats) > self._series_max:
                self._floats.popitem(last=False)
            return value
        if time_ms < total.time_ms:
            return None
        if time_ms > total.time_ms:
            total.time_ms = time_ms
            total.value += value
        self._floats.move_to_end(key)
        return total.value
