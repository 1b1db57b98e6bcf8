"""Native histograms of Prometheus' protobuf, to the model and back."""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence
from itertools import accumulate, pairwise
from typing import Any

from anyascope.model.labels import Labels
from anyascope.model.metrics import STALE_NAN, STALE_NAN_BITS, HistogramSample
from anyascope.wire.prompb.decoded import FaultError

SCHEMA_CUSTOM = -53  # buckets with bounds of their own
SCHEMA_MIN, SCHEMA_MAX = -4, 8
BUCKETS_MAX = 20_000  # of one histogram and sign; clients merge buckets long before, most at 160
GAUGE_HINT = 3  # `Histogram.ResetHint.GAUGE`
WHOLE_MAX = 2.0**53  # up to here a float tells every whole number from its neighbours
COUNT_TOLERANCE = 1e-6  # relative: the sum of float buckets is rounded otherwise than their count

Spans = tuple[tuple[int, int], ...]


def histogram_of(labels: Labels, message: Any) -> HistogramSample:
    """The histogram of a `Histogram` message.

    Raises:
        FaultError: it contradicts itself, or its buckets' bounds are not known.
    """
    if struct.pack("<d", message.sum) == struct.pack("<Q", STALE_NAN_BITS):
        return HistogramSample(labels, message.timestamp, 0.0, STALE_NAN, 0, 0.0, 0.0)
    bounds = tuple(message.custom_values)
    _check_schema(message.schema, bounds)
    # One of the two of a oneof is set; the other one reads as zero.
    count = float(message.count_int or message.count_float)
    zero_count = float(message.zero_count_int or message.zero_count_float)
    positive_spans, positive = absolute_buckets(
        message.positive_spans, message.positive_deltas, message.positive_counts
    )
    negative_spans, negative = absolute_buckets(
        message.negative_spans, message.negative_deltas, message.negative_counts
    )
    check_counts(count, zero_count, (*positive, *negative), is_sum_nan=math.isnan(message.sum))
    if bounds and sum(gap + length for gap, length in positive_spans) > len(bounds) + 1:
        raise FaultError("a native histogram has more buckets than bounds")
    return HistogramSample(
        labels,
        message.timestamp,
        count,
        message.sum,
        message.schema,
        message.zero_threshold,
        zero_count,
        positive_spans,
        positive,
        negative_spans,
        negative,
        custom_bounds=bounds,
        is_gauge=message.reset_hint == GAUGE_HINT,
        start_ms=max(0, message.start_timestamp),
    )


def _check_schema(schema: int, bounds: Sequence[float]) -> None:
    if schema == SCHEMA_CUSTOM:
        if not bounds:
            raise FaultError(
                "a native histogram with custom buckets (schema -53) has no bounds, which remote write 1.0 does not "
                "carry; send it by 2.0"
            )
        if not all(map(math.isfinite, bounds)) or any(after <= before for before, after in pairwise(bounds)):
            raise FaultError("the bounds of a native histogram do not ascend")
    elif not SCHEMA_MIN <= schema <= SCHEMA_MAX:
        raise FaultError(f"the schema {schema} of a native histogram is not known")


def absolute_buckets(spans: Any, deltas: Any, counts: Any) -> tuple[Spans, tuple[float, ...]]:
    """Spans and absolute counts of one sign; counts come as differences, or else as they are.

    Raises:
        FaultError: they do not fit each other.
    """
    found = tuple((span.offset, span.length) for span in spans)
    absolute = tuple(map(float, accumulate(deltas))) if deltas else tuple(counts)
    if sum(length for _, length in found) != len(absolute):
        raise FaultError("the spans of a native histogram do not fit its buckets")
    if len(absolute) > BUCKETS_MAX:
        raise FaultError(f"a native histogram has more than {BUCKETS_MAX} buckets")
    if any(gap < 0 for gap, _ in found[1:]):
        raise FaultError("the spans of a native histogram overlap")
    return found, absolute


def check_counts(count: float, zero_count: float, buckets: Sequence[float], *, is_sum_nan: bool) -> None:
    """Raise `FaultError` unless the count is the sum of its parts."""
    observed = zero_count + sum(buckets)
    # A NaN among the counts makes one of their sum.
    if min(count, zero_count, *buckets) < 0 or math.isnan(observed + count):
        raise FaultError("a native histogram has a negative count")
    # Observations of NaN are counted and lie in no bucket.
    if observed - count > COUNT_TOLERANCE * count or (not is_sum_nan and count - observed > COUNT_TOLERANCE * count):
        raise FaultError("the count of a native histogram is not the sum of its buckets")


def fill_histogram(message: Any, histogram: HistogramSample, *, as_integers: bool = False) -> None:
    """Write a histogram into a `Histogram` message.

    Args:
        as_integers: as an integer histogram where all its counts are whole (and it is no gauge); else as a float one.
    """
    message.timestamp = histogram.time_ms
    message.sum = histogram.sum
    message.schema = histogram.schema
    message.zero_threshold = histogram.zero_threshold
    message.reset_hint = GAUGE_HINT if histogram.is_gauge else 0
    message.custom_values.extend(histogram.custom_bounds)
    for offset, length in histogram.positive_spans:
        message.positive_spans.add(offset=offset, length=length)
    for offset, length in histogram.negative_spans:
        message.negative_spans.add(offset=offset, length=length)
    if as_integers and _is_whole(histogram):
        message.count_int, message.zero_count_int = int(histogram.count), int(histogram.zero_count)
        message.positive_deltas.extend(_deltas(histogram.positive_counts))
        message.negative_deltas.extend(_deltas(histogram.negative_counts))
        return
    message.count_float, message.zero_count_float = histogram.count, histogram.zero_count
    message.positive_counts.extend(histogram.positive_counts)
    message.negative_counts.extend(histogram.negative_counts)


def _is_whole(histogram: HistogramSample) -> bool:
    counts = (histogram.count, histogram.zero_count, *histogram.positive_counts, *histogram.negative_counts)
    return not histogram.is_gauge and all(count.is_integer() and count <= WHOLE_MAX for count in counts)


def _deltas(counts: Sequence[float]) -> list[int]:
    """The first count, then by how much each one differs from the one before."""
    whole = [0, *map(int, counts)]
    return [after - before for before, after in pairwise(whole)]
