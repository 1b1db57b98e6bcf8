"""`discord_configs`."""

from __future__ import annotations

from typing import Final

from anyascope.alerting.receivers.inherited import GlobalOptions
from anyascope.alerting.receivers.kind import Kind
from anyascope.alerting.receivers.vendor import read_shared, read_webhook_url
from anyascope.model.channels.discord import DiscordOptions
from anyascope.wire.settings import Section


def _read(section: Section, inherited: GlobalOptions) -> DiscordOptions:
    return DiscordOptions(
        webhook_url=read_webhook_url(section),
        username=section.text("username", ""),
        avatar_url=section.text("avatar_url", ""),
        **read_shared(section, inherited, ("content", "title", "message")),
    )


DISCORD: Final = Kind("discord", _read, is_resolved_sent=True, type_name="discord.plain")
