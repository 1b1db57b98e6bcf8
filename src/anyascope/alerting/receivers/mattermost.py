"""`mattermost_configs`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from anyascope.alerting.receivers.inherited import GlobalOptions
from anyascope.alerting.receivers.kind import Kind
from anyascope.alerting.receivers.secrets import read_secret_url
from anyascope.alerting.receivers.vendor import Shared, read_chat_fields, read_shared, read_texts
from anyascope.model.channels.mattermost import MattermostOptions
from anyascope.model.secret import Secret
from anyascope.wire.settings import Section

_ATTACHMENT: Final = (
    "fallback", "color", "pretext", "text", "author_name", "author_link", "author_icon", "title", "title_link",
    "thumb_url", "footer", "footer_icon", "image_url",
)  # fmt: skip
_TEXTS: Final = ("channel", "username", "icon_url", "icon_emoji", "type", *_ATTACHMENT)


def _read(section: Section, inherited: GlobalOptions) -> MattermostOptions:
    url = read_secret_url(section, "webhook_url") or inherited.mattermost_webhook_url
    if url is None:
        section.wrong("missing webhook_url or webhook_url_file on mattermost_config")
    shared = read_shared(section, inherited, _TEXTS)
    props, priority = section.section("props"), section.section("priority")
    texts = {**shared["texts"], **read_texts(props, ("card",)), **read_texts(priority, ("priority",))}
    options = MattermostOptions(
        webhook_url=url or Secret(""),
        fields=read_chat_fields(section, needs="Mattermost"),
        attachments=tuple(_read_attachment(entry) for entry in section.sections("attachments")),
        requested_ack=priority.boolean("requested_ack", False),
        persistent_notifications=priority.boolean("persistent_notifications", False),
        **Shared(texts=texts, timeout_s=shared["timeout_s"], http=shared["http"]),
    )
    props.done("mattermost.MattermostProps")
    priority.done("mattermost.MattermostPriority")
    return options


def _read_attachment(section: Section) -> Mapping[str, Any]:
    found = {**read_texts(section, _ATTACHMENT), "fields": read_chat_fields(section, needs="Mattermost")}
    section.done("mattermost.MattermostAttachment")
    return found


MATTERMOST: Final = Kind("mattermost", _read, is_resolved_sent=True, type_name="mattermost.plain")
