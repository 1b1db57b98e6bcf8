"""How long a far end asks to be left alone."""

from __future__ import annotations

from email.utils import parsedate_to_datetime


def parse_retry_after(text: str, *, now_s: float) -> float:
    """Seconds to wait by a `Retry-After` header, in seconds or as a date; 0 where it says nothing usable.

    Source: RFC 9110, section 10.2.3.
    """
    if text.isascii() and text.isdigit():
        return float(text)
    try:
        return max(parsedate_to_datetime(text).timestamp() - now_s, 0.0)
    except (ValueError, TypeError, OverflowError):
        return 0.0
