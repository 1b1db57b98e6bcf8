"""`NativeHistogram`: one native histogram as the engine computes with it, and its buckets' bounds."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import Enum
from functools import lru_cache

from anyascope.model.labels import Labels
from anyascope.model.metrics import HistogramSample

SCHEMA_CUSTOM = -53  # buckets with bounds of their own, as classic histograms have them
SCHEMA_MIN, SCHEMA_MAX = -4, 8  # of exponential ones; above, buckets are merged to the highest known resolution
BOUNDS_KNOWN_MAX = 65_536  # bounds that are remembered: a histogram has 160 buckets, a hundred layouts occur together


class ResetHint(Enum):
    """What is known of a counter reset between a histogram and the one before it."""

    UNKNOWN = "unknown"
    RESET = "reset"
    NOT_RESET = "not_reset"
    GAUGE = "gauge"


@dataclass(frozen=True, slots=True)
class Bucket:
    """Observations between two bounds; which of them belongs to it follows from its place.

    Attributes:
        lower, upper: the bounds.
        count: observations in it, not cumulative.
        has_lower, has_upper: whether the bound itself is in it.
    """

    lower: float
    upper: float
    count: float
    has_lower: bool = False
    has_upper: bool = True


@dataclass(frozen=True, slots=True)
class NativeHistogram:
    """A float histogram with exponential or custom buckets.

    Attributes:
        schema: resolution, -4 to 8: bounds grow by 2 ** 2 ** -schema; `SCHEMA_CUSTOM` for custom bounds.
        positive, negative: bucket index -> observations in it, absolute; indices ascend.
        custom_bounds: upper bounds of a custom histogram's buckets without +Inf, ascending.
        hint: what is known of a reset between it and the one before it.

    Source: Prometheus, native histograms, "Data model".
    """

    schema: int = 0
    count: float = 0.0
    sum: float = 0.0
    zero_threshold: float = 0.0
    zero_count: float = 0.0
    positive: dict[int, float] = field(default_factory=dict)
    negative: dict[int, float] = field(default_factory=dict)
    custom_bounds: tuple[float, ...] = ()
    hint: ResetHint = ResetHint.UNKNOWN

    @staticmethod
    def of(sample: HistogramSample) -> NativeHistogram:
        """The histogram of a stored sample."""
        return NativeHistogram(
            sample.schema,
            sample.count,
            sample.sum,
            sample.zero_threshold,
            sample.zero_count,
            unspanned(sample.positive_spans, sample.positive_counts),
            unspanned(sample.negative_spans, sample.negative_counts),
            sample.custom_bounds,
            ResetHint.GAUGE if sample.is_gauge else ResetHint.UNKNOWN,
        )

    def sample(self, labels: Labels, time_ms: int) -> HistogramSample:
        """The histogram as it is stored."""
        positive, negative = _spanned(self.positive), _spanned(self.negative)
        return HistogramSample(
            labels=labels,
            time_ms=time_ms,
            count=self.count,
            sum=self.sum,
            schema=self.schema,
            zero_threshold=self.zero_threshold,
            zero_count=self.zero_count,
            positive_spans=positive,
            positive_counts=tuple(self.positive.values()),
            negative_spans=negative,
            negative_counts=tuple(self.negative.values()),
            custom_bounds=self.custom_bounds,
            is_gauge=self.hint is ResetHint.GAUGE,
        )

    @property
    def is_custom(self) -> bool:
        """Whether its buckets have bounds of their own."""
        return self.schema == SCHEMA_CUSTOM

    def buckets(self) -> Iterator[Bucket]:
        """Its populated and its explicitly empty buckets in ascending order of their bounds."""
        for index in reversed(self.negative):
            lower, upper = -bound_of(index, self.schema), -bound_of(index - 1, self.schema)
            yield Bucket(lower, upper, self.negative[index], has_lower=True, has_upper=False)
        if self.zero_count > 0:
            yield Bucket(-self.zero_threshold, self.zero_threshold, self.zero_count, has_lower=True)
        for index, count in self.positive.items():
            yield self.positive_bucket(index, count)

    def positive_bucket(self, index: int, count: float) -> Bucket:
        """The bucket of an index on the positive side."""
        if not self.is_custom:
            return Bucket(bound_of(index - 1, self.schema), bound_of(index, self.schema), count)
        bounds = self.custom_bounds
        lower = bounds[index - 1] if index > 0 else -math.inf
        upper = bounds[index] if index < len(bounds) else math.inf
        # A first bucket without a lower bound has it closed, as upstream shows it.
        return Bucket(lower, upper, count, has_lower=index == 0)


def unspanned(spans: Iterable[tuple[int, int]], counts: Sequence[float]) -> dict[int, float]:
    """Bucket index -> count, of spans (offset from the last one's end, length) and the counts along them."""
    found: dict[int, float] = {}
    index = place = 0
    for offset, length in spans:
        index += offset
        for _ in range(length):
            found[index] = counts[place]
            index += 1
            place += 1
    return found


def _spanned(buckets: Iterable[int]) -> tuple[tuple[int, int], ...]:
    """Spans (offset from the last one's end, length) of ascending bucket indices."""
    spans: list[tuple[int, int]] = []
    end = 0
    for index in buckets:
        if spans and index == end:
            spans[-1] = (spans[-1][0], spans[-1][1] + 1)
        else:
            spans.append((index - end, 1))
        end = index + 1
    return tuple(spans)


@lru_cache(maxsize=BOUNDS_KNOWN_MAX)
def bound_of(index: int, schema: int) -> float:
    """The upper bound of a positive exponential bucket; its lower one is that of `index - 1`.

    Source: Prometheus, native histograms, "Buckets": (2 ** 2 ** -schema) ** index, the largest float in place of infinity
    for the bucket that ends there.
    """
    exponent, rest = (index << -schema, 0) if schema <= 0 else divmod(index, 1 << schema)
    if exponent >= 1024:  # the exponent of doubles ends below
        return math.inf if exponent > 1024 or rest else _LARGEST
    return math.ldexp(_fractions(max(schema, 0))[rest], exponent + 1) if exponent > -1075 else 0.0


_LARGEST = math.ldexp(1.0 - 2.0**-53, 1024)  # the largest double


@lru_cache(maxsize=SCHEMA_MAX + 1)
def _fractions(schema: int) -> tuple[float, ...]:
    """The bounds from 0.5 to 1, without it, to the digit in which Prometheus and its clients have them.

    They multiply, which rounds; every second one is that of the coarser schema. Some differ from the nearest double in the
    last bit, and a bucket's bounds are shown and compared.

    Source: the Prometheus clients' sparse bucket bounds.
    """
    if schema == 0:
        return (0.5,)
    coarser, factor = _fractions(schema - 1), _go_exp2(_go_exp2(-schema))
    found: list[float] = []
    for place in range(1 << schema):
        found.append(found[-1] * factor if place % 2 else coarser[place // 2])
    return tuple(found)


_LN2_HIGH, _LN2_LOW = 6.93147180369123816490e-01, 1.90821492927058770002e-10
_REMEZ = (
    1.66666666666666657415e-01,
    -2.77777777770155933842e-03,
    6.61375632143793436117e-05,
    -1.65339022054652515390e-06,
    4.13813679705723846039e-08,
)


def _go_exp2(power: float) -> float:
    """2 ** power for -1023 < power <= 1 as Go's `math.Exp2` rounds it.

    Source: FreeBSD's `e_exp.c`, after which Go's is made.
    """
    whole = int(power + math.copysign(0.5, power))
    high, low = (power - whole) * _LN2_HIGH, -(power - whole) * _LN2_LOW
    reduced = high - low
    square = reduced * reduced
    series = 0.0
    for factor in reversed(_REMEZ):
        series = factor + square * series
    rest = reduced - square * series
    return math.ldexp(1 - ((low - (reduced * rest) / (2 - rest)) - high), whole)
