"""Silences that recur: their windows as time intervals, and when the next one begins or ends."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from anyascope.alerting.calendar import MINUTES_PER_DAY, TimeInterval, is_within, parse_clock
from anyascope.clock import NS_PER_S
from anyascope.errors import InvalidInputError
from anyascope.model.silences import Recurrence

WEEKDAYS = ("sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday")
_DAYS_AHEAD = 8  # a window starts on each of its weekdays, so that the next one is at most a week away


def read_recurrence(*, start: str, end: str, weekdays: Iterable[str], location: str) -> Recurrence:
    """A recurrence as people write it: times as `HH:MM`, weekdays by name (`monday`, `mon`), a zone by IANA's name.

    Raises:
        InvalidInputError: a time, weekday or zone is none, or the window is empty; `path` names the field.
    """
    minutes = [_minute(name, text) for name, text in (("start_time", start), ("end_time", end))]
    if minutes[0] == minutes[1] or minutes[0] == MINUTES_PER_DAY:
        raise InvalidInputError(f"a window from {start} to {end} is empty", path="recurrence.end_time")
    days = sorted({_weekday(name) for name in weekdays})
    try:
        ZoneInfo(location or "UTC")
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise InvalidInputError(f"unknown time zone {location[:64]!r}", path="recurrence.location") from None
    return Recurrence(minutes[0], minutes[1], weekdays=tuple(days), location=location or "UTC")


def is_in_window(recurrence: Recurrence, time_ns: int) -> bool:
    """Whether this moment is in one of its windows."""
    return is_within(_intervals(recurrence), time_ns)


def next_edge_ns(recurrence: Recurrence, now_ns: int) -> int | None:
    """When the next window begins or ends, after now. UTC nanoseconds."""
    zone = ZoneInfo(recurrence.location)
    today = datetime.fromtimestamp(now_ns / NS_PER_S, tz=UTC).astimezone(zone)
    midnight = today.replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None)
    edges = (
        int((midnight + timedelta(days=day, minutes=minute)).replace(tzinfo=zone).timestamp()) * NS_PER_S
        for day in range(_DAYS_AHEAD)
        for minute in (recurrence.start_minute, recurrence.end_minute)
    )
    is_in = is_in_window(recurrence, now_ns)
    return next((edge for edge in sorted(edges) if edge > now_ns and is_in_window(recurrence, edge) is not is_in), None)


def describe(recurrence: Recurrence) -> str:
    """`22:00 to 06:00 Europe/Berlin on monday, friday`."""
    days = ", ".join(WEEKDAYS[day] for day in recurrence.weekdays)
    window = f"{clock_text(recurrence.start_minute)} to {clock_text(recurrence.end_minute)} {recurrence.location}"
    return f"{window} on {days}" if days else f"{window} every day"


def clock_text(minute: int) -> str:
    """`HH:MM` of a minute of the day."""
    return f"{minute // 60:02d}:{minute % 60:02d}"


@lru_cache(maxsize=1024)
def _intervals(recurrence: Recurrence) -> Sequence[TimeInterval]:
    """One interval a day, or two where a window goes past midnight."""
    zone, days = ZoneInfo(recurrence.location), recurrence.weekdays
    start, end = recurrence.start_minute, recurrence.end_minute
    if start < end:
        return (TimeInterval(times=((start, end),), weekdays=_ranges(days), location=zone),)
    evening = TimeInterval(times=((start, MINUTES_PER_DAY),), weekdays=_ranges(days), location=zone)
    after = tuple((day + 1) % 7 for day in days)
    return (evening, TimeInterval(times=((0, end),), weekdays=_ranges(after), location=zone))


def _ranges(days: tuple[int, ...]) -> tuple[tuple[int, int], ...]:
    return tuple((day, day) for day in days)


def _minute(name: str, text: str) -> int:
    try:
        return parse_clock(text)
    except ValueError:
        raise InvalidInputError(
            f"must be a time of day such as 22:00, got {text[:32]!r}", path=f"recurrence.{name}"
        ) from None


def _weekday(text: str) -> int:
    name = text.strip().lower()
    found = [index for index, day in enumerate(WEEKDAYS) if len(name) >= 3 and day.startswith(name)]
    if not found:
        raise InvalidInputError(f"{text[:32]!r} is not a weekday", path="recurrence.weekdays")
    return found[0]
