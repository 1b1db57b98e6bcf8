"""Go's `time.Time` and `time.Duration` as templates see them, with Go's layouts.

Source: https://pkg.go.dev/time, constants Layout and following.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta, tzinfo

from anyascope.wire.gotemplate.errors import TemplateFunctionError
from anyascope.wire.gotemplate.values import DataObject, Function

NS_PER_S = 1_000_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FRACTION_DIGITS = 9
LAYOUT = re.compile(
    r"2006|January|Monday|002|[.,](?:0+|9+)(?!\d)|Z07:00:00|Z07:00|Z0700|Z07|-07:00:00|-07:00|-0700|-07"
    r"|Jan(?![a-z])|Mon(?![a-z])|MST|__2|_2|01|02|03|04|05|06|15|PM|pm|1|2|3|4|5"
)


MONTHS = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)
DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


class GoTime(DataObject):
    """A moment in a zone.

    Args:
        ns: UTC nanoseconds since 1970.
        zone: where it is shown.

    Raises:
        TemplateFunctionError: before the year 1 or past 9999.
    """

    type_name = "time.Time"

    def __init__(self, ns: int, zone: tzinfo = UTC) -> None:
        self.ns = ns
        try:
            self.local = (_EPOCH + timedelta(microseconds=ns // 1000)).astimezone(zone)
        except OverflowError as error:
            raise TemplateFunctionError("time is out of range") from error

    @property
    def zone(self) -> str:
        """The zone's short name, such as `CET`; its offset where it has none."""
        name = self.local.tzname()
        if name and (name == "UTC" or not name.startswith("UTC")):
            return name
        return _offset(self.local.utcoffset() or timedelta(), "-0700")

    def template_text(self) -> str:
        return format_time(self, "2006-01-02 15:04:05.999999999 -0700 MST")

    def rfc3339(self) -> str:
        """How it stands in JSON."""
        return format_time(self, "2006-01-02T15:04:05.999999999Z07:00")

    def template_methods(self) -> Mapping[str, Function]:
        return {
            "Format": Function(lambda layout: format_time(self, layout), ("string",)),
            "String": Function(self.template_text),
            "Unix": Function(lambda: self.ns // NS_PER_S),
            "UnixMilli": Function(lambda: self.ns // 1_000_000),
            "UnixNano": Function(lambda: self.ns),
            "UTC": Function(lambda: GoTime(self.ns)),
            "Year": Function(lambda: self.local.year),
            "Month": Function(lambda: MONTHS[self.local.month - 1]),
            "Day": Function(lambda: self.local.day),
            "Weekday": Function(lambda: DAYS[self.local.weekday()]),
            "Hour": Function(lambda: self.local.hour),
            "Minute": Function(lambda: self.local.minute),
            "Second": Function(lambda: self.local.second),
            "IsZero": Function(lambda: self.ns == ZERO_NS),
            "Before": Function(lambda other: self.ns < other.ns, (self.type_name,)),
            "After": Function(lambda other: self.ns > other.ns, (self.type_name,)),
            "Equal": Function(lambda other: self.ns == other.ns, (self.type_name,)),
            "Sub": Function(lambda other: GoDuration(self.ns - other.ns), (self.type_name,)),
            "Add": Function(lambda delta: GoTime(self.ns + delta.ns, self._zone()), (GoDuration.type_name,)),
        }

    def _zone(self) -> tzinfo:
        return self.local.tzinfo or UTC


ZERO_NS = -62_135_596_800 * NS_PER_S  # Go's zero time: 1 January of the year 1, UTC


class GoDuration(DataObject):
    """A length of time in nanoseconds."""

    type_name = "time.Duration"

    def __init__(self, ns: int) -> None:
        self.ns = ns

    def template_text(self) -> str:
        sign, ns = ("-" if self.ns < 0 else ""), abs(self.ns)
        if ns < NS_PER_S:
            for unit, unit_ns in (("ms", 1_000_000), ("µs", 1_000), ("ns", 1)):
                if ns >= unit_ns:
                    return f"{sign}{_decimal(ns, unit_ns)}{unit}"
            return "0s"
        minutes, rest = divmod(ns, 60 * NS_PER_S)
        text = f"{_decimal(rest, NS_PER_S)}s"
        if minutes:
            text = f"{minutes % 60}m{text}"
        if minutes >= 60:
            text = f"{minutes // 60}h{text}"
        return sign + text

    def template_methods(self) -> Mapping[str, Function]:
        return {
            "String": Function(self.template_text),
            "Nanoseconds": Function(lambda: self.ns),
            "Milliseconds": Function(lambda: self.ns // 1_000_000),
            "Seconds": Function(lambda: self.ns / NS_PER_S),
            "Minutes": Function(lambda: self.ns / NS_PER_S / 60),
            "Hours": Function(lambda: self.ns / NS_PER_S / 3600),
        }


def _decimal(value: int, unit: int) -> str:
    whole, rest = divmod(value, unit)
    fraction = f"{rest:0{len(str(unit)) - 1}d}".rstrip("0") if rest else ""
    return f"{whole}.{fraction}" if fraction else str(whole)


def format_time(time: GoTime, layout: str) -> str:
    """The time written by a layout such as `2006-01-02 15:04:05 MST`."""
    return LAYOUT.sub(lambda match: _element(time, match.group()), layout)


def _element(time: GoTime, element: str) -> str:
    if element[0] in ".,":
        return _fraction(time.ns % NS_PER_S, element)
    if element[0] in "Z-":
        return _offset(time.local.utcoffset() or timedelta(), element)
    return _ELEMENTS[element](time)


def _twelve(hour: int) -> int:
    return hour % 12 or 12


def _fraction(ns: int, element: str) -> str:
    digits = f"{ns:09d}"[: min(len(element) - 1, _FRACTION_DIGITS)]
    if element[1] == "9":
        digits = digits.rstrip("0")
    return element[0] + digits if digits else ""


def _offset(offset: timedelta, element: str) -> str:
    seconds = int(offset.total_seconds())
    if element[0] == "Z" and not seconds:
        return "Z"
    sign, seconds = ("-" if seconds < 0 else "+"), abs(seconds)
    parts = [f"{seconds // 3600:02d}", f"{seconds // 60 % 60:02d}", f"{seconds % 60:02d}"]
    count = len(re.findall(r"\d\d", element))
    return sign + (":" if ":" in element else "").join(parts[:count])


_ELEMENTS: Mapping[str, Callable[[GoTime], str]] = {
    "2006": lambda time: f"{time.local.year:04d}",
    "06": lambda time: f"{time.local.year % 100:02d}",
    "January": lambda time: MONTHS[time.local.month - 1],
    "Jan": lambda time: MONTHS[time.local.month - 1][:3],
    "01": lambda time: f"{time.local.month:02d}",
    "1": lambda time: str(time.local.month),
    "Monday": lambda time: DAYS[time.local.weekday()],
    "Mon": lambda time: DAYS[time.local.weekday()][:3],
    "002": lambda time: f"{time.local.timetuple().tm_yday:03d}",
    "__2": lambda time: f"{time.local.timetuple().tm_yday:3d}",
    "02": lambda time: f"{time.local.day:02d}",
    "_2": lambda time: f"{time.local.day:2d}",
    "2": lambda time: str(time.local.day),
    "15": lambda time: f"{time.local.hour:02d}",
    "03": lambda time: f"{_twelve(time.local.hour):02d}",
    "3": lambda time: str(_twelve(time.local.hour)),
    "04": lambda time: f"{time.local.minute:02d}",
    "4": lambda time: str(time.local.minute),
    "05": lambda time: f"{time.local.second:02d}",
    "5": lambda time: str(time.local.second),
    "PM": lambda time: "PM" if time.local.hour >= 12 else "AM",
    "pm": lambda time: "pm" if time.local.hour >= 12 else "am",
    "MST": lambda time: time.zone,
}
