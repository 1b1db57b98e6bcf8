"""Alertmanager's webhook: one JSON document a notification, or one of the receiver's own making.

Source: Alertmanager 0.34, `webhook_config`, version "4".
"""

from __future__ import annotations

from dataclasses import replace

from anyascope.clock import NS_PER_S, Clock
from anyascope.errors import InvalidInputError
from anyascope.model.channels.webhook import WebhookOptions
from anyascope.model.notifications import AttemptOutcome, Notification
from anyascope.notify.channel import Outcome
from anyascope.notify.http import HttpSender, judge
from anyascope.notify.templates import Templates
from anyascope.notify.texts import Texts
from anyascope.wire.go_json import go_json
from anyascope.wire.gotemplate import TemplateError
from anyascope.wire.notices.answers import shown
from anyascope.wire.notices.links import signed_parts
from anyascope.wire.notices.webhook import SIGNATURE_HEADER, signature, webhook_body


class WebhookChannel:
    """Posts each notification whole."""

    def __init__(self, options: WebhookOptions, *, templates: Templates, clock: Clock) -> None:
        self._options = options
        self._templates = templates
        self._clock = clock
        self._sender = HttpSender(options.http, timeout_s=options.timeout_s, clock=clock)

    async def send(self, notification: Notification, *, done: frozenset[str]) -> Outcome:  # noqa: ARG002  # has one part
        body, note = self._body(notification)
        try:
            url = self._templates.render(self._options.url.reveal(), notification)
            headers = {"Idempotency-Key": notification.id, **self._signature(body)}
        except TemplateError as error:
            return Outcome(AttemptOutcome.FAILED, shown(f"the address cannot be made: {error}", ()))
        except InvalidInputError as error:
            return Outcome(AttemptOutcome.RETRY, shown(str(error), ()))
        answer = await self._sender.post(url, body, headers=headers, secrets=signed_parts(notification))
        outcome = answer if isinstance(answer, Outcome) else judge(answer)
        return replace(outcome, detail=outcome.detail + note) if note else outcome

    def _body(self, notification: Notification) -> tuple[bytes, str]:
        """What is posted, and what had to be replaced in it."""
        whole = webhook_body(notification, max_alerts=self._options.max_alerts)
        if self._options.payload is None:
            return whole, ""
        texts = Texts(self._templates, notification, given={}, defaults={})
        payload = texts.deep(self._options.payload)
        # A page in Alertmanager's own form is worth more than one with holes.
        return (whole, texts.note) if texts.note else (go_json(payload), "")

    async def close(self) -> None:
        await self._sender.close()

    def _signature(self, body: bytes) -> dict[str, str]:
        if self._options.signing_secret is None:
            return {}
        at_s = self._clock.now_ns() // NS_PER_S
        return {SIGNATURE_HEADER: signature(self._options.signing_secret.reveal(), body, at_s=at_s)}
