"""Discord."""

from __future__ import annotations

from dataclasses import dataclass

from anyascope.model.channels.base import VendorOptions
from anyascope.model.secret import Secret


@dataclass(frozen=True, slots=True, kw_only=True)
class DiscordOptions(VendorOptions):
    """`discord_configs`. `username` and `avatar_url` are sent as they are."""

    webhook_url: Secret
    username: str = ""
    avatar_url: str = ""
