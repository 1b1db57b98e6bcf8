"""Recurring times: what is refused, and what holds."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from anyascope.alerting.calendar import TimeInterval, parse_clock, read_time_interval
from anyascope.clock import NS_PER_S
from anyascope.wire.settings import SettingsError, read_settings


def read_list(text):
    section = read_settings("list:\n" + text.removeprefix("---\n"), file="f.yml")
    found = [read_time_interval(entry) for entry in section.sections("list")]
    section.raise_if_wrong()
    return found


def at(text):
    return int(datetime.strptime(text, "%d %b %y %H:%M %z").timestamp()) * NS_PER_S


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("- weekdays: ['friday:monday']\n", "start day cannot be before end day"),
        ("- days_of_month: ['10:5']\n", "end day 5 is always before start day 10"),
        ("- days_of_month: ['x']\n", 'strconv.Atoi: parsing "x": invalid syntax'),
        ("- years: ['2025:2020']\n", "end year 2020 is before start year 2025"),
        ("- years: ['soon']\n", 'strconv.Atoi: parsing "soon": invalid syntax'),
        ("- location: Moon/Crater\n", "unknown time zone Moon/Crater"),
        ("- moths: ['1']\n", "field moths is not known here; did you mean months?"),
    ],
)
def test_mistakes(text, message):
    """What makes no sense is said."""
    with pytest.raises(SettingsError) as caught:
        read_list(text)
    assert [mistake.message for mistake in caught.value.mistakes] == [message]


def test_is_read_in_its_zone():
    """Nine o'clock in Sydney is the evening before in UTC, in summer time too."""
    (interval,) = read_list("- times: [{start_time: '09:00', end_time: '10:00'}]\n  location: Australia/Sydney\n")
    assert interval.contains(at("01 Jul 24 23:30 +0000"))
    assert interval.contains(at("01 Jan 24 22:30 +0000"))
    assert not interval.contains(at("01 Jan 24 23:30 +0000"))


@pytest.fixture
def in_berlin(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The machine's zone is Berlin's for this test."""
    with monkeypatch.context() as changed:
        changed.setenv("TZ", "Europe/Berlin")
        time.tzset()
        yield
    time.tzset()


@pytest.mark.usefixtures("in_berlin")
def test_the_machines_zone_keeps_its_clock_changes():
    """`Local` follows summer time: the same hour of the wall clock in winter and in summer."""
    (interval,) = read_list("- times: [{start_time: '09:00', end_time: '10:00'}]\n  location: Local\n")
    assert interval.contains(at("15 Jan 26 08:30 +0000"))
    assert not interval.contains(at("15 Jan 26 07:30 +0000"))
    assert interval.contains(at("15 Jul 26 07:30 +0000"))
    assert not interval.contains(at("15 Jul 26 08:30 +0000"))


def test_negative_days_count_from_the_end():
    """The last day of the month is -1, in February too; a range beyond the month holds nothing."""
    (last,) = read_list("- days_of_month: ['-1']\n")
    assert last.contains(at("29 Feb 24 12:00 +0000"))
    assert not last.contains(at("28 Feb 24 12:00 +0000"))
    (late,) = read_list("- days_of_month: ['30:31']\n")
    assert not late.contains(at("29 Feb 24 12:00 +0000"))


def test_an_empty_interval_is_always():
    """Nothing said is nothing asked for."""
    assert TimeInterval().contains(datetime.now(tz=UTC).second)


def test_clock():
    """The day ends at 24:00."""
    assert parse_clock("24:00") == 1440
