"""The data points of OTLP metrics as samples, histograms and exemplars."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from itertools import accumulate, pairwise
from typing import Any

import numpy as np

from anyascope.clock import NS_PER_MS
from anyascope.model.labels import Labels, labels_of
from anyascope.model.metrics import STALE_NAN, Exemplar, HistogramSample, MetricBatch, MetricMetadata, SampleBatch
from anyascope.wire.otlp.buckets import (
    SCHEMA_MAX,
    SCHEMA_MIN,
    ZERO_THRESHOLD_DEFAULT,
    buckets_of,
    spans_of,
)
from anyascope.wire.otlp.families import Family, KnownFamilies, SeriesGroup
from anyascope.wire.otlp.texts import text_of
from anyascope.wire.prompb.histograms import SCHEMA_CUSTOM

NO_VALUE = "its data point has no value"
NO_TIME = "its data point has no time"
BAD_BOUNDS = "its bounds do not rise, or do not fit its bucket counts"
BAD_COUNT = "its buckets do not add up to its count"
BAD_SCALE = f"its scale is below {SCHEMA_MIN}"
TOO_MANY_BUCKETS = "it has too many buckets"

BUCKETS_MAX = 1_000  # a histogram; SDKs keep 160, Prometheus' own limit is configured around 500
EXEMPLAR_CHARS_MAX = 128  # of label names and values (OpenMetrics); beyond it the trace alone is kept
TIME_NS_MAX = 2**63 - 1  # later times are no times

_NO_RECORDED_VALUE = 1  # DATA_POINT_FLAGS_NO_RECORDED_VALUE_MASK


class Collected:
    """The columns of one request as they grow."""

    def __init__(self) -> None:
        self.ids: list[int] = []
        self.labels: list[Labels] = []
        self.times_ns: list[int] = []
        self.values: list[float] = []
        self.increments: list[bool] = []
        self.histograms: list[HistogramSample] = []
        self.exemplars: list[Exemplar] = []
        self.metadata: dict[MetricMetadata, None] = {}
        self.refused: Counter[str] = Counter()
        self.latest_ns = 0

    def add_series(self, labels: Labels, time_ns: int, value: float) -> None:
        """One sample of a series that no data point has."""
        self.add_group(SeriesGroup.of((labels,)), time_ns, [value], is_delta=False)

    def add_group(self, group: SeriesGroup, time_ns: int, values: list[float], *, is_delta: bool) -> None:
        """A value for each of the group's first series."""
        count = len(values)
        self.ids += group.ids[:count]
        self.labels += group.labels[:count]
        self.times_ns += [time_ns] * count
        self.values += values
        self.increments += [is_delta] * count
        self.latest_ns = max(self.latest_ns, time_ns)

    def batch(self) -> MetricBatch:
        """Everything so far."""
        return MetricBatch(
            samples=self._samples(),
            histograms=tuple(self.histograms),
            exemplars=tuple(self.exemplars),
            metadata=tuple(self.metadata),
        )

    def _samples(self) -> SampleBatch:
        size = len(self.ids)
        if not size:
            return SampleBatch.empty()
        ids = np.array(self.ids, dtype=np.uint64)
        _, first, rows = np.unique(ids, return_index=True, return_inverse=True)
        if len(first) < size and any(
            self.labels[row] != self.labels[place] for row, place in enumerate(first[rows].tolist())
        ):
            # Two label sets with one id: told apart by the labels themselves.
            place_of: dict[Labels, int] = {}
            rows = np.array([place_of.setdefault(labels, len(place_of)) for labels in self.labels])
            first = np.unique(rows, return_index=True)[1]
        return SampleBatch(
            series=tuple(self.labels[place] for place in first.tolist()),
            series_ids=ids[first],
            rows=rows.astype(np.uint32),
            times_ms=np.array(self.times_ns, dtype=np.int64) // NS_PER_MS,
            values=np.array(self.values, dtype=np.float64),
            increments=np.array(self.increments, dtype=np.bool_) if any(self.increments) else None,
        )


