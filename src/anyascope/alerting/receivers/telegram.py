"""`telegram_configs`."""

from __future__ import annotations

from typing import Final

from anyascope.alerting.receivers.inherited import GlobalOptions
from anyascope.alerting.receivers.kind import Kind
from anyascope.alerting.receivers.secrets import parse_url, read_secret
from anyascope.alerting.receivers.vendor import read_shared
from anyascope.model.channels.telegram import TelegramOptions
from anyascope.model.secret import Secret, SecretFile
from anyascope.wire.settings import Section

PARSE_MODES: Final = ("", "Markdown", "MarkdownV2", "HTML")


def _read(section: Section, inherited: GlobalOptions) -> TelegramOptions:
    token = read_secret(section, "bot_token") or inherited.telegram_bot_token
    chat = _read_chat(section)
    mode = section.text("parse_mode", "HTML")
    if mode not in PARSE_MODES:
        section.wrong("unknown parse_mode on telegram_config, must be Markdown, MarkdownV2, HTML or empty string")
    if token is None:
        section.wrong("missing bot_token or bot_token_file on telegram_config")
    return TelegramOptions(
        bot_token=token or Secret(""),
        chat_id=chat,
        api_url=section.parsed("api_url", parse_url, inherited.telegram_api_url),
        message_thread_id=section.integer("message_thread_id", 0),
        disable_notifications=section.boolean("disable_notifications", False),
        parse_mode=mode,
        **read_shared(section, inherited, ("message",), has_timeout=True),
    )


def _read_chat(section: Section) -> Secret:
    number, path = section.integer("chat_id", 0), section.text("chat_id_file", "")
    if not number and not path:
        section.wrong("missing chat_id or chat_id_file on telegram_config")
    if number and path:
        section.wrong("at most one of chat_id & chat_id_file must be configured")
    return SecretFile(str(section.beside(path))) if path else Secret(str(number))


TELEGRAM: Final = Kind("telegram", _read, is_resolved_sent=True)
