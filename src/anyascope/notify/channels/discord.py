"""Discord, by a webhook.

Source: Discord, "Execute Webhook" and "Embed Limits"; fields and colours as Alertmanager 0.34.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from anyascope.model.channels.discord import DiscordOptions
from anyascope.notify.channel import Outcome
from anyascope.notify.http import judge
from anyascope.notify.texts import Texts
from anyascope.notify.vendor import Call, Vendor, without_empty
from anyascope.wire.go_json import go_json
from anyascope.wire.http_post import Answer
from anyascope.wire.notices.answers import wait_in_body
from anyascope.wire.notices.cut import cut_chars

TITLE_CHARS_MAX = 256  # what the API takes, as the next two
MESSAGE_CHARS_MAX = 4096
CONTENT_CHARS_MAX = 2000
COLOR_FIRING = 0x992D22
COLOR_RESOLVED = 0x2ECC71

_DEFAULTS: Final = {
    "title": '{{ template "discord.default.title" . }}',
    "message": '{{ template "discord.default.message" . }}',
    "content": "",
}


def _calls(options: DiscordOptions, texts: Texts) -> Sequence[Call]:
    embed = {
        "title": cut_chars(texts["title"], TITLE_CHARS_MAX),
        "description": cut_chars(texts["message"], MESSAGE_CHARS_MAX),
        "color": COLOR_FIRING if texts.notification.is_firing else COLOR_RESOLVED,
    }
    message = {
        "content": cut_chars(texts["content"], CONTENT_CHARS_MAX),
        "embeds": [embed],
        **without_empty({"username": options.username, "avatar_url": options.avatar_url}),
    }
    return [Call(options.webhook_url.reveal(), go_json(message))]


def _judge(answer: Answer) -> Outcome:
    outcome = judge(answer)
    return replace(outcome, retry_after_s=max(outcome.retry_after_s, wait_in_body(answer.body, "retry_after")))


DISCORD: Final[Vendor[DiscordOptions]] = Vendor(_DEFAULTS, "message", _calls, _judge)
