"""What of metrics is let in, and in which form.

Labels are checked and redacted once a series, when it is new; of a known one only times are looked at, as a column.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from anyascope.clock import MS_PER_S, NS_PER_MS, Clock
from anyascope.ingest.admit import Admitted
from anyascope.ingest.columns import sample_rows
from anyascope.ingest.increments import Totals
from anyascope.ingest.options import AdmitOptions
from anyascope.ingest.series import KnownSeries, label_fault
from anyascope.ingest.tally import Reason, Signal, Tally
from anyascope.model.labels import Labels, series_id
from anyascope.model.metadata import bounded
from anyascope.model.metrics import Exemplar, HistogramSample, MetricBatch, MetricMetadata, SampleBatch
from anyascope.redact.api import Redactor

SAMPLE_BYTES = 28  # series index, time and value, and the share of the id
HISTOGRAM_BYTES = 2_000  # 160 buckets as Python numbers
EXEMPLAR_BYTES = 400
METADATA_BYTES = 200  # beside its texts
HELP_CHARS_SEARCHED = 16_384  # for secrets, the longest of which are some 4,000; what is kept of it is far shorter
LABEL_IDS_MAX = 50_000  # label sets of histograms whose ids are remembered; about 20 MB


@dataclass(slots=True)
class _Verdicts:
    """What was found of the series of one batch, by id: refused ones, and labels to store in place of a series' own."""

    faults: dict[int, Reason] = field(default_factory=dict)
    renamed: dict[int, Labels] = field(default_factory=dict)


