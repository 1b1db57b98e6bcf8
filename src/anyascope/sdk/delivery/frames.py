"""Bodies in an append log: each with a head of its own, so that what a crash cut off or a disk damaged is found and passed.

A frame is a head of 28 bytes (magic, length, items, time in ms, checksum of the head, checksum of the body; little-endian)
and the body. After damage the next sound head is looked for: one lost record does not take those behind it along.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass

from anyascope.sdk.delivery.backlog import BODY_BYTES_MAX, Body

_HEAD = struct.Struct("<4sIIQII")
_CHECKED = struct.Struct("<4sIIQ")  # what the head's checksum covers
_MAGIC = b"\xa5yS1"

HEAD_BYTES = _HEAD.size


@dataclass(frozen=True, slots=True)
class Frame:
    """What stands at an offset of a segment.

    Attributes:
        body: None where it is torn.
        items: as its head says; 1 where that is torn too.
        time_ms: when it was written, UTC milliseconds.
        end: offset of what comes next.
    """

    body: Body | None
    items: int
    time_ms: int
    end: int


def encode_frame(body: Body, *, time_ms: int) -> bytes:
    """The frame of a body."""
    checked = _CHECKED.pack(_MAGIC, len(body.data), body.items, time_ms)
    return b"".join((checked, struct.pack("<II", zlib.crc32(checked), zlib.crc32(body.data)), body.data))


def read_frame(segment: bytes, offset: int) -> Frame:
    """The frame at `offset`, which lies inside of the segment; a torn one ends where the next sound head begins."""
    head = _read_head(segment, offset)
    if head is None:
        return Frame(None, 1, 0, _next_head(segment, offset + 1))
    length, items, time_ms, checksum = head
    begin = offset + HEAD_BYTES
    data = segment[begin : begin + length]
    if len(data) < length or zlib.crc32(data) != checksum:
        return Frame(None, items, time_ms, _next_head(segment, begin))
    return Frame(Body(data, items), items, time_ms, begin + length)


def _read_head(segment: bytes, offset: int) -> tuple[int, int, int, int] | None:
    if len(segment) - offset < HEAD_BYTES:
        return None
    magic, length, items, time_ms, head_checksum, checksum = _HEAD.unpack_from(segment, offset)
    is_sound = magic == _MAGIC and zlib.crc32(segment[offset : offset + _CHECKED.size]) == head_checksum
    return (length, items, time_ms, checksum) if is_sound and length <= BODY_BYTES_MAX else None


def _next_head(segment: bytes, offset: int) -> int:
    """Offset of the next sound head, or the segment's end."""
    while (found := segment.find(_MAGIC, offset)) >= 0:
        if _read_head(segment, found) is not None:
            return found
        offset = found + 1
    return len(segment)
