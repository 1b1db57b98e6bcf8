"""VictorOps (Splunk On-Call)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from anyascope.model.channels.base import VendorOptions
from anyascope.model.secret import Secret


@dataclass(frozen=True, slots=True, kw_only=True)
class VictoropsOptions(VendorOptions):
    """`victorops_configs`. `api_url` ends in a slash; `custom_fields` are templates."""

    api_key: Secret
    routing_key: str
    api_url: str = "https://alert.victorops.com/integrations/generic/20131114/alert/"
    custom_fields: Mapping[str, str] = field(default_factory=dict)
