"""What all channels of ours share: a name and the severities that they take."""

from __future__ import annotations

import math
from collections.abc import Iterable

from anyascope.model.alerts import AlertSeverity
from anyascope.sdk.alerting.channels.http import TIMEOUT_S
from anyascope.sdk.alerting.texts import text_of, wanted_text
from anyascope.sdk.guard import report_misuse

TEXT_CHARS_MAX = 4_096  # of an address, a name or a token; the longest in use have some hundred
TIMEOUT_S_MAX = 30.0  # an attempt that takes longer holds up the channel's other alerts
EVERY_SEVERITY = frozenset(AlertSeverity)


class Channel:
    """Base of the channels; a subclass adds `send_alert`."""

    def __init__(self, name: str, *, severities: Iterable[AlertSeverity], timeout_s: float) -> None:
        self._name = given(name, "name") or type(self).__name__
        self._severities = _severities(severities)
        self._timeout_s = _timeout_s(timeout_s)

    def channel_name(self) -> str:
        """The name by which policies know it."""
        return self._name

    def supports_severity(self, severity: AlertSeverity) -> bool:
        """Whether alerts of this severity are told here."""
        return severity in self._severities

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._name!r}>"  # never its address, which may be a token


def given(value: object, name: str) -> str:
    """An argument of a channel as text on one line."""
    return " ".join(wanted_text(value, name=name, chars_max=TEXT_CHARS_MAX).split())


def given_list(value: object, name: str, *, most: int) -> list[str]:
    """One text, or several, as a list without repeats."""
    if isinstance(value, str):
        return [given(value, name)] if value.strip() else []
    try:
        found = [given(item, name) for item in list(value)]  # type: ignore[call-overload]  # whatever the host passed
    except TypeError:
        report_misuse(f"{name} must be a text or several, got {type(value).__name__}")
        return []
    if len(found) > most:
        report_misuse(f"{name} has {len(found)} entries, the first {most} are kept")
    return list(dict.fromkeys(filter(None, found[:most])))


def _severities(value: object) -> frozenset[AlertSeverity]:
    try:
        found = frozenset(AlertSeverity(item) for item in value)  # type: ignore[attr-defined]  # as above
    except (TypeError, ValueError):
        report_misuse(f"severities must be several of AlertSeverity, got {text_of(value, chars_max=100)}")
        return EVERY_SEVERITY
    return found


def _timeout_s(value: object) -> float:
    if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value) and value > 0:
        return min(float(value), TIMEOUT_S_MAX)
    report_misuse(f"timeout_s must be above 0, got {text_of(value, chars_max=100)}")
    return TIMEOUT_S
