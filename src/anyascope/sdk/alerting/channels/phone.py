"""A phone that rings: by Twilio's REST API, or by a gateway of your own.

Source: Twilio, "Calls resource", "Messages resource", TwiML `<Say>`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Final, Literal, Protocol, Self
from urllib.parse import quote
from xml.sax.saxutils import escape

from anyascope.model.alerts import AlertSeverity
from anyascope.sdk.alerting.alert import Alert
from anyascope.sdk.alerting.channel import Parts, SendError, send_id
from anyascope.sdk.alerting.channels.base import Channel, given, given_list, is_alert
from anyascope.sdk.alerting.channels.http import TIMEOUT_S, post
from anyascope.sdk.alerting.texts import text_of
from anyascope.sdk.guard import as_text, quoted, report_misuse
from anyascope.wire.notices.answers import DETAIL_CHARS_MAX

NUMBERS_MAX = 10  # of one channel; they are called one after another
SPOKEN_CHARS_MAX = 500  # half a minute of speech
SMS_CHARS_MAX = 1_600  # of Twilio
RINGING: Final = frozenset((AlertSeverity.CRITICAL, AlertSeverity.HIGH))  # nobody is woken up for less
TWILIO_URL: Final = "https://api.twilio.com"

Mode = Literal["call", "sms"]


class Gateway(Protocol):
    """Reaches one number."""

    def reach(self, number: str, alert: Alert, *, timeout_s: float) -> None:
        """Call it, or write to it; raises `SendError` where that fails."""


class PhoneChannel(Channel):
    """Reaches each number once a send; those that were reached are not called again when others are retried.

    Args:
        gateway: see `PhoneChannel.twilio` and `PhoneChannel.webhook`.
        numbers: in international form, `+41…`, at most `NUMBERS_MAX`.
        name: by which policies know it.
        severities: those for which it rings.
        timeout_s: seconds for connecting and for each part of the answer, up to 30.
    """

    def __init__(
        self,
        gateway: Gateway,
        numbers: str | Iterable[str],
        *,
        name: str = "phone",
        severities: Iterable[AlertSeverity] = RINGING,
        timeout_s: float = TIMEOUT_S,
    ) -> None:
        super().__init__(name, severities=severities, timeout_s=timeout_s)
        self._gateway = gateway
        self._numbers = given_list(numbers, "numbers", most=NUMBERS_MAX)
        self._parts = Parts()

    @classmethod
    def twilio(
        cls,
        account_sid: str,
        auth_token: str,
        *,
        sender: str,
        numbers: str | Iterable[str],
        mode: Mode = "call",
        url: str = TWILIO_URL,
        name: str = "phone",
        severities: Iterable[AlertSeverity] = RINGING,
    ) -> Self:
        """Calls, or writes, from the number `sender` of a Twilio account."""
        gateway = TwilioGateway(account_sid, auth_token, sender=sender, mode=mode, url=url)
        return cls(gateway, numbers, name=name, severities=severities)

    @classmethod
    def webhook(
        cls,
        url: str,
        *,
        numbers: str | Iterable[str],
        token: str = "",
        name: str = "phone",
        severities: Iterable[AlertSeverity] = RINGING,
    ) -> Self:
        """Posts JSON to a gateway of your own: `to`, `text`, `alert_id`, `severity`, `title`, `description`, `component`."""
        return cls(WebhookGateway(url, token=token), numbers, name=name, severities=severities)

    def send_alert(self, alert: Alert) -> None:
        """Reach all numbers that were not reached by this send yet.

        Raises:
            SendError: some could not be reached.
        """
        if not is_alert(alert):
            return
        if not self._numbers:
            raise SendError("there is no number to call", is_final=True)
        send = send_id(alert)
        faults: list[SendError] = []
        for number in self._parts.waiting(send, self._numbers):
            try:
                self._gateway.reach(number, alert, timeout_s=self._timeout_s)
            except SendError as error:
                faults.append(error)
                if error.is_final:
                    self._parts.through(send, number)
            except Exception as error:  # noqa: BLE001  # somebody's gateway; the next attempt may go better
                faults.append(SendError(f"{type(error).__name__}: {text_of(error, chars_max=DETAIL_CHARS_MAX)}"))
            else:
                self._parts.through(send, number)
        waiting = [fault for fault in faults if not fault.is_final]
        if not waiting:
            self._parts.forget(send)
        if faults:
            raise SendError(
                "; ".join(str(fault) for fault in faults),
                retry_after_s=max(fault.retry_after_s for fault in faults),
                is_final=not waiting,
            )


class TwilioGateway:
    """One request a number."""

    def __init__(self, account_sid: str, auth_token: str, *, sender: str, mode: Mode, url: str) -> None:
        self._sid = given(account_sid, "account_sid")
        self._token = given(auth_token, "auth_token")
        self._sender = given(sender, "sender")
        chosen = as_text(mode)
        if chosen not in ("call", "sms"):
            report_misuse(f"mode must be call or sms, got {quoted(mode)}")
        self._is_call = chosen != "sms"
        self._url = given(url, "url").rstrip("/")

    def reach(self, number: str, alert: Alert, *, timeout_s: float) -> None:
        """Place a call that says the alert, or send it as a text."""
        resource = "Calls" if self._is_call else "Messages"
        content = {"Twiml": twiml(alert)} if self._is_call else {"Body": written(alert)}
        post(
            f"{self._url}/2010-04-01/Accounts/{quote(self._sid, safe='')}/{resource}.json",
            {"To": number, "From": self._sender, **content},
            headers={"I-Twilio-Idempotency-Token": f"{send_id(alert)}.{number}"},
            auth=(self._sid, self._token),
            timeout_s=timeout_s,
        )


class WebhookGateway:
    """One JSON document a number."""

    def __init__(self, url: str, *, token: str) -> None:
        self._url = given(url, "url")
        self._token = given(token, "token")

    def reach(self, number: str, alert: Alert, *, timeout_s: float) -> None:
        """Post it."""
        document = {
            "to": number,
            "text": spoken(alert),
            "alert_id": alert.id,
            "severity": alert.severity.value,
            "title": alert.title,
            "description": alert.description,
            "component": alert.source_component,
        }
        headers = {"Idempotency-Key": f"{send_id(alert)}.{number}"}
        if self._token:
            headers["Authorization"] = f"Bearer {self._token}"
        body = json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()
        post(self._url, body, headers=headers, secrets=(self._token,), timeout_s=timeout_s)


def spoken(alert: Alert) -> str:
    """What the one who picks up hears."""
    text = f"{alert.severity.value} alert. {alert.title}. {alert.description}"
    return " ".join(text.split())[:SPOKEN_CHARS_MAX]


def twiml(alert: Alert) -> str:
    """What Twilio's voice says, twice: who was asleep misses the first words."""
    said = f"<Say>{escape(_printable(spoken(alert)))}</Say>"
    return f'<?xml version="1.0" encoding="UTF-8"?><Response>{said}<Pause length="1"/>{said}</Response>'


def written(alert: Alert) -> str:
    """A text message."""
    return f"{alert.severity.value.upper()}: {alert.title}\n{alert.description}\n{alert.id}"[:SMS_CHARS_MAX]


def _printable(text: str) -> str:
    """The text without characters that XML does not allow."""
    return "".join(sign if sign.isprintable() else " " for sign in text)
