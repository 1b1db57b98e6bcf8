"""One store out of two: what the rules under test record, in memory, over what a server has kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol

import numpy as np

from anyascope.frames.samples import SampleFrame
from anyascope.model.labels import METRIC_NAME, MatchOp, metric_of
from anyascope.model.metrics import HistogramSample
from anyascope.promql.fetch import NEIGHBOUR_REACH_MS
from anyascope.store.api.metrics import MetricReader, Selection
from anyascope.wire.prompb.read import ReadQuery, ReadSeries


class History(Protocol):
    """Where samples of the past come from."""

    async def read(self, query: ReadQuery) -> Sequence[ReadSeries]:
        """The samples of the series that match, staleness markers included."""


class OverlayReader:
    """Reads recorded series from memory and all others from history: the two halves of `MetricReader` that queries need.

    A series that the rules record is never taken from history, where an older version of the rule may have made it.
    """

    def __init__(self, history: History, memory: MetricReader, recorded: frozenset[str]) -> None:
        self._history = history
        self._memory = memory
        self._recorded = recorded
        self._read: dict[tuple[object, int], tuple[int, Sequence[ReadSeries]]] = {}

    def forget(self) -> None:
        """Let go of what was read: another stretch begins."""
        self._read.clear()

    async def select(self, selection: Selection) -> SampleFrame:
        """The float samples, series sorted by labels."""
        if self._is_recorded(selection):
            return await self._memory.select(selection)
        # Read once as far back as `select_histograms` will ask for the same series.
        wide = replace(selection, start_ms=selection.start_ms - NEIGHBOUR_REACH_MS)
        past = _frame_of(await self._past(wide), start_ms=selection.start_ms)
        if self._is_other(selection):
            return past
        return _together(past, await self._memory.select(selection))

    async def select_histograms(self, selection: Selection) -> Sequence[HistogramSample]:
        """The native histograms, by series and time."""
        if self._is_recorded(selection):
            return await self._memory.select_histograms(selection)
        past = [
            histogram
            for series in await self._past(selection)
            for histogram in series.histograms
            if histogram.time_ms >= selection.start_ms
        ]
        if self._is_other(selection):
            return past
        both = [*past, *await self._memory.select_histograms(selection)]
        return sorted(both, key=lambda histogram: (histogram.labels, histogram.time_ms))

    async def _past(self, selection: Selection) -> Sequence[ReadSeries]:
        key = (selection.matchers, selection.end_ms)
        known = self._read.get(key)
        if known is not None and known[0] <= selection.start_ms:
            return known[1]
        read = await self._history.read(ReadQuery(selection.matchers, selection.start_ms, selection.end_ms))
        kept = sorted(
            (series for series in read if metric_of(series.labels) not in self._recorded),
            key=lambda series: series.labels,
        )
        self._read[key] = (selection.start_ms, kept)
        return kept

    def _is_recorded(self, selection: Selection) -> bool:
        return _name_of(selection) in self._recorded

    def _is_other(self, selection: Selection) -> bool:
        """Whether it names one metric, and not a recorded one."""
        return bool(_name_of(selection)) and not self._is_recorded(selection)


def _name_of(selection: Selection) -> str:
    names = [m.value for m in selection.matchers if m.name == METRIC_NAME and m.op is MatchOp.EQUAL]
    return names[0] if names else ""


def _frame_of(series: Sequence[ReadSeries], *, start_ms: int) -> SampleFrame:
    cut = [(each.labels, int(np.searchsorted(each.times_ms, start_ms)), each) for each in series]
    kept = [(labels, each.times_ms[begin:], each.values[begin:]) for labels, begin, each in cut]
    present = [part for part in kept if len(part[1])]
    if not present:
        return SampleFrame.empty()
    offsets = np.zeros(len(present) + 1, np.int64)
    np.cumsum([len(times) for _, times, _ in present], out=offsets[1:])
    return SampleFrame(
        [labels for labels, _, _ in present],
        offsets,
        np.concatenate([times for _, times, _ in present]),
        np.concatenate([values for _, _, values in present]),
    )


def _together(first: SampleFrame, second: SampleFrame) -> SampleFrame:
    parts = [
        ReadSeries(labels, frame.times_ms[begin:end], frame.values[begin:end])
        for frame in (first, second)
        for labels, begin, end in zip(frame.labels, frame.offsets[:-1], frame.offsets[1:], strict=True)
    ]
    return _frame_of(sorted(parts, key=lambda series: series.labels), start_ms=-(1 << 62))
