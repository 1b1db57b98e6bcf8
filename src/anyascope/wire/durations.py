"""Durations as Prometheus writes them: `1h30m`, `500ms`."""

from __future__ import annotations

import re

DURATION_MS_MAX = (2**63 - 1) // 1_000_000  # Go's nanoseconds in 64 bits, some 292 years
DURATION_CHARS_MAX = 100  # the longest within that bound has under 40

_UNITS_MS = (31_536_000_000, 604_800_000, 86_400_000, 3_600_000, 60_000, 1_000, 1)
_UNIT_NAMES = ("y", "w", "d", "h", "m", "s", "ms")
_DURATION = re.compile(r"(?:(\d+)y)?(?:(\d+)w)?(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?(?:(\d+)ms)?", re.ASCII)


def parse_duration_ms(text: str) -> int:
    """Milliseconds of a duration; units go from large to small, each at most once; `0` needs none.

    Raises:
        ValueError: it is not one, or longer than `DURATION_MS_MAX`.

    Source: Prometheus configuration, `<duration>`.
    """
    if text == "0":
        return 0
    match = _DURATION.fullmatch(text)
    if not text or match is None:
        raise ValueError(f"not a valid duration string: {text[:DURATION_CHARS_MAX]!r}")
    if len(text) > DURATION_CHARS_MAX:
        raise ValueError("duration out of range")
    total_ms = sum(int(count) * unit for count, unit in zip(match.groups(), _UNITS_MS, strict=True) if count)
    if total_ms > DURATION_MS_MAX:
        raise ValueError("duration out of range")
    return total_ms


def format_duration_ms(duration_ms: int) -> str:
    """The duration in its largest units: `1h30m`; years and weeks only where nothing is left over; 0 is `0s`.

    Source: Prometheus, `model.Duration.String`.
    """
    if not duration_ms:
        return "0s"
    text, rest = "", duration_ms
    for name, unit_ms in zip(_UNIT_NAMES, _UNITS_MS, strict=True):
        if name in ("y", "w") and rest % unit_ms:
            continue
        count, rest = divmod(rest, unit_ms)
        if count:
            text += f"{count}{name}"
    return text
