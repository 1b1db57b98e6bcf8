"""incident.io: Alertmanager's webhook with a token.

Source: incident.io, "Prometheus Alertmanager" alert source; version and limit as Alertmanager 0.34.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from anyascope.model.channels.incidentio import IncidentioOptions
from anyascope.notify.texts import Texts
from anyascope.notify.vendor import Call, Vendor
from anyascope.wire.go_json import go_json
from anyascope.wire.notices.webhook import webhook_message

BODY_BYTES_MAX = 512 * 1024  # what the API takes
VERSION = "1"


def _calls(options: IncidentioOptions, texts: Texts) -> Sequence[Call]:
    message = webhook_message(texts.notification, max_alerts=options.max_alerts) | {"version": VERSION}
    body = go_json(message)
    alerts, truncated = message["alerts"], message["truncatedAlerts"]
    if len(body) > BODY_BYTES_MAX and isinstance(alerts, list) and isinstance(truncated, int):
        # One alert is enough to open an incident for the group.
        body = go_json(message | {"alerts": alerts[:1], "truncatedAlerts": truncated + len(alerts) - 1})
    token = options.alert_source_token.reveal() if options.alert_source_token is not None else ""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return [Call(options.url.reveal(), body, headers=headers, secrets=(token,))]


INCIDENTIO: Final[Vendor[IncidentioOptions]] = Vendor({}, "", _calls)
