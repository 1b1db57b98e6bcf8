"""A phone that rings, or a text message: by Twilio, or by a gateway of one's own.

Of several numbers one is tried after the other. Where Twilio can reach this server a call counts as answered once a key
was pressed: a mailbox presses none.
"""

from __future__ import annotations

import json
from urllib.parse import urlsplit

from anyascope.clock import Clock
from anyascope.errors import InvalidInputError
from anyascope.model.channels.phone import PhoneMode, PhoneOptions, TwilioAccount
from anyascope.model.notifications import AttemptOutcome, Notification
from anyascope.model.secret import Secret
from anyascope.notify.channel import Outcome
from anyascope.notify.http import HttpSender, judge
from anyascope.notify.phone.calls import Call, CallBook, settled
from anyascope.notify.templates import Templates
from anyascope.semconv.alerts import severity_of
from anyascope.wire.gotemplate import TemplateError
from anyascope.wire.hosts import is_loopback
from anyascope.wire.notices.answers import shown
from anyascope.wire.notices.phone import SMS_CHARS_MAX, SPOKEN_CHARS_MAX, spoken, written

TALK_S = 75.0  # a text read twice, with the waits for a key
MESSAGE_S = 20.0  # within which a carrier has taken a message, or has not
VOICE_PATH, STATUS_PATH = "/callbacks/twilio/voice", "/callbacks/twilio/status"
_FAILED = "!"  # opens the part of a number that could not be reached


