"""`</` and `>/`: a native histogram without the observations beyond a value.

Source: Prometheus, "Histogram trim operators": a bucket that is cut is interpolated, the sum is estimated anew from the
middles of what remains; nothing is assumed about buckets that are open at an end.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace

from anyascope.frames.histogram import Bucket, NativeHistogram, bound_of
from anyascope.promql.natives import compacted


@dataclass(frozen=True, slots=True)
class _Cut:
    """Where a histogram is cut, and which side stays."""

    at: float
    keeps_below: bool
    is_custom: bool

    def of(self, bucket: Bucket, *, is_negative: bool) -> tuple[float, float]:
        """How many observations of a bucket stay, and where their middle is."""
        lower, upper = bucket.lower, bucket.upper
        is_whole = upper <= self.at if self.keeps_below else lower >= self.at
        if is_whole:
            return bucket.count, self._middle(lower, upper, is_negative=is_negative)
        if not lower < self.at < upper:
            return 0.0, 0.0
        if math.isinf(lower) or math.isinf(upper):
            return self._of_open(bucket)
        below = bucket.count * self._part_below(lower, upper, is_negative=is_negative)
        if self.keeps_below:
            return below, self._middle(lower, self.at, is_negative=is_negative)
        return bucket.count - below, self._middle(self.at, upper, is_negative=is_negative)

    def _of_open(self, bucket: Bucket) -> tuple[float, float]:
        """A custom bucket without an end on one side: what reaches to a bound above zero begins at zero."""
        at, upper = self.at, bucket.upper
        if bucket.lower != -math.inf:
            return (0.0, 0.0) if self.keeps_below else (bucket.count, at)
        if self.keeps_below:
            if upper <= 0:
                return bucket.count, at
            return (bucket.count * at / upper, at / 2) if at > 0 and upper != math.inf else (0.0, 0.0)
        if at >= 0 and upper != math.inf:
            return bucket.count * (1 - at / upper), (at + upper) / 2
        return 0.0, 0.0

    def _part_below(self, lower: float, upper: float, *, is_negative: bool) -> float:
        if self.is_custom:
            return (self.at - lower) / (upper - lower)
        log_lower, log_upper, log_at = (math.log2(abs(each)) for each in (lower, upper, self.at))
        if is_negative:
            return 1 - (log_at - log_upper) / (log_lower - log_upper)
        return (log_at - log_lower) / (log_upper - log_lower)

    def _middle(self, lower: float, upper: float, *, is_negative: bool) -> float:
        if math.isinf(lower):
            if math.isinf(upper):
                return 0.0
            return upper / 2 if upper > 0 else upper
        if math.isinf(upper):
            return lower
        if self.is_custom:
            return (lower + upper) / 2
        middle = math.sqrt(abs(lower * upper))
        return -middle if is_negative else middle

    def of_zero(self, histogram: NativeHistogram, *, has_positive: bool, has_negative: bool) -> tuple[float, float]:
        """The zero bucket, which reaches to zero only where there is nothing on its other side."""
        lower = 0.0 if has_positive and not has_negative else -histogram.zero_threshold
        upper = 0.0 if has_negative and not has_positive else histogram.zero_threshold
        count = histogram.zero_count
        is_whole = upper <= self.at if self.keeps_below else lower >= self.at
        if is_whole:
            return count, (lower + upper) / 2
        if not lower < self.at < upper:
            return 0.0, 0.0
        kept = self.at - lower if self.keeps_below else upper - self.at
        return count * kept / (upper - lower), ((lower if self.keeps_below else upper) + self.at) / 2


def trimmed(histogram: NativeHistogram, at: float, *, keeps_below: bool) -> NativeHistogram:
    """The histogram with the observations up to (`keeps_below`) or from a value; itself where nothing is cut off."""
    cut = _Cut(at, keeps_below, histogram.is_custom)
    kept_sums: list[float] = []

    def side(buckets: Iterable[tuple[int, Bucket]], *, is_negative: bool) -> dict[int, float]:
        found: dict[int, float] = {}
        for index, bucket in buckets:
            found[index], middle = cut.of(bucket, is_negative=is_negative)
            kept_sums.append(found[index] * middle)
        return found

    schema = histogram.schema
    positive = side(
        ((index, histogram.positive_bucket(index, count)) for index, count in histogram.positive.items() if count),
        is_negative=False,
    )
    negative = side(
        (
            (index, Bucket(-bound_of(index, schema), -bound_of(index - 1, schema), count))
            for index, count in histogram.negative.items()
            if count
        ),
        is_negative=True,
    )
    zero_count = 0.0
    if histogram.zero_count > 0:
        zero_count, middle = cut.of_zero(histogram, has_positive=bool(positive), has_negative=bool(negative))
        kept_sums.append(zero_count * middle)
    before = compacted(histogram)
    if (positive, negative, zero_count) == (before.positive, before.negative, before.zero_count):
        return histogram
    return compacted(
        replace(
            histogram,
            count=zero_count + sum(positive.values()) + sum(negative.values()),
            sum=sum(kept_sums),
            zero_count=zero_count,
            positive=positive,
            negative=negative,
        )
    )
