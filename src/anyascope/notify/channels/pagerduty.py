"""PagerDuty, by its events API: version 2, or version 1 with a service key.

Source: PagerDuty, "Events API v2 overview"; fields, limits and keys as Alertmanager 0.34.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from anyascope.model.channels.pagerduty import PagerdutyOptions
from anyascope.notify.texts import Texts
from anyascope.notify.vendor import Call, UnsendableError, Vendor, without_empty
from anyascope.wire.go_json import go_json
from anyascope.wire.notices.cut import cut_chars
from anyascope.wire.notices.data import group_hash

SUMMARY_CHARS_MAX = 1024  # what the API takes
EVENT_BYTES_MAX = 512_000  # what the API takes
TOO_LARGE: Final = {
    "error": "Custom details have been removed because the original event exceeds the maximum size of 512KB"
}
RATE_LIMITED_V1 = 403  # version 1 says so where others say 429

_DEFAULTS: Final = {
    "description": '{{ template "pagerduty.default.description" . }}',
    "client": '{{ template "pagerduty.default.client" . }}',
    "client_url": '{{ template "pagerduty.default.clientURL" . }}',
    "severity": "error",
    "source": "",
    "class": "",
    "component": "",
    "group": "",
}
_DETAILS: Final = {
    "firing": "{{ .Alerts.Firing | toJson }}",
    "resolved": "{{ .Alerts.Resolved | toJson }}",
    "num_firing": "{{ .Alerts.Firing | len }}",
    "num_resolved": "{{ .Alerts.Resolved | len }}",
}


def _calls(options: PagerdutyOptions, texts: Texts) -> Sequence[Call]:
    action = "trigger" if texts.notification.is_firing else "resolve"
    details = texts.deep({**_DETAILS, **options.details})
    throttling: tuple[int, ...]
    if options.service_key is not None:
        key = texts.must(options.service_key.reveal())
        url, event, throttling = (
            options.v1_url,
            _event_v1(texts, key=key, action=action, details=details),
            (RATE_LIMITED_V1,),
        )
    else:
        key = texts.must(options.routing_key.reveal()) if options.routing_key is not None else ""
        url, event, throttling = options.url, _event_v2(options, texts, key=key, action=action, details=details), ()
    if not key:
        raise UnsendableError("service key or routing key cannot be empty")
    return [Call(url, _encoded(event), secrets=(key,), throttling=throttling)]


def _event_v1(texts: Texts, *, key: str, action: str, details: Mapping[str, object]) -> dict[str, object]:
    client = {"client": texts["client"], "client_url": texts["client_url"]} if action == "trigger" else {}
    return {
        "service_key": key,
        "incident_key": group_hash(texts.notification),
        "event_type": action,
        "description": cut_chars(texts["description"], SUMMARY_CHARS_MAX),
        # Not of version 1, but upstream's.
        "event_action": "",
        "payload": None,
        **without_empty(client),
        "details": details,
    }


def _event_v2(
    options: PagerdutyOptions, texts: Texts, *, key: str, action: str, details: Mapping[str, object]
) -> dict[str, object]:
    optional = {name: texts[name] for name in ("class", "component", "group")}
    payload = {
        "summary": cut_chars(texts["description"], SUMMARY_CHARS_MAX),
        "source": texts["source"] if texts.has("source") else texts["client"],
        "severity": texts["severity"] or _DEFAULTS["severity"],
        **without_empty(optional),
        "custom_details": details,
    }
    images = [{name: texts.of(item.get(name, "")) for name in ("src", "alt", "href")} for item in options.images]
    links = [{name: texts.of(item.get(name, "")) for name in ("href", "text")} for item in options.links]
    about = {
        "client": texts["client"],
        "client_url": texts["client_url"],
        "images": [image for image in images if image["src"]],
        "links": [link for link in links if link["href"]],
    }
    head = {"routing_key": key, "dedup_key": group_hash(texts.notification), "event_action": action}
    return {**head, "payload": payload, **without_empty(about)}


def _encoded(event: dict[str, object]) -> bytes:
    body = go_json(event)
    if len(body) <= EVENT_BYTES_MAX:
        return body
    payload = event["payload"]
    if isinstance(payload, dict):
        return go_json({**event, "payload": {**payload, "custom_details": TOO_LARGE}})
    return go_json({**event, "details": TOO_LARGE})


PAGERDUTY: Final[Vendor[PagerdutyOptions]] = Vendor(_DEFAULTS, "description", _calls)
