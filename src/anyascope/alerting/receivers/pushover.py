"""`pushover_configs`."""

from __future__ import annotations

from typing import Final

from anyascope.alerting.receivers.fields import parse_plain_duration_s
from anyascope.alerting.receivers.inherited import GlobalOptions
from anyascope.alerting.receivers.kind import Kind
from anyascope.alerting.receivers.secrets import read_secret
from anyascope.alerting.receivers.vendor import read_shared
from anyascope.model.channels.pushover import PushoverOptions
from anyascope.model.secret import Secret
from anyascope.wire.settings import Section

RETRY_S, EXPIRE_S = 60.0, 3600.0

_TEXTS: Final = ("title", "message", "url", "url_title", "device", "sound", "priority")


def _read(section: Section, inherited: GlobalOptions) -> PushoverOptions:
    keys = {name: read_secret(section, name) for name in ("user_key", "token")}
    for name, key in keys.items():
        if key is None:
            section.wrong(f"one of {name} or {name}_file must be configured")
    is_html, is_monospace = section.boolean("html", False), section.boolean("monospace", False)
    if is_html and is_monospace:
        section.wrong("at most one of monospace & html must be configured")
    return PushoverOptions(
        user_key=keys["user_key"] or Secret(""),
        token=keys["token"] or Secret(""),
        retry_s=section.parsed("retry", parse_plain_duration_s, RETRY_S),
        expire_s=section.parsed("expire", parse_plain_duration_s, EXPIRE_S),
        ttl_s=section.parsed("ttl", parse_plain_duration_s, 0.0),
        html=is_html,
        monospace=is_monospace,
        **read_shared(section, inherited, _TEXTS),
    )


PUSHOVER: Final = Kind("pushover", _read, is_resolved_sent=True)
