"""Metrics in memory."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from prometheus_client import CollectorRegistry

from anyascope.frames.samples import SampleFrame
from anyascope.model.labels import METRIC_NAME, Labels, Matcher, series_id
from anyascope.model.metrics import Exemplar, HistogramSample, MetricBatch, MetricMetadata, SampleBatch
from anyascope.store.api.metrics import Cardinality, Selection
from anyascope.store.cardinality import cardinality_of
from anyascope.store.exemplars import NewestExemplars, in_order
from anyascope.store.families import Families
from anyascope.store.labelindex import Chosen, LabelIndex
from anyascope.store.ragged import Piece, check_samples, check_series, frame_of, offsets_of, settle
from anyascope.store.tokens import Tokens

Column = tuple[NDArray[np.int64], NDArray[np.float64]]
NOTHING: Column = (np.empty(0, np.int64), np.empty(0, np.float64))


class MemoryMetrics:
    """Writer and reader of metrics."""

    def __init__(self, *, registry: CollectorRegistry | None = None) -> None:
        self._index = LabelIndex()
        self._pieces: dict[int, list[Column]] = {}
        self._histograms: dict[int, dict[int, HistogramSample]] = {}
        self._exemplars: dict[int, list[Exemplar]] = {}
        self._families = Families(registry=registry or CollectorRegistry())
        self._newest = NewestExemplars()
        self._tokens = Tokens()

    # --- writing ------------------------------------------------------------------------------------------------------

    async def write_metrics(self, batch: MetricBatch, *, token: str = "") -> None:
        if self._tokens.has(token):
            return
        self._tokens.add(token)
        self._write_samples(batch.samples)
        for histogram in batch.histograms:
            ref = self._place(histogram.labels, histogram.time_ms)
            self._histograms.setdefault(ref, {})[histogram.time_ms] = histogram
        exemplars = self._newest.fresh(batch.exemplars)
        for exemplar in exemplars:
            ref = self._place(exemplar.series, exemplar.time_ms)
            self._exemplars.setdefault(ref, []).append(exemplar)
        self._newest.stored(exemplars)
        self._families.note(self._families.news(batch.metadata))

    def _write_samples(self, samples: SampleBatch) -> None:
        if not len(samples):
            return
        refs = self._index.place(samples.series, samples.series_ids, samples.numbered).refs[samples.rows]
        self._index.saw(refs, samples.times_ms)
        order = np.argsort(refs, kind="stable")
        ordered = refs[order]
        starts = np.flatnonzero(np.concatenate(([True], ordered[1:] != ordered[:-1])))
        times, values = np.split(samples.times_ms[order], starts[1:]), np.split(samples.values[order], starts[1:])
        for ref, piece_times, piece_values in zip(ordered[starts].tolist(), times, values, strict=True):
            self._pieces.setdefault(ref, []).append((piece_times, piece_values))

    def _place(self, labels: Labels, time_ms: int) -> int:
        placed = self._index.place((labels,), np.array([series_id(labels)], np.uint64))
        self._index.saw(placed.refs, np.array([time_ms], np.int64))
        return int(placed.refs[0])

    # --- reading ------------------------------------------------------------------------------------------------------

    def _column(self, ref: int) -> Column:
        pieces = self._pieces.get(ref)
        if pieces is None:
            return NOTHING
        times_ms = np.concatenate([piece[0] for piece in pieces])
        values = np.concatenate([piece[1] for piece in pieces])
        _, times_ms, values = settle(np.zeros(len(times_ms), np.int64), times_ms, values)
        pieces[:] = [(times_ms, values)]
        return times_ms, values

    async def select(self, selection: Selection) -> SampleFrame:
        chosen = self._matching(selection)
        found: list[Column] = []
        for ref in chosen.refs.tolist():
            times_ms, values = self._column(ref)
            begin = np.searchsorted(times_ms, selection.start_ms, side="left")
            end = np.searchsorted(times_ms, selection.end_ms, side="right")
            found.append((times_ms[begin:end], values[begin:end]))
        if not found:
            return SampleFrame.empty()
        counts = np.array([len(times_ms) for times_ms, _ in found], np.int64)
        check_samples(int(counts.sum()), selection)
        times_ms, values = (np.concatenate([column[n] for column in found]) for n in (0, 1))
        return frame_of(chosen.labels, Piece(offsets_of(counts)[:-1], counts, times_ms, values))

    def _matching(self, selection: Selection) -> Chosen:
        chosen = self._index.choose_within(selection.matchers, start_ms=selection.start_ms, end_ms=selection.end_ms)
        check_series(len(chosen.refs), selection)
        return chosen

    async def select_histograms(self, selection: Selection) -> Sequence[HistogramSample]:
        found = [
            histogram
            for ref in self._matching(selection).refs.tolist()
            for time_ms, histogram in sorted(self._histograms.get(ref, {}).items())
            if selection.start_ms <= time_ms <= selection.end_ms
        ]
        check_samples(len(found), selection)
        return found

    async def series(
        self, matcher_sets: Sequence[Sequence[Matcher]], *, start_ms: int, end_ms: int, limit: int = 0
    ) -> list[Labels]:
        refs = self._index.select_any(matcher_sets, start_ms=start_ms, end_ms=end_ms)
        return sorted(self._index.labels(ref) for ref in refs.tolist())[: limit or None]

    async def label_names(
        self, matcher_sets: Sequence[Sequence[Matcher]], *, start_ms: int, end_ms: int, limit: int = 0
    ) -> list[str]:
        refs = self._index.select_any(matcher_sets, start_ms=start_ms, end_ms=end_ms)
        return self._index.names_of(refs)[: limit or None]

    async def label_values(
        self, name: str, matcher_sets: Sequence[Sequence[Matcher]], *, start_ms: int, end_ms: int, limit: int = 0
    ) -> list[str]:
        refs = self._index.select_any(matcher_sets, start_ms=start_ms, end_ms=end_ms)
        return self._index.values_of(name, refs)[: limit or None]

    async def metadata(self, *, metric: str = "", limit: int = 0) -> list[MetricMetadata]:
        return self._families.find(metric=metric, limit=limit)

    async def exemplars(
        self, matcher_sets: Sequence[Sequence[Matcher]], *, start_ms: int, end_ms: int
    ) -> list[Exemplar]:
        refs = self._index.select_any(matcher_sets, start_ms=start_ms, end_ms=end_ms)
        found = [
            exemplar
            for ref in refs.tolist()
            for exemplar in self._exemplars.get(ref, ())
            if start_ms <= exemplar.time_ms <= end_ms
        ]
        return in_order(found)

    async def cardinality(self, *, limit: int = 10, focus: str = "", since_ms: int = 0) -> Cardinality:
        return await cardinality_of(
            self._index, limit=limit, focus=focus, since_ms=since_ms, samples_in_memory=self.rows()
        )

    async def delete(self, matcher_sets: Sequence[Sequence[Matcher]], *, start_ms: int, end_ms: int) -> int:
        refs = self._index.select_any(matcher_sets, start_ms=start_ms, end_ms=end_ms).tolist()
        for ref in refs:
            self._cut(ref, start_ms=start_ms, end_ms=end_ms)
        self._newest.forget()
        self._forget_families()
        return len(refs)

    # --- keeping ------------------------------------------------------------------------------------------------------

    def _cut(self, ref: int, *, start_ms: int, end_ms: int) -> None:
        """Remove what one series has in the stretch, and the series when nothing stays."""
        times_ms, values = self._column(ref)
        stays = (times_ms < start_ms) | (times_ms > end_ms)
        histograms = {at: kept for at, kept in self._histograms.get(ref, {}).items() if not start_ms <= at <= end_ms}
        exemplars = [kept for kept in self._exemplars.get(ref, ()) if not start_ms <= kept.time_ms <= end_ms]
        if not stays.any() and not histograms and not exemplars:
            self._index.drop([ref])
            for held in (self._pieces, self._histograms, self._exemplars):
                held.pop(ref, None)
            return
        self._pieces[ref] = [(times_ms[stays], values[stays])]
        self._histograms[ref], self._exemplars[ref] = histograms, exemplars

    def drop_before(self, time_ms: int) -> None:
        """Remove everything older than this time."""
        for ref in self._index.every().tolist():
            self._cut(ref, start_ms=-(2**62), end_ms=time_ms - 1)
        self._forget_families()

    def _forget_families(self) -> None:
        self._families.forget_without(frozenset(self._index.values_of(METRIC_NAME, self._index.every())))

    def rows(self) -> int:
        """Samples and histograms held."""
        return sum(len(piece[0]) for pieces in self._pieces.values() for piece in pieces) + sum(
            len(held) for held in self._histograms.values()
        )

    def stretch_ms(self) -> tuple[int, int]:
        """(oldest, newest) time held, (0, 0) where there is nothing."""
        times = [piece[0] for pieces in self._pieces.values() for piece in pieces if len(piece[0])]
        edges = [edge for held in times for edge in (int(held.min()), int(held.max()))]
        edges += [at for held in self._histograms.values() for at in held]
        return (min(edges), max(edges)) if edges else (0, 0)
