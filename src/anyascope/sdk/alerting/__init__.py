"""Alerts from inside a service: told by Slack, e-mail, phone and webhooks, again and higher up until somebody answers.

    from anyascope.sdk.alerting import AlertBuilders, AlertManager, SlackChannel

    alerts = AlertManager()
    alerts.add_channel(SlackChannel(webhook_url, "#custody"))
    alerts.send_alert(AlertBuilders.hsm_operation_failed("sign", "softhsm", "CKR_DEVICE_ERROR"))

Instead of telling itself, or beside it, a manager hands alerts over to anyascope or a real Alertmanager (`forward_to`).
"""

from anyascope.model.alerts import AlertCategory, AlertSeverity
from anyascope.sdk.alerting.accounts import observe_alerts
from anyascope.sdk.alerting.alert import Alert, fingerprint_of
from anyascope.sdk.alerting.builders import AlertBuilders
from anyascope.sdk.alerting.channel import NotificationChannel, SendError, current_turn
from anyascope.sdk.alerting.channels.email import EmailChannel
from anyascope.sdk.alerting.channels.phone import PhoneChannel
from anyascope.sdk.alerting.channels.slack import SlackChannel
from anyascope.sdk.alerting.channels.webhook import WebhookChannel
from anyascope.sdk.alerting.manager import AlertManager
from anyascope.sdk.alerting.policy import DEFAULT_POLICIES, EscalationLevel, EscalationPolicy
from anyascope.sdk.alerting.status import AlertStatus, EscalationState, SendOutcome, SendRecord

__all__ = [
    "DEFAULT_POLICIES",
    "Alert",
    "AlertBuilders",
    "AlertCategory",
    "AlertManager",
    "AlertSeverity",
    "AlertStatus",
    "EmailChannel",
    "EscalationLevel",
    "EscalationPolicy",
    "EscalationState",
    "NotificationChannel",
    "PhoneChannel",
    "SendError",
    "SendOutcome",
    "SendRecord",
    "SlackChannel",
    "WebhookChannel",
    "current_turn",
    "fingerprint_of",
    "observe_alerts",
]