class PhoneChannel:
    """Reaches the numbers of one receiver's phone, a number an attempt.

    Args:
        calls: where callbacks say what they heard; None where nobody passes them on, so that no key is asked for.
    """

    def __init__(self, options: PhoneOptions, *, templates: Templates, clock: Clock, calls: CallBook | None) -> None:
        self._options = options
        self._templates = templates
        self._clock = clock
        self._has_callbacks = calls is not None
        self._calls = calls or CallBook()
        self._sender = HttpSender(options.http, timeout_s=options.timeout_s, clock=clock)

    @property
    def options(self) -> PhoneOptions:
        """As configured."""
        return self._options

    async def send(self, notification: Notification, *, done: frozenset[str]) -> Outcome:
        parts = self._parts(notification)
        waiting = [part for part in parts if not {part, _FAILED + part} & done]
        if not waiting:
            return Outcome(AttemptOutcome.OK, "no number is left to reach")
        if self._is_needless(notification):
            return Outcome(AttemptOutcome.OK, "somebody has taken it up meanwhile: nobody else is called")
        part = waiting[0]
        number = part.partition(":")[2]
        try:
            outcome = await self._reach(notification, number, part)
        except InvalidInputError as error:  # a secret's file cannot be read
            return Outcome(AttemptOutcome.RETRY, shown(str(error), ()))
        # Where keys count, only a call that was answered comes as OK; else every number is told.
        is_last = len(waiting) == 1 or (outcome.kind is AttemptOutcome.OK and self._waits_for_keys(notification))
        return _concluded(outcome, part, is_last=is_last, done=done)

    async def close(self) -> None:
        await self._sender.close()

    def _is_needless(self, notification: Notification) -> bool:
        """Whether a phone would ring for what somebody else has taken up, or what is over."""
        rings = self._options.mode is PhoneMode.CALL and notification.is_firing
        return rings and self._calls.is_taken_up([one.fingerprint for one in notification.alerts])

    def _parts(self, notification: Notification) -> list[str]:
        """Every ring that may be needed: all numbers, as often as there are rounds."""
        rings = self._options.rounds if self._waits_for_keys(notification) else 1
        return [f"{ring}:{number}" for ring in range(rings) for number in self._options.numbers]

    def _waits_for_keys(self, notification: Notification) -> bool:
        return self._options.mode is PhoneMode.CALL and bool(self.callback_base(notification.external_url))

    def callback_base(self, external_url: str) -> str:
        """Where Twilio reaches this server; empty where it cannot."""
        if self._options.twilio is None or not self._has_callbacks:
            return ""
        base = self._options.callback_url or external_url.rstrip("/")
        host = urlsplit(base).hostname or ""
        return "" if not host or (is_loopback(host) and not self._options.callback_url) else base

    # --- one number ---------------------------------------------------------------------------------------------------

    async def _reach(self, notification: Notification, number: str, part: str) -> Outcome:
        options = self._options
        if options.url is not None:
            return await self._post(options.url, notification, number)
        assert options.twilio is not None  # the settings have one of both
        if options.mode is PhoneMode.SMS:
            return await self._message(options.twilio, notification, number, part)
        return await self._call(options.twilio, notification, number, part)

    async def _call(self, account: TwilioAccount, notification: Notification, number: str, part: str) -> Outcome:
        from anyascope.notify.phone import twilio  # noqa: PLC0415  # a fifth of a second that only phones need

        name = self._name(notification, part)
        base = self.callback_base(notification.external_url)
        said = self._text(notification)
        action = f"{base}{VOICE_PATH}/{name}" if base else ""
        with self._calls.expecting(name, said=said) as call:
            answer = await twilio.place_call(
                account,
                self._sender,
                number=number,
                twiml=twilio.asking(said, action=action, language=self._options.language),
                ring_s=self._options.ring_s,
                status_url=f"{base}{STATUS_PATH}/{name}" if base else "",
                identity=f"{notification.id}.{part}",
            )
            taken = answer if isinstance(answer, Outcome) else judge(answer)
            if taken.kind is not AttemptOutcome.OK or not base:
                return _of_number(taken, number)
            await settled(call, twilio.CALL_ENDS, clock=self._clock, timeout_s=self._options.ring_s + TALK_S)
        return _heard(call, number)

    async def _message(self, account: TwilioAccount, notification: Notification, number: str, part: str) -> Outcome:
        from anyascope.notify.phone import twilio  # noqa: PLC0415  # a fifth of a second that only phones need

        name = self._name(notification, part)
        base = self.callback_base(notification.external_url)
        with self._calls.expecting(name, said="") as message:
            answer = await twilio.send_message(
                account,
                self._sender,
                number=number,
                text=self._text(notification),
                status_url=f"{base}{STATUS_PATH}/{name}" if base else "",
                identity=f"{notification.id}.{part}",
            )
            taken = answer if isinstance(answer, Outcome) else judge(answer)
            if taken.kind is not AttemptOutcome.OK or not base:
                return _of_number(taken, number)
            await settled(message, twilio.MESSAGE_ENDS, clock=self._clock, timeout_s=MESSAGE_S)
        is_lost = message.status in twilio.MESSAGE_FAILURES
        kind = AttemptOutcome.FAILED if is_lost else AttemptOutcome.OK
        return Outcome(kind, f"{number}: {message.status or 'taken, and no word of it since'}")

    async def _post(self, url: Secret, notification: Notification, number: str) -> Outcome:
        leading = notification.alerts[0]
        document = {
            "to": number,
            "mode": self._options.mode.value,
            "text": self._text(notification),
            "notification_id": notification.id,
            "status": "firing" if notification.is_firing else "resolved",
            "severity": severity_of(leading.labels).value,
            "alert_ids": [alert.fingerprint for alert in notification.alerts],
            "url": notification.external_url,
        }
        body = json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
        headers = {"Idempotency-Key": f"{notification.id}.{number}"}
        answer = await self._sender.post(url.reveal(), body, headers=headers)
        return _of_number(answer if isinstance(answer, Outcome) else judge(answer), number)

    def _name(self, notification: Notification, part: str) -> str:
        """Of the call in callbacks: whose it is can be read from it after a restart too."""
        ring, _, number = part.partition(":")
        return f"{notification.id}.{ring}.{self._options.numbers.index(number)}"

    def _text(self, notification: Notification) -> str:
        is_call = self._options.mode is PhoneMode.CALL
        if self._options.text:
            try:
                text = self._templates.render(self._options.text, notification)
            except TemplateError:
                text = ""  # a page in our words is worth more than none in the receiver's own
            if text.strip():
                return text.strip()[: SPOKEN_CHARS_MAX if is_call else SMS_CHARS_MAX]
        can_reply = bool(self.callback_base(notification.external_url))
        return spoken(notification) if is_call else written(notification, can_reply=can_reply)


def _concluded(outcome: Outcome, part: str, *, is_last: bool, done: frozenset[str]) -> Outcome:
    """What one number's fate means for the whole, which failed where no number was reached."""
    if outcome.kind is AttemptOutcome.RETRY:
        return outcome
    is_reached = outcome.kind is AttemptOutcome.OK
    parts = (part if is_reached else _FAILED + part,)
    if not is_last:
        return Outcome(AttemptOutcome.OK, outcome.detail, parts_done=parts, is_more=True)
    is_through = is_reached or any(not one.startswith(_FAILED) for one in done)
    kind = AttemptOutcome.OK if is_through else AttemptOutcome.FAILED
    return Outcome(kind, outcome.detail, parts_done=parts, is_unanswered=not is_through and outcome.is_unanswered)


def _of_number(outcome: Outcome, number: str) -> Outcome:
    return Outcome(
        outcome.kind,
        f"{number}: {outcome.detail}",
        retry_after_s=outcome.retry_after_s,
        is_throttled=outcome.is_throttled,
    )


def _heard(call: Call, number: str) -> Outcome:
    if call.answer:
        return Outcome(AttemptOutcome.OK, f"{number}: {call.answer}")
    ended = {"completed": "picked up, and no key was pressed", "": "no word of the call"}
    return Outcome(AttemptOutcome.FAILED, f"{number}: {ended.get(call.status, call.status)}", is_unanswered=True)
