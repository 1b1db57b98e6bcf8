"""What is read off one native histogram: quantiles, fractions, variance.

Source: Prometheus, query functions, `histogram_quantile`, `histogram_fraction`, `histogram_stdvar`: exponential
interpolation within exponential buckets, linear within custom ones and the zero bucket.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

from anyascope.frames.histogram import Bucket, NativeHistogram

FORWARD_BELOW = 0.5  # quantiles below are counted from the lowest bucket, others from the highest: less is rounded


def average(histogram: NativeHistogram) -> float:
    """The mean of the observations; NaN of an empty histogram."""
    return _quotient(histogram.sum, histogram.count)


def _quotient(dividend: float, divisor: float) -> float:
    if divisor:
        return dividend / divisor
    return math.nan if dividend == 0 or math.isnan(dividend) else math.copysign(math.inf, dividend)


def variance(histogram: NativeHistogram) -> float:
    """The population variance, each bucket's observations taken to lie in its middle."""
    mean = average(histogram)
    squares = (
        math.fsum(
            bucket.count * (_middle(histogram, bucket) - mean) ** 2 for bucket in histogram.buckets() if bucket.count
        )
        if math.isfinite(mean)
        else mean * mean
    )
    return _quotient(squares, histogram.count)


def _middle(histogram: NativeHistogram, bucket: Bucket) -> float:
    if histogram.is_custom:
        return (bucket.lower + bucket.upper) / 2
    if bucket.lower <= 0 <= bucket.upper:
        return 0.0
    middle = math.sqrt(bucket.lower * bucket.upper)
    return -middle if bucket.upper < 0 else middle


def quantile(histogram: NativeHistogram, wanted: float) -> float:
    """The value below which a share of the observations lies; below 0 -Inf, above 1 +Inf, NaN where nothing is known."""
    if wanted < 0 or wanted > 1:
        return math.copysign(math.inf, wanted)
    if histogram.count == 0 or math.isnan(wanted):
        return math.nan
    # Observations of NaN are in the count and in no bucket: only counting from below is right then.
    is_forward = math.isnan(histogram.sum) or wanted < FORWARD_BELOW
    rank = (wanted if is_forward else 1 - wanted) * histogram.count
    found = _at_rank(histogram, rank, is_forward=is_forward)
    if found is None:
        return math.nan
    bucket, counted = found
    open_end = _open_end(histogram, bucket)
    if open_end is not None:
        return open_end
    bucket = _narrowed(histogram, bucket)
    counted = min(counted, histogram.count)
    if counted < rank:
        return math.nan if math.isnan(histogram.sum) else bucket.upper
    within = rank - (counted - bucket.count) if is_forward else counted - rank
    return _interpolated(histogram, bucket, within / bucket.count)


def _open_end(histogram: NativeHistogram, bucket: Bucket) -> float | None:
    """What stands for a custom bucket that is open at one end and cannot be interpolated: its other end."""
    if histogram.is_custom and bucket.lower == -math.inf and bucket.upper <= 0:
        return bucket.upper
    if histogram.is_custom and bucket.upper == math.inf and bucket.lower != -math.inf:
        return bucket.lower
    return None


def _at_rank(histogram: NativeHistogram, rank: float, *, is_forward: bool) -> tuple[Bucket, float] | None:
    """The populated bucket in which a rank lies, or the last one, and how many observations there are up to its end."""
    buckets = [bucket for bucket in histogram.buckets() if bucket.count]
    counted = 0.0
    bucket = None
    for bucket in buckets if is_forward else reversed(buckets):
        counted += bucket.count
        if counted >= rank:
            break
    return (bucket, counted) if bucket is not None else None


def _narrowed(histogram: NativeHistogram, bucket: Bucket) -> Bucket:
    """A bucket that is known to hold nothing beyond zero reaches to zero only."""
    if histogram.is_custom:
        return replace(bucket, lower=0.0) if bucket.lower == -math.inf < 0 < bucket.upper else bucket
    if not bucket.lower < 0 < bucket.upper:
        return bucket
    if not histogram.negative and histogram.positive:
        return replace(bucket, lower=0.0)
    if not histogram.positive and histogram.negative:
        return replace(bucket, upper=0.0)
    return bucket


def _interpolated(histogram: NativeHistogram, bucket: Bucket, fraction: float) -> float:
    lower, upper = bucket.lower, bucket.upper
    if histogram.is_custom or lower <= 0 <= upper:
        return lower + (upper - lower) * fraction
    log_lower, log_upper = math.log2(abs(lower)), math.log2(abs(upper))
    if lower > 0:
        return float(2.0 ** (log_lower + (log_upper - log_lower) * fraction))
    return -float(2.0 ** (log_upper + (log_lower - log_upper) * (1 - fraction)))


def share(histogram: NativeHistogram, lower: float, upper: float) -> float:
    """Which part of the observations lies between two values."""
    if histogram.count == 0 or math.isnan(lower) or math.isnan(upper):
        return math.nan
    if lower >= upper:
        return 0.0
    return (_rank_of(histogram, upper) - _rank_of(histogram, lower)) / histogram.count


def _rank_of(histogram: NativeHistogram, value: float) -> float:
    """How many observations lie below a value."""
    rank = 0.0
    for bucket in _shown(histogram):
        if bucket.lower >= value:
            return min(rank, histogram.count)
        if bucket.upper > value:
            return min(rank + bucket.count * _part_below(histogram, bucket, value), histogram.count)
        rank += bucket.count
    return _all_counted(histogram, rank)


def _all_counted(histogram: NativeHistogram, rank: float) -> float:
    # Observations of NaN are beyond every value: they belong to no fraction.
    return rank if math.isnan(histogram.sum) else histogram.count


def _shown(histogram: NativeHistogram) -> Iterator[Bucket]:
    buckets = histogram.buckets()
    return buckets if histogram.is_custom else (_narrowed(histogram, bucket) for bucket in buckets)


def _part_below(histogram: NativeHistogram, bucket: Bucket, value: float) -> float:
    lower, upper = bucket.lower, bucket.upper
    if histogram.is_custom or lower <= 0 <= upper:
        if lower == -math.inf:
            return 1.0
        return (value - lower) / (upper - lower) if upper != math.inf else 0.0
    log_lower, log_upper, log_value = (math.log2(abs(each)) for each in (lower, upper, value))
    if value > 0:
        return (log_value - log_lower) / (log_upper - log_lower)
    return 1 - (log_value - log_upper) / (log_lower - log_upper)
