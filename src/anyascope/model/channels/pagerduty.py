"""PagerDuty."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from anyascope.model.channels.base import VendorOptions
from anyascope.model.secret import Secret


@dataclass(frozen=True, slots=True, kw_only=True)
class PagerdutyOptions(VendorOptions):
    """`pagerduty_configs`. With a `service_key` the events API v1 is spoken, else v2 at `url`.

    Attributes:
        details: any YAML; each text in it is a template. Those of upstream's defaults that are not named are added.
        images: `src`, `alt`, `href`; links: `href`, `text`; all templates.
        v1_url: where v1 listens; not a setting.
    """

    routing_key: Secret | None = None
    service_key: Secret | None = None
    url: str = "https://events.pagerduty.com/v2/enqueue"
    details: Mapping[str, Any] = field(default_factory=dict)
    images: tuple[Mapping[str, str], ...] = ()
    links: tuple[Mapping[str, str], ...] = ()
    v1_url: str = "https://events.pagerduty.com/generic/2010-04-15/create_event.json"
