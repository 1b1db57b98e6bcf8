"""Mattermost, by an incoming webhook.

Source: Mattermost, "Incoming webhooks" and "Message attachments"; fields and the limit as Alertmanager 0.34, which reads the fields
of one attachment beside `attachments` and does not send them: they are sent here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from anyascope.model.channels.mattermost import MattermostOptions
from anyascope.notify.texts import Texts
from anyascope.notify.vendor import Call, Vendor, without_empty
from anyascope.wire.go_json import go_json
from anyascope.wire.notices.cut import cut_chars

TEXT_CHARS_MAX = 16_383  # what the webhook takes
PRIORITIES = ("urgent", "important", "standard")

_DEFAULTS: Final = {
    "text": '{{ template "mattermost.default.text" . }}',
    "username": '{{ template "mattermost.default.username" . }}',
    "fallback": '{{ template "mattermost.default.fallback" . }}',
    "color": '{{ template "mattermost.default.color" . }}',
    "title": '{{ template "mattermost.default.title" . }}',
    "title_link": '{{ template "mattermost.default.titlelink" . }}',
    **dict.fromkeys(
        (
            "channel", "icon_url", "icon_emoji", "type", "pretext", "author_name", "author_link", "author_icon",
            "thumb_url", "footer", "footer_icon", "image_url", "priority", "card",
        ),
        "",
    ),
}  # fmt: skip
# Of one attachment, in the order in which they are sent; its `text` is that of the message.
_ATTACHMENT: Final = (
    "fallback", "color", "pretext", "text", "author_name", "author_link", "author_icon", "title", "title_link", "fields",
    "thumb_url", "footer", "footer_icon", "image_url",
)  # fmt: skip
_ASKS_FOR_ATTACHMENT: Final = frozenset(_ATTACHMENT) - {"text"}


def _calls(options: MattermostOptions, texts: Texts) -> Sequence[Call]:
    message = {
        "text": cut_chars(texts["text"], TEXT_CHARS_MAX),
        **without_empty({name: texts[name] for name in ("channel", "username", "icon_url", "icon_emoji")}),
        **without_empty({"attachments": _attachments(options, texts), "type": texts["type"]}),
        **without_empty({"props": without_empty({"card": texts["card"]}), "priority": _priority(options, texts)}),
    }
    return [Call(options.webhook_url.reveal(), go_json(message))]


def _attachments(options: MattermostOptions, texts: Texts) -> list[dict[str, object]]:
    found = [_attachment(entry, texts) for entry in options.attachments]
    if options.fields or any(texts.has(name) for name in _ASKS_FOR_ATTACHMENT):
        own = {name: texts[name] for name in _ATTACHMENT if name not in ("text", "fields")}
        ordered = {name: _fields(options.fields, texts) if name == "fields" else own.get(name) for name in _ATTACHMENT}
        found.insert(0, without_empty(ordered))
    return found


def _attachment(entry: Mapping[str, Any], texts: Texts) -> dict[str, object]:
    return without_empty(
        {
            name: _fields(entry.get("fields", ()), texts) if name == "fields" else texts.of(str(entry.get(name, "")))
            for name in _ATTACHMENT
        }
    )


def _fields(fields: Sequence[Mapping[str, Any]], texts: Texts) -> list[dict[str, object]]:
    return [
        {
            "title": texts.of(str(entry["title"])),
            "value": texts.of(str(entry["value"])),
            **without_empty({"short": entry.get("short")}),
        }
        for entry in fields
    ]


def _priority(options: MattermostOptions, texts: Texts) -> dict[str, object]:
    """What Mattermost takes: an acknowledgement is asked for above `standard`, repeats come with `urgent` alone."""
    asked = texts["priority"].lower()
    if not asked:
        return {}
    priority = asked if asked in PRIORITIES else "standard"
    more = {
        "requested_ack": options.requested_ack and priority != "standard",
        "persistent_notifications": options.persistent_notifications and priority == "urgent",
    }
    return {"priority": priority, **without_empty(more)}


MATTERMOST: Final[Vendor[MattermostOptions]] = Vendor(_DEFAULTS, "text", _calls)
