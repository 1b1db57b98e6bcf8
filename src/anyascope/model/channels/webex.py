"""Webex."""

from __future__ import annotations

from dataclasses import dataclass

from anyascope.model.channels.base import VendorOptions


@dataclass(frozen=True, slots=True, kw_only=True)
class WebexOptions(VendorOptions):
    """`webex_configs`. The bot's token stands in `http_config.authorization`."""

    room_id: str
    api_url: str = "https://webexapis.com/v1/messages"
