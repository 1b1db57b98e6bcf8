"""The buckets of exponential histograms: dense as OTLP sends them, in spans as Prometheus keeps them, and their sum."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from anyascope.model.metrics import HistogramSample
from anyascope.wire.prompb.histograms import SCHEMA_CUSTOM

SCHEMA_MAX = 8  # Prometheus' finest resolution: 256 buckets a power of two
SCHEMA_MIN = -4  # its coarsest: a bucket spans 2**16
GAP_MAX = 2  # so many empty buckets are cheaper to write than a new span (as Prometheus' own clients do)
ZERO_THRESHOLD_DEFAULT = 1e-128  # Prometheus' width of the zero bucket where the sender names none

Spans = tuple[tuple[int, int], ...]
Counts = tuple[float, ...]


def buckets_of(counts: Sequence[int], *, offset: int, scale_down: int) -> dict[int, float]:
    """Non-empty buckets by Prometheus' index.

    OTLP's bucket i holds (base**i, base**(i+1)], Prometheus' bucket i holds (base**(i-1), base**i]: hence the 1.

    Args:
        counts: dense, the first for bucket `offset`.
        scale_down: how many times two neighbours are merged into one.

    Source: OpenTelemetry, "Metrics data model", exponential histogram; Prometheus, "Native histograms", schema.
    """
    found: dict[int, float] = {}
    for place, count in enumerate(counts):
        if count:
            index = ((offset + place) >> scale_down) + 1
            found[index] = found.get(index, 0.0) + count
    return found


def spans_of(buckets: Mapping[int, float]) -> tuple[Spans, Counts]:
    """Spans of (gap, length), the first gap from zero, and one absolute count a bucket."""
    spans: list[list[int]] = []
    counts: list[float] = []
    after = 0
    for index in sorted(buckets):
        gap = index - after
        if not spans or gap > GAP_MAX:
            spans.append([gap, 1])
        else:
            spans[-1][1] += gap + 1
            counts.extend([0.0] * gap)
        counts.append(buckets[index])
        after = index + 1
    return tuple((gap, length) for gap, length in spans), tuple(counts)


def by_index(spans: Spans, counts: Counts) -> dict[int, float]:
    """The inverse of `spans_of`."""
    found: dict[int, float] = {}
    index = 0
    values = iter(counts)
    for gap, length in spans:
        index += gap
        for _ in range(length):
            found[index] = next(values)
            index += 1
    return found


def coarsen(buckets: Mapping[int, float], steps: int) -> dict[int, float]:
    """The same buckets at a schema that is `steps` lower."""
    found: dict[int, float] = {}
    for index, count in buckets.items():
        merged = ((index - 1) >> steps) + 1
        found[merged] = found.get(merged, 0.0) + count
    return found


def add_histograms(total: HistogramSample, increment: HistogramSample) -> HistogramSample:
    """`total` with `increment` added, at the increment's time: the coarser schema and the wider zero bucket of both.

    Buckets of other bounds cannot be added: the increment alone then begins a new total.
    """
    if (total.schema, total.custom_bounds) != (increment.schema, increment.custom_bounds) and SCHEMA_CUSTOM in (
        total.schema,
        increment.schema,
    ):
        return replace(increment, is_increment=False)
    schema = min(total.schema, increment.schema)
    threshold = max(total.zero_threshold, increment.zero_threshold)
    zero_count = total.zero_count + increment.zero_count
    positive: dict[int, float] = {}
    negative: dict[int, float] = {}
    for histogram in (total, increment):
        steps = histogram.schema - schema
        for spans, counts, into in (
            (histogram.positive_spans, histogram.positive_counts, positive),
            (histogram.negative_spans, histogram.negative_counts, negative),
        ):
            for index, count in coarsen(by_index(spans, counts), steps).items():
                into[index] = into.get(index, 0.0) + count
    zero_count += _swallow(positive, schema, threshold) + _swallow(negative, schema, threshold)
    positive_spans, positive_counts = spans_of(positive)
    negative_spans, negative_counts = spans_of(negative)
    return replace(
        total,
        time_ms=increment.time_ms,
        count=total.count + increment.count,
        sum=total.sum + increment.sum,
        schema=schema,
        zero_threshold=threshold,
        zero_count=zero_count,
        positive_spans=positive_spans,
        positive_counts=positive_counts,
        negative_spans=negative_spans,
        negative_counts=negative_counts,
    )


def _swallow(buckets: dict[int, float], schema: int, threshold: float) -> float:
    """Take out the buckets that lie within the zero bucket; how much they held."""
    inside = [index for index in buckets if _upper_bound(index, schema) <= threshold]
    return sum(buckets.pop(index) for index in inside)


def _upper_bound(index: int, schema: int) -> float:
    exponent = index * 2.0**-schema
    return 2.0**exponent if exponent < 1024 else float("inf")
