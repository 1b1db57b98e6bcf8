"""Times and durations as requests write them, and as answers do."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from functools import lru_cache
from types import MappingProxyType

from anyascope.clock import NS_PER_S
from anyascope.errors import InvalidInputError

TIME_NS_MAX = 7_258_118_400 * NS_PER_S  # 2200-01-01: what the store's columns can tell apart from rubbish
TEXT_CHARS_MAX = 64  # the longest RFC 3339 time has 35
DEFAULT_START = "-1h"
DEFAULT_END = "now"
SECONDS_REMEMBERED = 4096  # a page of rows lies within some minutes, and rendering a second costs 2 µs

_UNITS_NS: Mapping[str, int] = MappingProxyType(
    {
        "ns": 1,
        "us": 1_000,
        "µs": 1_000,
        "ms": 1_000_000,
        "s": NS_PER_S,
        "m": 60 * NS_PER_S,
        "h": 3_600 * NS_PER_S,
        "d": 86_400 * NS_PER_S,
        "w": 604_800 * NS_PER_S,
        "y": 31_536_000 * NS_PER_S,
    }
)
_PART = r"(\d+)(?:\.(\d+))?(ns|us|µs|ms|s|m|h|d|w|y)"
_DURATION = re.compile(f"(?:{_PART})+", re.ASCII)
_DURATION_PART = re.compile(_PART, re.ASCII)
_RELATIVE = re.compile(r"(?:now)?\s*([+-])\s*(.+)")
_UNIX = re.compile(r"(\d{1,19})(?:\.(\d{1,9})\d*)?", re.ASCII)
_RFC3339 = re.compile(
    r"(\d{4}-\d\d-\d\d)(?:[Tt ](\d\d:\d\d)(?::(\d\d)(?:[.,](\d{1,9})\d*)?)?([Zz]|[+-]\d\d:?\d\d)?)?", re.ASCII
)
_TIME_FORMS = "an RFC 3339 time, Unix seconds, milliseconds or nanoseconds, `now`, or a distance from now such as -1h"


@dataclass(frozen=True, slots=True)
class TimeRange:
    """A stretch of time in UTC nanoseconds: `start_ns` inclusive, `end_ns` exclusive, never empty."""

    start_ns: int
    end_ns: int


def parse_duration_ns(text: str, *, name: str = "duration") -> int:
    """Nanoseconds of `10ms`, `1.5s`, `1h30m`; `0` is zero. A day has 24 hours, a year 365 days.

    Args:
        name: of the parameter, for the message.

    Raises:
        InvalidInputError: it is not one.
    """
    if text == "0":
        return 0
    if len(text) > TEXT_CHARS_MAX or _DURATION.fullmatch(text) is None:
        raise InvalidInputError(f"must be a duration such as 10ms or 1h30m, got {text[:TEXT_CHARS_MAX]!r}", path=name)
    return sum(
        int(whole) * _UNITS_NS[unit] + (int(part) * _UNITS_NS[unit] // 10 ** len(part) if part else 0)
        for whole, part, unit in _DURATION_PART.findall(text)
    )


def parse_time(text: str, *, now_ns: int, name: str = "time") -> int:
    """UTC nanoseconds of a time in a request.

    A bare number is told by its size: up to 11 digits are seconds (decimals allowed), up to 14 milliseconds, up to 17
    microseconds, more nanoseconds. A time without a zone is UTC.

    Raises:
        InvalidInputError: it is no time, or outside 1970 to 2200.
    """
    given = text.strip()
    if len(given) > TEXT_CHARS_MAX:
        raise InvalidInputError(f"must be {_TIME_FORMS}, got {len(given)} characters", path=name)
    time_ns = _read_time(given, now_ns=now_ns, name=name)
    if time_ns is None:
        raise InvalidInputError(f"must be {_TIME_FORMS}, got {given!r}", path=name)
    if not 0 <= time_ns <= TIME_NS_MAX:
        raise InvalidInputError(f"must lie between 1970 and 2200, got {given!r}", path=name)
    return time_ns


def parse_range(start: str, end: str, *, now_ns: int) -> TimeRange:
    """A stretch of time; an empty `start` is an hour ago, an empty `end` now.

    Raises:
        InvalidInputError: either is no time, or the end is not after the start.
    """
    start_ns = parse_time(start or DEFAULT_START, now_ns=now_ns, name="start")
    end_ns = parse_time(end or DEFAULT_END, now_ns=now_ns, name="end")
    if end_ns <= start_ns:
        raise InvalidInputError(
            f"must be after start: start is {format_time(start_ns)}, end is {format_time(end_ns)}", path="end"
        )
    return TimeRange(start_ns, end_ns)


def format_time(time_ns: int) -> str:
    """RFC 3339 in UTC with nanoseconds: `2026-11-23T22:51:00.123456789Z`."""
    seconds, nanoseconds = divmod(time_ns, NS_PER_S)
    return f"{_format_second(seconds)}.{nanoseconds:09d}Z"


@lru_cache(maxsize=SECONDS_REMEMBERED)
def _format_second(seconds: int) -> str:
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%S")


def _read_time(text: str, *, now_ns: int, name: str) -> int | None:
    if text == "now":
        return now_ns
    if relative := _RELATIVE.fullmatch(text):
        distance_ns = parse_duration_ns(relative[2], name=name)
        return now_ns - distance_ns if relative[1] == "-" else now_ns + distance_ns
    if unix := _UNIX.fullmatch(text):
        return _read_unix(unix[1], unix[2] or "")
    if written := _RFC3339.fullmatch(text):
        return _read_rfc3339(written)
    return None


def _read_unix(whole: str, part: str) -> int | None:
    digits = len(whole.lstrip("0"))
    if digits <= 11:
        return int(whole) * NS_PER_S + int(part.ljust(9, "0") if part else 0)
    if part:
        return None
    return int(whole) * (1_000_000 if digits <= 14 else 1_000 if digits <= 17 else 1)


def _read_rfc3339(written: re.Match[str]) -> int | None:
    day, minute, second, part, zone = written.groups()
    try:
        local = datetime.fromisoformat(f"{day}T{minute or '00:00'}:{second or '00'}").replace(tzinfo=_zone(zone))
    except ValueError:  # such as the 31st of February
        return None
    since = local - datetime(1970, 1, 1, tzinfo=UTC)
    return (since.days * 86_400 + since.seconds) * NS_PER_S + int((part or "0").ljust(9, "0"))


def _zone(text: str | None) -> timezone:
    if text is None or text in "Zz":
        return UTC
    offset = timedelta(hours=int(text[1:3]), minutes=int(text[-2:]))
    return timezone(-offset if text[0] == "-" else offset)
