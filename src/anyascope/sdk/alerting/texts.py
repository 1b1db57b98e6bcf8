"""Whatever a host passes, as text of a bounded length."""

from __future__ import annotations

import math
from collections.abc import Mapping

from anyascope.sdk.guard import report_misuse

UNPRINTABLE = "(unprintable)"


def text_of(value: object, *, chars_max: int) -> str:
    """The text of any value, cut; what cannot be written as UTF-8 is replaced."""
    try:
        text = value if type(value) is str else str(value)
    except Exception:  # noqa: BLE001  # a value of the host's whose text cannot be made
        return UNPRINTABLE
    text = text if len(text) <= chars_max else text[: chars_max - 1] + "…"
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def wanted_text(value: object, *, name: str, chars_max: int, default: str = "") -> str:
    """The text that an argument is; another type is told as misuse, and its text stands all the same."""
    if not isinstance(value, str):
        report_misuse(f"{name} must be a text, got {type(value).__name__}")
        return default if value is None else text_of(value, chars_max=chars_max)
    return text_of(value, chars_max=chars_max)


def wanted_pairs(value: object, *, name: str, pairs_max: int, chars_max: int) -> dict[str, str]:
    """Names and texts of a mapping, the first `pairs_max`; anything else than a mapping is told as misuse."""
    if not isinstance(value, Mapping):
        report_misuse(f"{name} must be a mapping, got {type(value).__name__}")
        return {}
    try:
        items = list(value.items())
    except Exception as error:  # noqa: BLE001  # a mapping of the host's that breaks
        report_misuse(f"{name} cannot be read: {type(error).__name__}")
        return {}
    if len(items) > pairs_max:
        report_misuse(f"{name} has {len(items)} entries, the first {pairs_max} are kept")
    return {
        text_of(key, chars_max=chars_max): text_of(content, chars_max=chars_max) for key, content in items[:pairs_max]
    }


def finite(value: object, *, default: float) -> float:
    """The number that a value is; the default where it is none, or no finite one."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        try:
            return float(value) if math.isfinite(value) else default
        except OverflowError:
            return default
    return default
