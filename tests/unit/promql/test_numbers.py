"""Numbers as Go writes them."""

from __future__ import annotations

import math

import pytest

from anyascope.promql.numbers import format_exponent, format_float, format_general


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (-0.0, "-0"),
        (1.0, "1"),
        (-1.5, "-1.5"),
        (0.1, "0.1"),
        (1e15, "1000000000000000"),
        (1e21, "1000000000000000000000"),
        (123456789012345680.0, "123456789012345680"),
        (1e-7, "0.0000001"),
        (1.5e-10, "0.00000000015"),
        (math.nan, "NaN"),
        (math.inf, "+Inf"),
        (-math.inf, "-Inf"),
    ],
)
def test_a_value_is_written_without_exponent(value: float, text: str) -> None:
    """`strconv.FormatFloat(value, 'f', -1, 64)`."""
    assert format_float(value) == text


@pytest.mark.parametrize(
    ("value", "text"), [(0.0, "0e+00"), (15.0, "1.5e+01"), (1.0, "1e+00"), (-2.5e-8, "-2.5e-08"), (math.inf, "+Inf")]
)
def test_an_alerts_value_has_an_exponent(value: float, text: str) -> None:
    """`strconv.FormatFloat(value, 'e', -1, 64)`."""
    assert format_exponent(value) == text


@pytest.mark.parametrize(("value", "text"), [(7.0, "7"), (1.1, "1.1"), (1e-7, "1e-07"), (1e21, "1e+21")])
def test_messages_switch_to_exponents(value: float, text: str) -> None:
    """`%g`."""
    assert format_general(value) == text
