"""The notation of series and their values in rule unit tests: `up{job="x"}` and `0+1x5 _ stale`.

Source: https://prometheus.io/docs/prometheus/latest/configuration/unit_testing_rules/, section series.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TypeAlias

from anyascope.errors import InvalidInputError
from anyascope.model.labels import Labels, MatchOp, labels_of
from anyascope.model.metrics import STALE_NAN, HistogramSample
from anyascope.promql.parse import parse
from anyascope.promql.syntax import Select, unwrapped

VALUES_MAX = 1_000_000  # of one series; a year by the minute is 525,600

Value: TypeAlias = float | HistogramSample | None
"""A float, a native histogram (without labels and time), or None for a slot that is left out."""

_ITEM = re.compile(r"\{\{.*?\}\}(?:[+-]\{\{.*?\}\})?(?:x\d+)?(?=\s|$)|\S+", re.DOTALL)
_NUMBER = r"(?:\d+\.?\d*(?:e[+-]?\d+)?|\.\d+(?:e[+-]?\d+)?|inf|nan)"
_FLOAT = re.compile(rf"([+-]?{_NUMBER})(?:([+-]{_NUMBER}))?(?:x(\d+))?", re.IGNORECASE)
_OMITTED = re.compile(r"_(?:x(\d+))?")
_STALE = re.compile(r"stale(?:x(\d+))?")
_HISTOGRAM = re.compile(r"\{\{(.*?)\}\}(?:([+-])\{\{(.*?)\}\})?(?:x(\d+))?", re.DOTALL)
_PAIR = re.compile(r"(\w+):(\[[^\]]*\]|\S+)")


def parse_series(text: str) -> Labels:
    """The label set that a text such as `metric{label="value"}` describes; nothing, and `{}`, the empty one.

    Raises:
        InvalidInputError: it is none, or has matchers other than `=`.
    """
    if not text.strip() or text.replace(" ", "") == "{}":
        return ()
    root = unwrapped(parse(text).root)
    if not isinstance(root, Select) or root.range_ms or any(m.op is not MatchOp.EQUAL for m in root.matchers):
        raise InvalidInputError(f"must describe one series, got {text!r}")
    return labels_of((matcher.name, matcher.value) for matcher in root.matchers)


def parse_values(text: str) -> list[Value]:
    """The values that the notation stands for, one a slot.

    Raises:
        InvalidInputError: an item that is not in the notation, or more than `VALUES_MAX` values.
    """
    values: list[Value] = []
    for item in _ITEM.findall(text):
        for value in _expanded(item):
            values.append(value)
            if len(values) > VALUES_MAX:
                raise InvalidInputError(f"has more than {VALUES_MAX} values")
    return values


def _expanded(item: str) -> Iterator[Value]:
    if match := _OMITTED.fullmatch(item):
        yield from (None for _ in range(int(match.group(1) or 1)))
    elif match := _STALE.fullmatch(item):
        yield from (STALE_NAN for _ in range(int(match.group(1) or 0) + 1))
    elif match := _FLOAT.fullmatch(item):
        start, step, count = match.groups()
        value, delta = float(start), float(step or 0)
        for _ in range(int(count or 0) + 1):
            yield value
            value += delta
    elif match := _HISTOGRAM.fullmatch(item):
        yield from _histograms(match)
    else:
        raise InvalidInputError(f"{item!r} is not a value")


def _histograms(match: re.Match[str]) -> Iterator[HistogramSample]:
    first, sign, delta, count = match.groups()
    value = parse_histogram(first)
    for _ in range(int(count or 0) + 1):
        yield value
        if delta is not None:
            value = _added(value, parse_histogram(delta), 1.0 if sign == "+" else -1.0)


def parse_histogram(text: str) -> HistogramSample:
    """What stands between `{{` and `}}`, without labels and time.

    Raises:
        InvalidInputError: an unknown key or a malformed value.
    """
    pairs = dict(_PAIR.findall(text))
    try:
        histogram = HistogramSample(
            labels=(),
            time_ms=0,
            count=float(pairs.pop("count", 0)),
            sum=float(pairs.pop("sum", 0)),
            schema=int(pairs.pop("schema", 0)),
            zero_threshold=float(pairs.pop("z_bucket_w", 0)),
            zero_count=float(pairs.pop("z_bucket", 0)),
            is_gauge=pairs.pop("counter_reset_hint", "") == "gauge",
            custom_bounds=_numbers(pairs.pop("custom_values", "[]")),
        )
        positive, negative = _numbers(pairs.pop("buckets", "[]")), _numbers(pairs.pop("n_buckets", "[]"))
        offset, negative_offset = int(pairs.pop("offset", 0)), int(pairs.pop("n_offset", 0))
    except ValueError as error:
        raise InvalidInputError(f"histogram {{{{{text}}}}}: {error}") from error
    if pairs:
        raise InvalidInputError(f"histogram {{{{{text}}}}}: unknown {', '.join(pairs)}")
    return replace(
        histogram,
        positive_spans=((offset, len(positive)),) if positive else (),
        positive_counts=positive,
        negative_spans=((negative_offset, len(negative)),) if negative else (),
        negative_counts=negative,
    )


def _numbers(text: str) -> tuple[float, ...]:
    return tuple(float(number) for number in text.strip("[]").split())


def _added(first: HistogramSample, second: HistogramSample, sign: float) -> HistogramSample:
    """`first` plus or minus `second`, where their buckets lie on each other.

    Raises:
        InvalidInputError: schemas or buckets differ.
    """
    is_alike = (first.schema, first.positive_spans, first.negative_spans, first.custom_bounds) == (
        second.schema,
        second.positive_spans,
        second.negative_spans,
        second.custom_bounds,
    )
    if not is_alike:
        raise InvalidInputError("histograms that are added must have the same schema and buckets")

    def added(pick: Callable[[HistogramSample], tuple[float, ...]]) -> tuple[float, ...]:
        return tuple(a + sign * b for a, b in zip(pick(first), pick(second), strict=True))

    return replace(
        first,
        count=first.count + sign * second.count,
        sum=first.sum + sign * second.sum,
        zero_count=first.zero_count + sign * second.zero_count,
        positive_counts=added(lambda histogram: histogram.positive_counts),
        negative_counts=added(lambda histogram: histogram.negative_counts),
    )
