"""Storm control: what waits in its dozens becomes a few summaries that still name every component. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Final

from anyascope.clock import NS_PER_MS
from anyascope.model.notifications import Notification, NotificationReason, NotifiedAlert
from anyascope.semconv.alerts import component_of, severity_of, traits_of

# Channels that people read, whose layouts show a notification's notice. Programs (webhooks, incident managers) keep a
# state for each group and are told each notification.
MERGED_KINDS: Final = frozenset(("email", "phone", "slack"))

SUMMARY_ALERTS_MAX = 1_000  # of one summary, so that it stays a document of a megabyte
COMPONENTS_CHARS_MAX = 20_000  # names in one summary: Slack takes 40,000 characters in a message
MERGED_MAX = 2_000  # notifications told by one summary; their journal entries are written with its end


def summaries_of(notifications: Sequence[Notification], *, now_ns: int) -> list[Notification]:
    """What tells these, of one integration and oldest first, in as few messages as hold them.

    Of an alert that is told several times the newest state counts. The same notifications give the same summaries with
    the same ids.
    """
    return [_summary(part, now_ns=now_ns) for part in _parts(notifications)]


def _parts(notifications: Sequence[Notification]) -> Iterator[list[Notification]]:
    part: list[Notification] = []
    alerts: set[str] = set()
    components: dict[str, None] = {}
    chars = merged = 0
    for one in notifications:
        named = {component_of(alert.labels) for alert in one.alerts}
        new_chars = sum(len(name) + 2 for name in named if name not in components)
        new_alerts = sum(alert.fingerprint not in alerts for alert in one.alerts)
        is_over = (
            len(alerts) + new_alerts > SUMMARY_ALERTS_MAX
            or chars + new_chars > COMPONENTS_CHARS_MAX
            or merged + _count(one) > MERGED_MAX
        )
        if part and is_over:
            yield part
            part, alerts, components, chars, merged = [], set(), {}, 0, 0
            new_chars = sum(len(name) + 2 for name in named)
        part.append(one)
        alerts.update(alert.fingerprint for alert in one.alerts)
        components.update(dict.fromkeys(named))
        chars += new_chars
        merged += _count(one)
    if part:
        yield part


def _count(notification: Notification) -> int:
    return len(notification.merges) + 1


def _summary(part: Sequence[Notification], *, now_ns: int) -> Notification:
    first = part[0]
    states: dict[str, NotifiedAlert] = {}
    for one in part:
        for alert in one.alerts:
            known = states.get(alert.fingerprint)
            # News for one of the merged is news for the summary.
            states[alert.fingerprint] = replace(alert, is_news=alert.is_news or (known is not None and known.is_news))
    alerts = sorted(states.values(), key=_rank)
    merges = tuple(identity for one in part for identity in (*one.merges, one.id))
    covers = tuple(dict.fromkeys(key for one in part for key in (one.covers or (one.group_key,))))
    identity = derived_id(now_ns, first.integration, *merges)
    return Notification(
        id=identity,
        created_ns=min(one.created_ns for one in part),
        receiver=first.receiver,
        channel=first.channel,
        integration=first.integration,
        group_key=f"summary {identity}",  # a group of its own: no chat or mail thread takes it for news of another
        reason=NotificationReason.NEW_ALERTS
        if any(one.is_firing for one in alerts)
        else NotificationReason.ALL_RESOLVED,
        alerts=tuple(alerts),
        external_url=first.external_url,
        merges=merges,
        covers=covers,
        notice=_notice(alerts, groups=len(covers)),
    )


def _rank(alert: NotifiedAlert) -> tuple[bool, int]:
    return (not alert.is_firing, traits_of(severity_of(alert.labels)).rank)


def _notice(alerts: Sequence[NotifiedAlert], *, groups: int) -> str:
    """How much was merged, and every component: those with something firing first, the most severe first."""
    components = list(dict.fromkeys(component_of(alert.labels) for alert in alerts))
    named = ", ".join(components)
    return (
        f"Storm: {groups} groups in one message, {len(alerts)} alerts. "
        f"{len(components)} components are affected: {named}"
    )


def derived_id(at_ns: int, *parts: str) -> str:
    """An id in the usual form that the same parts give again: a decision that is made anew after a crash has its old one.

    Source: RFC 9562, version 8 with a time in front.
    """
    digest = hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()
    return f"{at_ns // NS_PER_MS:012x}8{digest[:3]}8{digest[3:18]}"