class MetricAdmission:
    """Admits samples, histograms, exemplars and metadata. Remembers series and totals: one thread only."""

    def __init__(self, options: AdmitOptions, *, redactor: Redactor, tally: Tally, clock: Clock) -> None:
        self._options = options
        self._redactor = redactor
        self._tally = tally
        self._clock = clock
        self._known = KnownSeries(options, clock=clock)
        self._totals = Totals(series_max=options.delta_series_max)
        self._ids: dict[Labels, int] = {}
        tally.series_limits(source=options.series_max, total=options.series_total_max)

    def series(self) -> dict[str, int]:
        """How many series count against the limits, by source."""
        return self._known.counts()

    def admit(self, batch: MetricBatch, *, source: str) -> Admitted[MetricBatch]:
        """Everything of this batch that can be kept."""
        refused: Counter[Reason] = Counter()
        latest_ms = self._clock.now_ns() // NS_PER_MS + round(self._options.future_s_max * MS_PER_S)
        samples = self._samples(batch.samples, source=source, latest_ms=latest_ms, refused=refused)
        histograms = self._histograms(batch.histograms, source=source, latest_ms=latest_ms, refused=refused)
        exemplars = self._exemplars(batch.exemplars, source=source, latest_ms=latest_ms)
        metadata = self._metadata(batch.metadata)
        self._tally.series(source, self._known.count(source))
        admitted = MetricBatch(samples=samples, histograms=histograms, exemplars=exemplars, metadata=tuple(metadata))
        size_bytes = (
            len(samples) * SAMPLE_BYTES + len(histograms) * HISTOGRAM_BYTES + len(exemplars) * EXEMPLAR_BYTES
            + sum(METADATA_BYTES + len(each.metric) + len(each.help) + len(each.unit) for each in metadata)
        )  # fmt: skip
        return Admitted(
            admitted, len(samples) + len(histograms), size_bytes, refused, extras=bool(exemplars or metadata)
        )

    def _samples(self, batch: SampleBatch, *, source: str, latest_ms: int, refused: Counter[Reason]) -> SampleBatch:
        if not len(batch):
            return batch
        early, late = batch.times_ms <= 0, batch.times_ms > latest_ms
        if early.any() or late.any():
            refused[Reason.TIME_IMPOSSIBLE] += int(early.sum())
            refused[Reason.TIME_FUTURE] += int(late.sum())
            batch = sample_rows(batch, ~(early | late))
        ids: Sequence[int] = ()
        verdicts = _Verdicts()
        if not self._known.are_known(source, batch.numbered) or self._known.renamed(source):
            ids = batch.series_ids.tolist()
            verdicts = self._judge(source, ids, batch.series)
            if batch.numbered is not None:
                self._known.note(source, batch.numbered, ids)
        if verdicts.faults:
            for reason in set(verdicts.faults.values()):
                bad = np.fromiter((verdicts.faults.get(known) is reason for known in ids), np.bool_, len(ids))
                refused[reason] += int(bad[batch.rows].sum())
            good = np.fromiter((known not in verdicts.faults for known in ids), np.bool_, len(ids))
            batch = sample_rows(batch, good[batch.rows])
        if verdicts.renamed:
            batch = _rename(batch, verdicts.renamed)
        batch, overdue = self._totals.add_samples(batch)
        if overdue.any():
            refused[Reason.DELTA_ORDER] += int(overdue.sum())
            batch = sample_rows(batch, ~overdue)
        return batch

    def _histograms(
        self, histograms: Sequence[HistogramSample], *, source: str, latest_ms: int, refused: Counter[Reason]
    ) -> tuple[HistogramSample, ...]:
        if not histograms:
            return ()
        ids = [self._id_of(histogram.labels) for histogram in histograms]
        verdicts = self._judge(source, ids, [histogram.labels for histogram in histograms])
        kept: list[HistogramSample] = []
        for known, histogram in zip(ids, histograms, strict=True):
            fault = _time_fault(histogram.time_ms, latest_ms) or verdicts.faults.get(known)
            if fault is not None:
                refused[fault] += 1
                continue
            stored: HistogramSample | None = histogram
            if known in verdicts.renamed:
                stored = replace(histogram, labels=verdicts.renamed[known])
            if histogram.is_increment:
                stored = self._totals.add_histogram(stored or histogram)
            if stored is None:
                refused[Reason.DELTA_ORDER] += 1
            else:
                kept.append(stored)
        return tuple(kept)

    def _exemplars(self, exemplars: Sequence[Exemplar], *, source: str, latest_ms: int) -> tuple[Exemplar, ...]:
        if not exemplars:
            return ()
        # An exemplar without its series leads nowhere: those of refused ones go with them.
        ids = [self._id_of(exemplar.series) for exemplar in exemplars]
        unknown = self._known.unknown(source, ids)
        renamed = self._known.renamed(source)
        cleaned = self._redactor.labels([exemplar.labels for exemplar in exemplars])
        kept: list[Exemplar] = []
        for row, (known, exemplar) in enumerate(zip(ids, exemplars, strict=True)):
            if known in unknown or _time_fault(exemplar.time_ms, latest_ms) is not None:
                continue
            if known in renamed or row in cleaned:
                labels = cleaned.get(row, exemplar.labels)
                kept.append(replace(exemplar, series=renamed.get(known, exemplar.series), labels=labels))
            else:
                kept.append(exemplar)
        return tuple(kept)

    def _metadata(self, metadata: Sequence[MetricMetadata]) -> Sequence[MetricMetadata]:
        if not metadata:
            return ()
        # Before texts are cut to what is kept: half a key is no longer recognised, and still half a key.
        searched = [entry.help[:HELP_CHARS_SEARCHED] for entry in metadata]
        cleaned = self._redactor.texts(searched)
        found = bounded(
            tuple(
                replace(entry, help=cleaned[row]) if row in cleaned else entry
                for row, entry in enumerate(metadata)
                if entry.metric
            )
        )
        for what, count in found.cuts.items():
            self._tally.cut(Signal.METRICS, what=what, count=count)
        return found.entries

    def _judge(self, source: str, ids: Sequence[int], series: Sequence[Labels]) -> _Verdicts:
        verdicts = _Verdicts()
        new = self._known.unknown(source, ids)
        if new:
            fresh = {known: labels for known, labels in zip(ids, series, strict=True) if known in new}
            self._judge_new(source, fresh, verdicts)
        renamed = self._known.renamed(source)
        if renamed:
            verdicts.renamed = {known: renamed[known] for known in ids if known in renamed}
        return verdicts

    def _judge_new(self, source: str, fresh: Mapping[int, Labels], verdicts: _Verdicts) -> None:
        taken: list[int] = []
        for known, labels in fresh.items():
            fault = label_fault(labels, self._options) or self._known.admit(source, known)
            if fault is None:
                taken.append(known)
            else:
                verdicts.faults[known] = fault
        # What is not taken is not searched for secrets: a label of a megabyte would keep everybody waiting.
        for row, clean in self._redactor.labels([fresh[known] for known in taken]).items():
            self._known.rename(source, taken[row], clean)

    def _id_of(self, labels: Labels) -> int:
        known = self._ids.get(labels)
        if known is None:
            known = series_id(labels)
            if label_fault(labels, self._options) is not None:
                return known
            if len(self._ids) >= LABEL_IDS_MAX:
                self._ids.clear()
            self._ids[labels] = known
        return known


def _rename(batch: SampleBatch, renamed: Mapping[int, Labels]) -> SampleBatch:
    ids: list[int] = batch.series_ids.tolist()
    series = [renamed.get(known, labels) for known, labels in zip(ids, batch.series, strict=True)]
    # Two series may be told apart by nothing but what was taken out: they become one, and the later sample counts.
    place: dict[Labels, int] = {}
    rows = np.fromiter((place.setdefault(labels, len(place)) for labels in series), np.uint32, len(series))
    stored = tuple(place)
    return SampleBatch(
        series=stored,
        series_ids=np.fromiter((series_id(labels) for labels in stored), np.uint64, len(stored)),
        rows=rows[batch.rows],
        times_ms=batch.times_ms,
        values=batch.values,
        increments=batch.increments,
    )


def _time_fault(time_ms: int, latest_ms: int) -> Reason | None:
    if time_ms <= 0:
        return Reason.TIME_IMPOSSIBLE
    return Reason.TIME_FUTURE if time_ms > latest_ms else None
