"""Microsoft Teams, by workflows."""

from __future__ import annotations

from dataclasses import dataclass

from anyascope.model.channels.base import VendorOptions
from anyascope.model.secret import Secret


@dataclass(frozen=True, slots=True, kw_only=True)
class Msteamsv2Options(VendorOptions):
    """`msteamsv2_configs`: workflows."""

    webhook_url: Secret
