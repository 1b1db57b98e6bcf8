"""Prometheus' native histograms as OTLP's exponential ones.

A native bucket `i` ends at `base**i`, an exponential one begins there: their indexes differ by one. Source: OpenTelemetry,
"Prometheus and OpenMetrics compatibility", "Native histograms".
"""

from __future__ import annotations

from collections.abc import Sequence

from opentelemetry.proto.metrics.v1 import metrics_pb2 as pb
from prometheus_client.samples import BucketSpan, NativeHistogram

BUCKETS_MAX = 1_000  # of one side, gaps included; Prometheus itself keeps a few hundreds
_SCHEMAS = range(-4, 9)  # those whose bounds grow by powers of two; others say their bounds elsewhere


def fill_point(point: pb.ExponentialHistogramDataPoint, histogram: NativeHistogram) -> None:
    """Write the histogram into a point that has its attributes and times.

    Raises:
        ValueError: its buckets are not exponential, or more than `BUCKETS_MAX`.
    """
    if histogram.schema not in _SCHEMAS:
        raise ValueError(f"schema must be from -4 to 8, got {histogram.schema}")
    point.scale = histogram.schema
    point.sum = histogram.sum_value
    point.zero_threshold = histogram.zero_threshold
    point.zero_count = int(histogram.zero_count)
    positive = _fill(point.positive, histogram.pos_spans, histogram.pos_deltas)
    negative = _fill(point.negative, histogram.neg_spans, histogram.neg_deltas)
    point.count = point.zero_count + positive + negative


def _fill(
    side: pb.ExponentialHistogramDataPoint.Buckets,
    spans: Sequence[BucketSpan] | None,
    deltas: Sequence[int] | None,
) -> int:
    """Write one side's buckets and give their sum."""
    if not spans or not deltas:
        return 0
    counts: list[int] = []
    height, left = 0, iter(deltas)
    for number, span in enumerate(spans):
        if len(counts) + span.length + (span.offset if number else 0) > BUCKETS_MAX:
            raise ValueError(f"a side may have at most {BUCKETS_MAX} buckets")
        if number:
            counts += [0] * span.offset
        for _ in range(span.length):
            height += next(left)
            counts.append(int(height))
    side.offset = spans[0].offset - 1
    side.bucket_counts.extend(counts)
    return sum(counts)
