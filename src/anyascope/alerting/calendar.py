"""Recurring times, such as working hours, in Alertmanager's `time_intervals`."""

from __future__ import annotations

import calendar
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from typing import TypeAlias
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from anyascope.clock import NS_PER_S
from anyascope.wire.settings import Section

Range: TypeAlias = tuple[int, int]

MINUTES_PER_DAY = 24 * 60

_WEEKDAYS = ("sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday")
_MONTHS = tuple(name.lower() for name in calendar.month_name)
_CLOCK = re.compile(r"(?:([01]\d|2[0-3]):([0-5]\d))|24:00", re.ASCII)
_NUMBER = re.compile(r"[+-]?\d{1,30}", re.ASCII)
_SHORTEST_MONTH_DAYS = 28  # a range that is empty in every month is a slip


@dataclass(frozen=True, slots=True)
class TimeInterval:
    """When it is "then": every part that was given must hold; an absent part always does.

    Attributes:
        times: minutes of the day, end exclusive.
        weekdays: 0 is Sunday, both ends inclusive.
        days_of_month: 1 to 31, or -31 to -1 counted from the month's end, inclusive.
        months: 1 to 12, inclusive.
        years: inclusive.
        location: the zone in which all of these are read; None is the machine's own.
    """

    times: tuple[Range, ...] = ()
    weekdays: tuple[Range, ...] = ()
    days_of_month: tuple[Range, ...] = ()
    months: tuple[Range, ...] = ()
    years: tuple[Range, ...] = ()
    location: tzinfo | None = UTC

    def contains(self, time_ns: int) -> bool:
        """Whether this moment is in it."""
        moment = datetime.fromtimestamp(time_ns / NS_PER_S, tz=UTC).astimezone(self.location)
        return (
            _in_times(self.times, moment.hour * 60 + moment.minute)
            and _in_ranges(self.weekdays, moment.isoweekday() % 7)
            and _in_days(self.days_of_month, moment)
            and _in_ranges(self.months, moment.month)
            and _in_ranges(self.years, moment.year)
        )


def is_within(intervals: Iterable[TimeInterval], time_ns: int) -> bool:
    """Whether this moment is in any of them."""
    return any(interval.contains(time_ns) for interval in intervals)


def _in_times(ranges: tuple[Range, ...], minute: int) -> bool:
    return not ranges or any(start <= minute < end for start, end in ranges)


def _in_ranges(ranges: tuple[Range, ...], value: int) -> bool:
    return not ranges or any(start <= value <= end for start, end in ranges)


def _in_days(ranges: tuple[Range, ...], moment: datetime) -> bool:
    if not ranges:
        return True
    length = calendar.monthrange(moment.year, moment.month)[1]
    return any(_from_start(start, length) <= moment.day <= _from_start(end, length) for start, end in ranges)


def _from_start(day: int, length: int) -> int:
    return day if day > 0 else length + day + 1


# --- reading ----------------------------------------------------------------------------------------------------------


def read_time_interval(section: Section) -> TimeInterval:
    """One entry of a `time_intervals` list; what is wrong is noted in the section."""
    times = tuple(_read_time_range(entry) for entry in section.sections("times"))
    interval = TimeInterval(
        times=tuple(found for found in times if found is not None),
        weekdays=_read_ranges(section, "weekdays", _parse_weekdays),
        days_of_month=_read_ranges(section, "days_of_month", _parse_days),
        months=_read_ranges(section, "months", _parse_months),
        years=_read_ranges(section, "years", _parse_years),
        location=_read_location(section),
    )
    section.done("timeinterval.TimeInterval")
    return interval


def _read_time_range(section: Section) -> Range | None:
    start, end = section.text("start_time", ""), section.text("end_time", "")
    section.done("timeinterval.yamlTimeRange")
    if not start or not end:
        section.wrong("both start and end times must be provided")
        return None
    try:
        found = parse_clock(start), parse_clock(end)
    except ValueError as error:
        section.wrong(str(error))
        return None
    if found[0] >= found[1]:
        section.wrong("start time cannot be equal or greater than end time")
        return None
    return found


