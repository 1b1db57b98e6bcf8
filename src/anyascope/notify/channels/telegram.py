"""Telegram, as a bot.

Source: Telegram, "Bot API", sendMessage and "Making requests"; limits as Alertmanager 0.34.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import replace
from html import escape, unescape
from typing import Final

from anyascope.model.channels.telegram import TelegramOptions
from anyascope.notify.channel import Outcome
from anyascope.notify.http import judge
from anyascope.notify.texts import Texts
from anyascope.notify.vendor import Call, UnsendableError, Vendor, without_empty
from anyascope.wire.go_json import go_json
from anyascope.wire.http_post import Answer
from anyascope.wire.notices.answers import wait_in_body
from anyascope.wire.notices.cut import cut_chars
from anyascope.wire.notices.plain import plain_text

MESSAGE_CHARS_MAX = 4096  # what is seen of a message, without its marks
MESSAGE_BYTES_MAX = 1 << 15  # of the message with its marks

_DEFAULTS: Final = {"message": '{{ template "telegram.default.message" . }}'}
_MARK = re.compile(r"<[^>]*>")


def _calls(options: TelegramOptions, texts: Texts) -> Sequence[Call]:
    token, chat = options.bot_token.reveal(), options.chat_id.reveal().strip()
    if re.fullmatch(r"-?\d+", chat, re.ASCII) is None:
        raise UnsendableError("chat_id is not a number")
    message = {
        "chat_id": int(chat),
        "text": _text(options, texts),
        "disable_web_page_preview": True,
        "disable_notification": options.disable_notifications,
        **without_empty({"parse_mode": options.parse_mode, "message_thread_id": options.message_thread_id}),
    }
    url = f"{options.api_url.rstrip('/')}/bot{token}/sendMessage"
    return [Call(url, go_json(message), secrets=(token,))]


def _text(options: TelegramOptions, texts: Texts) -> str:
    if options.parse_mode != "HTML":
        return cut_chars(texts.spoken("message"), MESSAGE_CHARS_MAX)
    text = texts.spoken("message", is_html=True)
    seen = unescape(_MARK.sub("", text))
    if len(seen) <= MESSAGE_CHARS_MAX and len(text.encode("utf-8", "surrogatepass")) <= MESSAGE_BYTES_MAX:
        return text
    # Cut HTML would be refused: its marks stand open. A line for each alert says the most in the least room.
    return escape(cut_chars(plain_text(texts.notification), MESSAGE_CHARS_MAX), quote=False)


def _judge(answer: Answer) -> Outcome:
    outcome = judge(answer)
    wait_s = wait_in_body(answer.body, "parameters", "retry_after")
    return replace(outcome, retry_after_s=max(outcome.retry_after_s, wait_s))


def _plainer(call: Call, answer: Answer) -> Call | None:
    """Without marks, where Telegram cannot read them: one dot that is not escaped is enough for that."""
    if b"can't parse entities" not in answer.body:
        return None
    message = json.loads(call.body)
    return replace(call, body=go_json({name: value for name, value in message.items() if name != "parse_mode"}))


TELEGRAM: Final[Vendor[TelegramOptions]] = Vendor(_DEFAULTS, "message", _calls, _judge, _plainer)
