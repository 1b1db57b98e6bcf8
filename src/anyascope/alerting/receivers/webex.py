"""`webex_configs`."""

from __future__ import annotations

from typing import Final

from anyascope.alerting.receivers.inherited import GlobalOptions
from anyascope.alerting.receivers.kind import Kind
from anyascope.alerting.receivers.secrets import parse_url
from anyascope.alerting.receivers.vendor import read_shared
from anyascope.model.channels.webex import WebexOptions
from anyascope.wire.settings import Section


def _read(section: Section, inherited: GlobalOptions) -> WebexOptions:
    room_id = section.text("room_id", "")
    if not room_id:
        section.wrong("missing room_id on webex_config")
    shared = read_shared(section, inherited, ("message",))
    if not section.has("http_config") or shared["http"].authorization is None:
        section.wrong("missing webex_configs.http_config.authorization")
    return WebexOptions(
        room_id=room_id, api_url=section.parsed("api_url", parse_url, inherited.webex_api_url), **shared
    )


WEBEX: Final = Kind("webex", _read, is_resolved_sent=True)
