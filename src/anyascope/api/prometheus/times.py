"""Times and durations as Go writes them in JSON."""

from __future__ import annotations

from datetime import UTC, datetime

from anyascope.clock import NS_PER_S

NEVER = "0001-01-01T00:00:00Z"  # Go's zero time


def format_ns(time_ns: int) -> str:
    """RFC 3339 in UTC with as many decimals as it needs; 0 is `NEVER`."""
    if not time_ns:
        return NEVER
    seconds, rest = divmod(time_ns, NS_PER_S)
    text = datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    decimals = f".{rest:09d}".rstrip("0") if rest else ""
    return f"{text}{decimals}Z"


def format_ms(duration_ms: int) -> str:
    """A duration in Prometheus' form, such as `1m30s`."""
    if not duration_ms:
        return "0s"
    units = (("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1))
    parts = []
    for name, size in units:
        count, duration_ms = divmod(duration_ms, size)
        if count:
            parts.append(f"{count}{name}")
    return "".join(parts)
