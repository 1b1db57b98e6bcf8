"""Durations as Prometheus writes them."""

from __future__ import annotations

import pytest

from anyascope.wire.durations import DURATION_MS_MAX, format_duration_ms, parse_duration_ms


@pytest.mark.parametrize(
    ("text", "duration_ms"),
    [
        ("0", 0),
        ("0s", 0),
        ("1h30m", 5_400_000),
        ("1y2w3d4h5m6s7ms", 31_536_000_000 + 1_209_600_000 + 259_200_000 + 14_706_007),
        (f"{DURATION_MS_MAX}ms", DURATION_MS_MAX),
    ],
)
def test_durations(text, duration_ms):
    """Each unit counts once; the longest duration is Go's."""
    assert parse_duration_ms(text) == duration_ms


@pytest.mark.parametrize("text", ["", "1", "s", "1.5h", "1m1h", "1h1h", "-5s", "٣s", " 1s"])
def test_what_is_none(text):
    """What Prometheus refuses is refused."""
    with pytest.raises(ValueError, match="duration"):
        parse_duration_ms(text)


@pytest.mark.parametrize("text", [f"{DURATION_MS_MAX + 1}ms", "300y", "9" * 5000 + "y"])
def test_what_is_too_long(text):
    """What does not fit is refused, however many digits it has."""
    with pytest.raises(ValueError, match="duration out of range"):
        parse_duration_ms(text)


@pytest.mark.parametrize(
    ("duration_ms", "text"),
    [
        (0, "0s"),
        (1, "1ms"),
        (1_000, "1s"),
        (90_000, "1m30s"),
        (1_500, "1s500ms"),
        (86_400_000, "1d"),
        (604_800_000, "1w"),
        (8 * 86_400_000, "8d"),
        (31_536_000_000, "1y"),
        (400 * 86_400_000, "400d"),
    ],
)
def test_durations_are_written_as_upstream_does(duration_ms: int, text: str) -> None:
    """The largest unit first; weeks and years only where they leave nothing over. They read back."""
    assert format_duration_ms(duration_ms) == text
    assert parse_duration_ms(text) == duration_ms
