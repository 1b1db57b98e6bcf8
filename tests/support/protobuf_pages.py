"""Pages in the protobuf exposition format, for tests."""

from __future__ import annotations

from typing import Any

from anyascope.wire.exposition.schema import Label, Metric, MetricFamily

COUNTER, GAUGE, SUMMARY, UNTYPED, HISTOGRAM, GAUGE_HISTOGRAM = range(6)


def metric(**fields: Any) -> dict[str, Any]:
    """A `Metric` as keyword arguments: texts are labels, all else its fields."""
    labels = [
        Label(name=name, value=value).SerializeToString() for name, value in fields.items() if isinstance(value, str)
    ]
    return {"label": labels, **{name: value for name, value in fields.items() if not isinstance(value, str)}}


def family(name: str, kind: int, *metrics: dict[str, Any], **fields: str) -> Any:
    """A `MetricFamily` message."""
    return MetricFamily(name=name, type=kind, metric=[Metric(**each).SerializeToString() for each in metrics], **fields)


def protobuf_page(*families: Any) -> bytes:
    """The families, each with its length before it."""
    return b"".join(varint(len(body)) + body for body in (each.SerializeToString() for each in families))


def varint(value: int) -> bytes:
    """A number in base 128, the lowest digits first."""
    digits = bytearray()
    while value >= 0x80:
        digits.append(value & 0x7F | 0x80)
        value >>= 7
    digits.append(value)
    return bytes(digits)
