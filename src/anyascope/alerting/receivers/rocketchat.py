"""`rocketchat_configs`."""

from __future__ import annotations

from typing import Final

from anyascope.alerting.receivers.inherited import GlobalOptions
from anyascope.alerting.receivers.kind import Kind
from anyascope.alerting.receivers.secrets import parse_url, read_secret
from anyascope.alerting.receivers.vendor import read_chat_fields, read_entries, read_shared
from anyascope.model.channels.rocketchat import RocketchatOptions
from anyascope.model.secret import Secret
from anyascope.wire.settings import Section

_TEXTS: Final = (
    "channel", "color", "title", "title_link", "text", "emoji", "icon_url", "image_url", "thumb_url",
)  # fmt: skip
_ACTION: Final = ("type", "text", "url", "msg")


def _read(section: Section, inherited: GlobalOptions) -> RocketchatOptions:
    token_id = read_secret(section, "token_id") or inherited.rocketchat_token_id
    token = read_secret(section, "token") or inherited.rocketchat_token
    if token_id is None:
        section.wrong("no global Rocketchat TokenID set either inline or in a file")
    if token is None:
        section.wrong("no global Rocketchat Token set either inline or in a file")
    section.boolean("link_names", False)  # accepted: upstream reads it and sends nothing of it
    return RocketchatOptions(
        token=token or Secret(""),
        token_id=token_id or Secret(""),
        api_url=section.parsed("api_url", parse_url, inherited.rocketchat_api_url),
        fields=read_chat_fields(section),
        short_fields=section.boolean("short_fields", False),
        actions=read_entries(section, "actions", _ACTION, kind="config.RocketchatAttachmentAction"),
        **read_shared(section, inherited, _TEXTS),
    )


ROCKETCHAT: Final = Kind("rocketchat", _read, is_resolved_sent=False, is_null_allowed=True)
