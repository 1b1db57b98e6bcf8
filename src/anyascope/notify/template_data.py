"""A notification as Alertmanager's templates see it.

Source: https://prometheus.io/docs/alerting/latest/notifications/.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from anyascope.errors import InvalidInputError
from anyascope.model.notifications import Notification, NotifiedAlert
from anyascope.wire.gotemplate import DataObject, Function, TemplateFunctionError
from anyascope.wire.gotemplate.parse_times import parse_time
from anyascope.wire.gotemplate.times import ZERO_NS, GoTime
from anyascope.wire.notices.data import common_annotations, common_labels, group_status, receiver_shown, status_of
from anyascope.wire.notices.links import LINK_ACKNOWLEDGE

ALERTS_MAX = 10_000  # of a document to try a template on; the largest groups seen have 5,000
RFC3339 = "2006-01-02T15:04:05Z07:00"


class KV(DataObject, dict[str, str]):
    """Labels or annotations."""

    type_name = "template.KV"
    _methods: Mapping[str, Function] | None = None

    def template_text(self) -> str:
        return self._pairs().template_text()

    def template_methods(self) -> Mapping[str, Function]:
        if self._methods is None:  # made once: a template over a thousand alerts asks ten thousand times
            self._methods = {
                "SortedPairs": Function(self._pairs),
                "Names": Function(lambda: [pair.name for pair in self._pairs()]),
                "Values": Function(lambda: [pair.value for pair in self._pairs()]),
                "Remove": Function(self._without, ("slice",)),
                "String": Function(self.template_text),
            }
        return self._methods

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
        self._fields = {"Name": name, "Value": value}

    def template_fields(self) -> Mapping[str, object]:
        return self._fields


class Pairs(DataObject, list[Pair]):
    """Labels in order."""

    type_name = "template.Pairs"

    def template_methods(self) -> Mapping[str, Function]:
        return {
            "Names": Function(lambda: [pair.name for pair in self]),
            "Values": Function(lambda: [pair.value for pair in self]),
            "String": Function(self.template_text),
        }

    def template_text(self) -> str:
        return ", ".join(f"{pair.name}={pair.value}" for pair in self)


class AlertData(DataObject):
    """One alert."""

    type_name = "template.Alert"

    def __init__(self, fields: Mapping[str, object], methods: Mapping[str, Function] | None = None) -> None:
        self.fields = fields
        self._methods = methods or {}

    @property
    def status(self) -> object:
        """`firing` or `resolved`; a document may say anything."""
        return self.fields["Status"]

    def template_fields(self) -> Mapping[str, object]:
        return self.fields

    def template_methods(self) -> Mapping[str, Function]:
        return self._methods


class Alerts(DataObject, list[AlertData]):
    """Alerts, and those of them that fire or are resolved."""

    type_name = "template.Alerts"

    def template_methods(self) -> Mapping[str, Function]:
        return {
            "Firing": Function(lambda: Alerts(alert for alert in self if alert.status == "firing")),
            "Resolved": Function(lambda: Alerts(alert for alert in self if alert.status == "resolved")),
        }


class MessageData(DataObject):
    """The whole notification: what a template's dot is."""

    type_name = "*template.Data"

    def __init__(self, fields: Mapping[str, object], methods: Mapping[str, Function] | None = None) -> None:
        self.fields = fields
        self._methods = methods or {}

    def template_methods(self) -> Mapping[str, Function]:
        return self._methods

    def template_fields(self) -> Mapping[str, object]:
        return self.fields

    @property
    def route_labels(self) -> KV:
        """What `routeLabels` gives."""
        found = self.fields["RouteLabels"]
        assert isinstance(found, KV)
        return found


def message_data(notification: Notification) -> MessageData:
    """What a template sees of a notification."""
    alerts = notification.alerts
    return MessageData(
        {
            "Receiver": receiver_shown(notification),
            "Status": group_status(alerts),
            "Alerts": Alerts(map(_alert_data, alerts)),
            "NotificationReason": notification.reason.value,
            "GroupLabels": KV(notification.group_labels),
            "CommonLabels": KV(common_labels(alerts)),
            "CommonAnnotations": KV(common_annotations(alerts)),
            "RouteLabels": KV(notification.route_labels),
            "ExternalURL": notification.external_url,
        },
        # Ours. Methods, so that `toJson` gives what Alertmanager's gives.
        {"Notice": Function(lambda: notification.notice)},
    )


