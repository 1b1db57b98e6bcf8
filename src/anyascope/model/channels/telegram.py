"""Telegram."""

from __future__ import annotations

from dataclasses import dataclass

from anyascope.model.channels.base import VendorOptions
from anyascope.model.secret import Secret


@dataclass(frozen=True, slots=True, kw_only=True)
class TelegramOptions(VendorOptions):
    """`telegram_configs`. `chat_id` is a number, a `Secret` because it may stand in a file."""

    bot_token: Secret
    chat_id: Secret
    api_url: str = "https://api.telegram.org"
    message_thread_id: int = 0
    disable_notifications: bool = False
    parse_mode: str = "HTML"
