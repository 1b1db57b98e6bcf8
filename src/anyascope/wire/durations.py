"""Durations as Prometheus writes them: `1h30m`, `500ms`."""

from __future__ import annotations

import json
import re

DURATION_MS_MAX = (2**63 - 1) // 1_000_000  # Go's nanoseconds in 64 bits, some 292 years
COUNT_MAX = 2**64 - 1  # of one unit, as Go's parser reads it
DURATION_CHARS_MAX = 100  # the longest within that bound has under 40

_UNITS_MS = (31_536_000_000, 604_800_000, 86_400_000, 3_600_000, 60_000, 1_000, 1)
_UNIT_NAMES = ("y", "w", "d", "h", "m", "s", "ms")
_PART = re.compile(r"(\d+)([^\d]+)", re.ASCII)


def parse_duration_ms(text: str) -> int:
    """Milliseconds of a duration; units go from large to small, each at most once; `0` needs none.

    Raises:
        ValueError: it is not one, or longer than `DURATION_MS_MAX`; the message is Prometheus'.

    Source: Prometheus configuration, `<duration>`.
    """
    if text == "0":
        return 0
    if not text:
        raise ValueError("empty duration string")
    if len(text) > DURATION_CHARS_MAX:
        raise ValueError("duration out of range" if _PART.match(text) else _not_valid(text[:DURATION_CHARS_MAX]))
    total_ms, at, place = 0, 0, -1
    while at < len(text):
        part = _PART.match(text, at)
        if part is None:
            raise ValueError(_not_valid(text))
        count, unit = part.groups()
        if int(count) > COUNT_MAX:
            raise ValueError(_not_valid(text))
        if unit not in _UNIT_NAMES:
            raise ValueError(f"unknown unit {_quoted(unit)} in duration {_quoted(text)}")
        if _UNIT_NAMES.index(unit) <= place:
            raise ValueError(_not_valid(text))
        place, at = _UNIT_NAMES.index(unit), part.end()
        total_ms += int(count) * _UNITS_MS[place]
    if total_ms > DURATION_MS_MAX:
        raise ValueError("duration out of range")
    return total_ms


def _not_valid(text: str) -> str:
    return f"not a valid duration string: {_quoted(text)}"


def _quoted(text: str) -> str:
    # Go's %q and JSON agree on everything that people type into a duration.
    return json.dumps(text, ensure_ascii=False)


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
