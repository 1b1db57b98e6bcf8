"""Prometheus' remote write 1.0, by the published field numbers."""

from __future__ import annotations

import functools
import struct
from collections.abc import Iterable

import cramjam

from anyascope.model.labels import Labels


def remote_write(series: Iterable[tuple[Labels, Iterable[tuple[int, float]]]]) -> bytes:
    """A request (snappy, protobuf) of series with their (time_ms, value) pairs."""
    body = bytearray()
    for labels, pairs in series:
        one = bytearray()
        for name, value in labels:
            one += field(1, field(1, name.encode()) + field(2, value.encode()))
        for time_ms, number in pairs:
            one += field(2, b"\x09" + struct.pack("<d", number) + _stamp(time_ms))
        body += field(1, bytes(one))
    return bytes(cramjam.snappy.compress_raw(bytes(body)))


@functools.lru_cache(maxsize=10_000)  # the same times come back with each series
def _stamp(time_ms: int) -> bytes:
    return b"\x10" + varint(time_ms)


def varint(number: int) -> bytes:
    """A number as protobuf writes it."""
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*out, number])


def field(number: int, body: bytes) -> bytes:
    """A field with a length before it."""
    return varint(number << 3 | 2) + varint(len(body)) + body
