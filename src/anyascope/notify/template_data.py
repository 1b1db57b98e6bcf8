"""A notification as Alertmanager's templates see it, and the functions that they may call.

Source: https://prometheus.io/docs/alerting/latest/notifications/.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any, Final
from urllib.parse import unquote_plus
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from anyascope.clock import NS_PER_S
from anyascope.model.notifications import Notification, NotifiedAlert
from anyascope.wire.go_times import rfc3339
from anyascope.wire.gotemplate import DataObject, Function, TemplateFunctionError
from anyascope.wire.gotemplate.builtins import escape_html
from anyascope.wire.gotemplate.prometheus import safe_functions
from anyascope.wire.gotemplate.times import ZERO_NS, GoDuration, GoTime, format_time
from anyascope.wire.notices.data import common_annotations, common_labels, group_status, receiver_shown, status_of
from anyascope.wire.notices.links import LINK_ACKNOWLEDGE

_OF_PROMETHEUS = ("toUpper", "toLower", "title", "match", "reReplaceAll", "humanizeDuration")


class KV(DataObject, dict[str, str]):
    """Labels or annotations."""

    type_name = "template.KV"

    def template_methods(self) -> Mapping[str, Function]:
        return {
            "SortedPairs": Function(self._pairs),
            "Names": Function(lambda: [pair.name for pair in self._pairs()]),
            "Values": Function(lambda: [pair.value for pair in self._pairs()]),
            "Remove": Function(self._without, ("slice",)),
        }

    def _pairs(self) -> Pairs:
        return Pairs(Pair(name, self[name]) for name in sorted(self, key=lambda name: (name != "alertname", name)))

    def _without(self, names: Iterable[object]) -> KV:
        gone = set(names)
        return KV({name: value for name, value in self.items() if name not in gone})


class Pair(DataObject):
    """One label with its value."""

    type_name = "template.Pair"

    def __init__(self, name: str, value: str) -> None:
        self.name = name
        self.value = value

    def template_fields(self) -> Mapping[str, object]:
        return {"Name": self.name, "Value": self.value}


class Pairs(DataObject, list[Pair]):
    """Labels in order."""

    type_name = "template.Pairs"

    def template_methods(self) -> Mapping[str, Function]:
        return {
            "Names": Function(lambda: [pair.name for pair in self]),
            "Values": Function(lambda: [pair.value for pair in self]),
            "String": Function(lambda: ", ".join(f"{pair.name}={pair.value}" for pair in self)),
        }


class AlertData(DataObject):
    """One alert."""

    type_name = "template.Alert"

    def __init__(self, alert: NotifiedAlert, escape: Callable[[str], str]) -> None:
        self.is_firing = alert.is_firing
        self.fields: Mapping[str, object] = {
            "Status": status_of(alert),
            "Labels": KV({name: escape(value) for name, value in alert.labels}),
            "Annotations": KV({name: escape(value) for name, value in alert.annotations.items()}),
            "StartsAt": GoTime(alert.starts_ns or ZERO_NS),
            "EndsAt": GoTime(alert.ends_ns or ZERO_NS),
            "GeneratorURL": escape(alert.generator_url),
            "Fingerprint": alert.fingerprint,
        }
        # Ours. Methods, so that `toJson` gives what Alertmanager's gives.
        links = KV({name: escape(url) for name, url in alert.links.items()})
        self._methods = {
            "Links": Function(lambda: links),
            "AckURL": Function(lambda: links.get(LINK_ACKNOWLEDGE, "")),
            "CorrelationID": Function(lambda: escape(alert.correlation_id)),
        }

    def template_fields(self) -> Mapping[str, object]:
        return self.fields

    def template_methods(self) -> Mapping[str, Function]:
        return self._methods


class Alerts(DataObject, list[AlertData]):
    """Alerts, and those of them that fire or are resolved."""

    type_name = "template.Alerts"

    def template_methods(self) -> Mapping[str, Function]:
        return {
            "Firing": Function(lambda: Alerts(alert for alert in self if alert.is_firing)),
            "Resolved": Function(lambda: Alerts(alert for alert in self if not alert.is_firing)),
        }


class MessageData(DataObject):
    """The whole notification: what a template's dot is."""

    type_name = "*template.Data"

    def __init__(self, notification: Notification, *, is_html: bool) -> None:
        escape = escape_html if is_html else str
        alerts = notification.alerts
        self.fields: Mapping[str, object] = {
            "Receiver": receiver_shown(notification),
            "Status": group_status(alerts),
            "Alerts": Alerts(AlertData(alert, escape) for alert in alerts),
            "NotificationReason": notification.reason.value,
            "GroupLabels": _kv(dict(notification.group_labels), escape),
            "CommonLabels": _kv(common_labels(alerts), escape),
            "CommonAnnotations": _kv(common_annotations(alerts), escape),
            "RouteLabels": _kv(dict(notification.route_labels), escape),
            "ExternalURL": escape(notification.external_url),
        }
        self._methods = {"Notice": Function(lambda: escape(notification.notice))}  # ours, as those of an alert

    def template_methods(self) -> Mapping[str, Function]:
        return self._methods

    def template_fields(self) -> Mapping[str, object]:
        return self.fields


