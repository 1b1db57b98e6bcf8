"""What all channels of ours share: a name and the severities that they take."""

from __future__ import annotations

from collections.abc import Iterable

from anyascope.model.alerts import AlertSeverity
from anyascope.sdk.alerting.alert import Alert
from anyascope.sdk.alerting.channels.http import TIMEOUT_S
from anyascope.sdk.alerting.texts import finite, is_a, items_of, text_of, wanted_text
from anyascope.sdk.guard import as_text, quoted, report_misuse

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
        return is_a(severity, AlertSeverity) and severity in self._severities

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._name!r}>"  # never its address, which may be a token


def is_alert(value: object) -> bool:
    """Whether `send_alert` was given an alert; a report where not."""
    if is_a(value, Alert):
        return True
    report_misuse(f"send_alert wants an Alert, got {quoted(value)}")
    return False


def given(value: object, name: str) -> str:
    """An argument of a channel as text on one line."""
    return " ".join(wanted_text(value, name=name, chars_max=TEXT_CHARS_MAX).split())


def given_list(value: object, name: str, *, most: int) -> list[str]:
    """One text, or several, as a list without repeats."""
    items = items_of(value, name=name, most=most) if as_text(value) is None else (value,)
    return list(dict.fromkeys(filter(None, (given(item, name) for item in items))))


def _severities(value: object) -> frozenset[AlertSeverity]:
    found = items_of(value, name="severities", most=len(EVERY_SEVERITY))
    named = [item if is_a(item, AlertSeverity) else as_text(item) for item in found]
    known = frozenset(severity for severity in AlertSeverity if severity in named or severity.value in named)
    if len(known) < len(found):
        report_misuse(f"severities must be several of AlertSeverity, got {text_of(found, chars_max=100)}")
    return known or EVERY_SEVERITY


def _timeout_s(value: object) -> float:
    seconds = finite(value, default=0.0)
    if seconds > 0:
        return min(seconds, TIMEOUT_S_MAX)
    report_misuse(f"timeout_s must be above 0, got {text_of(value, chars_max=100)}")
    return TIMEOUT_S
