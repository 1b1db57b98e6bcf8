"""OTLP's attribute values as Python's, and what was seen before of them."""

from __future__ import annotations

from typing import Any

from google.protobuf.message import DecodeError
from opentelemetry.proto.common.v1 import common_pb2
from opentelemetry.proto.resource.v1 import resource_pb2

from anyascope.errors import InvalidInputError
from anyascope.model.attributes import AttributeValue, Resource, Scope

PAIRS_MAX = 32_768  # attributes that are remembered; about 12 MB
VARIETY_MAX = 2_048  # values of one name that are remembered; a name with more holds ids, which never come again
PAIR_BYTES_MAX = 256  # longer ones (stack traces, statements) seldom come again
RESOURCES_MAX = 4_096  # resources and scopes that are remembered; a fleet has hundreds

_KeyValue = common_pb2.KeyValue
_SIMPLE = frozenset(("string_value", "bool_value", "int_value", "double_value"))


class KnownPairs(dict[bytes, tuple[str, AttributeValue]]):
    """Encoded attribute -> (name, value); reads what is new. Values of the cache are shared: replace, never change."""

    def __init__(self) -> None:
        super().__init__()
        self._varieties: dict[str, int] = {}

    def __missing__(self, encoded: bytes) -> tuple[str, AttributeValue]:
        pair = _short_text_pair(encoded)
        if pair is None:
            message = _parsed(encoded)
            kind = message.value.WhichOneof("value")
            if kind not in _SIMPLE:
                return message.key, value_of(message.value)  # lists and maps can be changed: never shared
            pair = (message.key, getattr(message.value, kind))
        if len(encoded) <= PAIR_BYTES_MAX:
            self._remember(encoded, pair)
        return pair

    def _remember(self, encoded: bytes, pair: tuple[str, AttributeValue]) -> None:
        name = pair[0]
        variety = self._varieties.get(name, 0)
        if variety >= VARIETY_MAX:
            return  # an id of something: it does not come again
        if len(self) >= PAIRS_MAX:
            self.clear()
            self._varieties.clear()
        self._varieties[name] = variety + 1
        self[encoded] = pair


def _short_text_pair(encoded: bytes) -> tuple[str, str] | None:
    """The pair where it is the commonest of all: a short name and a short text, in the order that all encoders write.

    Twice as fast as the parser, which everything else goes through. Below 128 bytes each length is one byte:
    `0a N name 12 M 0a L text`, where 0a is field 1 (key; string_value) and 12 is field 2 (value).
    """
    size = len(encoded)
    if not 6 <= size < 128 or encoded[0] != 0x0A:
        return None
    end = encoded[1] + 2
    if (
        end + 4 > size
        or encoded[end] != 0x12
        or encoded[end + 1] != size - end - 2
        or encoded[end + 2] != 0x0A
        or encoded[end + 3] != size - end - 4
    ):
        return None
    try:
        return encoded[2:end].decode(), encoded[end + 4 :].decode()
    except UnicodeDecodeError as error:
        raise InvalidInputError(f"an attribute is not UTF-8: {error}") from error


def _parsed(encoded: bytes) -> Any:
    try:
        return _KeyValue.FromString(encoded)
    except DecodeError as error:
        raise InvalidInputError(f"an attribute is not an OTLP KeyValue: {error}") from error


class KnownSenders:
    """Encoded resources and scopes -> nouns; reads what is new."""

    def __init__(self) -> None:
        self._resources: dict[tuple[bytes, str], Resource] = {}
        self._scopes: dict[tuple[bytes, str], Scope] = {}

    def resource(self, encoded: bytes, schema_url: str) -> Resource:
        """The resource of these bytes."""
        known = self._resources.get((encoded, schema_url))
        if known is None:
            try:
                message = resource_pb2.Resource.FromString(encoded)
            except DecodeError as error:
                raise InvalidInputError(f"a resource is not an OTLP Resource: {error}") from error
            known = Resource(_attributes(message.attributes), schema_url)
            if len(self._resources) >= RESOURCES_MAX:
                self._resources.clear()
            self._resources[encoded, schema_url] = known
        return known

    def scope(self, encoded: bytes, schema_url: str) -> Scope:
        """The scope of these bytes."""
        known = self._scopes.get((encoded, schema_url))
        if known is None:
            try:
                message = common_pb2.InstrumentationScope.FromString(encoded)
            except DecodeError as error:
                raise InvalidInputError(f"a scope is not an OTLP InstrumentationScope: {error}") from error
            known = Scope(message.name, message.version, _attributes(message.attributes), schema_url)
            if len(self._scopes) >= RESOURCES_MAX:
                self._scopes.clear()
            self._scopes[encoded, schema_url] = known
        return known


def _attributes(pairs: Any) -> dict[str, AttributeValue]:
    return {pair.key: value_of(pair.value) for pair in pairs}


def value_of(message: Any) -> AttributeValue:
    """An AnyValue as a Python value; None where it is empty. Depth is bounded by the parser (100)."""
    kind = message.WhichOneof("value")
    if kind is None:
        return None
    if kind == "array_value":
        return [value_of(item) for item in message.array_value.values]
    if kind == "kvlist_value":
        return {pair.key: value_of(pair.value) for pair in message.kvlist_value.values}
    value: AttributeValue = getattr(message, kind)
    return value
