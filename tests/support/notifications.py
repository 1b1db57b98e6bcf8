"""Notifications to try channels on."""

from __future__ import annotations

from dataclasses import replace

from anyascope.model.labels import labels_of
from anyascope.model.notifications import Notification, NotificationReason, NotifiedAlert

SECOND_NS = 1_000_000_000
AT_NS = 1_700_000_000 * SECOND_NS

SIGNING_FAILED = NotifiedAlert(
    fingerprint="0f1e2d3c4b5a6978",
    is_firing=True,
    labels=labels_of(
        {
            "alertname": "SigningFailed",
            "severity": "critical",
            "category": "security",
            "component": "hsm-1",
            "wallet": "cold",
        }
    ),
    annotations={"summary": "Signing failed", "description": "The HSM refused 3 signatures in a row."},
    starts_ns=AT_NS,
    generator_url="http://anyascope.test/graph?g0.expr=a>b&g0.tab=1",
    correlation_id="5d0b2f1e-0000-4000-8000-000000000001",
)


def ended(alert: NotifiedAlert, *, after_s: int = 60) -> NotifiedAlert:
    return replace(alert, is_firing=False, ends_ns=alert.starts_ns + after_s * SECOND_NS)


def notification(
    *alerts: NotifiedAlert, reason: NotificationReason = NotificationReason.FIRST, **changes
) -> Notification:
    told = Notification(
        id="018bcfe568007000800000000000abcd",
        created_ns=AT_NS,
        receiver="ops",
        channel="webhook",
        integration="ops/webhook/0",
        group_key='{}:{alertname="SigningFailed"}',
        reason=reason,
        alerts=alerts or (SIGNING_FAILED,),
        group_labels=(("alertname", "SigningFailed"),),
        external_url="http://anyascope.test",
    )
    return replace(told, **changes)


def many(count: int) -> tuple[NotifiedAlert, ...]:
    """Alerts of all severities, least severe last."""
    severities = ("critical", "high", "medium", "low")
    return tuple(
        replace(
            SIGNING_FAILED,
            fingerprint=f"{number:016x}",
            labels=labels_of(
                {"alertname": "Down", "severity": severities[number * 4 // count], "component": f"node-{number}"}
            ),
            annotations={"summary": f"Node {number} is down"},
        )
        for number in range(count)
    )
