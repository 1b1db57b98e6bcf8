"""Alertmanager's webhook: one JSON document a notification.

Source: Alertmanager 0.34, `webhook_config`, version "4".
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence

from anyascope.model.notifications import Notification, NotifiedAlert
from anyascope.wire.go_json import go_json
from anyascope.wire.go_times import rfc3339
from anyascope.wire.notices.data import common_annotations, common_labels, group_status, receiver_shown, status_of

SIGNATURE_HEADER = "X-Anyascope-Signature"


def webhook_body(notification: Notification, *, max_alerts: int = 0) -> bytes:
    """The JSON, byte for byte as Go would write it. Of more than `max_alerts` (0: no limit) the rest is counted."""
    return go_json(webhook_message(notification, max_alerts=max_alerts))


def webhook_message(notification: Notification, *, max_alerts: int = 0) -> dict[str, object]:
    """The same before it is JSON."""
    alerts: Sequence[NotifiedAlert] = notification.alerts
    truncated = 0
    if max_alerts and len(alerts) > max_alerts:
        alerts, truncated = alerts[:max_alerts], len(alerts) - max_alerts
    return {
        "receiver": receiver_shown(notification),
        "status": group_status(alerts),
        "alerts": [_alert(alert) for alert in alerts],
        "notification_reason": notification.reason.value,
        "groupLabels": dict(notification.group_labels),
        "commonLabels": common_labels(alerts),
        "commonAnnotations": common_annotations(alerts),
        "routeLabels": dict(notification.route_labels),
        "externalURL": notification.external_url,
        "version": "4",
        "groupKey": notification.group_key,
        "truncatedAlerts": truncated,
    }


def _alert(alert: NotifiedAlert) -> dict[str, object]:
    return {
        "status": status_of(alert),
        "labels": dict(alert.labels),
        "annotations": dict(sorted(alert.annotations.items())),
        "startsAt": rfc3339(alert.starts_ns),
        "endsAt": rfc3339(alert.ends_ns),
        "generatorURL": alert.generator_url,
        "fingerprint": alert.fingerprint,
    }


def signature(secret: str, body: bytes, *, at_s: int) -> str:
    """`t=<unix seconds>,v1=<hex>`: HMAC-SHA256 of time, a dot and the body, so that a replay shows its age."""
    digest = hmac.new(secret.encode(), str(at_s).encode() + b"." + body, hashlib.sha256).hexdigest()
    return f"t={at_s},v1={digest}"
