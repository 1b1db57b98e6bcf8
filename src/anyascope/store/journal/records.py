"""How a record stands in a segment file, and how the records of a stretch of bytes are found again.

A segment is its head (`ANYASEG1`, then its number as UInt64) and records back to back. A record is a head of 24 bytes and
its payload, all little-endian:

    bytes  4  mark, by which reading goes on behind damaged bytes
    UInt32    CRC-32 of everything behind this field, payload included
    UInt32    bytes of the payload
    UInt8     kind
    UInt8[3]  zero
    Int64     when it was appended, UTC milliseconds

What follows the last whole record of a segment is the rest of an append that a crash cut short: nobody was told that it
was taken.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

SEGMENT_MAGIC = b"ANYASEG1"
SEGMENT_HEAD = struct.Struct("<8sQ")
MARK = b"\xa7JR\x01"
HEAD = struct.Struct("<4sIIB3xq")
CHECKED_FROM = 8  # bytes: behind the mark and the sum itself
PAYLOAD_BYTES_MAX = 256 * 1024 * 1024  # an append of the largest group commit has 12 MB; more is damage


class Kind(IntEnum):
    """What a payload is; the numbers stand on disk. A reader passes over a kind that it does not know."""

    SAMPLES = 1  # float samples as columns
    EXTRAS = 2  # native histograms, exemplars and metadata


@dataclass(frozen=True, slots=True)
class Record:
    """One append, as it is read back."""

    kind: int
    payload: bytes
    written_ms: int


@dataclass(frozen=True, slots=True)
class Found:
    """What a stretch of bytes holds.

    Attributes:
        records: the whole ones, in order.
        used: how many bytes were read; a record that is not whole begins there.
        damaged: how many of these belong to no whole record.
    """

    records: tuple[Record, ...]
    used: int
    damaged: int


def head_of(kind: Kind, parts: Sequence[bytes], *, written_ms: int) -> bytes:
    """What stands before a payload that is these parts."""
    size = sum(map(len, parts))
    checked = HEAD.pack(MARK, 0, size, kind, written_ms)[CHECKED_FROM:]
    total = zlib.crc32(checked)
    for part in parts:
        total = zlib.crc32(part, total)
    return MARK + struct.pack("<I", total) + checked


def find_records(data: bytes, *, bytes_max: int, is_whole: bool) -> Found:
    """The records from the start of these bytes on.

    Args:
        data: from the end of a record of a segment on.
        bytes_max: of payloads; one record is given whatever its size.
        is_whole: nothing will follow these bytes: what is not a whole record behind the last one is left out of `damaged`
            where it is the start of one.
    """
    records: list[Record] = []
    at = taken = damaged = 0
    while at < len(data) and (not records or taken < bytes_max):
        record, size = record_at(data, at)
        if record is not None:
            records.append(record)
            taken += len(record.payload)
            at += size
            continue
        after = next_mark(data, at + 1)
        if after < 0:
            if not is_whole or is_cut_short(data, at):
                break
            damaged += len(data) - at
            return Found(tuple(records), len(data), damaged)
        damaged += after - at
        at = after
    return Found(tuple(records), at, damaged)


def record_at(data: bytes, at: int) -> tuple[Record | None, int]:
    """The whole record at this place with its size, or (None, 0)."""
    if len(data) - at < HEAD.size:
        return None, 0
    mark, total, size, kind, written_ms = HEAD.unpack_from(data, at)
    end = at + HEAD.size + size
    if mark != MARK or size > PAYLOAD_BYTES_MAX or end > len(data):
        return None, 0
    if zlib.crc32(memoryview(data)[at + CHECKED_FROM : end]) != total:
        return None, 0
    return Record(kind, data[at + HEAD.size : end], written_ms), end - at


def next_mark(data: bytes, begin: int) -> int:
    """Where the next whole record begins, or -1."""
    at = data.find(MARK, begin)
    while at >= 0 and record_at(data, at)[0] is None:
        at = data.find(MARK, at + 1)
    return at


def is_cut_short(data: bytes, at: int) -> bool:
    """Whether these last bytes are the beginning of a record, or nothing that was ever written."""
    rest = data[at:]
    if not rest.strip(b"\0"):
        return True  # a file system that knew of the length before it knew of the bytes
    if not MARK.startswith(rest[: len(MARK)]) and not rest.startswith(MARK):
        return False
    if len(rest) < HEAD.size:
        return True
    size = HEAD.unpack_from(rest)[2]
    return bool(size <= PAYLOAD_BYTES_MAX and HEAD.size + size > len(rest))
