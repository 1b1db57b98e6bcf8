"""`webhook_configs`."""

from __future__ import annotations

import json
from typing import Final

from anyascope.alerting.receivers.fields import read_http_or, read_timeout
from anyascope.alerting.receivers.inherited import GlobalOptions
from anyascope.alerting.receivers.kind import Kind
from anyascope.alerting.receivers.secrets import parse_url, read_secret
from anyascope.model.channels.webhook import WebhookOptions
from anyascope.model.secret import Secret
from anyascope.wire.gotemplate import TemplateError, parse_template
from anyascope.wire.settings import Section


def _read(section: Section, inherited: GlobalOptions) -> WebhookOptions:
    url = read_secret(section, "url")
    if url is None:
        section.wrong("one of url or url_file must be configured")
    elif type(url) is Secret:
        _check_url(section, url)
    max_alerts = section.integer("max_alerts", 0)
    if max_alerts < 0:
        section.wrong(f"cannot unmarshal !!int `{max_alerts}` into uint64", name="max_alerts")
    return WebhookOptions(
        url=url or Secret(""),
        max_alerts=max_alerts,
        timeout_s=read_timeout(section),
        payload=section.plain("payload"),
        signing_secret=read_secret(section, "signing_secret"),
        http=read_http_or(section, inherited.http),
    )


def _check_url(section: Section, url: Secret) -> None:
    """An address, or a template of one."""
    text = url.reveal()
    if text == str(url):  # as a print has it
        return
    try:
        if "{{" in text:
            parse_template("", text)
        else:
            parse_url(text)
    except TemplateError as error:
        section.wrong(f"invalid template syntax: {error}", name="url")
    except ValueError as error:
        section.wrong(f"invalid URL: {error}".replace(json.dumps(text, ensure_ascii=False), str(url)), name="url")


WEBHOOK: Final = Kind("webhook", _read, is_resolved_sent=True, type_name="webhook.plain")
