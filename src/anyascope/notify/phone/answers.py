"""What people press and write, and what Twilio says of its calls. Everything is believed only where Twilio signed it."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import structlog
from prometheus_client import CollectorRegistry, Counter

from anyascope.clock import NS_PER_S, Clock
from anyascope.errors import ConflictError, DeniedError, NotFoundError, UnavailableError
from anyascope.model.channels.phone import PhoneOptions, TwilioAccount
from anyascope.model.notifications import AlertStatus, JournalEntry
from anyascope.model.responses import ResponseAction
from anyascope.notify.phone.calls import CallBook
from anyascope.ports import AlertResponder
from anyascope.wire.notices.phone import CODE_CHARS

CALL_LIFE_S = 3_600.0  # a key that is pressed later than that after the last attempt belongs to no call of ours
CALLBACKS: Final = "/callbacks/twilio"
KINDS: Final = ("voice", "status", "sms")

_NAME = re.compile(r"([0-9a-f]{32})\.(\d{1,2})\.(\d{1,2})", re.ASCII)
_REPLY = re.compile(rf"\s*([12])\s+\[?([0-9a-f]{{{CODE_CHARS},16}})\]?\s*", re.ASCII | re.IGNORECASE)
_ACTIONS: Final[Mapping[str, tuple[ResponseAction, str]]] = {
    "1": (ResponseAction.ACKNOWLEDGE, "acknowledged"),
    "2": (ResponseAction.ESCALATE, "escalated"),
}
_AGAIN: Final = "3"

log = structlog.get_logger("anyascope.notify")


@dataclass(frozen=True, slots=True)
class PhoneBook:
    """What the answers are judged by, as of now: phones by integration, and where Twilio reaches this server."""

    phones: Mapping[str, PhoneOptions]
    external_url: str


@dataclass(frozen=True, slots=True)
class _Caller:
    """Whose call it is that Twilio speaks of."""

    entry: JournalEntry
    options: PhoneOptions
    number: str


class PhoneAnswers:
    """Turns callbacks into responses to alerts.

    Args:
        calls: those under way.
        book: the phones as configured now.
        journal: a notification's entry by its id.
        alerts: those that fire.
        responder: acts on them.
        clock: time.
        registry: for the counters.
    """

    def __init__(
        self,
        calls: CallBook,
        *,
        book: Callable[[], PhoneBook],
        journal: Callable[[str], Awaitable[JournalEntry | None]],
        alerts: Callable[[], Sequence[AlertStatus]],
        responder: AlertResponder,
        clock: Clock,
        registry: CollectorRegistry,
    ) -> None:
        self._calls = calls
        self._book = book
        self._journal = journal
        self._alerts = alerts
        self._responder = responder
        self._clock = clock
        self._heard = Counter(
            "anyascope_phone_callbacks", "What Twilio said, by kind and by what became of it.", ["kind", "outcome"],
            registry=registry,
        )  # fmt: skip
        for kind in KINDS:
            self._heard.labels(kind, "refused")

    async def voice(self, name: str, form: Mapping[str, str], *, signature: str) -> str:
        """A key was pressed: TwiML with what to say next.

        Raises:
            NotFoundError: there is no such call.
            DeniedError: Twilio did not sign this, or the call is long over.
        """
        from anyascope.notify.phone import twilio  # noqa: PLC0415  # a fifth of a second that only phones need

        caller = await self._caller("voice", name, form, signature=signature)
        key = form.get("Digits", "")
        if key not in _ACTIONS:
            call = self._calls.find(name)
            said = call.said if call is not None else ", ".join(alert.name for alert in caller.entry.alerts[:3])
            action = f"{self._base(caller.options)}{CALLBACKS}/voice/{name}"
            if key != _AGAIN:
                said = f"{key or 'That'} is no choice. {said}"
            return twilio.asking(said, action=action, language=caller.options.language)
        action_wanted, done = _ACTIONS[key]
        ids = [alert.id for alert in caller.entry.alerts if alert.is_firing]
        said, is_done = await self._act(ids, action_wanted, done, by=f"{caller.number} (phone)")
        if is_done:
            self._calls.tell(name, answer=done)
        return twilio.closing(said)

    async def status(self, name: str, form: Mapping[str, str], *, signature: str) -> None:
        """A call or a message ended.

        Raises:
            NotFoundError: there is no such call.
            DeniedError: Twilio did not sign this, or the call is long over.
        """
        await self._caller("status", name, form, signature=signature)
        self._calls.tell(name, status=form.get("CallStatus") or form.get("MessageStatus", ""))

    async def sms(self, form: Mapping[str, str], *, signature: str) -> str:
        """Somebody replied: TwiML with what to write back.

        Raises:
            DeniedError: Twilio did not sign this, or the number is none of ours.
        """
        from anyascope.notify.phone import twilio  # noqa: PLC0415  # a fifth of a second that only phones need

        number = form.get("From", "")
        for options in self._book().phones.values():
            account = options.twilio
            if account is None or account.account_sid != form.get("AccountSid") or number not in options.numbers:
                continue
            self._check("sms", account, f"{self._base(options)}{CALLBACKS}/sms", form, signature=signature)
            return twilio.replying(await self._reply(form.get("Body", ""), by=f"{number} (text message)"))
        self._heard.labels("sms", "refused").inc()
        raise DeniedError("this account or number is not one of the receivers' phones")

    async def _reply(self, body: str, *, by: str) -> str:
        match = _REPLY.fullmatch(body)
        if match is None:
            return "Write 1 and the code of an alert to acknowledge it, 2 and the code to escalate."
        code = match[2].lower()
        ids = [alert.id for alert in self._alerts() if alert.is_firing and alert.id.startswith(code)]
        if not ids:
            return f"No alert with the code {code} fires now."
        action, done = _ACTIONS[match[1]]
        return (await self._act(ids, action, done, by=by))[0]

    async def _act(self, ids: Sequence[str], action: ResponseAction, done: str, *, by: str) -> tuple[str, bool]:
        """What to say, and whether a person has taken it up."""
        notices: dict[str, None] = {}
        count = 0
        for alert_id in ids:
            try:
                result = await self._responder.respond(alert_id, action, by=by)
            except (NotFoundError, ConflictError) as error:
                notices[str(error)] = None
            except UnavailableError as error:
                log.warning("phone_answer_not_recorded", detail=str(error))
                return "It could not be recorded. Please use the page.", False
            else:
                count += 1
                if result.notice:
                    notices[result.notice] = None
        log.info("phone_answered", by=by, action=action.value, alerts=count)
        said = f"{count} alert{'' if count == 1 else 's'} {done}." if count else "Nothing was changed."
        return " ".join((said, *list(notices)[:2])), True

    # --- whom to believe ----------------------------------------------------------------------------------------------

    async def _caller(self, kind: str, name: str, form: Mapping[str, str], *, signature: str) -> _Caller:
        match = _NAME.fullmatch(name)
        entry = await self._journal(match[1]) if match is not None else None
        options = self._book().phones.get(entry.integration) if entry is not None else None
        if match is None or entry is None or options is None or options.twilio is None:
            self._heard.labels(kind, "refused").inc()
            raise NotFoundError("there is no such call")
        self._check(kind, options.twilio, f"{self._base(options)}{CALLBACKS}/{kind}/{name}", form, signature=signature)
        last_ns = max((attempt.at_ns for attempt in entry.attempts), default=entry.queued_ns)
        is_over = self._clock.now_ns() - last_ns > CALL_LIFE_S * NS_PER_S
        if int(match[3]) >= len(options.numbers) or (is_over and self._calls.find(name) is None):
            self._heard.labels(kind, "refused").inc()
            raise DeniedError("this call is over")
        return _Caller(entry, options, options.numbers[int(match[3])])

    def _check(self, kind: str, account: TwilioAccount, url: str, form: Mapping[str, str], *, signature: str) -> None:
        from anyascope.notify.phone import twilio  # noqa: PLC0415  # a fifth of a second that only phones need

        if not twilio.is_from_twilio(account.auth_token.reveal(), url, form, signature):
            self._heard.labels(kind, "refused").inc()
            raise DeniedError("X-Twilio-Signature does not fit: callback_url or auth_token differ, or it is not Twilio")
        self._heard.labels(kind, "taken").inc()

    def _base(self, options: PhoneOptions) -> str:
        return options.callback_url or self._book().external_url.rstrip("/")
