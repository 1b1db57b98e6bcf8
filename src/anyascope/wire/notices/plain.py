"""A notification in plain words, for where nothing else can be said."""

from __future__ import annotations

from anyascope.model.notifications import Notification, NotifiedAlert
from anyascope.semconv.alerts import component_of, title_of

LINES_MAX = 20  # more are not read on a telephone
NOTICE_CHARS_MAX = 300  # place and cause of a template's fault; a whole expression may be far longer


def plain_text(notification: Notification) -> str:
    """A line for each alert; of many the first ones, and how many there are beside them."""
    alerts = notification.alerts
    lines = [plain_line(alert) for alert in alerts[:LINES_MAX]]
    if len(alerts) > LINES_MAX:
        lines.append(f"… and {len(alerts) - LINES_MAX} more")
    return "\n".join(lines)


def plain_line(alert: NotifiedAlert) -> str:
    """State, title and component of one alert."""
    state = "FIRING" if alert.is_firing else "RESOLVED"
    return f"[{state}] {title_of(alert.labels, alert.annotations)} ({component_of(alert.labels)})"


def template_notice(error: object) -> str:
    """What a message says of itself where the receiver's own template failed."""
    return f"(A template of this receiver failed, so that this is the default form: {error}"[:NOTICE_CHARS_MAX] + ")"
