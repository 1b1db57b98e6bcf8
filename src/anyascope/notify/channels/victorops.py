"""VictorOps, which is Splunk On-Call: an incident a group, recovered when the group is resolved.

Source: Splunk On-Call, "REST endpoint integration guide" and "Incident fields glossary"; fields as Alertmanager 0.34.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final
from urllib.parse import quote

from anyascope.model.channels.victorops import VictoropsOptions
from anyascope.notify.texts import Texts
from anyascope.notify.vendor import Call, Vendor
from anyascope.wire.go_json import go_json
from anyascope.wire.notices.cut import cut_chars
from anyascope.wire.notices.data import group_hash

MESSAGE_CHARS_MAX = 20_480  # what is shown of a message
TYPES = ("CRITICAL", "WARNING", "INFO")
RECOVERY = "RECOVERY"

_DEFAULTS: Final = {
    "message_type": "CRITICAL",
    "state_message": '{{ template "victorops.default.state_message" . }}',
    "entity_display_name": '{{ template "victorops.default.entity_display_name" . }}',
    "monitoring_tool": '{{ template "victorops.default.monitoring_tool" . }}',
}


def _calls(options: VictoropsOptions, texts: Texts) -> Sequence[Call]:
    key = options.api_key.reveal()
    kind = texts["message_type"]
    if not texts.notification.is_firing:
        kind = RECOVERY
    elif kind not in TYPES:
        kind = TYPES[0]
    message = {
        "message_type": kind,
        "entity_id": group_hash(texts.notification),
        "entity_display_name": texts["entity_display_name"],
        "state_message": cut_chars(texts["state_message"], MESSAGE_CHARS_MAX),
        "monitoring_tool": texts["monitoring_tool"],
        **{name: texts.of(text) for name, text in options.custom_fields.items()},
    }
    routing_key = quote(texts.must(options.routing_key), safe="")
    body = go_json(dict(sorted(message.items())))
    return [Call(f"{options.api_url}{key}/{routing_key}", body, secrets=(key,))]


VICTOROPS: Final[Vendor[VictoropsOptions]] = Vendor(_DEFAULTS, "state_message", _calls)
