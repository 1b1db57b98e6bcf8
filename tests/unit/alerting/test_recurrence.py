"""Windows in which a silence holds."""

from __future__ import annotations

from datetime import datetime

import pytest

from anyascope.alerting.recurrence import describe, is_in_window, next_edge_ns, read_recurrence
from anyascope.clock import NS_PER_S
from anyascope.errors import InvalidInputError


def at(text):
    return int(datetime.fromisoformat(text).timestamp()) * NS_PER_S


NIGHTS = read_recurrence(start="22:00", end="06:00", weekdays=["fri", "Monday"], location="Europe/Berlin")
NOONS = read_recurrence(start="12:00", end="13:00", weekdays=[], location="")


@pytest.mark.parametrize(
    ("recurrence", "time", "is_in"),
    [
        (NOONS, "2026-12-01T12:00:00+00:00", True),
        (NOONS, "2026-12-01T12:59:59+00:00", True),
        (NOONS, "2026-12-01T13:00:00+00:00", False),
        (NIGHTS, "2026-11-30T21:59:59+01:00", False),
        (NIGHTS, "2026-11-30T22:00:00+01:00", True),
        (NIGHTS, "2026-12-01T05:59:59+01:00", True),  # Tuesday, still Monday's
        (NIGHTS, "2026-12-01T06:00:00+01:00", False),
        (NIGHTS, "2026-12-01T23:00:00+01:00", False),
        (NIGHTS, "2026-12-05T03:00:00+01:00", True),  # Saturday, still Friday's
    ],
)
def test_windows_hold_in_their_own_zone_and_over_midnight(recurrence, time, is_in):
    """A window that ends before it starts goes on into the next day, and belongs to the day on which it started."""
    assert is_in_window(recurrence, at(time)) is is_in


@pytest.mark.parametrize(
    ("time", "edge"),
    [
        ("2026-11-30T10:00:00+01:00", "2026-11-30T22:00:00+01:00"),
        ("2026-11-30T22:00:00+01:00", "2026-12-01T06:00:00+01:00"),
        ("2026-12-01T06:00:00+01:00", "2026-12-04T22:00:00+01:00"),
        ("2026-03-27T23:00:00+01:00", "2026-03-28T06:00:00+01:00"),
        ("2026-10-23T23:00:00+02:00", "2026-10-24T06:00:00+02:00"),
    ],
)
def test_the_next_edge_is_when_that_changes(time, edge):
    """It is the start or end of a window, whichever comes first, in the zone's own time."""
    assert next_edge_ns(NIGHTS, at(time)) == at(edge)


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({"start": "25:00"}, "start_time"),
        ({"end": "x"}, "end_time"),
        ({"end": "22:00"}, "end_time"),
        ({"start": "24:00"}, "end_time"),
        ({"weekdays": ["funday"]}, "weekdays"),
        ({"weekdays": ["m"]}, "weekdays"),
        ({"location": "Mars/Olympus"}, "location"),
        ({"location": "../etc"}, "location"),
    ],
)
def test_senseless_windows_are_refused(fields, path):
    """The mistake names the field."""
    given = {"start": "22:00", "end": "06:00", "weekdays": [], "location": "UTC"} | fields
    with pytest.raises(InvalidInputError) as caught:
        read_recurrence(**given)
    assert caught.value.path == f"recurrence.{path}"


def test_it_reads_as_a_sentence():
    """With times, zone and days."""
    assert describe(NIGHTS) == "22:00 to 06:00 Europe/Berlin on monday, friday"
    assert describe(NOONS) == "12:00 to 13:00 UTC every day"