def add_number(collected: Collected, families: KnownFamilies, family: Family, points: Any, *, is_delta: bool) -> None:
    """Gauges and sums."""
    for point in points:
        time_ns = point.time_unix_nano
        value = point.as_double or float(point.as_int)
        if point.flags & _NO_RECORDED_VALUE:
            value = STALE_NAN
        elif not value and point.WhichOneof("value") is None:
            collected.refused[NO_VALUE] += 1
            continue
        if _time_fault(point):
            collected.refused[NO_TIME] += 1
            continue
        group = families.plain(family, tuple(point.attributes))
        collected.add_group(group, time_ns, [value], is_delta=is_delta)
        if point.exemplars:
            _add_exemplars(collected, families, point.exemplars, group.labels)


def add_histogram(
    collected: Collected, families: KnownFamilies, family: Family, points: Any, *, is_delta: bool
) -> None:
    """Histograms with explicit bounds: cumulative buckets, count and sum, a series each."""
    for point in points:
        bounds, counts = tuple(point.explicit_bounds), list(point.bucket_counts)
        is_over = point.flags & _NO_RECORDED_VALUE
        fault = _time_fault(point) if is_over else _histogram_fault(point, bounds, counts)
        if fault:
            collected.refused[fault] += 1
            continue
        if is_over:
            # Such a point has no buckets: every series that its attributes ever had ends.
            for ended in families.histograms_of(family, tuple(point.attributes)):
                values = [STALE_NAN] * len(ended.ids)
                collected.add_group(ended, point.time_unix_nano, values, is_delta=is_delta)
            continue
        group = families.histogram(family, tuple(point.attributes), bounds if counts else ())
        values = [*map(float, accumulate(counts[:-1])), float(point.count), float(point.count)]
        if point.HasField("sum"):
            values.append(point.sum)
        collected.add_group(group, point.time_unix_nano, values, is_delta=is_delta)
        if point.exemplars:
            buckets = group.labels[: len(bounds) + 1]
            _add_exemplars(collected, families, point.exemplars, buckets, bounds=bounds)


def add_custom_histogram(
    collected: Collected, families: KnownFamilies, family: Family, points: Any, *, is_delta: bool
) -> None:
    """Histograms with explicit bounds as native ones with custom buckets, a series each."""
    for point in points:
        bounds = tuple(point.explicit_bounds)
        is_over = point.flags & _NO_RECORDED_VALUE
        fault = _time_fault(point) if is_over else _histogram_fault(point, bounds, list(point.bucket_counts))
        if fault:
            collected.refused[fault] += 1
            continue
        labels = families.plain(family, tuple(point.attributes)).labels[0]
        # Without counts it is a histogram of sum and count alone: one bucket holds all.
        counts = tuple(map(float, point.bucket_counts)) or (float(point.count),)
        collected.histograms.append(
            HistogramSample(
                labels=labels,
                time_ms=point.time_unix_nano // NS_PER_MS,
                count=0.0 if is_over else float(point.count),
                sum=STALE_NAN if is_over else point.sum,
                schema=SCHEMA_CUSTOM,
                zero_threshold=0.0,
                zero_count=0.0,
                positive_spans=() if is_over else ((0, len(counts)),),
                positive_counts=() if is_over else counts,
                custom_bounds=() if is_over or not point.bucket_counts else bounds,
                start_ms=min(point.start_time_unix_nano, TIME_NS_MAX) // NS_PER_MS,
                is_increment=is_delta,
            )
        )
        collected.latest_ns = max(collected.latest_ns, point.time_unix_nano)
        if point.exemplars:
            _add_exemplars(collected, families, point.exemplars, (labels,))


def add_exponential(
    collected: Collected, families: KnownFamilies, family: Family, points: Any, *, is_delta: bool
) -> None:
    """Exponential histograms, whole."""
    for point in points:
        fault = _exponential_fault(point)
        if fault:
            collected.refused[fault] += 1
            continue
        labels = families.plain(family, tuple(point.attributes)).labels[0]
        collected.histograms.append(_exponential(point, labels, is_delta=is_delta))
        collected.latest_ns = max(collected.latest_ns, point.time_unix_nano)
        if point.exemplars:
            _add_exemplars(collected, families, point.exemplars, (labels,))


