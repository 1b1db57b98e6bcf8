"""incident.io."""

from __future__ import annotations

from dataclasses import dataclass

from anyascope.model.channels.base import VendorOptions
from anyascope.model.secret import Secret


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentioOptions(VendorOptions):
    """`incidentio_configs`. Without a token `http_config.authorization` has it. `max_alerts` of 0 is no limit."""

    url: Secret
    alert_source_token: Secret | None = None
    max_alerts: int = 0
