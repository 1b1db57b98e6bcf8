"""Twilio, by its own library: what it is asked, what it says, and whether it was Twilio who said it.

The library knows resources, fields and signatures; the requests themselves go through our own sender, which obeys
`http_config`, bounds answers and keeps secrets out of messages.

Source: Twilio, "Calls resource", "Messages resource", TwiML `<Gather>` and `<Say>`, "Validating requests".
"""

from __future__ import annotations

import base64
import contextlib
import re
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlencode, urlsplit

from twilio.base.exceptions import TwilioException
from twilio.http import AsyncHttpClient
from twilio.http.response import Response
from twilio.request_validator import RequestValidator
from twilio.rest import Client
from twilio.twiml.voice_response import Gather, VoiceResponse

from anyascope.model.channels.phone import TwilioAccount
from anyascope.model.notifications import AttemptOutcome
from anyascope.notify.channel import Outcome
from anyascope.notify.http import HttpSender
from anyascope.wire.http_post import Answer

FORM: Final = "application/x-www-form-urlencoded"
SIGNATURE_HEADER: Final = "x-twilio-signature"
TWIML_CHARS_MAX = 4_000  # of Twilio's `Twiml` parameter
KEY_WAIT_S = 8
HELP: Final = "Press 1 to acknowledge. Press 2 to escalate. Press 3 to hear it again."
REPEATED = 2  # who was asleep misses the first words

# Ends of a call, and of a message.
CALL_ENDS: Final = frozenset(("completed", "busy", "no-answer", "failed", "canceled"))
MESSAGE_ENDS: Final = frozenset(("sent", "delivered", "undelivered", "failed"))
MESSAGE_FAILURES: Final = frozenset(("undelivered", "failed"))

_UNPRINTABLE = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")  # what XML 1.0 does not allow


class _Road(AsyncHttpClient):  # type: ignore[misc]  # the library has no types
    """Carries the library's requests; keeps the answer, or why there was none."""

    def __init__(self, sender: HttpSender, *, account: TwilioAccount, token: str, identity: str) -> None:
        super().__init__(None, is_async=True)
        self._sender = sender
        self._account = account
        self._token = token
        self._identity = identity
        self.answer: Answer | Outcome | None = None

    async def request(self, method: str, uri: str, **given: Any) -> Response:
        assert method == "POST"  # calls and messages are made, nothing is read
        login = base64.b64encode(f"{self._account.account_sid}:{self._token}".encode()).decode()
        self.answer = await self._sender.post(
            self._account.api_url + urlsplit(uri).path,
            urlencode(given.get("data") or {}, doseq=True).encode(),
            headers={
                "Content-Type": FORM,
                "Authorization": f"Basic {login}",
                # A call that is asked for again after a crash is the same call.
                "I-Twilio-Idempotency-Token": self._identity,
            },
            secrets=(self._token, login),
        )
        if isinstance(self.answer, Outcome):
            raise TwilioException("no answer")
        return Response(self.answer.status, self.answer.body.decode("utf-8", "replace"))


async def place_call(
    account: TwilioAccount,
    sender: HttpSender,
    *,
    number: str,
    twiml: str,
    ring_s: int,
    status_url: str,
    identity: str,
) -> Answer | Outcome:
    """Ask for a call; the answer says that it was taken, not that somebody picks up."""
    asked: dict[str, Any] = {"to": number, "from_": account.sender, "twiml": twiml, "timeout": ring_s}
    if status_url:
        asked |= {"status_callback": status_url, "status_callback_event": ["completed"]}
    return await _asked(account, sender, "calls", asked, identity=identity)


async def send_message(
    account: TwilioAccount, sender: HttpSender, *, number: str, text: str, status_url: str, identity: str
) -> Answer | Outcome:
    """Ask for a text message; the answer says that it was taken."""
    asked: dict[str, Any] = {"to": number, "from_": account.sender, "body": text}
    if status_url:
        asked |= {"status_callback": status_url}
    return await _asked(account, sender, "messages", asked, identity=identity)


async def _asked(
    account: TwilioAccount, sender: HttpSender, resource: str, asked: Mapping[str, Any], *, identity: str
) -> Answer | Outcome:
    token = account.auth_token.reveal()
    road = _Road(sender, account=account, token=token, identity=identity)
    client = Client(account.account_sid, token, http_client=road)
    # A refusal, no answer, or one that is no JSON: what came back says more than the library's words.
    with contextlib.suppress(TwilioException, ValueError):
        await getattr(client, resource).create_async(**asked)
    if road.answer is None:
        return Outcome(AttemptOutcome.FAILED, "Twilio's library made no request")
    return road.answer


def is_from_twilio(token: str, url: str, form: Mapping[str, str], signature: str) -> bool:
    """Whether Twilio signed this request to this address."""
    return bool(signature) and bool(RequestValidator(token).validate(url, dict(form), signature))


def asking(text: str, *, action: str, language: str) -> str:
    """TwiML: say it, and wait for a key where there is somebody to tell it to."""
    said = _UNPRINTABLE.sub(" ", text)
    while True:
        made = _asking(said, action=action, language=language)
        if len(made) <= TWIML_CHARS_MAX:
            return made
        said = said[: len(said) // 2]


def _asking(said: str, *, action: str, language: str) -> str:
    response = VoiceResponse()
    if not action:
        response.say(said, language=language, loop=REPEATED)
        return str(response)
    for _ in range(REPEATED):
        gather = Gather(num_digits=1, timeout=KEY_WAIT_S, action=action, method="POST")
        gather.say(said, language=language)
        gather.say(HELP, language="en-US")
        response.append(gather)
    response.say("No key was pressed. The next one will be called.", language="en-US")
    return str(response)


def closing(text: str) -> str:
    """TwiML: a last sentence."""
    response = VoiceResponse()
    response.say(_UNPRINTABLE.sub(" ", text), language="en-US")
    response.hangup()
    return str(response)


def replying(text: str) -> str:
    """TwiML that answers a text message."""
    from twilio.twiml.messaging_response import MessagingResponse  # noqa: PLC0415  # where somebody replies

    response = MessagingResponse()
    response.message(_UNPRINTABLE.sub(" ", text))
    return str(response)