def add_summary(collected: Collected, families: KnownFamilies, family: Family, points: Any) -> None:
    """Summaries: quantiles, count and sum, a series each."""
    for point in points:
        if _time_fault(point):
            collected.refused[NO_TIME] += 1
            continue
        quantiles = tuple(entry.quantile for entry in point.quantile_values)
        group = families.summary(family, tuple(point.attributes), quantiles)
        values = [entry.value for entry in point.quantile_values] + [float(point.count), point.sum]
        if point.flags & _NO_RECORDED_VALUE:
            values = [STALE_NAN] * len(values)
        collected.add_group(group, point.time_unix_nano, values, is_delta=False)


def _time_fault(point: Any) -> str:
    return "" if 0 < point.time_unix_nano <= TIME_NS_MAX else NO_TIME


def _histogram_fault(point: Any, bounds: tuple[float, ...], counts: list[int]) -> str:
    if _time_fault(point):
        return NO_TIME
    if len(counts) > BUCKETS_MAX:
        return TOO_MANY_BUCKETS
    # No counts at all is a histogram of sum and count alone.
    if counts and (len(counts) != len(bounds) + 1 or any(not low < high for low, high in pairwise(bounds))):
        return BAD_BOUNDS
    return BAD_COUNT if counts and sum(counts) != point.count else ""


def _exponential_fault(point: Any) -> str:
    if _time_fault(point):
        return NO_TIME
    if point.flags & _NO_RECORDED_VALUE:
        return ""
    if point.scale < SCHEMA_MIN:
        return BAD_SCALE
    positive, negative = point.positive.bucket_counts, point.negative.bucket_counts
    if len(positive) + len(negative) > BUCKETS_MAX:
        return TOO_MANY_BUCKETS
    total = point.zero_count + sum(positive) + sum(negative)
    return BAD_COUNT if total != point.count else ""


def _exponential(point: Any, labels: Labels, *, is_delta: bool) -> HistogramSample:
    schema = min(point.scale, SCHEMA_MAX)
    time_ms, start_ms = point.time_unix_nano // NS_PER_MS, min(point.start_time_unix_nano, TIME_NS_MAX) // NS_PER_MS
    if point.flags & _NO_RECORDED_VALUE:
        return HistogramSample(labels, time_ms, 0.0, STALE_NAN, schema, 0.0, 0.0, is_increment=is_delta)
    steps = point.scale - schema
    sides = [
        spans_of(buckets_of(side.bucket_counts, offset=side.offset, scale_down=steps))
        for side in (point.positive, point.negative)
    ]
    return HistogramSample(
        labels=labels,
        time_ms=time_ms,
        count=float(point.count),
        sum=point.sum,
        schema=schema,
        zero_threshold=point.zero_threshold or ZERO_THRESHOLD_DEFAULT,
        zero_count=float(point.zero_count),
        positive_spans=sides[0][0],
        positive_counts=sides[0][1],
        negative_spans=sides[1][0],
        negative_counts=sides[1][1],
        start_ms=start_ms,
        is_increment=is_delta,
    )


def _add_exemplars(
    collected: Collected,
    families: KnownFamilies,
    exemplars: Any,
    series: tuple[Labels, ...],
    *,
    bounds: tuple[float, ...] = (),
) -> None:
    """Each at the series of the bucket that it fell into, or at the only one."""
    for exemplar in exemplars:
        value = exemplar.as_double or float(exemplar.as_int)
        time_ns = exemplar.time_unix_nano
        if 0 < time_ns <= TIME_NS_MAX:
            owner = series[bisect_left(bounds, value)]
            labels = _exemplar_labels(exemplar, families)
            collected.exemplars.append(Exemplar(owner, time_ns // NS_PER_MS, value, labels))


def _exemplar_labels(exemplar: Any, families: KnownFamilies) -> Labels:
    found: dict[str, str] = {}
    if exemplar.trace_id:
        found["trace_id"] = exemplar.trace_id.hex()
    if exemplar.span_id:
        found["span_id"] = exemplar.span_id.hex()
    attributes = map(families.pairs.__getitem__, exemplar.filtered_attributes)
    more = {families.translation.label(name): text_of(value) for name, value in attributes}
    together = {**more, **found}
    fits = sum(len(name) + len(value) for name, value in together.items()) <= EXEMPLAR_CHARS_MAX
    return labels_of(together if fits else found)
