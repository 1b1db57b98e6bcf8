"""Arithmetic of native histograms: adding and taking away, resolutions and zero buckets made alike, resets found.

Source: Prometheus, native histograms, "Data model" and "PromQL": histograms of different resolutions meet at the lower one,
zero buckets at the wider one, custom bounds at those that both have.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from anyascope.frames.histogram import NativeHistogram, ResetHint, bound_of
from anyascope.promql.numbers import format_general


class MixedSchemasError(Exception):
    """One histogram has exponential buckets, the other custom ones: nothing can be made of the two."""


@dataclass(frozen=True, slots=True)
class Combined:
    """Two histograms made one.

    Attributes:
        has_conflict: one follows a counter reset and the other does not.
        is_reconciled: their custom bounds differed, and only the common ones are left.
    """

    histogram: NativeHistogram
    has_conflict: bool = False
    is_reconciled: bool = False


def added(left: NativeHistogram, right: NativeHistogram) -> Combined:
    """The observations of both.

    Raises:
        MixedSchemasError: they have buckets of different kinds.
    """
    hint, has_conflict = _common_hint(left.hint, right.hint)
    combined = _combined(left, right, lambda a, b: a + b)
    return Combined(replace(combined.histogram, hint=hint), has_conflict, combined.is_reconciled)


def subtracted(left: NativeHistogram, right: NativeHistogram) -> Combined:
    """The observations of the left one without those of the right; a gauge, since it may fall.

    Raises:
        MixedSchemasError: they have buckets of different kinds.
    """
    _, has_conflict = _common_hint(left.hint, right.hint)
    combined = _combined(left, right, lambda a, b: a - b)
    return Combined(replace(combined.histogram, hint=ResetHint.GAUGE), has_conflict, combined.is_reconciled)


def scaled(histogram: NativeHistogram, factor: float) -> NativeHistogram:
    """Every count and the sum times a factor; a negative one makes it a gauge."""
    return _changed(histogram, lambda value: value * factor, is_gauge=factor < 0)


def divided(histogram: NativeHistogram, divisor: float) -> NativeHistogram:
    """Every count and the sum divided; by zero, as floats are, and no bucket remains."""
    if divisor == 0:
        blank = replace(histogram, positive={}, negative={})
        return _changed(blank, lambda value: _ratio(value, divisor), is_gauge=False)
    return _changed(histogram, lambda value: value / divisor, is_gauge=divisor < 0)


def _ratio(value: float, zero: float) -> float:
    if value == 0 or math.isnan(value):
        return math.nan
    return math.copysign(math.inf, value) * math.copysign(1.0, zero)


def _changed(histogram: NativeHistogram, change: Callable[[float], float], *, is_gauge: bool) -> NativeHistogram:
    return replace(
        histogram,
        count=change(histogram.count),
        sum=change(histogram.sum),
        zero_count=change(histogram.zero_count),
        positive={index: change(count) for index, count in histogram.positive.items()},
        negative={index: change(count) for index, count in histogram.negative.items()},
        hint=ResetHint.GAUGE if is_gauge else histogram.hint,
    )


def _common_hint(left: ResetHint, right: ResetHint) -> tuple[ResetHint, bool]:
    """What is known of both together, and whether they contradict one another."""
    if left is right:
        return left, False
    if ResetHint.GAUGE in {left, right}:
        return ResetHint.GAUGE, False
    return ResetHint.UNKNOWN, ResetHint.UNKNOWN not in {left, right}


def _combined(left: NativeHistogram, right: NativeHistogram, operation: Callable[[float, float], float]) -> Combined:
    if left.is_custom != right.is_custom:
        raise MixedSchemasError
    is_reconciled = left.custom_bounds != right.custom_bounds
    if is_reconciled:
        common = tuple(sorted(set(left.custom_bounds) & set(right.custom_bounds)))
        left, right = with_bounds(left, common), with_bounds(right, common)
    elif not left.is_custom:
        left, right = with_common_zero(left, right)
        schema = min(left.schema, right.schema)
        left, right = at_schema(left, schema), at_schema(right, schema)
    histogram = replace(
        left,
        count=operation(left.count, right.count),
        sum=operation(left.sum, right.sum),
        zero_count=operation(left.zero_count, right.zero_count),
        positive=_merged(left.positive, right.positive, operation),
        negative=_merged(left.negative, right.negative, operation),
    )
    return Combined(histogram, is_reconciled=is_reconciled)


def _merged(
    left: dict[int, float], right: dict[int, float], operation: Callable[[float, float], float]
) -> dict[int, float]:
    if left.keys() == right.keys():
        return {index: operation(count, right[index]) for index, count in left.items()}
    indices = sorted(left.keys() | right.keys())
    return {index: operation(left.get(index, 0.0), right.get(index, 0.0)) for index in indices}


def summed(histograms: Sequence[NativeHistogram], *, is_mean: bool) -> Combined:
    """The sum or mean of many histograms, without rounding on the way.

    Raises:
        MixedSchemasError: they have buckets of different kinds.
    """
    first = histograms[0]
    if any(each.is_custom != first.is_custom for each in histograms):
        raise MixedSchemasError
    hints = {each.hint for each in histograms}
    bounds = {each.custom_bounds for each in histograms}
    alike = _alike(histograms)
    divisor = len(histograms) if is_mean else 1

    def of(values: Iterable[float]) -> float:
        return exact_sum(values, divisor=divisor)

    histogram = replace(
        alike[0],
        count=of(each.count for each in alike),
        sum=of(each.sum for each in alike),
        zero_count=of(each.zero_count for each in alike),
        positive=_added_buckets([each.positive for each in alike], of),
        negative=_added_buckets([each.negative for each in alike], of),
        hint=_hint_of(hints),
    )
    return Combined(histogram, {ResetHint.RESET, ResetHint.NOT_RESET} <= hints, len(bounds) > 1)


def _hint_of(hints: set[ResetHint]) -> ResetHint:
    if ResetHint.GAUGE in hints:
        return ResetHint.GAUGE
    return next(iter(hints)) if len(hints) == 1 else ResetHint.UNKNOWN


def _alike(histograms: Sequence[NativeHistogram]) -> list[NativeHistogram]:
    """The histograms at one resolution, with one zero bucket, with the bounds that all have."""
    if histograms[0].is_custom:
        common = set(histograms[0].custom_bounds).intersection(*(each.custom_bounds for each in histograms))
        bounds = tuple(sorted(common))
        return [with_bounds(each, bounds) for each in histograms]
    alike = list(histograms)
    while len({each.zero_threshold for each in alike}) > 1:
        widest = max(each.zero_threshold for each in alike)
        alike = [each if each.zero_threshold == widest else _zero_widened(each, widest) for each in alike]
    schema = min(each.schema for each in alike)
    return [at_schema(each, schema) for each in alike]


def _added_buckets(buckets: Sequence[dict[int, float]], of: Callable[[Iterable[float]], float]) -> dict[int, float]:
    indices = sorted(set().union(*buckets))
    return {index: of(each[index] for each in buckets if index in each) for index in indices}


def exact_sum(values: Iterable[float], *, divisor: int = 1) -> float:
    """The sum, or a mean, without rounding on the way; as floats add where the sum is not finite."""
    numbers = list(values)
    try:
        return math.fsum(numbers) / divisor
    except (OverflowError, ValueError):
        # The mean of huge numbers is finite though their sum is not.
        return float(sum(number / divisor for number in numbers))


def at_schema(histogram: NativeHistogram, schema: int) -> NativeHistogram:
    """The histogram at a lower resolution: neighbouring buckets become one."""
    steps = histogram.schema - schema
    if steps <= 0 or histogram.is_custom:
        return histogram
    return replace(
        histogram,
        schema=schema,
        positive=_coarser(histogram.positive, steps),
        negative=_coarser(histogram.negative, steps),
    )


def _coarser(buckets: dict[int, float], steps: int) -> dict[int, float]:
    found: dict[int, float] = {}
    for index, count in buckets.items():
        # A bucket's upper bound is that of its index: indices 1 and 2 become 1, 3 and 4 become 2.
        wider = ((index - 1) >> steps) + 1
        found[wider] = found.get(wider, 0.0) + count
    return found


def with_bounds(histogram: NativeHistogram, bounds: tuple[float, ...]) -> NativeHistogram:
    """A custom histogram with fewer bounds, all of which it has."""
    if histogram.custom_bounds == bounds:
        return histogram
    found: dict[int, float] = {}
    place = 0
    for index, count in histogram.positive.items():
        upper = histogram.custom_bounds[index] if index < len(histogram.custom_bounds) else math.inf
        while place < len(bounds) and bounds[place] < upper:
            place += 1
        found[place] = found.get(place, 0.0) + count
    return replace(histogram, custom_bounds=bounds, positive=found)


def with_common_zero(left: NativeHistogram, right: NativeHistogram) -> tuple[NativeHistogram, NativeHistogram]:
    """Both with the same zero bucket, wide enough that it cuts no populated bucket of either."""
    while left.zero_threshold != right.zero_threshold:
        if left.zero_threshold < right.zero_threshold:
            left = _zero_widened(left, right.zero_threshold)
        else:
            right = _zero_widened(right, left.zero_threshold)
    return left, right


def _zero_widened(histogram: NativeHistogram, threshold: float) -> NativeHistogram:
    """The histogram with a zero bucket of at least this width; what lies in it is counted in it."""
    count, threshold = zero_count_within(histogram, threshold)
    schema = histogram.schema
    return replace(
        histogram,
        zero_threshold=threshold,
        zero_count=count,
        positive={index: n for index, n in histogram.positive.items() if bound_of(index - 1, schema) >= threshold},
        negative={index: n for index, n in histogram.negative.items() if bound_of(index - 1, schema) >= threshold},
    )


def zero_count_within(histogram: NativeHistogram, threshold: float) -> tuple[float, float]:
    """Observations within a wider zero bucket, and its width, widened further where it would cut a populated bucket."""
    if threshold == histogram.zero_threshold:
        return histogram.zero_count, threshold
    schema = histogram.schema
    while True:
        count, needed = histogram.zero_count, threshold
        for buckets in (histogram.positive, histogram.negative):
            for index, inside in buckets.items():
                if bound_of(index - 1, schema) >= needed:
                    break
                count += inside
                if bound_of(index, schema) > needed and inside:
                    needed = bound_of(index, schema)
        if needed == threshold:
            return count, threshold
        threshold = needed


def compacted(histogram: NativeHistogram) -> NativeHistogram:
    """The histogram without empty buckets."""
    if all(histogram.positive.values()) and all(histogram.negative.values()):
        return histogram
    return replace(
        histogram,
        positive={index: count for index, count in histogram.positive.items() if count},
        negative={index: count for index, count in histogram.negative.items() if count},
    )


def is_equal(left: NativeHistogram, right: NativeHistogram) -> bool:
    """Whether they are the same but for empty buckets and what is known of resets; NaN equals NaN of the same bits."""
    a, b = compacted(left), compacted(right)
    return (a.schema, a.zero_threshold, a.custom_bounds, a.positive, a.negative) == (
        b.schema,
        b.zero_threshold,
        b.custom_bounds,
        b.positive,
        b.negative,
    ) and all(map(_is_same, (a.count, a.sum, a.zero_count), (b.count, b.sum, b.zero_count)))


def _is_same(left: float, right: float) -> bool:
    return left == right or (math.isnan(left) and math.isnan(right))


def is_reset(current: NativeHistogram, previous: NativeHistogram) -> bool:
    """Whether a counter was reset between two histograms of a series.

    Source: Prometheus, native histograms, "Counter reset handling".
    """
    if current.hint in {ResetHint.RESET, ResetHint.NOT_RESET}:
        return current.hint is ResetHint.RESET
    if current.count < previous.count or current.is_custom != previous.is_custom:
        return True
    if current.is_custom:
        if current.custom_bounds != previous.custom_bounds:
            common = tuple(sorted(set(current.custom_bounds) & set(previous.custom_bounds)))
            current, previous = with_bounds(current, common), with_bounds(previous, common)
        return _has_fallen(current.positive, previous.positive)
    if current.schema > previous.schema or current.zero_threshold < previous.zero_threshold:
        return True
    if zero_count_within(previous, current.zero_threshold)[1] != current.zero_threshold:
        return True
    widened = _zero_widened(at_schema(previous, current.schema), current.zero_threshold)
    return (
        current.zero_count < zero_count_within(previous, current.zero_threshold)[0]
        or _has_fallen(current.positive, widened.positive)
        or _has_fallen(current.negative, widened.negative)
    )


def _has_fallen(current: dict[int, float], previous: dict[int, float]) -> bool:
    return any(current.get(index, 0.0) < count for index, count in previous.items())


def written(histogram: NativeHistogram) -> str:
    """The histogram as Prometheus writes it where a text is wanted: `{count:3, sum:4, (1,2]:3}`."""
    parts = [f"count:{format_general(histogram.count)}", f"sum:{format_general(histogram.sum)}"]
    for bucket in histogram.buckets():
        if bucket.count:
            begin, end = "[" if bucket.has_lower else "(", "]" if bucket.has_upper else ")"
            bounds = f"{format_general(bucket.lower)},{format_general(bucket.upper)}"
            parts.append(f"{begin}{bounds}{end}:{format_general(bucket.count)}")
    return f"{{{', '.join(parts)}}}"
