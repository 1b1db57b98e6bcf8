"""Mattermost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from anyascope.model.channels.base import VendorOptions
from anyascope.model.secret import Secret


@dataclass(frozen=True, slots=True, kw_only=True)
class MattermostOptions(VendorOptions):
    """`mattermost_configs`.

    Attributes:
        attachments: by Mattermost's names, texts are templates; `fields` in them as in Rocket.Chat's.
        fields: of the attachment that `texts` make.
        requested_ack, persistent_notifications: with the text `priority`.
    """

    webhook_url: Secret
    fields: tuple[Mapping[str, Any], ...] = ()
    attachments: tuple[Mapping[str, Any], ...] = ()
    requested_ack: bool = False
    persistent_notifications: bool = False
