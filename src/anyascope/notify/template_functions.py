"""The functions that Alertmanager's templates may call beside Go's own.

Source: https://prometheus.io/docs/alerting/latest/notifications/#functions.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import unquote_plus
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from anyascope.notify.template_data import AlertData, MessageData
from anyascope.wire.gotemplate import DataObject, Function, TemplateFunctionError
from anyascope.wire.gotemplate.fmt import to_text
from anyascope.wire.gotemplate.html import SafeHtml, SafeUrl
from anyascope.wire.gotemplate.parse_times import parse_time
from anyascope.wire.gotemplate.prometheus import safe_functions
from anyascope.wire.gotemplate.times import ZERO_NS, GoDuration, GoTime, format_time
from anyascope.wire.gotemplate.values import AnyMap, NoValue, quoted, type_name

_WORD: Final = re.compile(r"\w+(?:['\u2019.:]\w+)*")
_BAD_ESCAPE: Final = re.compile(r"%(?![0-9a-fA-F]{2})")
_NOT_BASE64: Final = re.compile(r"[^A-Za-z0-9_=-]|=(?![=]?\Z)")
_OF_PROMETHEUS = ("toUpper", "toLower", "match", "reReplaceAll", "humanizeDuration")


def functions_for(data: MessageData, *, now_ns: int) -> Mapping[str, Function]:
    """What a template over this data may call beside Go's own functions."""
    return {
        **_FUNCTIONS,
        "now": Function(lambda: GoTime(now_ns)),
        "since": Function(lambda time: GoDuration(now_ns - time.ns), (GoTime.type_name,)),
        "routeLabels": Function(lambda: data.route_labels),
    }


def _joined(separator: str, texts: Sequence[object]) -> str:
    if any(isinstance(text, DataObject | Mapping | list | tuple) for text in texts):
        raise TemplateFunctionError(f"wrong type for value; expected []string; got {type_name(texts)}")
    return separator.join(map(to_text, texts))


def _in_zone(name: str, time: GoTime) -> GoTime:
    try:
        return GoTime(time.ns, ZoneInfo(name))
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise TemplateFunctionError(f"unknown time zone {name}") from error


def _parse_time(layout: str, text: str) -> GoTime:
    try:
        return parse_time(layout, text)
    except TemplateFunctionError:
        return GoTime(ZERO_NS)


def _to_json(value: object) -> str:
    text = json.dumps(_plain(value), ensure_ascii=False, separators=(",", ":"))
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")


def _plain(value: object) -> Any:
    """What stands for a value in JSON, in Alertmanager's spelling."""
    match value:
        case list() | tuple():
            return [_plain(item) for item in value]
        case dict():
            return {str(name): _plain(item) for name, item in sorted(value.items())}
        case DataObject():
            return _plain_object(value)
        case Function():
            raise TemplateFunctionError("json: unsupported type: func")
    return None if isinstance(value, NoValue) else value


def _plain_object(value: DataObject) -> Any:
    match value:
        case GoTime():
            return value.rfc3339()
        case GoDuration():
            return value.ns
        case AlertData() | MessageData():
            return {_json_name(name): _plain(item) for name, item in value.template_fields().items()}
    return {name: _plain(item) for name, item in value.template_fields().items()}


def _json_name(name: str) -> str:
    return "notification_reason" if name == "NotificationReason" else name[0].lower() + name[1:]


def _title(text: str) -> str:
    """Each word with its first letter large and the others small, as `cases.Title` has it."""
    return _WORD.sub(lambda word: word[0][0].upper() + word[0][1:].lower(), text)


def _unescape(text: str) -> str:
    bad = _BAD_ESCAPE.search(text)
    if bad is not None:
        raise TemplateFunctionError(f"invalid URL escape {quoted(text[bad.start() : bad.start() + 3])}")
    return unquote_plus(text)


def _decode64(text: str) -> str:
    """URL-safe base64 with its padding, as Go reads it: line breaks do not count."""
    plain = text.replace("\n", "").replace("\r", "")
    bad = _NOT_BASE64.search(plain)
    if bad is not None or len(plain) % 4:
        place = bad.start() if bad is not None else len(plain)
        raise TemplateFunctionError(f"illegal base64 data at input byte {place}")
    return base64.urlsafe_b64decode(plain).decode("utf-8", "replace")


def _dict(*pairs: object) -> AnyMap:
    if len(pairs) % 2:
        raise TemplateFunctionError("dict requires an even number of arguments")
    if not all(isinstance(name, str) for name in pairs[::2]):
        raise TemplateFunctionError("dict keys must be strings")
    return AnyMap(zip(map(str, pairs[::2]), pairs[1::2], strict=True))


_FUNCTIONS: Final[Mapping[str, Function]] = {
    **{name: safe_functions()[name] for name in _OF_PROMETHEUS},
    "trimSpace": Function(str.strip, ("string",)),
    "join": Function(_joined, ("string", "slice")),
    "safeHtml": Function(SafeHtml, ("string",)),
    "safeUrl": Function(SafeUrl, ("string",)),
    "urlUnescape": Function(_unescape, ("string",)),
    "title": Function(_title, ("string",)),
    "stringSlice": Function(lambda *texts: list(texts), ("string",), is_variadic=True),
    "date": Function(lambda layout, time: format_time(time, layout), ("string", GoTime.type_name)),
    "tz": Function(_in_zone, ("string", GoTime.type_name)),
    "toDate": Function(_parse_time, ("string", "string")),
    "mustToDate": Function(parse_time, ("string", "string")),
    "toJson": Function(_to_json, ("any",)),
    "base64encode": Function(lambda text: base64.urlsafe_b64encode(text.encode()).decode(), ("string",)),
    "base64decode": Function(_decode64, ("string",)),
    "list": Function(lambda *values: list(values), ("any",), is_variadic=True),
    "append": Function(lambda values, *more: [*values, *more], ("slice", "any"), is_variadic=True),
    "dict": Function(_dict, ("any",), is_variadic=True),
}
FUNCTION_NAMES: Final = frozenset({*_FUNCTIONS, "now", "since", "routeLabels"})
