"""OTLP/JSON as protobuf messages, so that both encodings are decoded by the same code.

OTLP's JSON differs from protobuf's own mapping: trace and span ids are hex, not base64; 64-bit integers may be strings or
numbers; enums are numbers (names are taken too); unknown fields are ignored. Field names are lowerCamelCase; snake_case is
taken as well, as the collectors do.

Source: OpenTelemetry protocol specification, "JSON Protobuf Encoding".
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeAlias

import msgspec
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message
from opentelemetry.proto.common.v1 import common_pb2
from opentelemetry.proto.resource.v1 import resource_pb2

from anyascope.errors import InvalidInputError

DEPTH_MAX = 64  # of messages in messages; a value in a list in a map is three. Protobuf's own parser ends at 100
HEX_FIELDS = frozenset(("trace_id", "span_id", "parent_span_id"))
PAIRS_MAX = 32_768  # attributes that are remembered; about 12 MB
PAIR_BYTES_MAX = 256  # longer ones seldom come again
INTEGER_CHARS_MAX = 24  # of a number written as text; 64 bits need 20

_SPECIAL_FLOATS = {"NaN": float("nan"), "Infinity": float("inf"), "-Infinity": float("-inf")}

Convert: TypeAlias = Callable[[Any], Any]

_BYTES_OF: dict[str, type[Message]] = {
    "attributes": common_pb2.KeyValue,
    "filtered_attributes": common_pb2.KeyValue,
    "resource": resource_pb2.Resource,
    "scope": common_pb2.InstrumentationScope,
}


class _MisfitError(Exception):
    """A value does not fit its field. `path` grows on the way up, so that the good road never builds one."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.path = ""

    def under(self, key: str) -> _MisfitError:
        dot = "." if self.path and not self.path.startswith("[") else ""
        self.path = f"{key}{dot}{self.path}"
        return self


@dataclass(frozen=True, slots=True)
class _Field:
    name: str
    is_repeated: bool
    convert: Convert | None  # None for messages


def message_of_json(body: bytes, message_class: type[Message]) -> Any:
    """The message that a JSON body describes.

    Args:
        body: UTF-8.
        message_class: one of `messages`, whose attributes, resources and scopes are bytes.

    Raises:
        InvalidInputError: the body is not JSON, or a value does not fit its field; `path` says which.
    """
    try:
        tree = msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise InvalidInputError(f"the body is not JSON: {error}") from error
    message = message_class()
    try:
        _fill(message, tree, depth=0)
    except _MisfitError as error:
        raise InvalidInputError(str(error), path=error.path) from error
    return message


def _fill(message: Any, tree: Any, *, depth: int) -> None:
    if not isinstance(tree, dict):
        raise _MisfitError(f"must be an object, got {_kind(tree)}")
    if depth > DEPTH_MAX:
        raise _MisfitError(f"values are nested deeper than {DEPTH_MAX} levels")
    fields = _fields_of(message.DESCRIPTOR)
    for key, value in tree.items():
        field = fields.get(key)
        if field is None or value is None:
            continue
        try:
            if field.is_repeated:
                _fill_list(getattr(message, field.name), field.convert, value, depth=depth)
            elif field.convert is None:
                child = getattr(message, field.name)
                child.SetInParent()
                _fill(child, value, depth=depth + 1)
            else:
                setattr(message, field.name, field.convert(value))
        except _MisfitError as error:
            raise error.under(key) from None
        except (ValueError, TypeError, OverflowError) as error:
            raise _MisfitError(str(error)).under(key) from error


def _fill_list(target: Any, convert: Convert | None, values: Any, *, depth: int) -> None:
    if not isinstance(values, list):
        raise _MisfitError(f"must be a list, got {_kind(values)}")
    for place, value in enumerate(values):
        try:
            if convert is None:
                _fill(target.add(), value, depth=depth + 1)
            else:
                target.append(convert(value))
        except _MisfitError as error:
            raise error.under(f"[{place}]") from None
        except (ValueError, TypeError, OverflowError) as error:
            raise _MisfitError(str(error)).under(f"[{place}]") from error


@lru_cache(maxsize=256)
def _fields_of(descriptor: Descriptor) -> dict[str, _Field]:
    """By JSON name and by the name in the schema."""
    found: dict[str, _Field] = {}
    for described in descriptor.fields:
        field = _Field(described.name, described.is_repeated, _converter(described))
        found[described.name] = field
        found[described.json_name] = field
    return found


