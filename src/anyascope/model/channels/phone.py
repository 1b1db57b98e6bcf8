"""A phone: calls and text messages, by Twilio or by a gateway of one's own."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

from anyascope.model.channels.base import TIMEOUT_S_DEFAULT, ChannelOptions
from anyascope.model.http import HttpOptions
from anyascope.model.secret import Secret

TWILIO_URL = "https://api.twilio.com"


class PhoneMode(Enum):
    """What a phone does."""

    CALL = "call"
    SMS = "sms"


@dataclass(frozen=True, slots=True)
class TwilioAccount:
    """Who pays, and from which number."""

    account_sid: str
    auth_token: Secret
    sender: str
    api_url: str = TWILIO_URL


@dataclass(frozen=True, slots=True)
class PhoneOptions(ChannelOptions):
    """`phone_configs`, ours. Exactly one of `twilio` and `url` is set.

    Attributes:
        numbers: in international form, tried in this order until one answers.
        twilio: the account that calls.
        url: of a gateway that takes one JSON document a number.
        ring_s: how long a phone rings before the next one does.
        rounds: how often all numbers are tried before the call counts as unanswered.
        callback_url: where Twilio reaches this server; empty for the server's own external address.
        text: a template of what is said; empty for our own words.
    """

    numbers: tuple[str, ...]
    mode: PhoneMode = PhoneMode.CALL
    twilio: TwilioAccount | None = None
    url: Secret | None = None
    ring_s: int = 30
    rounds: int = 2
    language: str = "en-US"
    callback_url: str = ""
    text: str = ""
    timeout_s: float = TIMEOUT_S_DEFAULT
    http: HttpOptions = field(default_factory=HttpOptions)