def _alert_data(alert: NotifiedAlert) -> AlertData:
    return AlertData(
        {
            "Status": status_of(alert),
            "Labels": KV(alert.labels),
            "Annotations": KV(alert.annotations),
            "StartsAt": GoTime(alert.starts_ns or ZERO_NS),
            "EndsAt": GoTime(alert.ends_ns or ZERO_NS),
            "GeneratorURL": alert.generator_url,
            "Fingerprint": alert.fingerprint,
        },
        _alert_methods(KV(alert.links), alert.correlation_id),
    )


def _alert_methods(links: KV, correlation_id: str) -> Mapping[str, Function]:
    """What is ours of an alert."""
    return {
        "Links": Function(lambda: links),
        "AckURL": Function(lambda: links.get(LINK_ACKNOWLEDGE, "")),
        "CorrelationID": Function(lambda: correlation_id),
    }


# --- from a document --------------------------------------------------------------------------------------------------


def read_message_data(document: object) -> MessageData:
    """The same from a document in the layout of Alertmanager's webhook, to try templates on.

    Raises:
        InvalidInputError: it is not of that layout; the message names the field.
    """
    found = _mapping(document, "the document")
    alerts = _sequence(found.get("alerts"), "alerts")
    if len(alerts) > ALERTS_MAX:
        raise InvalidInputError(f"at most {ALERTS_MAX} alerts are read, got {len(alerts)}", path="alerts")
    return MessageData(
        {
            "Receiver": _text(found, "receiver", ""),
            "Status": _text(found, "status", ""),
            "Alerts": Alerts(_read_alert(alert, f"alerts[{index}]") for index, alert in enumerate(alerts)),
            "NotificationReason": _text(found, "notification_reason", ""),
            "GroupLabels": _labels(found, "groupLabels", ""),
            "CommonLabels": _labels(found, "commonLabels", ""),
            "CommonAnnotations": _labels(found, "commonAnnotations", ""),
            "RouteLabels": _labels(found, "routeLabels", ""),
            "ExternalURL": _text(found, "externalURL", ""),
        },
        {"Notice": Function(lambda: "")},
    )


def _read_alert(document: object, path: str) -> AlertData:
    found = _mapping(document, path)
    return AlertData(
        {
            "Status": _text(found, "status", path),
            "Labels": _labels(found, "labels", path),
            "Annotations": _labels(found, "annotations", path),
            "StartsAt": _time(found, "startsAt", path),
            "EndsAt": _time(found, "endsAt", path),
            "GeneratorURL": _text(found, "generatorURL", path),
            "Fingerprint": _text(found, "fingerprint", path),
        },
        _alert_methods(KV(), ""),
    )


def _mapping(value: object, path: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise InvalidInputError(f"must be an object, got {type(value).__name__}", path=path)
    return value


def _sequence(value: object, path: str) -> Sequence[object]:
    if value is None:
        return ()
    if not isinstance(value, list):
        raise InvalidInputError(f"must be a list, got {type(value).__name__}", path=path)
    return value


def _text(found: Mapping[str, Any], name: str, path: str) -> str:
    value = found.get(name) or ""
    if not isinstance(value, str):
        raise InvalidInputError(f"must be a text, got {type(value).__name__}", path=f"{path}.{name}".lstrip("."))
    return value


def _labels(found: Mapping[str, Any], name: str, path: str) -> KV:
    where = f"{path}.{name}".lstrip(".")
    labels = _mapping(found.get(name) or {}, where)
    return KV({label: _text(labels, label, where) for label in labels})


def _time(found: Mapping[str, Any], name: str, path: str) -> GoTime:
    text = _text(found, name, path)
    if not text:
        return GoTime(ZERO_NS)
    try:
        return parse_time(RFC3339, text)
    except TemplateFunctionError as error:
        raise InvalidInputError(str(error), path=f"{path}.{name}") from error
