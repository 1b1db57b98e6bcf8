"""Rocket.Chat, as a user with a personal token.

Source: Rocket.Chat, "Post Message"; fields and the limit as Alertmanager 0.34.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Final

from anyascope.model.channels.rocketchat import RocketchatOptions
from anyascope.model.notifications import AttemptOutcome
from anyascope.notify.channel import Outcome
from anyascope.notify.http import judge
from anyascope.notify.texts import Texts
from anyascope.notify.vendor import Call, Vendor, without_empty
from anyascope.wire.go_json import go_json
from anyascope.wire.http_post import Answer
from anyascope.wire.notices.answers import shown
from anyascope.wire.notices.cut import cut_chars

TITLE_CHARS_MAX = 1024  # as in Slack, whose attachments these are

_DEFAULTS: Final = {
    "channel": "",
    "color": '{{ if eq .Status "firing" }}red{{ else }}green{{ end }}',
    "emoji": '{{ template "rocketchat.default.emoji" . }}',
    "icon_url": '{{ template "rocketchat.default.iconurl" . }}',
    "text": '{{ template "rocketchat.default.text" . }}',
    "title": '{{ template "rocketchat.default.title" . }}',
    "title_link": '{{ template "rocketchat.default.titlelink" . }}',
    "image_url": "",
    "thumb_url": "",
}


def _calls(options: RocketchatOptions, texts: Texts) -> Sequence[Call]:
    token, token_id = options.token.reveal(), options.token_id.reveal()
    actions = [
        {"type": "button", **without_empty({name: texts.of(action.get(name, "")) for name in ("text", "url")}),
         "is_webview": False, **without_empty({"msg": texts.of(action.get("msg", ""))}), "msg_in_chat_window": False}
        for action in options.actions
    ]  # fmt: skip
    attachment = {
        "title": cut_chars(texts["title"], TITLE_CHARS_MAX),
        **{name: texts[name] for name in ("title_link", "text", "image_url", "thumb_url", "color")},
        "fields": [
            {
                "short": options.short_fields if entry.get("short") is None else entry["short"],
                **without_empty({name: texts.of(str(entry.get(name, ""))) for name in ("title", "value")}),
            }
            for entry in options.fields
        ],
        "actions": actions,
    }
    message = {
        "channel": texts["channel"],
        "emoji": texts["emoji"],
        "avatar": texts["icon_url"],
        "attachments": [without_empty(attachment)],
    }
    headers = {"X-Auth-Token": token, "X-User-Id": token_id}
    url = f"{options.api_url.rstrip('/')}/api/v1/chat.postMessage"
    return [Call(url, go_json(without_empty(message)), headers=headers, secrets=(token, token_id))]


def _judge(answer: Answer) -> Outcome:
    """A 200 may say in its body that nothing was posted; one that is not the API's is somebody else's."""
    outcome = judge(answer)
    if outcome.kind is not AttemptOutcome.OK:
        return outcome
    try:
        said: Any = json.loads(answer.body)
        is_posted = said["success"] is True
    except (ValueError, TypeError, KeyError, RecursionError):
        if len(answer.body) and answer.body.lstrip().startswith(b"{"):
            return outcome  # the beginning of a long answer, which is what it sends back of a message
        return Outcome(AttemptOutcome.RETRY, shown(f"not an answer of Rocket.Chat: {answer.detail}", answer.hidden))
    if is_posted:
        return outcome
    return Outcome(AttemptOutcome.FAILED, shown(answer.detail, answer.hidden))


ROCKETCHAT: Final[Vendor[RocketchatOptions]] = Vendor(_DEFAULTS, "text", _calls, _judge)
