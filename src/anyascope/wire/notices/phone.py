"""What a phone says of alerts, and what stands in a text message."""

from __future__ import annotations

from collections.abc import Sequence

from anyascope.model.notifications import Notification, NotifiedAlert
from anyascope.semconv.alerts import ANNOTATION_DESCRIPTION, component_of, severity_of, title_of

SPOKEN_CHARS_MAX = 500  # half a minute of speech
SPOKEN_ALERTS_MAX = 3  # nobody keeps more than three in mind at night; the rest is counted
SMS_CHARS_MAX = 1_600  # of Twilio
SMS_ALERTS_MAX = 5
CODE_CHARS = 6  # of an alert's id, enough to tell those apart that fire at a time


def code_of(alert_id: str) -> str:
    """What a reply names an alert by."""
    return alert_id[:CODE_CHARS]


def spoken(notification: Notification) -> str:
    """What the one who picks up hears, in one breath."""
    alerts = notification.alerts
    parts = [_said(alert) for alert in alerts[:SPOKEN_ALERTS_MAX]]
    if len(alerts) > SPOKEN_ALERTS_MAX:
        parts.append(f"And {len(alerts) - SPOKEN_ALERTS_MAX} more alerts.")
    if notification.notice:
        parts.append(notification.notice)
    return _cut(" ".join(" ".join(parts).split()), SPOKEN_CHARS_MAX)


def _said(alert: NotifiedAlert) -> str:
    title = title_of(alert.labels, alert.annotations)
    if not alert.is_firing:
        return f"Resolved: {title}."
    said = f"{severity_of(alert.labels).value} alert of {component_of(alert.labels)}: {title}."
    return f"{said} {alert.annotations.get(ANNOTATION_DESCRIPTION, '')}"


def written(notification: Notification, *, can_reply: bool) -> str:
    """A text message; how to reply stands in it where replies arrive."""
    alerts = notification.alerts
    lines = [_line(alert, can_reply=can_reply) for alert in alerts[:SMS_ALERTS_MAX]]
    if len(alerts) > SMS_ALERTS_MAX:
        lines.append(f"and {len(alerts) - SMS_ALERTS_MAX} more alerts")
    if notification.notice:
        lines.append(notification.notice)
    if can_reply and notification.is_firing:
        lines.append(
            f"Reply 1 {code_of(alerts[0].fingerprint)} to acknowledge, 2 {code_of(alerts[0].fingerprint)} to escalate."
        )
    return _fitting(lines)


def _line(alert: NotifiedAlert, *, can_reply: bool) -> str:
    mark = severity_of(alert.labels).value.upper() if alert.is_firing else "RESOLVED"
    code = f" [{code_of(alert.fingerprint)}]" if can_reply and alert.is_firing else ""
    return f"{mark}: {title_of(alert.labels, alert.annotations)} ({component_of(alert.labels)}){code}"


def _fitting(lines: Sequence[str]) -> str:
    """The lines, the longest ones cut so that the last one, which says what to do, is always whole."""
    *first, last = lines
    room = SMS_CHARS_MAX - len(last) - 1
    return "\n".join(filter(None, (_cut("\n".join(first), room), last)))


def _cut(text: str, chars_max: int) -> str:
    return text if len(text) <= chars_max else text[: max(chars_max - 1, 0)] + "…"
