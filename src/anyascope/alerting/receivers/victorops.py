"""`victorops_configs`."""

from __future__ import annotations

from typing import Final

from anyascope.alerting.receivers.inherited import GlobalOptions
from anyascope.alerting.receivers.kind import Kind
from anyascope.alerting.receivers.secrets import parse_url, read_secret
from anyascope.alerting.receivers.vendor import read_shared, with_slash
from anyascope.model.channels.victorops import VictoropsOptions
from anyascope.model.secret import Secret
from anyascope.wire.settings import Section

_TEXTS: Final = ("message_type", "state_message", "entity_display_name", "monitoring_tool")
_RESERVED: Final = ("routing_key", *_TEXTS, "entity_id", "entity_state")


def _read(section: Section, inherited: GlobalOptions) -> VictoropsOptions:
    routing_key = section.text("routing_key", "")
    if not routing_key:
        section.wrong("missing Routing key in VictorOps config")
    key = read_secret(section, "api_key") or inherited.victorops_api_key
    fields = section.text_map("custom_fields")
    for name in _RESERVED:
        if name in fields:
            section.wrong(
                f"victorOps config contains custom field {name} which cannot be used as it conflicts with the fixed/static "
                "fields",
                name="custom_fields",
            )
    if key is None:
        section.wrong("no global VictorOps API Key set")
    return VictoropsOptions(
        api_key=key or Secret(""),
        routing_key=routing_key,
        api_url=with_slash(section.parsed("api_url", parse_url, inherited.victorops_api_url)),
        custom_fields=fields,
        **read_shared(section, inherited, _TEXTS),
    )


VICTOROPS: Final = Kind("victorops", _read, is_resolved_sent=True)
