"""Our own layout of an e-mail: text for every reader, HTML for those that show it."""

from __future__ import annotations

from datetime import UTC, datetime
from html import escape

from anyascope.clock import NS_PER_S
from anyascope.model.notifications import Notification, NotifiedAlert
from anyascope.semconv.alerts import (
    ANNOTATION_DESCRIPTION,
    ANNOTATION_RUNBOOK,
    ANNOTATION_RUNBOOK_URL,
    ANNOTATION_SUMMARY,
    category_of,
    component_of,
    severity_of,
    title_of,
    traits_of,
)
from anyascope.wire.notices.data import status_of
from anyascope.wire.notices.links import FIRST_STEP, Link, alert_links, first_step

ALERTS_SHOWN_MAX = 50  # a mail of more is not read; the page has all of them
COLOR_RESOLVED = "#36A64F"
_TOLD_APART = frozenset((ANNOTATION_SUMMARY, ANNOTATION_DESCRIPTION))


def email_text(notification: Notification) -> str:
    """The plain part."""
    blocks = [_text_block(alert, _links(alert, notification)) for alert in notification.alerts[:ALERTS_SHOWN_MAX]]
    if more := _more(notification):
        blocks.append(more)
    blocks.append(_footer(notification))
    return "\n\n".join(blocks) + "\n"


def email_html(notification: Notification) -> str:
    """The HTML part: no images, scripts or remote styles, so that every reader shows it as it is."""
    blocks = [_html_block(alert, _links(alert, notification)) for alert in notification.alerts[:ALERTS_SHOWN_MAX]]
    if more := _more(notification):
        blocks.append(f"<p>{escape(more)}</p>")
    footer = "<br>".join(_linked(line) for line in _footer(notification).splitlines())
    body = "\n".join(blocks)
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"></head>\n'
        '<body style="font-family: sans-serif; font-size: 15px; color: #222">\n'
        f'{body}\n<p style="color: #666; font-size: 13px">{footer}</p>\n</body></html>\n'
    )


def with_notice(text: str, html: str, notice: str) -> tuple[str, str]:
    """Both parts, whosever layout they have, with what delivery itself has to say in front."""
    if not notice:
        return text, html
    start, body, rest = html.partition("<body")
    tag, end, inner = rest.partition(">")
    said = f'<p style="color: #8a6d00">{escape(notice)}</p>\n'
    html = f"{start}{body}{tag}{end}\n{said}{inner}" if body and end else said + html
    return f"{notice}\n\n{text}" if text else text, html if html != said else ""


def _links(alert: NotifiedAlert, notification: Notification) -> list[Link]:
    return alert_links(alert, external_url=notification.external_url)


def _more(notification: Notification) -> str:
    count = len(notification.alerts) - ALERTS_SHOWN_MAX
    return f"… and {count} more alerts." if count > 0 else ""


def _footer(notification: Notification) -> str:
    why = f"Told to {notification.receiver}: {notification.reason.value}."
    if notification.policy and notification.level >= 0:
        why += f" Policy {notification.policy}, level {notification.level + 1}."
    if not notification.external_url:
        return why
    return f"{why}\n{notification.external_url}/ui/alerts"


def _heading(alert: NotifiedAlert) -> str:
    mark = traits_of(severity_of(alert.labels)).mark
    title = f"{mark} {title_of(alert.labels, alert.annotations)}"
    return title if alert.is_firing else f"✅ Resolved: {title}"


def _facts(alert: NotifiedAlert, links: list[Link]) -> list[tuple[str, str]]:
    facts = [
        ("Status", status_of(alert)),
        ("Severity", severity_of(alert.labels).value),
        ("Category", category_of(alert.labels).value),
        ("Source", component_of(alert.labels)),
        ("Since", _time(alert.starts_ns)),
    ]
    if not alert.is_firing:
        facts.append(("Until", _time(alert.ends_ns)))
    facts.append(("Alert ID", alert.fingerprint))
    if alert.correlation_id:
        facts.append(("Correlation ID", alert.correlation_id))
    facts.append(("Labels", ", ".join(f"{name}={value}" for name, value in alert.labels)))
    told = {*_TOLD_APART, ANNOTATION_RUNBOOK} if _is_told_whole(alert) else _TOLD_APART
    order = (ANNOTATION_RUNBOOK, ANNOTATION_RUNBOOK_URL)
    others = sorted(alert.annotations.items(), key=lambda pair: (pair[0] not in order, pair[0]))
    linked = {link.url for link in links}
    facts.extend((name.capitalize(), text) for name, text in others if name not in told and text not in linked)
    return facts


def _is_told_whole(alert: NotifiedAlert) -> bool:
    """Whether the line of what to do first has all of the annotation `runbook`."""
    return first_step(alert) == alert.annotations.get(ANNOTATION_RUNBOOK, "").strip() != ""


def _time(time_ns: int) -> str:
    return datetime.fromtimestamp(time_ns // NS_PER_S, tz=UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def _text_block(alert: NotifiedAlert, links: list[Link]) -> str:
    lines = [_heading(alert)]
    if description := alert.annotations.get(ANNOTATION_DESCRIPTION):
        lines.append(description)
    if step := first_step(alert):
        lines.append(f"{FIRST_STEP} {step}")
    lines.extend(f"  {name}: {value}" for name, value in _facts(alert, links))
    lines.extend(f"  {link.name}: {link.url}" for link in links)
    return "\n".join(lines)


def _html_block(alert: NotifiedAlert, links: list[Link]) -> str:
    color = traits_of(severity_of(alert.labels)).color if alert.is_firing else COLOR_RESOLVED
    description = alert.annotations.get(ANNOTATION_DESCRIPTION, "")
    step = first_step(alert)
    rows = "".join(
        f'<tr><td style="color: #666; padding-right: 12px; vertical-align: top">{escape(name)}</td>'
        f"<td>{_linked(value)}</td></tr>"
        for name, value in _facts(alert, links)
    )
    anchors = " &nbsp; ".join(f'<a href="{escape(link.url)}">{link.name}</a>' for link in links)
    return (
        f'<div style="border-left: 6px solid {color}; padding: 4px 12px; margin-bottom: 16px">\n'
        f'<h3 style="margin: 0 0 6px">{escape(_heading(alert))}</h3>\n'
        + (f'<p style="margin: 0 0 6px">{escape(description)}</p>\n' if description else "")
        + (f'<p style="margin: 0 0 6px"><b>{FIRST_STEP}</b> {escape(step)}</p>\n' if step else "")
        + f'<table style="font-size: 14px">{rows}</table>\n'
        + (f'<p style="margin: 6px 0 0">{anchors}</p>\n' if anchors else "")
        + "</div>"
    )


def _linked(text: str) -> str:
    shown = escape(text)
    if text.startswith(("http://", "https://")) and not any(char.isspace() for char in text):
        return f'<a href="{shown}">{shown}</a>'
    return shown