def _converter(field: FieldDescriptor) -> Convert | None:
    if field.type == FieldDescriptor.TYPE_BYTES:
        if field.name in _BYTES_OF:
            return _encoder(_BYTES_OF[field.name])
        return _hex if field.name in HEX_FIELDS else _base64
    if field.enum_type is not None:
        names = {value.name: value.number for value in field.enum_type.values}
        return lambda value: _enum(value, names)
    return _CONVERTERS[field.cpp_type]


def _encoder(message_class: type[Message]) -> Convert:
    """Reads an object as the bytes of a message; the commonest ones are remembered."""
    known: dict[tuple[str, str, Any, type], bytes] = {}

    def encode(value: Any) -> bytes:
        key = _simple_pair(value)
        encoded = known.get(key) if key is not None else None
        if encoded is None:
            message = message_class()
            _fill(message, value, depth=0)
            encoded = message.SerializeToString()
            if key is not None and len(encoded) <= PAIR_BYTES_MAX:
                if len(known) >= PAIRS_MAX:
                    known.clear()
                known[key] = encoded
        return encoded

    return encode


def _simple_pair(value: Any) -> tuple[str, str, Any, type] | None:
    """What tells `{"key": "a", "value": {"stringValue": "b"}}` from others; None for everything of another form."""
    if not isinstance(value, dict) or len(value) != 2:
        return None
    key, inner = value.get("key"), value.get("value")
    if not isinstance(key, str) or not isinstance(inner, dict) or len(inner) != 1:
        return None
    kind, simple = next(iter(inner.items()))
    # 1, 1.0 and true are equal to Python: their types tell them apart.
    return (key, kind, simple, type(simple)) if isinstance(simple, str | int | float) else None


def _integer(value: Any) -> int:
    if isinstance(value, str) and 0 < len(value) <= INTEGER_CHARS_MAX and value.lstrip("-").isdecimal():
        return int(value)
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if not isinstance(value, int) or isinstance(value, bool):
        raise ValueError(f"must be an integer, got {_kind(value)}")  # noqa: TRY004  # one kind of fault for the caller
    return value


def _float(value: Any) -> float:
    if isinstance(value, str):
        special = _SPECIAL_FLOATS.get(value)
        if special is not None:
            return special
        if len(value) > INTEGER_CHARS_MAX * 2:
            raise ValueError("must be a number, got a long text")
        return float(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"must be a number, got {_kind(value)}")  # noqa: TRY004  # as above
    return float(value)


def _boolean(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError(f"must be true or false, got {_kind(value)}")  # noqa: TRY004  # as above
    return value


def _enum(value: Any, names: dict[str, int]) -> int:
    if isinstance(value, str):
        number = names.get(value)
        return _integer(value) if number is None else number
    return _integer(value)


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError(f"must be a text, got {_kind(value)}")  # noqa: TRY004  # as above
    return value


def _hex(value: Any) -> bytes:
    try:
        return bytes.fromhex(_text(value))
    except ValueError as error:
        raise ValueError(f"must be hex digits: {error}") from error


def _base64(value: Any) -> bytes:
    text = _text(value).replace("-", "+").replace("_", "/")
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except binascii.Error as error:
        raise ValueError(f"must be base64: {error}") from error


def _kind(value: Any) -> str:
    names = {dict: "an object", list: "a list", str: "a text", bool: "a boolean", type(None): "null"}
    return names.get(type(value), "a number")


_CONVERTERS: dict[int, Convert | None] = {
    FieldDescriptor.CPPTYPE_MESSAGE: None,
    FieldDescriptor.CPPTYPE_INT32: _integer,
    FieldDescriptor.CPPTYPE_INT64: _integer,
    FieldDescriptor.CPPTYPE_UINT32: _integer,
    FieldDescriptor.CPPTYPE_UINT64: _integer,
    FieldDescriptor.CPPTYPE_FLOAT: _float,
    FieldDescriptor.CPPTYPE_DOUBLE: _float,
    FieldDescriptor.CPPTYPE_BOOL: _boolean,
    FieldDescriptor.CPPTYPE_STRING: _text,
}
