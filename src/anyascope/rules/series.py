"""The notation of series and their values in rule unit tests: `up{job="x"}` and `0+1x5 _ stale`.

Source: https://prometheus.io/docs/prometheus/latest/configuration/unit_testing_rules/, section series.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TypeAlias

from anyascope.errors import InvalidInputError
from anyascope.frames.histogram import NativeHistogram
from anyascope.model.labels import Labels, MatchOp, labels_of
from anyascope.model.metrics import STALE_NAN
from anyascope.promql.parse import parse
from anyascope.promql.script import parse_row
from anyascope.promql.syntax import Select, unwrapped

VALUES_MAX = 1_000_000  # of one series; a year by the minute is 525,600

Value: TypeAlias = float | NativeHistogram | None
"""A float, a native histogram, or None for a slot that is left out."""

_HISTOGRAM = re.compile(r"\{\{[^}]*\}\}(?:[+-]\{\{[^}]*\}\}x\d+|x\d+)?(?=\s|$)")
_ITEM = re.compile(rf"{_HISTOGRAM.pattern}|\S+")
_NUMBER = r"(?:\d+\.?\d*(?:e[+-]?\d+)?|\.\d+(?:e[+-]?\d+)?|inf|nan)"
_FLOAT = re.compile(rf"([+-]?{_NUMBER})(?:(?:([+-]{_NUMBER}))?x(\d+))?", re.IGNORECASE)
_OMITTED = re.compile(r"_(?:x(\d+))?")


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
    elif item == "stale":
        yield STALE_NAN
    elif match := _FLOAT.fullmatch(item):
        start, step, count = match.groups()
        value, delta = float(start), float(step or 0)
        for _ in range(int(count or 0) + 1):
            yield value
            value += delta
    elif _HISTOGRAM.fullmatch(item):
        yield from parse_row(f"{{}} {item}").items
    else:
        raise InvalidInputError(f"{item!r} is not a value")


def parse_histogram(text: str) -> NativeHistogram:
    """The one histogram that a text such as `{{count:4 sum:5.6 buckets:[4]}}` stands for.

    Raises:
        InvalidInputError: it is none, or stands for several.
    """
    values = parse_values(text)
    if len(values) != 1 or not isinstance(values[0], NativeHistogram):
        raise InvalidInputError(f"must be one histogram, such as {{{{count:4 sum:5.6 buckets:[4]}}}}, got {text!r}")
    return values[0]
