"""Numbers as Go writes them, which Prometheus' labels, messages and answers show."""

from __future__ import annotations

import math
from decimal import Decimal

_PLAIN_MAX = 1e15  # whole numbers below are exact and need no thought


def format_float(value: float) -> str:
    """The shortest decimal without exponent that reads back as the value, `NaN`, `+Inf` or `-Inf`.

    Source: Go, `strconv.FormatFloat(value, 'f', -1, 64)`.
    """
    if value != value:  # noqa: PLR0124 — NaN, told without a call: this runs once a sample
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    if value.is_integer() and abs(value) < _PLAIN_MAX:
        return "-0" if value == 0 and math.copysign(1, value) < 0 else str(int(value))
    text = repr(value)
    if "e" in text:
        text = format(Decimal(text), "f")
    return text.removesuffix(".0")


def format_general(value: float) -> str:
    """As `format_float`, but very large and very small numbers with an exponent. Source: Go, `fmt` verb `%g`."""
    if math.isfinite(value) and value != 0 and not 1e-4 <= abs(value) < 1e21:
        return format_exponent(value)
    return format_float(value)


def format_exponent(value: float) -> str:
    """With one digit before the point and an exponent. Source: Go, `strconv.FormatFloat(value, 'e', -1, 64)`."""
    if not math.isfinite(value):
        return format_float(value)
    digits = Decimal(repr(value)).normalize()
    mantissa, _, exponent = f"{digits:e}".partition("e")
    return f"{mantissa}e{exponent[0]}{exponent[1:].zfill(2)}"
