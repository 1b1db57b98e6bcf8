"""OpsGenie."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from anyascope.model.channels.base import VendorOptions
from anyascope.model.secret import Secret


@dataclass(frozen=True, slots=True, kw_only=True)
class OpsgenieOptions(VendorOptions):
    """`opsgenie_configs`. `api_url` ends in a slash; `responders` have `id`, `name`, `username` and `type`, all templates."""

    api_key: Secret
    api_url: str = "https://api.opsgenie.com/"
    details: Mapping[str, str] = field(default_factory=dict)
    responders: tuple[Mapping[str, str], ...] = ()
    update_alerts: bool = False
