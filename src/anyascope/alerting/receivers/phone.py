"""`phone_configs`, ours: Alertmanager calls no phones."""

from __future__ import annotations

import re
from typing import Final

from anyascope.alerting.receivers.fields import read_http_or, read_timeout
from anyascope.alerting.receivers.inherited import GlobalOptions
from anyascope.alerting.receivers.kind import Kind
from anyascope.alerting.receivers.secrets import parse_url, read_secret, read_secret_url
from anyascope.model.channels.phone import TWILIO_URL, PhoneMode, PhoneOptions, TwilioAccount
from anyascope.model.secret import Secret
from anyascope.wire.settings import Section

NUMBERS_MAX = 10  # of one receiver's phone; they are called one after another
RING_S_MIN, RING_S_MAX = 10, 60  # shorter does not wake anybody, and Twilio's own default is a minute
ROUNDS_MAX = 10

_NUMBER: Final = re.compile(r"\+[1-9][0-9]{6,14}", re.ASCII)  # E.164
_SID: Final = re.compile(r"AC[0-9a-f]{32}", re.ASCII)


def _read(section: Section, inherited: GlobalOptions) -> PhoneOptions:
    numbers = section.texts("to")
    if not 1 <= len(numbers) <= NUMBERS_MAX:
        section.wrong(f"needs 1 to {NUMBERS_MAX} numbers, got {len(numbers)}", name="to")
    for number in numbers:
        if not _NUMBER.fullmatch(number):
            section.wrong(f"must be in international form, such as +41441234567, got {number!r}", name="to")
    twilio = _read_twilio(section.section("twilio")) if section.has("twilio") else None
    url = read_secret_url(section, "url")
    if (twilio is None) == (url is None):
        section.wrong("needs exactly one of twilio, url and url_file")
    return PhoneOptions(
        numbers=numbers,
        mode=section.choice("mode", PhoneMode, PhoneMode.CALL),
        twilio=twilio,
        url=url,
        ring_s=_whole_seconds(section, "ring", 30),
        rounds=_bounded(section, "rounds", 2, most=ROUNDS_MAX),
        language=section.text("language", "en-US"),
        callback_url=section.parsed("callback_url", parse_url, "").rstrip("/"),
        text=section.text("text", ""),
        timeout_s=read_timeout(section),
        http=read_http_or(section, inherited.http),
    )


def _read_twilio(section: Section) -> TwilioAccount:
    sid, sender = section.text("account_sid", ""), section.text("from", "")
    token = read_secret(section, "auth_token")
    if not _SID.fullmatch(sid):
        section.wrong("must be AC and 32 hex digits, as Twilio's console shows it", name="account_sid")
    if token is None:
        section.wrong("one of auth_token and auth_token_file must be configured")
    if not _NUMBER.fullmatch(sender):
        section.wrong(f"must be one of the account's numbers in international form, got {sender!r}", name="from")
    account = TwilioAccount(
        sid, token or Secret(""), sender, api_url=section.parsed("api_url", parse_url, TWILIO_URL).rstrip("/")
    )
    section.done()
    return account


def _whole_seconds(section: Section, name: str, default: int) -> int:
    found = section.duration_s(name, float(default))
    if not RING_S_MIN <= found <= RING_S_MAX or found != int(found):
        section.wrong(f"must be {RING_S_MIN} to {RING_S_MAX} whole seconds", name=name)
    return int(found)


def _bounded(section: Section, name: str, default: int, *, most: int) -> int:
    found = section.integer(name, default)
    if not 1 <= found <= most:
        section.wrong(f"must be 1 to {most}, got {found}", name=name)
    return found


PHONE: Final = Kind("phone", _read, is_resolved_sent=False)  # an end wakes nobody
