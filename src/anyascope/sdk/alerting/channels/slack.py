"""Slack, by an incoming webhook."""

from __future__ import annotations

import json
from collections.abc import Iterable

from anyascope.model.alerts import AlertSeverity
from anyascope.sdk.alerting.alert import Alert
from anyascope.sdk.alerting.channel import SendError, send_id
from anyascope.sdk.alerting.channels.base import EVERY_SEVERITY, Channel, given, is_alert
from anyascope.sdk.alerting.channels.http import TIMEOUT_S, post
from anyascope.sdk.alerting.notice import notified
from anyascope.wire.notices.answers import slack_error
from anyascope.wire.notices.slack import alert_message


class SlackChannel(Channel):
    """Posts each alert in the house's layout.

    Args:
        webhook_url: Slack's address of the incoming webhook; a secret.
        channel: such as `#custody`; empty leaves it to the webhook.
        name: by which policies know it.
        severities: those that are told here.
        timeout_s: seconds for connecting and for each part of the answer, up to 30.
    """

    def __init__(
        self,
        webhook_url: str,
        channel: str = "",
        *,
        name: str = "slack",
        severities: Iterable[AlertSeverity] = EVERY_SEVERITY,
        timeout_s: float = TIMEOUT_S,
    ) -> None:
        super().__init__(name, severities=severities, timeout_s=timeout_s)
        self._url = given(webhook_url, "webhook_url")
        self._channel = given(channel, "channel")

    def send_alert(self, alert: Alert) -> None:
        """Post it.

        Raises:
            SendError: Slack did not take it.
        """
        if not is_alert(alert):
            return
        body = slack_payload(alert, channel=self._channel)
        answer = post(self._url, body, headers={"Idempotency-Key": send_id(alert)}, timeout_s=self._timeout_s)
        error, may_pass = slack_error(answer.body)
        if error:
            raise SendError(f"{answer.status} {answer.phrase}: {error}", is_final=not may_pass)


def slack_payload(alert: Alert, *, channel: str = "") -> bytes:
    """What is posted, byte for byte."""
    message = alert_message(notified(alert), channel=channel)
    return json.dumps(message, ensure_ascii=False, separators=(",", ":")).encode()
