"""`pagerduty_configs`."""

from __future__ import annotations

from typing import Final

from anyascope.alerting.receivers.inherited import GlobalOptions
from anyascope.alerting.receivers.kind import Kind
from anyascope.alerting.receivers.secrets import parse_url, read_secret
from anyascope.alerting.receivers.vendor import read_entries, read_mapping, read_shared
from anyascope.model.channels.pagerduty import PagerdutyOptions
from anyascope.wire.settings import Section

_TEXTS: Final = ("client", "client_url", "description", "source", "severity", "class", "component", "group")


def _read(section: Section, inherited: GlobalOptions) -> PagerdutyOptions:
    routing_key, service_key = read_secret(section, "routing_key"), read_secret(section, "service_key")
    if routing_key is None and service_key is None:
        section.wrong("missing service or routing key in PagerDuty config")
    return PagerdutyOptions(
        routing_key=routing_key,
        service_key=service_key,
        url=section.parsed("url", parse_url, inherited.pagerduty_url),
        details=read_mapping(section, "details"),
        images=read_entries(section, "images", ("src", "alt", "href"), kind="config.PagerdutyImage"),
        links=read_entries(section, "links", ("href", "text"), kind="config.PagerdutyLink"),
        **read_shared(section, inherited, _TEXTS, has_timeout=True),
    )


PAGERDUTY: Final = Kind("pagerduty", _read, is_resolved_sent=True)
