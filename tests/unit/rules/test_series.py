"""The notation of series and values in rule unit tests."""

from __future__ import annotations

import math
import struct

import pytest

from anyascope.errors import AnyascopeError
from anyascope.model.metrics import STALE_NAN_BITS
from anyascope.rules.series import VALUES_MAX, parse_histogram, parse_series, parse_values


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("", []),
        ("1 2 -3.5 .5 1e3", [1, 2, -3.5, 0.5, 1000]),
        ("1x2", [1, 1, 1]),
        ("0x3", [0, 0, 0, 0]),
        ("1+2x2", [1, 3, 5]),
        ("-2+4x3", [-2, 2, 6, 10]),
        ("-10-2x1", [-10, -12]),
        ("3-2x1 7", [3, 1, 7]),
        ("1 _ _x2 2", [1, None, None, None, 2]),
        ("Inf -inf +Inf", [math.inf, -math.inf, math.inf]),
        ("+5+1x1 1.", [5, 6, 1]),
    ],
)
def test_values(text, values):
    """Each item stands for as many values as the notation says."""
    assert parse_values(text) == values


def test_stale_and_nan_differ():
    """`stale` is the staleness marker, `NaN` is not."""
    stale, nan = parse_values("stale NaN")

    assert int.from_bytes(struct.pack(">d", stale), "big") == STALE_NAN_BITS
    assert math.isnan(nan)
    assert struct.pack(">d", nan) != struct.pack(">d", stale)


def test_histograms():
    """A native histogram is read, repeated and added up."""
    first, second, third = parse_values(
        "{{schema:1 sum:3 count:2 buckets:[2 1] offset:-3}}+{{schema:1 sum:1 count:1 buckets:[1 0] offset:-3}}x2"
    )

    assert (first.schema, first.sum, first.count) == (1, 3, 2)
    assert first.positive == {-3: 2, -2: 1}
    assert (third.sum, third.count, third.positive) == (5, 4, {-3: 4, -2: 1})
    assert second != third


@pytest.mark.parametrize(
    "text",
    ["abc", "1x", "1+x2", "1+1", "1,2", "1+-1x2", "__", "stalex3", "{{sum:x}}", "{{nope:1}}", "{{}}+{{}}"],
)
def test_not_values(text):
    """An item that is not in the notation is refused."""
    with pytest.raises(AnyascopeError):
        parse_values(text)


def test_values_are_counted():
    """A repetition without end is refused before it fills the memory."""
    with pytest.raises(AnyascopeError, match=f"more than {VALUES_MAX} values"):
        parse_values("1x999999999999")


@pytest.mark.parametrize(
    ("text", "labels"),
    [
        ("up", {"__name__": "up"}),
        ("up{}", {"__name__": "up"}),
        ("up{job=\"a\", instance='b',}", {"__name__": "up", "job": "a", "instance": "b"}),
        ('{job="a"}', {"job": "a"}),
        ("{}", {}),
        ("", {}),
        ('up{a=""}', {"__name__": "up"}),
    ],
)
def test_series(text, labels):
    """A series is its name and its labels; an empty label is none."""
    assert dict(parse_series(text)) == labels


@pytest.mark.parametrize("text", ["up{", "up[5m]", 'up{a=~"b"}', "sum(up)", "1"])
def test_not_series(text):
    """What is not one series is refused."""
    with pytest.raises(AnyascopeError):
        parse_series(text)


def test_histogram_defaults():
    """Everything that a histogram leaves out is zero or empty."""
    histogram = parse_histogram("{{}}")

    assert (histogram.count, histogram.sum, histogram.schema, histogram.positive) == (0, 0, 0, {})
