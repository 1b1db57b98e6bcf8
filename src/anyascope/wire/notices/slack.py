"""Our layout of a Slack message: one alert, or a digest of many.

Source: Slack, "Formatting message text" and "Secondary attachments".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from anyascope.clock import NS_PER_S
from anyascope.model.notifications import Notification, NotificationReason, NotifiedAlert
from anyascope.semconv.alerts import category_of, component_of, severity_of, title_of, traits_of
from anyascope.wire.notices.links import FIRST_STEP, Link, alert_links, first_step

USERNAME: Final = "Anya Core Alerts"
ICON: Final = ":warning:"
COLOR_RESOLVED: Final = "good"  # Slack's own green, which no severity has
MARK_RESOLVED: Final = "✅ Resolved:"
MESSAGES_MAX = (
    5  # alerts told one by one; more at once would push each other out of sight, and Slack takes one a second
)
DIGEST_LINES_MAX = 20
ACTIONS_MAX = 5  # what Slack shows of an attachment's
LINKS_WORTH_BUTTONS: Final = ("Runbook", "Dashboard")
# What is left out last where there are more; the alert's page has all of it.
_BUTTONS_BY_WORTH: Final = (
    *("Acknowledge", "Runbook", "Alert", "Transaction", "Dashboard", "Graph"),
    *("Snooze", "Logs", "Traces", "Resolve"),
)
TITLE_CHARS_MAX = 300
TEXT_CHARS_MAX = 3_000  # Slack folds longer ones away


def default_messages(
    notification: Notification, *, channel: str, look: Mapping[str, str], has_buttons: bool = False
) -> list[tuple[str, Mapping[str, object]]]:
    """Messages by the name of their part: one an alert that is news, or one digest of many.

    Args:
        notification: what is said.
        channel: where; empty for the webhook's own.
        look: who speaks.
        has_buttons: whether buttons that Slack answers follow, so that a link need not acknowledge.
    """
    alerts = notification.alerts
    if notification.reason is not NotificationReason.REPEAT:
        alerts = tuple(alert for alert in alerts if alert.is_news) or alerts
    if len(alerts) > MESSAGES_MAX:
        return [("digest", _message(digest_attachment(notification, alerts), channel, look))]
    messages: list[tuple[str, Mapping[str, object]]] = []
    for alert in alerts:
        actions = _actions(alert, external_url=notification.external_url, has_buttons=has_buttons)
        content = {**attachment(alert), "actions": actions} if actions else attachment(alert)
        part = f"{'' if alert.is_firing else '-'}{alert.fingerprint}"
        messages.append((part, _message(content, channel, look)))
    return messages


def _actions(alert: NotifiedAlert, *, external_url: str, has_buttons: bool) -> list[Mapping[str, object]]:
    """Buttons that are links, where the alert has more to offer than what the layout shows: a runbook, an answer."""
    links = alert_links(alert, external_url=external_url)
    if not any(link.name in LINKS_WORTH_BUTTONS or link.url in alert.links.values() for link in links):
        return []
    wanted = [link for link in links if not (has_buttons and link.name == "Acknowledge")]
    return [
        {"type": "button", "text": link.name, "url": link.url, **({"style": "primary"} if not number else {})}
        for number, link in enumerate(_most_worth(wanted))
    ]


def _most_worth(links: Sequence[Link]) -> list[Link]:
    """As many as Slack shows, in their order."""
    names = _BUTTONS_BY_WORTH
    kept = sorted(links, key=lambda link: names.index(link.name) if link.name in names else len(names))[:ACTIONS_MAX]
    return [link for link in links if link in kept]


def alert_message(alert: NotifiedAlert, *, channel: str) -> Mapping[str, object]:
    """The message of one alert."""
    return _message(attachment(alert), channel, {})


def _message(content: Mapping[str, object], channel: str, look: Mapping[str, str]) -> Mapping[str, object]:
    message: dict[str, object] = {"channel": channel} if channel else {}
    message["username"] = look.get("username") or USERNAME
    if look.get("icon_url"):
        message["icon_url"] = look["icon_url"]
    else:
        message["icon_emoji"] = look.get("icon_emoji") or ICON
    message["attachments"] = [content]
    return message


def attachment(alert: NotifiedAlert) -> Mapping[str, object]:
    """One alert: colour, marked title, text, four short fields and its time."""
    severity = severity_of(alert.labels)
    traits = traits_of(severity)
    title = f"[{traits.mark}] {title_of(alert.labels, alert.annotations)}"
    return _attachment(
        color=traits.color if alert.is_firing else COLOR_RESOLVED,
        title=title if alert.is_firing else f"{MARK_RESOLVED} {title}",
        text=_text_of(alert),
        fields=(
            ("Severity", severity.value),
            ("Category", category_of(alert.labels).value),
            ("Source", component_of(alert.labels)),
            ("Alert ID", alert.fingerprint),
        ),
        time_ns=alert.starts_ns if alert.is_firing else alert.ends_ns,
    )


def _text_of(alert: NotifiedAlert) -> str:
    said = alert.annotations
    text = said.get("description") or said.get("message") or ""
    step = first_step(alert)
    return "\n".join(filter(None, (text, step and f"{FIRST_STEP} {step}")))


def digest_attachment(notification: Notification, alerts: Sequence[NotifiedAlert]) -> Mapping[str, object]:
    """Many alerts in one: the most severe one's colour and mark, a line an alert."""
    firing = [alert for alert in alerts if alert.is_firing]
    leading = min(firing or alerts, key=lambda alert: traits_of(severity_of(alert.labels)).rank)
    traits = traits_of(severity_of(leading.labels))
    about = " ".join(value for _, value in notification.group_labels) or notification.receiver
    counts = [f"{len(firing)} firing"] if firing else []
    counts += [f"{len(alerts) - len(firing)} resolved"] if len(firing) < len(alerts) else []
    title = f"[{traits.mark}] {about}: {', '.join(counts)}"
    lines = [_line(alert) for alert in alerts[:DIGEST_LINES_MAX]]
    if len(alerts) > DIGEST_LINES_MAX:
        lines.append(f"… and {len(alerts) - DIGEST_LINES_MAX} more")
    return _attachment(
        color=traits.color if firing else COLOR_RESOLVED,
        title=title if firing else f"{MARK_RESOLVED} {title}",
        text="\n".join(lines),
        fields=(
            ("Severity", severity_of(leading.labels).value),
            ("Category", _shared([category_of(alert.labels).value for alert in alerts])),
            ("Source", _shared([component_of(alert.labels) for alert in alerts])),
            ("Alert ID", f"{leading.fingerprint} and {len(alerts) - 1} more"),
        ),
        time_ns=max(alert.starts_ns if alert.is_firing else alert.ends_ns for alert in alerts),
    )


def _line(alert: NotifiedAlert) -> str:
    mark = traits_of(severity_of(alert.labels)).mark if alert.is_firing else "✅"
    return f"{mark} {title_of(alert.labels, alert.annotations)} ({component_of(alert.labels)})"


def _shared(values: Sequence[str]) -> str:
    return values[0] if len(set(values)) == 1 else "several"


def _attachment(
    *, color: str, title: str, text: str, fields: Sequence[tuple[str, str]], time_ns: int
) -> Mapping[str, object]:
    return {
        "color": color,
        "title": _escaped(title, TITLE_CHARS_MAX),
        "text": _escaped(text, TEXT_CHARS_MAX),
        "fields": [{"title": name, "value": _escaped(value, TITLE_CHARS_MAX), "short": True} for name, value in fields],
        "ts": time_ns // NS_PER_S,
    }


def _escaped(text: str, chars_max: int) -> str:
    """Text as Slack shows it: a label with `<!channel>` in it must not call everybody."""
    cut = text if len(text) <= chars_max else text[: chars_max - 1] + "…"
    return cut.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
