"""Times and durations of requests and answers."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anyascope.clock import NS_PER_S
from anyascope.errors import InvalidInputError
from anyascope.explore.times import TIME_NS_MAX, TimeRange, format_time, parse_duration_ns, parse_range, parse_time

NOW_NS = 1_763_938_260_123_456_789
MINUTE_NS = 60 * NS_PER_S


@pytest.mark.parametrize(
    ("text", "time_ns"),
    [
        ("now", NOW_NS),
        ("-1h", NOW_NS - 60 * MINUTE_NS),
        ("now-1h30m", NOW_NS - 90 * MINUTE_NS),
        ("now - 1d", NOW_NS - 1440 * MINUTE_NS),
        ("+5m", NOW_NS + 5 * MINUTE_NS),
        ("2025-11-23T22:51:00Z", 1_763_938_260 * NS_PER_S),
        ("2025-11-23T22:51:00.123456789Z", NOW_NS),
        ("2025-11-23T22:51:00.1234567891Z", NOW_NS),
        ("2025-11-23T23:51:00.5+01:00", 1_763_938_260 * NS_PER_S + NS_PER_S // 2),
        ("2025-11-23 22:51", 1_763_938_260 * NS_PER_S),
        ("2025-11-23", 1_763_856_000 * NS_PER_S),
        ("1763938260", 1_763_938_260 * NS_PER_S),
        ("1763938260.5", 1_763_938_260 * NS_PER_S + NS_PER_S // 2),
        ("1763938260123", 1_763_938_260_123 * 10**6),
        ("1763938260123456", 1_763_938_260_123_456 * 1000),
        ("1763938260123456789", NOW_NS),
        ("0", 0),
        ("2200-01-01T00:00:00Z", TIME_NS_MAX),
    ],
)
def test_a_time_is_read_in_every_form(text, time_ns):
    """RFC 3339, Unix numbers by their size, now, and distances from now are read to the nanosecond."""
    assert parse_time(text, now_ns=NOW_NS) == time_ns


@pytest.mark.parametrize(
    "text",
    [
        "",
        "yesterday",
        "-1x",
        "-",
        "now-",
        "2025-02-30",
        "2025-11-23T25:00:00Z",
        "2025-11-23T22:51:00+99:99",
        "2200-01-01T00:00:01Z",
        "-100y",
        "1763938260123.5",
        "1" * 65,
        "١٢٣",
        "9" * 19,
    ],
)
def test_what_is_no_time_is_refused(text):
    """The message names the parameter, and a time outside 1970 to 2200 is none."""
    with pytest.raises(InvalidInputError) as caught:
        parse_time(text, now_ns=NOW_NS, name="start")
    assert caught.value.path == "start"


@pytest.mark.parametrize(
    ("text", "duration_ns"),
    [("10ms", 10**7), ("1.5s", 1_500_000_000), ("1h30m", 90 * MINUTE_NS), ("100µs", 10**5), ("7ns", 7), ("0", 0)],
)
def test_a_duration_is_read(text, duration_ns):
    """Units from nanoseconds to years, with decimals, one after the other."""
    assert parse_duration_ns(text) == duration_ns


@pytest.mark.parametrize("text", ["", "5", "ms", "-5s", "1 h", "1e3s", "9" * 100 + "s"])
def test_what_is_no_duration_is_refused(text):
    """A number without a unit is no duration."""
    with pytest.raises(InvalidInputError, match="min_duration"):
        parse_duration_ns(text, name="min_duration")


def test_a_range_is_the_last_hour_where_nothing_is_said():
    """Start and end have their defaults."""
    assert parse_range("", "", now_ns=NOW_NS) == TimeRange(NOW_NS - 60 * MINUTE_NS, NOW_NS)


def test_a_range_that_ends_before_it_starts_is_refused():
    """An empty range is refused, too."""
    for start, end in (("now", "-1h"), ("now", "now")):
        with pytest.raises(InvalidInputError, match="after start"):
            parse_range(start, end, now_ns=NOW_NS)


@settings(deadline=None)
@given(st.integers(0, TIME_NS_MAX))
def test_a_written_time_reads_back(time_ns):
    """What the API writes it reads as the same nanosecond, and as every other program reads it."""
    text = format_time(time_ns)
    assert parse_time(text, now_ns=0) == time_ns
    whole = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=time_ns // NS_PER_S)
    assert datetime.fromisoformat(text[:19] + "Z") == whole
