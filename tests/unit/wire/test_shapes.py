"""Types that outside data are read as."""

from __future__ import annotations

import threading
from dataclasses import dataclass

import msgspec
import pytest

from anyascope.wire.shapes import shape_of


@dataclass(frozen=True)
class Point:
    x: int
    y: int = 0


def test_a_value_is_read_from_each_form():
    """JSON, MessagePack and plain values say the same."""
    shape = shape_of(list[Point])
    assert shape is shape_of(list[Point])
    for told in (
        shape.from_json(b'[{"x": 1}]'),
        shape.from_msgpack(msgspec.msgpack.encode([{"x": 1}])),
        shape.convert([{"x": 1}]),
    ):
        assert told == [Point(1)]


def test_another_shape_is_refused():
    """What is not of the type raises, whichever form it has."""
    shape = shape_of(Point)
    for read, told in ((shape.from_json, b'{"x": "1"}'), (shape.convert, {"y": 1})):
        with pytest.raises(msgspec.ValidationError):
            read(told)
    with pytest.raises(msgspec.DecodeError):
        shape.from_json(b"{")


IS_LEARNING, GO_ON, ASKED = threading.Event(), threading.Event(), []


def a_type_that_takes_long():
    """What the annotation below means; msgspec asks for it while it learns the type."""
    ASKED.append(1)
    IS_LEARNING.set()
    assert GO_ON.wait(60)
    return int


class Slow(msgspec.Struct):
    x: a_type_that_takes_long()


def test_a_second_thread_waits_until_a_type_is_learned():
    """While one thread learns a type another one that wants the same waits: it would read what is not there yet."""
    found = []
    first, second = (threading.Thread(target=lambda: found.append(shape_of(Slow))) for _ in range(2))
    first.start()
    assert IS_LEARNING.wait(60)
    second.start()
    GO_ON.set()
    for thread in (first, second):
        thread.join(60)

    assert len(ASKED) == 1
    assert [each.from_json(b'{"x": 7}').x for each in found] == [7, 7]
