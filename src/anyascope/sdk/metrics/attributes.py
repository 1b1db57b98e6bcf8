"""Labels and attributes as OTLP's, without secrets and in characters that can be sent."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue

from anyascope.sdk.redaction import redact_text

PAIRS_REMEMBERED = 16_384  # names and values of labels, 10 MB; a service with 10,000 series has about as many


def pairs(labels: Mapping[str, str]) -> list[KeyValue]:
    """Labels as attributes."""
    return [_pair(name, value) for name, value in labels.items()]


@lru_cache(maxsize=PAIRS_REMEMBERED)
def _pair(name: str, value: str) -> KeyValue:
    """One label; whoever adds it to a message copies it."""
    return KeyValue(key=name, value=AnyValue(string_value=_sendable(value)))


def any_value(value: object) -> AnyValue:
    """An attribute's value: texts, truth values, numbers and sequences of them as they are, all else as text."""
    match value:
        case bool():
            return AnyValue(bool_value=value)
        case int() if -(2**63) <= value < 2**63:
            return AnyValue(int_value=value)
        case float():
            return AnyValue(double_value=value)
        case list() | tuple():
            return AnyValue(array_value=ArrayValue(values=[any_value(item) for item in value]))
        case _:
            return AnyValue(string_value=_sendable(str(value)))


def _sendable(text: str) -> str:
    cleaned = redact_text(text)
    return cleaned if cleaned.isascii() else cleaned.encode("utf-8", "replace").decode("utf-8")
