"""Microsoft Teams, by its connectors."""

from __future__ import annotations

from dataclasses import dataclass

from anyascope.model.channels.base import VendorOptions
from anyascope.model.secret import Secret


@dataclass(frozen=True, slots=True, kw_only=True)
class MsteamsOptions(VendorOptions):
    """`msteams_configs`: the connectors that Microsoft retires."""

    webhook_url: Secret
