"""Silences as Alertmanager's API v2 takes and gives them.

Source: Alertmanager `api/v2/openapi.yaml`; messages as release 0.33 writes them, types of Go included.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any, Final

from anyascope.model.labels import Matcher, MatchOp
from anyascope.model.silences import Silence, SilenceStatus
from anyascope.wire.alertmanager import CODE_REQUIRED, PostableError, time_ns, whole_text
from anyascope.wire.alertmanager_post import format_time
from anyascope.wire.go_json import go_json

CODE_TOO_FEW = 612  # go-openapi's code of `minItems`

_REQUIRED = ("comment", "createdBy", "endsAt", "matchers", "startsAt")  # in the order in which they are asked for
_KINDS = ((bool, "bool"), (int, "number"), (float, "number"), (str, "string"), (list, "array"), (dict, "object"))
_OPS = {(True, False): MatchOp.EQUAL, (False, False): MatchOp.NOT_EQUAL, (True, True): MatchOp.REGEX, (False, True): MatchOp.NOT_REGEX}  # fmt: skip
_GO_ID = 'Go value of type struct { ID string "json:\\"id,omitempty\\"" }'


def decode_silence(body: bytes) -> Silence:
    """The silence of a body; its id is empty for a new one, times that are absent are 0.

    Raises:
        PostableError: it is no JSON, or not of the schema; the message names the field.
    """
    if not body.strip():
        raise _required("silence")
    try:
        document = json.loads(body)
    except ValueError as error:
        raise _unreadable(str(error)) from None
    except RecursionError:
        raise _unreadable("it is nested too deeply") from None
    if document is None:
        document = {}
    if not isinstance(document, dict):
        raise _mistyped(document, _GO_ID)
    identity = _text(document.get("id"), "Go struct field .id of type string")
    found = {name: _READERS[name](value) for name, value in document.items() if name in _READERS and value is not None}
    for name in _REQUIRED:
        if name not in found:
            raise _required(name)
    return Silence(
        id=identity,
        matchers=_matchers(found["matchers"]),
        starts_ns=found["startsAt"],
        ends_ns=found["endsAt"],
        created_by=found["createdBy"],
        comment=found["comment"],
        annotations=found.get("annotations", {}),
    )


def _read_matchers(value: Any) -> list[Mapping[str, Any]]:
    """The matchers with their fields of the right types; which fields there are is looked at later."""
    if not isinstance(value, list):
        raise _mistyped(value, "Go struct field Silence.matchers of type models.Matchers")
    for index, entry in enumerate(value):
        if entry is not None and not isinstance(entry, dict):
            raise _mistyped(entry, f"Silence.matchers.{index} of type models.Matcher")
        for name, field in (entry or {}).items():
            kind = _MATCHER_FIELDS.get(name)
            if kind is not None and field is not None and not isinstance(field, kind):
                go_kind = "bool" if kind is bool else "string"
                raise _mistyped(field, f"Go struct field Silence.matchers.{index}.{name} of type {go_kind}")
    return [entry or {} for entry in value]


_MATCHER_FIELDS: Final[Mapping[str, type]] = {"isEqual": bool, "isRegex": bool, "name": str, "value": str}


def _matchers(entries: list[Mapping[str, Any]]) -> tuple[Matcher, ...]:
    if not entries:
        message = "matchers in body should have at least 1 items"
        raise PostableError(message, path="matchers", status=422, number=CODE_TOO_FEW)
    for index, entry in enumerate(entries):
        for name in ("isRegex", "name", "value"):
            if entry.get(name) is None:
                raise _required(f"matchers.{index}.{name}")
    return tuple(
        Matcher(
            whole_text(entry["name"]),
            _OPS[entry.get("isEqual") is not False, entry["isRegex"]],
            whole_text(entry["value"]),
        )
        for entry in entries
    )


def _read_annotations(value: Any) -> dict[str, str]:
    if not isinstance(value, dict):
        raise _mistyped(value, "Go struct field Silence.annotations of type models.LabelSet")
    return {
        whole_text(name): _text(text, f"Go struct field Silence.annotations.{name} of type string")
        for name, text in value.items()
    }


def _read_time(value: Any) -> int:
    text = _text(value, "Go value of type string")
    try:
        return time_ns(text)
    except ValueError as error:
        raise _unreadable(str(error)) from None


def _text(value: Any, place: str) -> str:
    if value is None:
        return ""
    if not isinstance(value, str):
        raise _mistyped(value, place)
    return whole_text(value)


_READERS: Final[Mapping[str, Any]] = {
    "annotations": _read_annotations,
    "comment": lambda value: _text(value, "Go struct field Silence.comment of type string"),
    "createdBy": lambda value: _text(value, "Go struct field Silence.createdBy of type string"),
    "endsAt": _read_time,
    "matchers": _read_matchers,
    "startsAt": _read_time,
}


def _required(name: str) -> PostableError:
    return PostableError(f"{name} in body is required", path=name, status=422, number=CODE_REQUIRED)


def _mistyped(value: Any, place: str) -> PostableError:
    kind = next((name for kind, name in _KINDS if isinstance(value, kind)), "null")
    return _unreadable(f"json: cannot unmarshal {kind} into {place}")


def _unreadable(detail: str) -> PostableError:
    return PostableError(f'parsing silence body from "" failed, because {detail}')


# --- out --------------------------------------------------------------------------------------------------------------


def encode_silences(statuses: Iterable[SilenceStatus]) -> bytes:
    """The answer to a GET of all, in this order."""
    return go_json([_gettable(status) for status in statuses])


def encode_silence(status: SilenceStatus) -> bytes:
    """The answer to a GET of one."""
    return go_json(_gettable(status))


def _gettable(status: SilenceStatus) -> dict[str, object]:
    silence = status.silence
    return {
        "id": silence.id,
        "status": {"state": status.state.value},
        "updatedAt": format_time(silence.updated_ns),
        "annotations": dict(sorted(silence.annotations.items())),
        "comment": silence.comment,
        "createdBy": silence.created_by,
        "endsAt": format_time(silence.ends_ns),
        "matchers": [_gettable_matcher(matcher) for matcher in silence.matchers],
        "startsAt": format_time(silence.starts_ns),
    }


def _gettable_matcher(matcher: Matcher) -> dict[str, object]:
    return {
        "isEqual": matcher.op in (MatchOp.EQUAL, MatchOp.REGEX),
        "isRegex": matcher.op in (MatchOp.REGEX, MatchOp.NOT_REGEX),
        "name": matcher.name,
        "value": matcher.value,
    }
