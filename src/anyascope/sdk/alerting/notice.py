"""An alert as the nouns that the shared layouts know."""

from __future__ import annotations

from anyascope.model.labels import Labels, labels_of
from anyascope.model.notifications import Notification, NotificationReason, NotifiedAlert
from anyascope.sdk.alerting.alert import Alert, started_ns
from anyascope.sdk.alerting.channel import current_turn, send_id
from anyascope.semconv.alerts import (
    ANNOTATION_DESCRIPTION,
    ANNOTATION_SUMMARY,
    LABEL_ALERTNAME,
    LABEL_CATEGORY,
    LABEL_COMPONENT,
    LABEL_CORRELATION_ID,
    LABEL_ESCALATION_POLICY,
    LABEL_SEVERITY,
)

FIRST_TURN = "0-0"


def labels_of_alert(alert: Alert) -> Labels:
    """Its own labels and those that everybody knows, which stand where both have a name."""
    known = {
        LABEL_ALERTNAME: alert.title,
        LABEL_SEVERITY: alert.severity.value,
        LABEL_CATEGORY: alert.category.value,
        LABEL_COMPONENT: alert.source_component,
        LABEL_ESCALATION_POLICY: alert.escalation_policy,
    }
    own = {name: text for name, text in alert.labels.items() if name}
    return labels_of(own | known)


def annotations_of_alert(alert: Alert) -> dict[str, str]:
    """Its own annotations, title, description and correlation id; those without a text are left out."""
    known = {ANNOTATION_SUMMARY: alert.title, ANNOTATION_DESCRIPTION: alert.description}
    if alert.correlation_id:
        known[LABEL_CORRELATION_ID] = alert.correlation_id
    return {name: text for name, text in ({**alert.annotations, **known}).items() if name and text}


def notified(alert: Alert) -> NotifiedAlert:
    """The alert as layouts show it: its own id stands as `Alert ID`."""
    annotations = annotations_of_alert(alert)
    annotations.pop(LABEL_CORRELATION_ID, None)  # layouts show it by itself
    return NotifiedAlert(
        fingerprint=alert.id,
        is_firing=True,
        labels=labels_of_alert(alert),
        annotations=annotations,
        starts_ns=started_ns(alert),
        correlation_id=alert.correlation_id or "",
    )


def notification_of(alert: Alert, *, receiver: str) -> Notification:
    """The send that is under way, to this receiver."""
    is_first = current_turn() in ("", FIRST_TURN)
    return Notification(
        id=send_id(alert),
        created_ns=started_ns(alert),
        receiver=receiver,
        channel=receiver,
        integration=receiver,
        group_key=f"{alert.escalation_policy}:{alert.id}",
        reason=NotificationReason.FIRST if is_first else NotificationReason.REPEAT,
        alerts=(notified(alert),),
        group_labels=((LABEL_ALERTNAME, alert.title),),
    )
