"""A webhook: Alertmanager's JSON, so that whatever takes its notifications takes ours."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping

from anyascope.model.alerts import AlertSeverity
from anyascope.sdk.alerting.alert import Alert
from anyascope.sdk.alerting.channel import send_id
from anyascope.sdk.alerting.channels.base import EVERY_SEVERITY, TEXT_CHARS_MAX, Channel, given, is_alert
from anyascope.sdk.alerting.channels.http import TIMEOUT_S, post
from anyascope.sdk.alerting.notice import notification_of
from anyascope.sdk.alerting.texts import wanted_pairs
from anyascope.wire.notices.webhook import SIGNATURE_HEADER, signature, webhook_body

HEADERS_MAX = 32


class WebhookChannel(Channel):
    """Posts each alert as a notification of one.

    Args:
        url: where to; may be a secret.
        headers: sent along, such as `Authorization`.
        signing_secret: signs each body (`X-Anyascope-Signature`, HMAC-SHA256 of time and body) where given.
        name: by which policies know it.
        severities: those that are told here.
        timeout_s: seconds for connecting and for each part of the answer, up to 30.
    """

    def __init__(
        self,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        signing_secret: str = "",
        name: str = "webhook",
        severities: Iterable[AlertSeverity] = EVERY_SEVERITY,
        timeout_s: float = TIMEOUT_S,
    ) -> None:
        super().__init__(name, severities=severities, timeout_s=timeout_s)
        self._url = given(url, "url")
        pairs = (
            {}
            if headers is None
            else wanted_pairs(headers, name="headers", pairs_max=HEADERS_MAX, chars_max=TEXT_CHARS_MAX)
        )
        self._headers = {name: given(text, "a header") for name, text in pairs.items()}
        self._signing_secret = given(signing_secret, "signing_secret")

    def send_alert(self, alert: Alert) -> None:
        """Post it.

        Raises:
            SendError: the far end did not take it.
        """
        if not is_alert(alert):
            return
        body = webhook_body(notification_of(alert, receiver=self.channel_name()))
        headers = {"Idempotency-Key": send_id(alert), **self._headers}
        if self._signing_secret:
            headers[SIGNATURE_HEADER] = signature(self._signing_secret, body, at_s=int(time.time()))
        post(self._url, body, headers=headers, secrets=tuple(self._headers.values()), timeout_s=self._timeout_s)
