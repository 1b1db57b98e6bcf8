"""Protobuf message classes from a table of published field numbers, without generated code."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

Messages: TypeAlias = Mapping[str, Mapping[str, tuple[int, str]]]
"""Message -> field -> (number, kind); a kind is a scalar's name or a message's, `many ` before it where it repeats."""

_Kind = descriptor_pb2.FieldDescriptorProto
_TYPES = {
    "double": _Kind.TYPE_DOUBLE,
    "int64": _Kind.TYPE_INT64,
    "uint64": _Kind.TYPE_UINT64,
    "string": _Kind.TYPE_STRING,
    "bytes": _Kind.TYPE_BYTES,
    "uint32": _Kind.TYPE_UINT32,
    "sint32": _Kind.TYPE_SINT32,
    "sint64": _Kind.TYPE_SINT64,
    "int32": _Kind.TYPE_INT32,  # enums are read as numbers: an unknown one is for the reader to judge
}


def declare(package: str, messages: Messages) -> dict[str, Any]:
    """The class of each message. `Any`: the classes exist only at run time.

    Args:
        package: names them in messages of errors, and keeps them apart from other tables.
        messages: read by proto3's rules: an absent scalar is zero, a text must be UTF-8.
    """
    file = descriptor_pb2.FileDescriptorProto(name=f"{package}.proto", package=package, syntax="proto3")
    for message, fields in messages.items():
        into = file.message_type.add(name=message)
        for name, (number, kind) in fields.items():
            is_many, of = kind.startswith("many "), kind.removeprefix("many ")
            field = into.field.add(
                name=name, number=number, label=_Kind.LABEL_REPEATED if is_many else _Kind.LABEL_OPTIONAL
            )
            if of in messages:
                field.type, field.type_name = _Kind.TYPE_MESSAGE, f".{package}.{of}"
            else:
                field.type = _TYPES[of]
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return {name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{package}.{name}")) for name in messages}
