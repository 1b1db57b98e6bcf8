"""What a caller says in numbers, checked: a wrong one is reported, and None stands in its place."""

from __future__ import annotations

import math
import operator

from anyascope.sdk.guard import quoted, report_misuse

# All satoshis that will ever be: 21 million coins. It lies below 2**53, so a gauge's 64-bit float holds every amount exactly.
AMOUNT_SATS_MAX = 21_000_000 * 100_000_000


def checked_number(what: str, value: object, *, least: float = -math.inf, most: float = math.inf) -> float | None:
    """The value where it is a finite number from `least` to `most`."""
    if (
        type(value) is float and least <= value <= most and value - value == 0.0
    ):  # the usual case, at a tenth of the cost
        return value
    number = _float_of(value)
    if number is None or not math.isfinite(number) or not least <= number <= most:
        report_misuse(f"{what} must be {_range_text('a number', least, most)}, got {quoted(value)}; it is not recorded")
        return None
    return number


def checked_count(what: str, value: object, *, most: int = 2**53) -> int | None:
    """The value where it is a whole number from 0 to `most`; an integral float is one."""
    number = _int_of(value)
    if number is None or not 0 <= number <= most:
        report_misuse(
            f"{what} must be {_range_text('a whole number', 0, most)}, got {quoted(value)}; it is not recorded"
        )
        return None
    return number


def checked_amount(what: str, value: object) -> int | None:
    """The value where it is an amount in satoshis: a whole number, never a float, from 0 to `AMOUNT_SATS_MAX`."""
    if type(value) is int and 0 <= value <= AMOUNT_SATS_MAX:
        return value
    number = None if issubclass(type(value), float) else _int_of(value)
    if number is None or not 0 <= number <= AMOUNT_SATS_MAX:
        wanted = _range_text("a whole number of satoshis", 0, AMOUNT_SATS_MAX)
        report_misuse(f"{what} must be {wanted}, got {quoted(value)}; it is not recorded")
        return None
    return number


def checked_share(what: str, value: object) -> float | None:
    """The value where it is a number; one outside 0 to 1 is reported, and the nearer bound is given."""
    number = checked_number(what, value)
    if number is None or 0 <= number <= 1:
        return number
    nearest = 0.0 if number < 0 else 1.0
    report_misuse(f"{what} must be from 0 to 1, got {quoted(value)}; {nearest:g} is recorded")
    return nearest


def _float_of(value: object) -> float | None:
    if issubclass(type(value), bool | str | bytes | bytearray):
        return None
    try:
        return float(value)  # type: ignore[arg-type]  # Decimal, Fraction, numpy's and other people's numbers
    except Exception:  # noqa: BLE001  # no number, one that is too large, or the host's own `__float__`
        return None


def _int_of(value: object) -> int | None:
    try:
        if issubclass(type(value), bool):
            return None
        if issubclass(type(value), float):
            return int(value) if value.is_integer() else None  # type: ignore[call-overload, attr-defined]  # it is a `float`
        return int(operator.index(value))  # type: ignore[arg-type]  # numpy's integers; raises for what is none
    except Exception:  # noqa: BLE001  # no number, or the host's own `__index__`
        return None


def _range_text(what: str, least: float, most: float) -> str:
    if math.isinf(least) and math.isinf(most):
        return f"{what} that is finite"
    return f"{what} from {least:.17g} to {most:.17g}" if math.isfinite(most) else f"{what} of {least:g} or more"
