"""Labels and attributes as OTLP's, without secrets and in characters that can be sent."""

from __future__ import annotations

from collections.abc import Mapping

from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue

from anyascope.sdk.redaction import redact_text


def pairs(labels: Mapping[str, str]) -> list[KeyValue]:
    """Labels as attributes."""
    return [KeyValue(key=key, value=AnyValue(string_value=_sendable(value))) for key, value in labels.items()]


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
