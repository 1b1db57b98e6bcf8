"""Types that outside data are read as: whatever msgspec reads by a type is read through here.

msgspec (0.22) learns a type when it meets it first, and two threads that meet it together crash the process: the second
reads fields that the first has not written yet. Here one thread learns at a time, and a type is whole before it is used.
"""

from __future__ import annotations

import threading
from typing import Any, Generic, TypeVar

import msgspec

T = TypeVar("T")

_shapes: dict[Any, Shape[Any]] = {}  # by their types: those that the program names, some dozens
_learning = threading.Lock()


def shape_of(kind: type[T]) -> Shape[T]:
    """What reads values of a type; any thread may ask."""
    found = _shapes.get(kind)
    if found is None:
        with _learning:
            found = _shapes.get(kind)
            if found is None:
                found = _shapes[kind] = Shape(kind)
    return found


class Shape(Generic[T]):
    """Reads values of one type. Made by `shape_of`.

    Each method raises `msgspec.ValidationError` where the data are of another shape, and the decoders
    `msgspec.DecodeError` or `UnicodeDecodeError` where they are no JSON or MessagePack.
    """

    __slots__ = ("_json", "_kind", "_msgpack")

    def __init__(self, kind: type[T]) -> None:
        self._kind = kind
        self._json = msgspec.json.Decoder(kind)
        self._msgpack = msgspec.msgpack.Decoder(kind)

    def from_json(self, body: bytes | bytearray | str) -> T:
        """The value that JSON says."""
        return self._json.decode(body)

    def from_msgpack(self, body: bytes) -> T:
        """The value that MessagePack says."""
        return self._msgpack.decode(body)

    def convert(self, told: object) -> T:
        """The value that plain dicts, lists and texts say."""
        return msgspec.convert(told, self._kind)
