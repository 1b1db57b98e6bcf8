"""Rocket.Chat."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from anyascope.model.channels.base import VendorOptions
from anyascope.model.secret import Secret


@dataclass(frozen=True, slots=True, kw_only=True)
class RocketchatOptions(VendorOptions):
    """`rocketchat_configs`. `fields` have `title`, `value` and maybe `short`; `actions` `text`, `url` and `msg`."""

    token: Secret
    token_id: Secret
    api_url: str = "https://open.rocket.chat/"
    fields: tuple[Mapping[str, Any], ...] = ()
    short_fields: bool = False
    actions: tuple[Mapping[str, str], ...] = ()
