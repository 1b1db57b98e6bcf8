"""Functions of single values: arithmetic, trigonometry, calendar."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from anyascope.promql.columns import Floats, Ints

S_PER_DAY = 86_400
SECONDS_MAX = 2.0**53  # beyond, seconds are no longer whole; far past any calendar


def sgn(values: Floats) -> Floats:
    """-1, 1, or the value itself where it is zero or NaN."""
    signs: Floats = np.where(values < 0, -1.0, np.where(values > 0, 1.0, values))
    return signs


def degrees(values: Floats) -> Floats:
    """Radians as degrees, rounded as Prometheus rounds."""
    return values * 180 / np.pi


def radians(values: Floats) -> Floats:
    """Degrees as radians, rounded as Prometheus rounds."""
    return values * np.pi / 180


def round_to(values: Floats, nearest: Floats | float = 1.0) -> Floats:
    """The nearest multiple; ties go up. Source: Prometheus, `round`: divides by the inverse."""
    inverse = 1.0 / np.asarray(nearest, np.float64)
    rounded: Floats = np.floor(values * inverse + 0.5) / inverse
    return rounded


def clamp(values: Floats, low: Floats | float, high: Floats | float) -> Floats:
    """The value, but not outside of the bounds; NaN stays, but an infinite value or bound wins over it.

    Source: Go, `math.Max` and `math.Min`.
    """
    upper = np.where(np.isneginf(values) | np.isneginf(high), -np.inf, np.minimum(high, values))
    clamped: Floats = np.where(np.isposinf(upper) | np.isposinf(low), np.inf, np.maximum(low, upper))
    return clamped


SIMPLE: dict[str, Callable[[Floats], Floats]] = {
    "abs": np.abs,
    "acos": np.arccos,
    "acosh": np.arccosh,
    "asin": np.arcsin,
    "asinh": np.arcsinh,
    "atan": np.arctan,
    "atanh": np.arctanh,
    "ceil": np.ceil,
    "cos": np.cos,
    "cosh": np.cosh,
    "deg": degrees,
    "exp": np.exp,
    "floor": np.floor,
    "ln": np.log,
    "log10": np.log10,
    "log2": np.log2,
    "rad": radians,
    "sgn": sgn,
    "sin": np.sin,
    "sinh": np.sinh,
    "sqrt": np.sqrt,
    "tan": np.tan,
    "tanh": np.tanh,
}


def _seconds(values: Floats) -> Ints:
    """Whole seconds since 1970, cut off towards zero."""
    with np.errstate(invalid="ignore"):
        bounded = np.where(np.abs(values) < SECONDS_MAX, values, 0.0)
    seconds: Ints = bounded.astype(np.int64)
    return seconds


def _days(values: Floats) -> Ints:
    days: Ints = np.floor_divide(_seconds(values), S_PER_DAY)
    return days


def _date(values: Floats) -> tuple[Ints, Ints, Ints]:
    """Year, month from 1 and day from 1 of the Gregorian calendar.

    Source: H. Hinnant, "chrono-Compatible Low-Level Date Algorithms", `civil_from_days`.
    """
    shifted = _days(values) + 719_468
    era = shifted // 146_097
    day_of_era = shifted - era * 146_097
    year_of_era = (day_of_era - day_of_era // 1_460 + day_of_era // 36_524 - day_of_era // 146_096) // 365
    day_of_year = day_of_era - (365 * year_of_era + year_of_era // 4 - year_of_era // 100)
    shifted_month = (5 * day_of_year + 2) // 153
    day = day_of_year - (153 * shifted_month + 2) // 5 + 1
    month = np.where(shifted_month < 10, shifted_month + 3, shifted_month - 9)
    year = year_of_era + era * 400 + (month <= 2)
    return year, month, day


def _is_leap(year: Ints) -> Ints:
    leap: Ints = ((year % 4 == 0) & ((year % 100 != 0) | (year % 400 == 0))).astype(np.int64)
    return leap


def _year(values: Floats) -> Ints:
    return _date(values)[0]


def _month(values: Floats) -> Ints:
    return _date(values)[1]


def _day_of_month(values: Floats) -> Ints:
    return _date(values)[2]


_DAYS_BEFORE = np.array([0, 0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334])
_DAYS_IN = np.array([0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31])


def _day_of_year(values: Floats) -> Ints:
    year, month, day = _date(values)
    days: Ints = _DAYS_BEFORE[month] + day + _is_leap(year) * (month > 2)
    return days


def _days_in_month(values: Floats) -> Ints:
    year, month, _ = _date(values)
    days: Ints = _DAYS_IN[month] + _is_leap(year) * (month == 2)
    return days


def _day_of_week(values: Floats) -> Ints:
    return (_days(values) + 4) % 7  # 1970 began on a Thursday; Sunday is 0


def _hour(values: Floats) -> Ints:
    return _seconds(values) % S_PER_DAY // 3600


def _minute(values: Floats) -> Ints:
    return _seconds(values) % 3600 // 60


CALENDAR: dict[str, Callable[[Floats], Ints]] = {
    "day_of_month": _day_of_month,
    "day_of_week": _day_of_week,
    "day_of_year": _day_of_year,
    "days_in_month": _days_in_month,
    "hour": _hour,
    "minute": _minute,
    "month": _month,
    "year": _year,
}
