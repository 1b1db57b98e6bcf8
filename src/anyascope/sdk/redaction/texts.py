"""Texts and values without secrets, and the count of what was taken out."""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from anyascope.redact.text import clean
from anyascope.redact.values import clean_value, printed
from anyascope.sdk.guard import guarded, quoted, report_misuse

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry
    from prometheus_client.core import CounterMetricFamily

VALUE_CHARS_MAX = 32_768  # of a text that are looked at, some 2 ms; what lies beyond is cut off and marked
KNOWN_CLEAN_MAX = 4_096  # short texts without secrets that are remembered, 0.5 MB: names, routes, wallet ids
KNOWN_CHARS_MAX = 64  # of such a text

UNREADABLE = "<unreadable>"  # stands where our own work failed: nothing goes out that was not looked at


class _Counts:
    """How many secrets of each kind were taken out in this process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: dict[str, int] = {}

    def note(self, kind: str) -> None:
        with self._lock:
            self._counts[kind] = self._counts.get(kind, 0) + 1

    def all(self) -> dict[str, int]:
        with self._lock:
            return dict(self._counts)

    def renew(self) -> None:
        """Take a new lock: another thread of the parent may have held the old one."""
        self._lock = threading.Lock()


# Correlation and request ids, new at each call: alone they are no secret, and scanning one costs as much as writing a line.
_UUID = re.compile(r"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}")
_UUID_CHARS = 36

_counts = _Counts()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_counts.renew)
_known_clean: set[str] = set()


@guarded(UNREADABLE)
def redact_text(text: str) -> str:
    """The text without secrets; the very same text where there is none.

    Where a secret was stands `<redacted:kind>`. A text of more than `VALUE_CHARS_MAX` characters is cut off there, marked
    with the number of characters that are missing. Anything but a text becomes its text first.
    """
    if text.__class__ is not str:
        text = printed(text)
    cleaned, kinds = _clean(text)
    for kind in kinds:
        _counts.note(kind)
    return cleaned


@guarded(UNREADABLE)
def redact_value(name: str, value: object) -> Any:
    """What of a value may leave the process: the same value, or its likeness without secrets.

    Args:
        name: what the value is called; a secret name (`password`, `db.user_pin`, …) hides it whatever it is.
        value: anything. Numbers, texts, bytes, lists, tuples, sets and mappings keep their kind, dataclasses become
            mappings of their fields, exceptions and everything else their text.
    """
    return clean_value(name if name.__class__ is str else printed(name), value, _counts.note, clean=_clean)


def _clean(text: str) -> tuple[str, tuple[str, ...]]:
    if text in _known_clean or (len(text) == _UUID_CHARS and _UUID.fullmatch(text) is not None):
        return text, ()
    cleaned, kinds = clean(text, VALUE_CHARS_MAX)
    if not kinds and len(text) <= KNOWN_CHARS_MAX:
        _remember(text)
    return cleaned, kinds


def redacted_counts() -> dict[str, int]:
    """Kind -> how many were taken out since the process began."""
    return _counts.all()


@guarded(None)
def register(registry: CollectorRegistry) -> None:
    """Show `anya_redacted_total{kind}` in this registry; a second call for the same one changes nothing."""
    if not callable(getattr(registry, "register", None)):
        report_misuse(f"register() wants a CollectorRegistry, got {quoted(registry)}")
        return
    if getattr(registry, "_anya_redacted", None) is None:
        collector = _Collector()
        registry.register(collector)
        registry._anya_redacted = collector  # type: ignore[attr-defined]  # noqa: SLF001


class _Collector:
    """The counts as `prometheus_client` reads them."""

    def collect(self) -> Iterable[CounterMetricFamily]:
        from prometheus_client.core import CounterMetricFamily  # noqa: PLC0415  # loaded by whoever has a registry

        family = CounterMetricFamily(
            "anya_redacted", "Secrets taken out of telemetry before it left the process, by kind.", labels=["kind"]
        )
        for kind, count in sorted(redacted_counts().items()):
            family.add_metric([kind], count)
        yield family


def _remember(text: str) -> None:
    if len(_known_clean) >= KNOWN_CLEAN_MAX:
        _known_clean.clear()
    _known_clean.add(text)
