"""OTLP's protobuf messages, with what repeats left as bytes.

The classes here are made from OpenTelemetry's own descriptors with one change: attributes, resources and scopes are `bytes`
instead of messages, which on the wire is the same. A record's attributes then arrive as a few byte strings that are looked
up in a dictionary of those seen before; building a Python object for each would cost five times as much.
"""

from __future__ import annotations

from enum import Enum
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.descriptor import FileDescriptor
from google.protobuf.message import DecodeError, Message
from opentelemetry.proto.collector.logs.v1 import logs_service_pb2
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2
from opentelemetry.proto.common.v1 import common_pb2
from opentelemetry.proto.logs.v1 import logs_pb2
from opentelemetry.proto.metrics.v1 import metrics_pb2
from opentelemetry.proto.resource.v1 import resource_pb2
from opentelemetry.proto.trace.v1 import trace_pb2

from anyascope.errors import InvalidInputError
from anyascope.wire.otlp.jsonbody import message_of_json

LEFT_AS_BYTES = frozenset(("attributes", "filtered_attributes", "resource", "scope"))


class Encoding(Enum):
    """How a body is written; the values are the media types."""

    PROTOBUF = "application/x-protobuf"
    JSON = "application/json"


class Request(Enum):
    """What a body holds; the values are the official message classes."""

    LOGS = logs_service_pb2.ExportLogsServiceRequest
    TRACES = trace_service_pb2.ExportTraceServiceRequest
    METRICS = metrics_service_pb2.ExportMetricsServiceRequest


def parse(body: bytes, request: Request, *, encoding: Encoding) -> Any:
    """The message of a body, in the classes of this module.

    Raises:
        InvalidInputError: the body is not such a message; the message says where where that is known.
    """
    message_class = _CLASSES[request]
    if encoding is Encoding.JSON:
        return message_of_json(body, message_class)
    try:
        return message_class.FromString(body)
    except DecodeError as error:
        raise InvalidInputError(f"the body is not an OTLP {request.value.DESCRIPTOR.name}: {error}") from error


def _lean_file(file: FileDescriptor, pool: descriptor_pool.DescriptorPool) -> None:
    copy = descriptor_pb2.FileDescriptorProto()
    file.CopyToProto(copy)  # type: ignore[no-untyped-call, unused-ignore]
    if file is not common_pb2.DESCRIPTOR and file is not resource_pb2.DESCRIPTOR:
        for message in copy.message_type:
            _lean_message(message)
    pool.Add(copy)  # type: ignore[no-untyped-call, unused-ignore]


def _lean_message(message: descriptor_pb2.DescriptorProto) -> None:
    for field in message.field:
        if field.name in LEFT_AS_BYTES:
            field.type = descriptor_pb2.FieldDescriptorProto.TYPE_BYTES
            field.ClearField("type_name")
    for nested in message.nested_type:
        _lean_message(nested)


def _lean_classes() -> dict[Request, type[Message]]:
    pool = descriptor_pool.DescriptorPool()
    for module in (
        *(common_pb2, resource_pb2, logs_pb2, trace_pb2, metrics_pb2),
        *(logs_service_pb2, trace_service_pb2, metrics_service_pb2),
    ):
        _lean_file(module.DESCRIPTOR, pool)
    return {
        request: message_factory.GetMessageClass(pool.FindMessageTypeByName(request.value.DESCRIPTOR.full_name))
        for request in Request
    }


_CLASSES = _lean_classes()
