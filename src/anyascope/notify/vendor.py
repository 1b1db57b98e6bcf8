"""Channels that are a few requests to a vendor's HTTP API: what is asked is pure, asking is here."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Generic, TypeVar

from anyascope.clock import Clock
from anyascope.errors import InvalidInputError
from anyascope.model.channels.base import VendorOptions
from anyascope.model.notifications import AttemptOutcome, Notification
from anyascope.notify.channel import Channel, Outcome
from anyascope.notify.http import HttpSender, judge
from anyascope.notify.templates import Templates
from anyascope.notify.texts import Texts
from anyascope.wire.gotemplate import TemplateError
from anyascope.wire.http_post import Answer
from anyascope.wire.notices.answers import shown
from anyascope.wire.notices.links import signed_parts

O = TypeVar("O", bound=VendorOptions)  # noqa: E741  # options


class UnsendableError(InvalidInputError):
    """Nothing can be sent with these settings and this notification; the message says what is missing."""


@dataclass(frozen=True, slots=True)
class Call:
    """One request.

    Attributes:
        part: its name among the calls of one notification; once through it is not made again.
        body: JSON, unless `headers` name another type.
        secrets: texts that must not be shown, beside what `url` may hold.
        throttling: further statuses with which the far end says "too many".
    """

    url: str = field(repr=False)
    body: bytes
    part: str = "message"
    method: str = "POST"
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    secrets: tuple[str, ...] = field(default=(), repr=False)
    throttling: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Vendor(Generic[O]):
    """How to speak to one vendor.

    Attributes:
        defaults: upstream's templates of all text fields.
        said: the text field without which there is nothing to say.
        calls: what to ask, in order. Raises `UnsendableError` where nothing can be, `TemplateError` where a key's template
            fails, and `InvalidInputError` where a secret's file cannot be read.
        judge: what an answer means.
        plainer: the same in a form that this far end takes, where it refused the form; made at once, since a page in another form is
            worth more than none.
    """

    defaults: Mapping[str, str]
    said: str
    calls: Callable[[O, Texts], Sequence[Call]]
    judge: Callable[[Answer], Outcome] = judge
    plainer: Callable[[Call, Answer], Call | None] = lambda call, answer: None  # noqa: ARG005  # most have one form

    def channel(self, options: O, *, templates: Templates, clock: Clock) -> Channel:
        """The channel that these options are for."""
        return VendorChannel(self, options, templates=templates, clock=clock)


class VendorChannel(Generic[O]):
    """Makes a vendor's calls one after another, an attempt each."""

    def __init__(self, vendor: Vendor[O], options: O, *, templates: Templates, clock: Clock) -> None:
        self._vendor = vendor
        self._options = options
        self._templates = templates
        self._sender = HttpSender(options.http, timeout_s=options.timeout_s, clock=clock)

    async def send(self, notification: Notification, *, done: frozenset[str]) -> Outcome:
        options, vendor = self._options, self._vendor
        texts = Texts(self._templates, notification, given=options.texts, defaults=vendor.defaults, said=vendor.said)
        calls = calls_or_outcome(lambda: vendor.calls(options, texts))
        if isinstance(calls, Outcome):
            return calls
        waiting = [call for call in calls if call.part not in done]
        if not waiting:
            return Outcome(AttemptOutcome.OK, "nothing left to send")
        call = waiting[0]
        outcome = await self._make(call, notification)
        if outcome.kind is not AttemptOutcome.OK:
            return outcome
        return replace(
            outcome,
            detail=shown(outcome.detail + texts.note, call.secrets),
            parts_done=(call.part,),
            is_more=len(waiting) > 1,
        )

    async def _make(self, call: Call, notification: Notification) -> Outcome:
        answer = await ask(self._sender, call, notification)
        if isinstance(answer, Outcome):
            return answer
        outcome = self._judge(call, answer)
        plainer = self._vendor.plainer(call, answer) if outcome.kind is AttemptOutcome.FAILED else None
        if plainer is None:
            return outcome
        again = await ask(self._sender, plainer, notification)
        second = again if isinstance(again, Outcome) else self._judge(plainer, again)
        return replace(
            second, detail=shown(f"{second.detail}; in a plainer form, since {outcome.detail}", call.secrets)
        )

    def _judge(self, call: Call, answer: Answer) -> Outcome:
        outcome = self._vendor.judge(answer)
        if answer.status not in call.throttling:
            return outcome
        return replace(outcome, kind=AttemptOutcome.RETRY, is_throttled=True)

    async def close(self) -> None:
        await self._sender.close()


T = TypeVar("T")


def calls_or_outcome(make: Callable[[], T]) -> T | Outcome:
    """What `make` gives, or the outcome where it cannot."""
    try:
        return make()
    except (UnsendableError, TemplateError) as error:
        return Outcome(AttemptOutcome.FAILED, shown(f"the message cannot be made: {error}", ()))
    except InvalidInputError as error:  # a secret's file that is missing for a moment
        return Outcome(AttemptOutcome.RETRY, shown(str(error), ()))


async def ask(sender: HttpSender, call: Call, notification: Notification, **how: Any) -> Answer | Outcome:
    """Make a call. The notification's id goes along, so that a far end that looks can tell a repeat after a crash."""
    headers = {"Idempotency-Key": notification.id, **call.headers}
    secrets = (*call.secrets, *signed_parts(notification))
    return await sender.post(call.url, call.body, method=call.method, headers=headers, secrets=secrets, **how)


def without_empty(fields: Mapping[str, object]) -> dict[str, object]:
    """Only those that say something: Go's `omitempty`."""
    return {name: value for name, value in fields.items() if value}
