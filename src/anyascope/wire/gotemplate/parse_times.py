"""Reads a time by one of Go's layouts.

Source: https://pkg.go.dev/time#Parse.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from functools import lru_cache
from typing import Final

from anyascope.wire.gotemplate.errors import TemplateFunctionError
from anyascope.wire.gotemplate.times import DAYS, LAYOUT, MONTHS, NS_PER_S, GoTime
from anyascope.wire.gotemplate.values import quoted

_OFFSET: Final = r"[+-]\d{2}:?(?:\d{2})?:?(?:\d{2})?"
# What each element of a layout looks like in a text; offsets and fractions have rules of their own.
_PATTERNS: Final[Mapping[str, str]] = {
    "2006": r"(?P<year>\d{4})",
    "06": r"(?P<year2>\d{2})",
    "January": f"(?P<month_name>{'|'.join(MONTHS)})",
    "Jan": f"(?P<month_short>{'|'.join(name[:3] for name in MONTHS)})",
    "01": r"(?P<month>\d{2})",
    "1": r"(?P<month>\d{1,2})",
    "Monday": f"(?:{'|'.join(DAYS)})",
    "Mon": f"(?:{'|'.join(name[:3] for name in DAYS)})",
    "002": r"(?P<day_of_year>\d{3})",
    "__2": r"(?P<day_of_year>[ \d]{2}\d)",
    "02": r"(?P<day>\d{2})",
    "_2": r"(?P<day>[ \d]?\d)",
    "2": r"(?P<day>\d{1,2})",
    "15": r"(?P<hour>\d{1,2})",
    "03": r"(?P<hour12>\d{2})",
    "3": r"(?P<hour12>\d{1,2})",
    "04": r"(?P<minute>\d{2})",
    "4": r"(?P<minute>\d{1,2})",
    "05": r"(?P<second>\d{2})(?P<fraction_after>[.,]\d+)?",
    "5": r"(?P<second>\d{1,2})(?P<fraction_after>[.,]\d+)?",
    "PM": r"(?P<half>AM|PM)",
    "pm": r"(?P<half>am|pm)",
    "MST": r"(?P<zone>UTC|[A-Z]{3,5}|[+-]\d{2})",
}


def parse_time(layout: str, text: str) -> GoTime:
    """The time that a text says; UTC where it names no zone.

    Raises:
        TemplateFunctionError: the text is not of this layout, or out of range, in Go's words.
    """
    pattern = _pattern(layout)
    match = pattern.fullmatch(text) if pattern is not None else None
    if match is None:
        shown, wanted = quoted(text), quoted(layout)
        raise TemplateFunctionError(f"parsing time {shown} as {wanted}: cannot parse {shown} as {wanted}")
    found = {name: value for name, value in match.groupdict().items() if value}
    try:
        moment = _moment(found)
    except ValueError as error:
        raise TemplateFunctionError(f"parsing time {quoted(text)}: day out of range") from error
    seconds = (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(seconds=1)
    return GoTime(seconds * NS_PER_S + _fraction_ns(found), moment.tzinfo or UTC)


def _moment(found: Mapping[str, str]) -> datetime:
    year = int(found.get("year", "0") or "0") or _century(found) or 1
    zone = _zone(found)
    if "day_of_year" in found:
        return datetime(year, 1, 1, *_clock(found), tzinfo=zone) + timedelta(days=int(found["day_of_year"]) - 1)
    return datetime(year, _month(found), int(found.get("day", "1")), *_clock(found), tzinfo=zone)


def _century(found: Mapping[str, str]) -> int:
    if "year2" not in found:
        return 0
    short = int(found["year2"])
    return short + (1900 if short >= 69 else 2000)


def _month(found: Mapping[str, str]) -> int:
    if "month_name" in found:
        return MONTHS.index(found["month_name"]) + 1
    if "month_short" in found:
        return [name[:3] for name in MONTHS].index(found["month_short"]) + 1
    return int(found.get("month", "1"))


def _clock(found: Mapping[str, str]) -> tuple[int, int, int]:
    hour = int(found.get("hour", "0"))
    if "hour12" in found:
        hour = int(found["hour12"]) % 12 if "half" in found else int(found["hour12"])
        hour += 12 if found.get("half", "").lower() == "pm" else 0
    return hour, int(found.get("minute", "0")), int(found.get("second", "0"))


def _zone(found: Mapping[str, str]) -> tzinfo:
    offset = found.get("offset", "")
    if not offset or offset == "Z":
        return UTC  # names of zones say no offset, except those of the machine's own zone
    digits = re.sub(r"\D", "", offset).ljust(6, "0")
    length = timedelta(hours=int(digits[:2]), minutes=int(digits[2:4]), seconds=int(digits[4:6]))
    return timezone(-length if offset[0] == "-" else length) if length else UTC


def _fraction_ns(found: Mapping[str, str]) -> int:
    digits = (found.get("fraction") or found.get("fraction_after") or ".0")[1:10]
    return int(digits.ljust(9, "0"))


@lru_cache(maxsize=64)
def _pattern(layout: str) -> re.Pattern[str] | None:
    """None where an element comes twice, which nothing fits."""
    parts: list[str] = []
    at = 0
    for element in LAYOUT.finditer(layout):
        parts += [re.escape(layout[at : element.start()]), _piece(element.group())]
        at = element.end()
    try:
        return re.compile("".join([*parts, re.escape(layout[at:])]), re.ASCII)
    except re.error:
        return None


def _piece(element: str) -> str:
    if element[0] in ".,":
        count = len(element) - 1
        return rf"(?P<fraction>[.,]\d{{{count}}})" if element[1] == "0" else r"(?P<fraction>[.,]\d+)?"
    if element[0] == "Z":
        return f"(?P<offset>Z|{_OFFSET})"
    if element[0] == "-":
        return f"(?P<offset>{_OFFSET})"
    return _PATTERNS[element]
