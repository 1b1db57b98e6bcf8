"""Times as Go writes them in JSON."""

from __future__ import annotations

from datetime import UTC, datetime

from anyascope.clock import NS_PER_S

ZERO_TIME = "0001-01-01T00:00:00Z"


def rfc3339(time_ns: int) -> str:
    """`2026-11-23T09:19:45.735Z`, with as many decimals as are needed; 0 is Go's zero time.

    Source: Go `time.RFC3339Nano`.
    """
    if time_ns == 0:
        return ZERO_TIME
    seconds, rest = divmod(time_ns, NS_PER_S)
    whole = datetime.fromtimestamp(seconds, tz=UTC).strftime("%Y-%m-%dT%H:%M:%S")
    fraction = f".{rest:09d}".rstrip("0") if rest else ""
    return f"{whole}{fraction}Z"