def parse_clock(text: str) -> int:
    """The minute of the day of `HH:MM`; `24:00` is the day's end.

    Raises:
        ValueError: it is not one.
    """
    found = _CLOCK.fullmatch(text)
    if found is None:
        raise ValueError(f"couldn't parse timestamp {text}, invalid format")
    if found.group(1) is None:
        return MINUTES_PER_DAY
    return int(found.group(1)) * 60 + int(found.group(2))


def _read_ranges(section: Section, name: str, parse: Callable[[str, str], Range]) -> tuple[Range, ...]:
    found: list[Range] = []
    for text in map(str.lower, section.texts(name)):
        parts = text.split(":")
        if len(parts) > 2:
            section.wrong(f"couldn't parse range {text}, invalid format", name=name)
            continue
        try:
            found.append(parse(parts[0], parts[-1]))
        except ValueError as error:
            section.wrong(str(error), name=name)
    return tuple(found)


def _parse_weekdays(start: str, end: str) -> Range:
    for name in (start, end):
        if name not in _WEEKDAYS:
            raise ValueError(f"{name} is not a valid weekday")
    found = _WEEKDAYS.index(start), _WEEKDAYS.index(end)
    if found[0] > found[1]:
        raise ValueError("start day cannot be before end day")
    return found


def _parse_days(start: str, end: str) -> Range:
    found = _parse_number(start), _parse_number(end)
    for day in found:
        if day == 0 or abs(day) > 31:
            raise ValueError(f"{day} is not a valid day of the month: out of range")
    if found[0] < 0 < found[1]:
        raise ValueError("end day must be negative if start day is negative")
    if _in_shortest_month(found[0]) > _in_shortest_month(found[1]):
        raise ValueError(f"end day {found[1]} is always before start day {found[0]}")
    return found


def _in_shortest_month(day: int) -> int:
    return day if day > 0 else _SHORTEST_MONTH_DAYS + day


def _parse_months(start: str, end: str) -> Range:
    found = _parse_month(start), _parse_month(end)
    if found[0] > found[1]:
        first, last = (_MONTHS[month] if 1 <= month <= 12 else "" for month in found)
        raise ValueError(f"end month {last} is before start month {first}")
    return found


def _parse_month(text: str) -> int:
    """A month by name or number. As upstream has it, numbers are not bounded; the 13th never comes."""
    if text in _MONTHS[1:]:
        return _MONTHS.index(text)
    try:
        return _parse_number(text)
    except ValueError:
        raise ValueError(f"{text} is not a valid month") from None


def _parse_years(start: str, end: str) -> Range:
    found = _parse_number(start), _parse_number(end)
    if found[0] > found[1]:
        raise ValueError(f"end year {found[1]} is before start year {found[0]}")
    return found


def _parse_number(text: str) -> int:
    if _NUMBER.fullmatch(text) is None:
        raise ValueError(f'strconv.Atoi: parsing "{text}": invalid syntax')
    number = int(text)
    if abs(number) >= 2**63:
        raise ValueError(f'strconv.Atoi: parsing "{text}": value out of range')
    return number


def _read_location(section: Section) -> tzinfo | None:
    try:
        return _parse_location(section.text("location", "UTC"))
    except ValueError as error:
        section.wrong(str(error), name="location")
        return UTC


def _parse_location(text: str) -> tzinfo | None:
    if text in ("UTC", ""):
        return UTC
    if text == "Local":
        return None  # read anew at each moment: an offset of today would be an hour wrong after the clocks change
    if ".." in text.split("/") or text.startswith(("/", "\\")):
        raise ValueError("time: invalid location name")
    try:
        return ZoneInfo(text)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"unknown time zone {text}") from None
