"""Alerts as Alertmanager's API v2 takes and gives them.

Source: Alertmanager `api/v2/openapi.yaml`; messages as release 0.33 writes them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec

from anyascope.clock import NS_PER_S
from anyascope.errors import InvalidInputError
from anyascope.model.alerts import Alert
from anyascope.model.labels import labels_of
from anyascope.model.notifications import AlertGroupStatus, AlertStatus
from anyascope.wire.alertmanager_post import format_time, sorted_texts
from anyascope.wire.go_json import go_json
from anyascope.wire.shapes import shape_of

CODE_REQUIRED = 602  # go-openapi's codes of what a schema refuses
CODE_TYPE = 601

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_KINDS = ((bool, "bool"), (int, "number"), (float, "number"), (str, "string"), (list, "array"), (dict, "object"))


class PostableError(InvalidInputError):
    """A body that holds no alerts, as Alertmanager says it: `status` 400 or 422 and `number`, its own code."""

    def __init__(self, message: str, *, path: str = "", status: int = 400, number: int = 400) -> None:
        super().__init__(message, path=path)
        self.status = status
        self.number = number


# --- in ---------------------------------------------------------------------------------------------------------------


def decode_postable(body: bytes) -> list[Alert]:
    """The alerts of a body; labels without value are left out, times that are absent are 0.

    Raises:
        PostableError: it is no JSON, or not of the schema; the message names the field.
    """
    try:
        return [_sound_alert(postable) for postable in _POSTABLES.from_json(body)]
    except (msgspec.MsgspecError, PostableError, ValueError, RecursionError):
        return _decode_slowly(body)  # which says in Alertmanager's words what is wrong, if anything is


class _Postable(msgspec.Struct):
    """An alert as nearly all are posted."""

    labels: dict[str, str]
    annotations: dict[str, str] = {}
    startsAt: str = ""  # noqa: N815 - upstream's name
    endsAt: str = ""  # noqa: N815
    generatorURL: str = ""  # noqa: N815


_POSTABLES: Final = shape_of(list[_Postable])


def _sound_alert(postable: _Postable) -> Alert:
    url = postable.generatorURL
    if url and not urlsplit(url).scheme:
        raise ValueError(url)
    return Alert(
        labels=labels_of(postable.labels),
        annotations=postable.annotations,
        starts_ns=_time_ns(postable.startsAt, "startsAt"),
        ends_ns=_time_ns(postable.endsAt, "endsAt"),
        generator_url=url,
    )


def _decode_slowly(body: bytes) -> list[Alert]:
    if not body.strip():
        raise PostableError("alerts in body is required", status=422, number=CODE_REQUIRED)
    try:
        document = json.loads(body)
    except ValueError as error:
        raise _unreadable(str(error)) from None
    except RecursionError:
        raise _unreadable("it is nested too deeply") from None
    if document is None:
        return []
    if not isinstance(document, list):
        raise _unreadable(f"expected an array of alerts, got {_kind(document)}")
    return [_alert(entry, str(index)) for index, entry in enumerate(document)]


def _alert(entry: Any, path: str) -> Alert:
    if not isinstance(entry, dict):
        raise _unreadable(f"{path}: expected an object, got {_kind(entry)}", path)
    if entry.get("labels") is None:
        raise PostableError(f"{path}.labels in body is required", path=path, status=422, number=CODE_REQUIRED)
    url = _text(entry.get("generatorURL"), f"{path}.generatorURL")
    if url and not urlsplit(url).scheme:
        message = f"{path}.generatorURL in body must be of type uri: {json.dumps(url, ensure_ascii=False)}"
        raise PostableError(message, path=path, status=422, number=CODE_TYPE)
    return Alert(
        labels=labels_of(_texts(entry["labels"], f"{path}.labels")),
        annotations=_texts(entry.get("annotations"), f"{path}.annotations"),
        starts_ns=_time_ns(entry.get("startsAt"), f"{path}.startsAt"),
        ends_ns=_time_ns(entry.get("endsAt"), f"{path}.endsAt"),
        generator_url=url,
    )


def _texts(value: Any, path: str) -> dict[str, str]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise _unreadable(f"{path}: expected an object of texts, got {_kind(value)}", path)
    return {whole_text(name): _text(text, f"{path}.{name}") for name, text in value.items()}


def _text(value: Any, path: str) -> str:
    if value is None:
        return ""
    if not isinstance(value, str):
        raise _unreadable(f"{path}: expected a string, got {_kind(value)}", path)
    return whole_text(value)


def whole_text(text: str) -> str:
    """The text with half surrogates replaced, as Go reads them."""
    return text if text.isascii() else text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def _time_ns(value: Any, path: str) -> int:
    try:
        return time_ns(_text(value, path))
    except ValueError as error:
        raise _unreadable(f"{path}: {error}", path) from None


def time_ns(text: str) -> int:
    """A time of RFC 3339 or a date; 0 where the text is empty or Go's zero time, so that a time itself is at least 1.

    Raises:
        ValueError: it is neither.
    """
    if not text:
        return 0
    try:
        when = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"cannot parse {text[:64]!r} as a time of RFC 3339") from None
    if when.year == 1:
        return 0
    try:
        # A moment whose year in UTC has five digits could not be written again.
        since = (when if when.tzinfo else when.replace(tzinfo=UTC)).astimezone(UTC) - _EPOCH
    except OverflowError:
        raise ValueError(f"{text[:64]!r} is out of range") from None
    whole_ns = (since.days * 86_400 + since.seconds) * NS_PER_S + since.microseconds * 1_000
    return max(whole_ns, 1)


def _unreadable(detail: str, path: str = "") -> PostableError:
    return PostableError(f'parsing alerts body from "" failed, because {detail}', path=path)


def _kind(value: Any) -> str:
    return next((name for kind, name in _KINDS if isinstance(value, kind)), "null")


# --- out --------------------------------------------------------------------------------------------------------------


def encode_gettable(alerts: Iterable[AlertStatus]) -> bytes:
    """The answer to a GET, in this order."""
    return go_json([_gettable(alert) for alert in alerts])


def encode_groups(groups: Iterable[AlertGroupStatus]) -> bytes:
    """The answer to a GET of groups, in this order."""
    return go_json(
        [
            {
                "alerts": [_gettable(alert) for alert in group.alerts],
                "labels": sorted_texts(dict(group.labels)),
                "receiver": {"name": group.receiver},
                "routeLabels": sorted_texts(dict(group.route_labels)),
            }
            for group in groups
        ]
    )


def _gettable(alert: AlertStatus) -> dict[str, object]:
    suppressors = (alert.silenced_by, alert.inhibited_by, alert.muted_by)
    entry: dict[str, object] = {
        "annotations": sorted_texts(alert.annotations),
        "endsAt": format_time(alert.expires_ns or alert.ends_ns),
        "fingerprint": alert.id,
        "receivers": [{"name": name} for name in alert.receivers],
        "startsAt": format_time(alert.starts_ns),
        "status": {
            "inhibitedBy": list(alert.inhibited_by),
            "mutedBy": list(alert.muted_by),
            "silencedBy": list(alert.silenced_by),
            "state": "suppressed" if any(suppressors) else "active",
        },
        "updatedAt": format_time(alert.updated_ns),
    }
    if alert.generator_url:
        entry["generatorURL"] = alert.generator_url
    return entry | {"labels": sorted_texts(dict(alert.labels))}
