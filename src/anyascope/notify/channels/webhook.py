"""Alertmanager's webhook: one JSON document a notification.

Source: Alertmanager 0.34, `webhook_config`, version "4".
"""

from __future__ import annotations

from anyascope.clock import NS_PER_S, Clock
from anyascope.errors import InvalidInputError
from anyascope.model.channels.webhook import WebhookOptions
from anyascope.model.notifications import AttemptOutcome, Notification
from anyascope.notify.channel import Outcome
from anyascope.notify.http import HttpSender, judge
from anyascope.notify.templates import Templates
from anyascope.wire.notices.answers import shown
from anyascope.wire.notices.webhook import SIGNATURE_HEADER, signature, webhook_body


class WebhookChannel:
    """Posts each notification whole."""

    def __init__(self, options: WebhookOptions, *, templates: Templates, clock: Clock) -> None:  # noqa: ARG002  # has none
        self._options = options
        self._clock = clock
        self._sender = HttpSender(options.http, timeout_s=options.timeout_s, clock=clock)

    async def send(self, notification: Notification, *, done: frozenset[str]) -> Outcome:  # noqa: ARG002  # has one part
        body = webhook_body(notification, max_alerts=self._options.max_alerts)
        try:
            url = self._options.url.reveal()
            headers = {"Idempotency-Key": notification.id, **self._signature(body)}
        except InvalidInputError as error:
            return Outcome(AttemptOutcome.RETRY, shown(str(error), ()))
        answer = await self._sender.post(url, body, headers=headers)
        return answer if isinstance(answer, Outcome) else judge(answer)

    async def close(self) -> None:
        await self._sender.close()

    def _signature(self, body: bytes) -> dict[str, str]:
        if self._options.signing_secret is None:
            return {}
        at_s = self._clock.now_ns() // NS_PER_S
        return {SIGNATURE_HEADER: signature(self._options.signing_secret.reveal(), body, at_s=at_s)}
