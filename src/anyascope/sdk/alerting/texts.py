"""Whatever a host passes, as text of a bounded length."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from typing import Any, TypeGuard, TypeVar

from anyascope.sdk import guard
from anyascope.sdk.guard import as_number, as_text, report_misuse

K = TypeVar("K")


def is_a(value: object, kind: type[K]) -> TypeGuard[K]:
    """Whether a value is of this kind; unlike `isinstance` it asks nothing of an object that hides its class."""
    return issubclass(type(value), kind)


def text_of(value: object, *, chars_max: int) -> str:
    """The text of any value, cut; what cannot be written as UTF-8 is replaced."""
    text = guard.text_of(value)
    text = text if len(text) <= chars_max else text[: chars_max - 1] + "…"
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def wanted_text(value: object, *, name: str, chars_max: int, default: str = "") -> str:
    """The text that an argument is; another type is told as misuse, and its text stands all the same."""
    text = as_text(value)
    if text is not None:
        return text_of(text, chars_max=chars_max)
    report_misuse(f"{name} must be a text, got {type(value).__name__}")
    return default if value is None else text_of(value, chars_max=chars_max)


def wanted_pairs(value: Any, *, name: str, pairs_max: int, chars_max: int) -> dict[str, str]:
    """Names and texts of a mapping, the first `pairs_max`; anything else than a mapping is told as misuse."""
    found: dict[str, str] = {}
    if not issubclass(type(value), Mapping):
        report_misuse(f"{name} must be a mapping, got {type(value).__name__}")
        return found
    for item in items_of(value, name=name, most=pairs_max):
        try:
            found[text_of(item, chars_max=chars_max)] = text_of(value[item], chars_max=chars_max)
        except Exception as error:  # noqa: BLE001  # a mapping of the host's that breaks
            report_misuse(f"{name} cannot be read: {type(error).__name__}")
    return found


def finite(value: object, *, default: float) -> float:
    """The number that a value is; the default where it is none, or no finite one."""
    number = as_number(value)
    try:
        return float(number) if number is not None and math.isfinite(number) else default
    except OverflowError:
        return default


def items_of(value: object, *, name: str, most: int) -> list[object]:
    """The first `most` items of an iterable of any length; what is none, or breaks, is told as misuse and gives what came."""
    found: list[object] = []
    try:
        for item in itertools.islice(value, most + 1):  # type: ignore[call-overload]  # whatever the host passed
            found.append(item)  # noqa: PERF402  # what came before a fault counts
    except Exception as error:  # noqa: BLE001  # no iterable, or one of the host's that breaks
        report_misuse(f"{name} cannot be read: {text_of(error, chars_max=200)}")
    if len(found) > most:
        report_misuse(f"{name} has more than {most} entries, the first ones are kept")
    return found[:most]
