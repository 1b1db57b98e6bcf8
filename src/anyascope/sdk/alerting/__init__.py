"""Alerts from inside a service: told by Slack, e-mail, phone and webhooks, again and higher up until somebody answers.

    from anyascope.sdk.alerting import AlertBuilders, AlertManager, SlackChannel

    alerts = AlertManager()
    alerts.add_channel(SlackChannel(webhook_url, "#custody"))
    alerts.send_alert(AlertBuilders.hsm_operation_failed("sign", "softhsm", "CKR_DEVICE_ERROR"))

Instead of telling itself, or beside it, a manager hands alerts over to anyascope or a real Alertmanager (`forward_to`).
"""

from anyascope.model.alerts import AlertCategory, AlertSeverity
from anyascope.sdk.alerting.alert import Alert
from anyascope.sdk.alerting.builders import AlertBuilders
from anyascope.sdk.alerting.channel import NotificationChannel, SendError
from anyascope.sdk.alerting.policy import DEFAULT_POLICIES, EscalationLevel, EscalationPolicy

__all__ = [
    "DEFAULT_POLICIES",
    "Alert",
    "AlertBuilders",
    "AlertCategory",
    "AlertSeverity",
    "EscalationLevel",
    "EscalationPolicy",
    "NotificationChannel",
    "SendError",
]
