"""Jaeger's Thrift batches read by Apache's own library, from a specification that stands here: nothing of ours decodes them."""

from __future__ import annotations

import base64
import math
from typing import Any

from thrift.protocol.TBinaryProtocol import TBinaryProtocol
from thrift.Thrift import TType
from thrift.transport.TTransport import TMemoryBuffer

Json = dict[str, Any]

_TYPES = ("string", "double", "bool", "long", "binary")
_REFERENCES = ("child_of", "follows_from")


class _Struct:
    thrift_spec: tuple[Any, ...] = ()

    def read(self, protocol: Any) -> None:
        for entry in self.thrift_spec:
            if entry is not None:
                setattr(self, entry[2], None)
        protocol.readStruct(self, self.thrift_spec)


def _spec(*fields: tuple[int, str, Any]) -> tuple[Any, ...]:
    """jaeger-idl, `jaeger.thrift`: (id, name, type), where a type is a TType, "text", or a one-item list of a struct."""
    entries: list[Any] = [None]
    for number, name, kind in fields:
        if kind == "text":
            entries.append((number, TType.STRING, name, "UTF8", None))
        elif isinstance(kind, list):
            entries.append((number, TType.LIST, name, (TType.STRUCT, (kind[0], kind[0].thrift_spec), False), None))
        elif isinstance(kind, type) and issubclass(kind, _Struct):
            entries.append((number, TType.STRUCT, name, (kind, kind.thrift_spec), None))
        else:
            entries.append((number, kind, name, "BINARY" if kind == TType.STRING else None, None))
    return tuple(entries)


class Tag(_Struct):
    thrift_spec = _spec(
        (1, "key", "text"),
        (2, "vType", TType.I32),
        (3, "vStr", "text"),
        (4, "vDouble", TType.DOUBLE),
        (5, "vBool", TType.BOOL),
        (6, "vLong", TType.I64),
        (7, "vBinary", TType.STRING),
    )


class Log(_Struct):
    thrift_spec = _spec((1, "timestamp", TType.I64), (2, "fields", [Tag]))


class SpanRef(_Struct):
    thrift_spec = _spec(
        (1, "refType", TType.I32),
        (2, "traceIdLow", TType.I64),
        (3, "traceIdHigh", TType.I64),
        (4, "spanId", TType.I64),
    )


class Span(_Struct):
    thrift_spec = _spec(
        (1, "traceIdLow", TType.I64),
        (2, "traceIdHigh", TType.I64),
        (3, "spanId", TType.I64),
        (4, "parentSpanId", TType.I64),
        (5, "operationName", "text"),
        (6, "references", [SpanRef]),
        (7, "flags", TType.I32),
        (8, "startTime", TType.I64),
        (9, "duration", TType.I64),
        (10, "tags", [Tag]),
        (11, "logs", [Log]),
    )


class Process(_Struct):
    thrift_spec = _spec((1, "serviceName", "text"), (2, "tags", [Tag]))


class Batch(_Struct):
    thrift_spec = _spec((1, "process", Process), (2, "spans", [Span]))


def decode_batch(body: bytes) -> Json:
    """A batch in the shape of the recordings' `expected`; fails where bytes are left over."""
    buffer = TMemoryBuffer(body)
    batch: Any = Batch()
    batch.read(TBinaryProtocol(buffer))
    assert buffer._buffer.read() == b"", "bytes stand behind the batch"
    return {
        "process": {"service": batch.process.serviceName, "tags": _tags(batch.process.tags)},
        "spans": [_span(span) for span in batch.spans],
    }


def _span(span: Any) -> Json:
    return {
        "trace_id": _hex(span.traceIdHigh) + _hex(span.traceIdLow),
        "span_id": _hex(span.spanId),
        "parent_span_id": _hex(span.parentSpanId) if span.parentSpanId else None,
        "name": span.operationName,
        "flags": span.flags,
        "start_us": span.startTime,
        "duration_us": span.duration,
        "tags": _tags(span.tags),
        "references": [
            {
                "kind": _REFERENCES[reference.refType],
                "trace_id": _hex(reference.traceIdHigh) + _hex(reference.traceIdLow),
                "span_id": _hex(reference.spanId),
            }
            for reference in span.references or ()
        ],
        "logs": [{"time_us": log.timestamp, "fields": _tags(log.fields)} for log in span.logs or ()],
    }


def _tags(tags: Any) -> list[Json]:
    return [{"key": tag.key, "type": _TYPES[tag.vType], "value": _value(tag)} for tag in tags or ()]


def _value(tag: Any) -> Any:
    return (tag.vStr, tag.vDouble, tag.vBool, tag.vLong, tag.vBinary)[tag.vType]


def _hex(signed: int) -> str:
    return f"{signed & (2**64 - 1):016x}"


def values(tags: list[Json]) -> Json:
    """Key -> value."""
    return {tag["key"]: tag["value"] for tag in tags}


def recorded(value: Any) -> Any:
    """A decoded value as the recordings' JSON writes it: binary as base64, infinities as words."""
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, float) and math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    if isinstance(value, dict):
        return {key: recorded(item) for key, item in value.items()}
    return [recorded(item) for item in value] if isinstance(value, list) else value
