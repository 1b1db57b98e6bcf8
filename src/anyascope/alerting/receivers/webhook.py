"""`webhook_configs`."""

from __future__ import annotations

from typing import Final

from anyascope.alerting.receivers.fields import read_http_or, read_timeout
from anyascope.alerting.receivers.inherited import GlobalOptions
from anyascope.alerting.receivers.kind import Kind
from anyascope.alerting.receivers.secrets import read_secret, read_secret_url
from anyascope.model.channels.webhook import WebhookOptions
from anyascope.model.secret import Secret
from anyascope.wire.settings import Section


def _read(section: Section, inherited: GlobalOptions) -> WebhookOptions:
    url = read_secret_url(section, "url")
    if url is None:
        section.wrong("one of url or url_file must be configured")
    max_alerts = section.integer("max_alerts", 0)
    if max_alerts < 0:
        section.wrong(f"must not be negative, got {max_alerts}", name="max_alerts")
    return WebhookOptions(
        url=url or Secret(""),
        max_alerts=max_alerts,
        timeout_s=read_timeout(section),
        signing_secret=read_secret(section, "signing_secret"),
        http=read_http_or(section, inherited.http),
    )


WEBHOOK: Final = Kind("webhook", _read, is_resolved_sent=True)
