"""`incidentio_configs`."""

from __future__ import annotations

from typing import Final

from anyascope.alerting.receivers.inherited import GlobalOptions
from anyascope.alerting.receivers.kind import Kind
from anyascope.alerting.receivers.secrets import read_secret, read_secret_url
from anyascope.alerting.receivers.vendor import read_shared
from anyascope.model.channels.incidentio import IncidentioOptions
from anyascope.model.secret import Secret
from anyascope.wire.settings import Section


def _read(section: Section, inherited: GlobalOptions) -> IncidentioOptions:
    url, token = read_secret_url(section, "url"), read_secret(section, "alert_source_token")
    if url is None:
        section.wrong("one of url or url_file must be configured")
    max_alerts = section.integer("max_alerts", 0)
    if max_alerts < 0:
        section.wrong(f"must not be negative, got {max_alerts}", name="max_alerts")
    has_own, shared = section.has("http_config"), read_shared(section, inherited, (), has_timeout=True)
    is_authorized = shared["http"].authorization is not None
    if has_own and is_authorized and token is not None:
        section.wrong(
            "cannot specify alert_source_token or alert_source_token_file when using http_config.authorization"
        )
    if has_own and not is_authorized and token is None:
        section.wrong(
            "at least one of alert_source_token, alert_source_token_file or http_config.authorization must be configured"
        )
    return IncidentioOptions(url=url or Secret(""), alert_source_token=token, max_alerts=max_alerts, **shared)


INCIDENTIO: Final = Kind("incidentio", _read, is_resolved_sent=True, type_name="incidentio.plain")
