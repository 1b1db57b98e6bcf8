"""Keeps label values short, few and free of secrets, whatever the host hands in.

Each distinct label value is a time series that every store keeps for weeks: an address or a request id as a wallet id would
grow without end.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Mapping
from enum import Enum
from typing import cast

from anyascope.sdk.guard import report_misuse

OTHER = "other"  # stands for all values beyond a label's limit
UNPRINTABLE = "unprintable"  # stands for a value whose text cannot be made
VALUE_CHARS_MAX = 128  # of one label value; a txid has 64, a UUID 36
VALUES_MAX = 100  # distinct values of a label that is not named below; operations, states, errors and routes are few
VALUES_MAX_BY_LABEL: Mapping[str, int] = {
    "wallet_id": 1_000,  # with 5 operations and 2 outcomes some 10,000 series, 10 MB in a Prometheus
    "endpoint": 500,  # route templates; a large service has some hundreds
    "instance": 500,  # of components
}
LABELS_MAX = 100  # distinct label names; ours are 14, a host's own a few
LIMIT_MAX = 100_000  # that a host may ask for; beyond it the memory of the process is at stake
_DIGEST_CHARS = 16  # 64 bits: two long values that begin alike stay two


class LabelGuard:
    """Turns any value into a label value, and lets only so many distinct ones of a label through.

    A value that was let through stays let through. Any thread may ask; a known value costs a look-up in a dict.

    Args:
        limits: distinct values by label name, in the place of the defaults; 1 to `LIMIT_MAX`.
        on_capped: told the label's name whenever a value became `other`.
    """

    def __init__(self, *, on_capped: Callable[[str], None], limits: Mapping[str, int] | None = None) -> None:
        self._limits = {**VALUES_MAX_BY_LABEL, **_sound(limits)}
        self._on_capped = on_capped
        self._known: dict[str, dict[str, str]] = {}
        self._lock = threading.RLock()  # re-entrant: making a text may run the host's code

    def after_fork(self) -> None:
        """Another thread of the parent may have held the lock."""
        self._lock = threading.RLock()

    def bounded(self, name: str, value: object) -> str:
        """The value as a label's, at most `VALUE_CHARS_MAX` characters; `other` beyond the label's limit."""
        try:
            return self._known[name][value]  # type: ignore[index]  # what is no text is not found
        except Exception:  # noqa: BLE001  # not known yet; or of a type whose own methods refuse
            return self._meet(_sound_name(name), label_text(value))

    def _meet(self, name: str, text: str) -> str:
        key = shortened(text)  # what is remembered has a bound too
        with self._lock:
            known = self._known.get(name)
            if known is None:
                if len(self._known) >= LABELS_MAX:
                    return self._cap(OTHER)
                known = self._known[name] = {}
            label = known.get(key)
            if label is None:
                if len(known) >= self._limits.get(name, VALUES_MAX):
                    return self._cap(name)
                from anyascope.sdk.redaction import redact_text  # noqa: PLC0415  # loads with the first label, not with us

                label = known[key] = shortened(redact_text(text))
            return label

    def _cap(self, name: str) -> str:
        self._on_capped(name)
        return OTHER


def label_text(value: object) -> str:
    """The text of any value, in characters that can be sent; an enumeration's is its value's."""
    try:
        if issubclass(type(value), Enum):
            value = cast("Enum", value).value
        if type(value).__str__ is object.__str__ and type(value).__repr__ is object.__repr__:
            return type(value).__name__  # else its address would be a value of its own
        if issubclass(type(value), bytes):
            text = bytes.decode(cast("bytes", value), "utf-8", "replace")
        else:
            text = str.__str__(cast("str", value)) if issubclass(type(value), str) else str(value)
        # A lone surrogate would make the whole page unreadable; a subclass of `str` might compare as it likes.
        return str.encode(text, "utf-8", "replace").decode("utf-8")
    except Exception:  # noqa: BLE001  # the host's own `__str__`
        report_misuse(
            f"a {type(value).__name__} has no text and cannot be a label: {UNPRINTABLE!r} stands in its place"
        )
        return UNPRINTABLE


def _sound_name(name: object) -> str:
    if type(name) is str:
        return name
    report_misuse(f"a label's name must be a text, got a {type(name).__name__}")
    return label_text(name)


def shortened(text: str) -> str:
    """The text where it is short enough, else its beginning and a digest of the whole."""
    if len(text) <= VALUE_CHARS_MAX:
        return text
    digest = hashlib.blake2b(text.encode(), digest_size=_DIGEST_CHARS // 2).hexdigest()
    return f"{text[: VALUE_CHARS_MAX - _DIGEST_CHARS - 1]}~{digest}"


def _sound(limits: object) -> dict[str, int]:
    if limits is None:
        return {}
    try:
        given = dict(limits.items()) if issubclass(type(limits), Mapping) else None  # type: ignore[attr-defined]  # a mapping has
        sound = {name: limit for name, limit in (given or {}).items() if _is_limit(name, limit)}
    except Exception:  # noqa: BLE001  # a mapping of the host's that refuses
        given, sound = None, {}
    if given is None or len(sound) < len(given):
        report_misuse(f"label_limits must map label names to whole numbers from 1 to {LIMIT_MAX}; others are left out")
    return sound


def _is_limit(name: object, limit: object) -> bool:
    return type(name) is str and type(limit) is int and 1 <= limit <= LIMIT_MAX
