"""The part of Thrift's binary protocol that writing structs takes.

A field is a type byte, a 16-bit id and its value; a struct ends with a zero byte; a list is its element type, a 32-bit count
and the elements. All numbers are big-endian.

Source: Apache Thrift, "Thrift Binary protocol encoding", without the message envelope, as Jaeger wants it over HTTP.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

_BOOL, _DOUBLE, _I32, _I64, _STRING, _STRUCT, _LIST = 2, 4, 8, 10, 11, 12, 15
_I64_LIMIT = 1 << 63

STOP = b"\x00"  # ends a struct

_bool_field = struct.Struct(">bhb").pack
_double_field = struct.Struct(">bhd").pack
_i32_field = struct.Struct(">bhi").pack
_i64_field = struct.Struct(">bhq").pack
_head = struct.Struct(">bh").pack
_list_head = struct.Struct(">bhbi").pack


def fits_i64(value: int) -> bool:
    """Whether a signed 64-bit field can hold this number."""
    return -_I64_LIMIT <= value < _I64_LIMIT


def as_i64(unsigned: int) -> int:
    """The lowest 64 bits, read as a signed number."""
    low = unsigned & (2 * _I64_LIMIT - 1)
    return low - 2 * _I64_LIMIT if low >= _I64_LIMIT else low


def bool_field(number: int, value: bool) -> bytes:  # noqa: FBT001  # the value of a field
    """A field of type bool."""
    return _bool_field(_BOOL, number, value)


def double_field(number: int, value: float) -> bytes:
    """A field of type double."""
    return _double_field(_DOUBLE, number, value)


def i32_field(number: int, value: int) -> bytes:
    """A field of type i32, or an enum's."""
    return _i32_field(_I32, number, value)


def i64_field(number: int, value: int) -> bytes:
    """A field of type i64; `value` must fit."""
    return _i64_field(_I64, number, value)


def bytes_field(number: int, value: bytes) -> bytes:
    """A field of type binary."""
    return _i32_field(_STRING, number, len(value)) + value


def text_field(number: int, value: str) -> bytes:
    """A field of type string, in UTF-8; a lone surrogate becomes a question mark."""
    return bytes_field(number, value.encode("utf-8", "replace"))


def struct_field(number: int, encoded: bytes) -> bytes:
    """A field that holds an encoded struct, its stop included."""
    return _head(_STRUCT, number) + encoded


def structs_field(number: int, encoded: Sequence[bytes]) -> bytes:
    """A field that holds a list of encoded structs."""
    return _list_head(_LIST, number, _STRUCT, len(encoded)) + b"".join(encoded)
