"""OpsGenie, by its alert API: an alert a group, closed when the group is resolved.

Source: OpsGenie, "Alert API"; fields, limits and aliases as Alertmanager 0.34.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from anyascope.model.channels.opsgenie import OpsgenieOptions
from anyascope.notify.texts import Texts
from anyascope.notify.vendor import Call, Vendor, without_empty
from anyascope.wire.go_json import go_json
from anyascope.wire.notices.cut import cut_chars
from anyascope.wire.notices.data import common_labels, group_hash

MESSAGE_CHARS_MAX = 130  # what the API takes, as the next
DESCRIPTION_CHARS_MAX = 15_000  # upstream does not cut here, and a large group is refused

_DEFAULTS: Final = {
    "message": '{{ template "opsgenie.default.message" . }}',
    "description": '{{ template "opsgenie.default.description" . }}',
    "source": '{{ template "opsgenie.default.source" . }}',
    "tags": "",
    "note": "",
    "priority": "",
    "entity": "",
    "actions": "",
}


def _calls(options: OpsgenieOptions, texts: Texts) -> Sequence[Call]:
    key = texts.must(options.api_key.reveal())
    headers, base = {"Authorization": f"GenieKey {key}"}, f"{options.api_url}v2/alerts"
    alert = f"{base}/{group_hash(texts.notification)}"

    def call(part: str, url: str, message: object, method: str = "POST") -> Call:
        return Call(url, go_json(message), part=part, method=method, headers=headers, secrets=(key,))

    if not texts.notification.is_firing:
        return [call("close", f"{alert}/close?identifierType=alias", {"source": texts["source"]})]
    message = cut_chars(texts["message"], MESSAGE_CHARS_MAX)
    description = cut_chars(texts["description"], DESCRIPTION_CHARS_MAX)
    calls = [call("create", base, _alert(options, texts, message, description))]
    if options.update_alerts:
        said = (("message", message), ("description", description))
        calls += [
            call(name, f"{alert}/{name}?identifierType=alias", without_empty({name: text}), "PUT")
            for name, text in said
        ]
    return calls


def _alert(options: OpsgenieOptions, texts: Texts, message: str, description: str) -> dict[str, object]:
    own = {name: texts.of(text) for name, text in options.details.items()}
    details = {**common_labels(texts.notification.alerts), **own}
    optional = {
        "responders": _responders(options, texts),
        "tags": _listed(texts["tags"]),
        "note": texts["note"],
        "priority": texts["priority"],
        "entity": texts["entity"],
        "actions": _listed(texts["actions"]),
    }
    return {
        "alias": group_hash(texts.notification),
        "message": message,
        **without_empty({"description": description}),
        "details": dict(sorted(details.items())),
        "source": texts["source"],
        **without_empty(optional),
    }


def _responders(options: OpsgenieOptions, texts: Texts) -> list[dict[str, object]]:
    """Who is to answer; those whose templates came out empty are left out, and `teams` are several by commas."""
    found: list[dict[str, object]] = []
    for one in options.responders:
        who = {name: texts.of(one.get(name, "")) for name in ("id", "name", "username", "type")}
        if who["type"] == "teams":
            found.extend({"name": name, "type": "team"} for name in _listed(who["name"]))
        elif who["id"] or who["name"] or who["username"]:
            found.append({**without_empty(who), "type": who["type"]})
    return found


def _listed(text: str) -> list[str]:
    parts: Iterable[str] = text.strip().split(",")
    return [part for part in parts if part]


OPSGENIE: Final[Vendor[OpsgenieOptions]] = Vendor(_DEFAULTS, "message", _calls)
