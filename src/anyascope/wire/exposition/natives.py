"""Native histograms of the protobuf format, and how to make them smaller.

Source: prometheus/client_model, `metrics.proto`; Prometheus 3, how it takes native histograms in.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

from anyascope.errors import InvalidInputError
from anyascope.model.metrics import HistogramSample
from anyascope.wire.exposition.lines import ExpositionError
from anyascope.wire.otlp.buckets import SCHEMA_MAX, SCHEMA_MIN, by_index, coarsen, spans_of
from anyascope.wire.prompb.decoded import FaultError
from anyascope.wire.prompb.histograms import SCHEMA_CUSTOM, absolute_buckets, check_counts

_FINEST = 52  # of any exponential histogram; what is finer than `SCHEMA_MAX` is merged to it
_NS_PER_MS = 1_000_000
_MS_PER_S = 1000


class BucketLimitError(InvalidInputError):
    """A histogram that cannot be made as small as the limit asks for."""

    code = "bucket_limit"


def is_native(message: Any) -> bool:
    """Whether a `Histogram` message has a native part, be it without any observation."""
    return bool(message.positive_span or message.negative_span or message.zero_threshold or message.zero_count)


def native_of(message: Any, *, is_gauge: bool, family: str) -> HistogramSample:
    """The native part of a `Histogram` message, without labels and time.

    Raises:
        ExpositionError: it contradicts itself, or its buckets' bounds are not known.
    """
    if not SCHEMA_MIN <= message.schema <= _FINEST:
        raise ExpositionError(f"the schema {message.schema} of the native histogram {family} is not known")
    count = message.sample_count_float or float(message.sample_count)
    zero_count = message.zero_count_float or float(message.zero_count)
    try:
        positive_spans, positive = absolute_buckets(
            message.positive_span, message.positive_delta, message.positive_count
        )
        negative_spans, negative = absolute_buckets(
            message.negative_span, message.negative_delta, message.negative_count
        )
        check_counts(count, zero_count, (*positive, *negative), is_sum_nan=math.isnan(message.sample_sum))
    except FaultError as error:
        raise ExpositionError(f"{error.fault} ({family})") from error
    found = HistogramSample(
        labels=(),
        time_ms=0,
        count=count,
        sum=message.sample_sum if not math.isnan(message.sample_sum) else math.nan,
        schema=message.schema,
        zero_threshold=message.zero_threshold,
        zero_count=zero_count,
        positive_spans=positive_spans,
        positive_counts=positive,
        negative_spans=negative_spans,
        negative_counts=negative,
        is_gauge=is_gauge,
        start_ms=max(0, timestamp_ms(message.created_timestamp)),
    )
    return at_most_schema(found, SCHEMA_MAX)


def timestamp_ms(message: Any) -> int:
    """Milliseconds of a `Timestamp` message; 0 for an absent one."""
    return int(message.seconds) * _MS_PER_S + int(message.nanos) // _NS_PER_MS


def at_most_schema(histogram: HistogramSample, schema: int) -> HistogramSample:
    """The same at this resolution, where its own is finer."""
    if histogram.schema <= schema or histogram.schema == SCHEMA_CUSTOM:
        return histogram
    steps = histogram.schema - schema
    positive_spans, positive = spans_of(coarsen(by_index(histogram.positive_spans, histogram.positive_counts), steps))
    negative_spans, negative = spans_of(coarsen(by_index(histogram.negative_spans, histogram.negative_counts), steps))
    return replace(
        histogram,
        schema=schema,
        positive_spans=positive_spans,
        positive_counts=positive,
        negative_spans=negative_spans,
        negative_counts=negative,
    )


def at_most_buckets(histogram: HistogramSample, limit: int) -> HistogramSample:
    """The same with neighbours merged until it has no more buckets than this.

    Raises:
        BucketLimitError: at the coarsest resolution it still has more, or its bounds are its own.
    """
    while len(histogram.positive_counts) + len(histogram.negative_counts) > limit:
        if histogram.schema <= SCHEMA_MIN:
            raise BucketLimitError("histogram bucket limit exceeded")
        histogram = at_most_schema(histogram, histogram.schema - 1)
    return histogram


def schema_of_factor(factor: float) -> int:
    """The coarsest resolution whose buckets grow by at most this factor from one to the next.

    Source: Prometheus configuration, `native_histogram_min_bucket_factor`.
    """
    if factor <= 1:
        return SCHEMA_MAX
    return min(SCHEMA_MAX, max(SCHEMA_MIN, -math.floor(math.log2(math.log2(factor)))))
