"""What a caller chose, checked: what cannot be meant is reported once, and the default stands in its place."""

from __future__ import annotations

from collections.abc import Mapping

from anyascope.sdk.guard import as_number, as_text, quoted, report_misuse

DEFAULT_SERVICE = "unknown_service"  # OpenTelemetry's word
DEFAULT_ENVIRONMENT = "production"
NUMBER_MAX = 1e9  # of seconds or milliseconds: beyond a host's life
NAME_CHARS_MAX = 255  # of a service, environment or version: what stores of traces index whole


def checked_text(name: str, value: object, default: str, *, may_be_empty: bool = False) -> str:
    """`value` where it is a text of at most `NAME_CHARS_MAX` characters."""
    text = as_text(value)
    if text is not None and len(text) <= NAME_CHARS_MAX and (text.strip() or may_be_empty):
        return text.encode("utf-8", "replace").decode("utf-8")  # a lone surrogate cannot be sent
    report_misuse(
        f"{name} must be a text of {'0' if may_be_empty else '1'} to {NAME_CHARS_MAX} characters, got {quoted(value)}; "
        f"{default!r} is used"
    )
    return default


def checked_optional(name: str, value: object) -> str:
    """A text; "" for None and for what is none, which is not quoted: it may be a secret."""
    if value is None:
        return ""
    text = as_text(value)
    if text is not None:
        return text
    report_misuse(f"{name} must be a text, got a value of type {type(value).__name__}; it is ignored")
    return ""


def checked_flag(name: str, value: object, *, default: bool) -> bool:
    """`value` where it is True or False."""
    if value is True or value is False:
        return value
    report_misuse(f"{name} must be True or False, got {quoted(value)}; {default} is used")
    return default


def checked_number(name: str, value: object, default: float, *, above: float = 0.0) -> float:
    """`value` where it is a finite number above `above`."""
    number = as_number(value)
    if number is not None and above < number <= NUMBER_MAX:  # not where it is no number: that compares as False
        return float(number)
    report_misuse(f"{name} must be a number above {above:g}, got {quoted(value)}; {default:g} is used")
    return default


def checked_headers(value: object) -> dict[str, str]:
    """The headers; a wrong one is never quoted, since tokens stand here."""
    if value is None:
        return {}
    try:
        given = list(value.items()) if isinstance(value, Mapping) else None
    except Exception:  # noqa: BLE001  # a mapping of the host's whose methods raise
        given = None
    if given is None:
        report_misuse(
            f"headers must be a mapping of texts to texts, got a value of type {type(value).__name__}; it is ignored"
        )
        return {}
    texts = [(as_text(name), as_text(text)) for name, text in given]
    found = {name: text for name, text in texts if name is not None and text is not None}
    if len(found) < len(given):
        report_misuse(f"headers must be texts: {len(given) - len(found)} of {len(given)} are left out")
    return found
