"""Times as Go writes them in JSON."""

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