def _kv(values: Mapping[str, str], escape: Callable[[str], str]) -> KV:
    return KV({name: escape(value) for name, value in values.items()})


# --- functions --------------------------------------------------------------------------------------------------------


def functions_for(notification: Notification, *, now_ns: int) -> Mapping[str, Function]:
    """What templates may call beside Go's own functions."""
    route_labels = dict(notification.route_labels)
    return {
        **_FUNCTIONS,
        "now": Function(lambda: GoTime(now_ns)),
        "since": Function(lambda time: GoDuration(now_ns - time.ns), (GoTime.type_name,)),
        "routeLabels": Function(lambda: KV(route_labels)),
    }


def _joined(separator: str, texts: Iterable[object]) -> str:
    return separator.join(map(str, texts))


def _in_zone(name: str, time: GoTime) -> GoTime:
    try:
        return GoTime(time.ns, ZoneInfo(name))
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise TemplateFunctionError(f"unknown time zone {name}") from error


_LAYOUTS = {
    "2006-01-02": "%Y-%m-%d",
    "2006-01-02 15:04:05": "%Y-%m-%d %H:%M:%S",
    "2006-01-02T15:04:05Z07:00": "%Y-%m-%dT%H:%M:%S%z",
    "2006-01-02 15:04:05 -0700": "%Y-%m-%d %H:%M:%S %z",
}


def _must_parse_time(layout: str, text: str) -> GoTime:
    known = _LAYOUTS.get(layout)
    if known is None:
        raise TemplateFunctionError(f"layout {layout!r} is not one that toDate reads: {', '.join(_LAYOUTS)}")
    try:
        moment = datetime.strptime(text, known)  # noqa: DTZ007  # a layout without a zone means UTC, as in Go
    except ValueError as error:
        raise TemplateFunctionError(f"parsing time {text!r} as {layout!r}: {error}") from error
    offset = moment.utcoffset()
    shift_s = offset.total_seconds() if offset is not None else 0.0
    seconds = (moment.replace(tzinfo=None) - datetime(1970, 1, 1)).total_seconds()  # noqa: DTZ001  # both are UTC
    return GoTime(int((seconds - shift_s) * NS_PER_S))


def _parse_time(layout: str, text: str) -> GoTime:
    try:
        return _must_parse_time(layout, text)
    except TemplateFunctionError:
        return GoTime(ZERO_NS)


def _to_json(value: object) -> str:
    text = json.dumps(_plain(value), ensure_ascii=False, separators=(",", ":"))
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")


def _plain(value: object) -> Any:
    """What stands for a value in JSON, in Alertmanager's spelling."""
    match value:
        case GoTime():
            return rfc3339(0 if value.ns == ZERO_NS else value.ns)
        case AlertData() | MessageData():
            return {name[0].lower() + name[1:]: _plain(item) for name, item in value.template_fields().items()}
        case list() | tuple():
            return [_plain(item) for item in value]
        case dict():
            return {str(name): _plain(item) for name, item in sorted(value.items())}
        case DataObject():
            return value.template_text() or {name: _plain(item) for name, item in value.template_fields().items()}
    return value


def _decode64(text: str) -> str:
    try:
        return base64.urlsafe_b64decode(text).decode()
    except (binascii.Error, ValueError) as error:
        raise TemplateFunctionError(f"illegal base64 data: {error}") from error


def _dict(*pairs: object) -> dict[str, object]:
    if len(pairs) % 2:
        raise TemplateFunctionError("dict expects an even number of arguments")
    return {str(name): value for name, value in zip(pairs[::2], pairs[1::2], strict=True)}


_FUNCTIONS: Final[Mapping[str, Function]] = {
    **{name: safe_functions()[name] for name in _OF_PROMETHEUS},
    "trimSpace": Function(str.strip, ("string",)),
    "join": Function(_joined, ("string", "slice")),
    "safeHtml": Function(lambda text: text, ("string",)),
    "safeUrl": Function(lambda text: text, ("string",)),
    "urlUnescape": Function(unquote_plus, ("string",)),
    "stringSlice": Function(lambda *texts: list(texts), ("string",), is_variadic=True),
    "date": Function(lambda layout, time: format_time(time, layout), ("string", GoTime.type_name)),
    "tz": Function(_in_zone, ("string", GoTime.type_name)),
    "toDate": Function(_parse_time, ("string", "string")),
    "mustToDate": Function(_must_parse_time, ("string", "string")),
    "toJson": Function(_to_json, ("any",)),
    "base64encode": Function(lambda text: base64.urlsafe_b64encode(text.encode()).decode(), ("string",)),
    "base64decode": Function(_decode64, ("string",)),
    "list": Function(lambda *values: list(values), ("any",), is_variadic=True),
    "append": Function(lambda values, *more: [*values, *more], ("slice", "any"), is_variadic=True),
    "dict": Function(_dict, ("any",), is_variadic=True),
}
FUNCTION_NAMES: Final = frozenset({*_FUNCTIONS, "now", "since", "routeLabels"})
