"""What a caller chose, checked: what cannot be meant is reported once, and the default stands in its place."""

from __future__ import annotations

import math
from collections.abc import Mapping

from anyascope.sdk.guard import quoted, report_misuse

NAME_CHARS_MAX = 255  # of a service, environment or version: what stores of traces index whole


def checked_text(name: str, value: object, default: str, *, may_be_empty: bool = False) -> str:
    """`value` where it is a text of at most `NAME_CHARS_MAX` characters."""
    if isinstance(value, str) and len(value) <= NAME_CHARS_MAX and (value.strip() or may_be_empty):
        return value.encode("utf-8", "replace").decode("utf-8")  # a lone surrogate cannot be sent
    report_misuse(
        f"{name} must be a text of {'0' if may_be_empty else '1'} to {NAME_CHARS_MAX} characters, got {quoted(value)}; "
        f"{default!r} is used"
    )
    return default


def checked_optional(name: str, value: object) -> str:
    """A text; "" for None and for what is none, which is not quoted: it may be a secret."""
    if value is None or isinstance(value, str):
        return value or ""
    report_misuse(f"{name} must be a text, got a value of type {type(value).__name__}; it is ignored")
    return ""


def checked_flag(name: str, value: object, *, default: bool) -> bool:
    """`value` where it is True or False."""
    if isinstance(value, bool):
        return value
    report_misuse(f"{name} must be True or False, got {quoted(value)}; {default} is used")
    return default


def checked_number(name: str, value: object, default: float, *, above: float = 0.0) -> float:
    """`value` where it is a finite number above `above`."""
    if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value) and value > above:
        return float(value)
    report_misuse(f"{name} must be a number above {above:g}, got {quoted(value)}; {default:g} is used")
    return default


def checked_headers(value: object) -> dict[str, str]:
    """The headers; a wrong one is never quoted, since tokens stand here."""
    if value is None:
        return {}
    if isinstance(value, Mapping):
        found = {name: text for name, text in value.items() if isinstance(name, str) and isinstance(text, str)}
        if len(found) < len(value):
            report_misuse(f"headers must be texts: {len(value) - len(found)} of {len(value)} are left out")
        return found
    report_misuse(
        f"headers must be a mapping of texts to texts, got a value of type {type(value).__name__}; it is ignored"
    )
    return {}
