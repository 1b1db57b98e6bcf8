"""Protobuf written by the column: many rows' bytes beside each other, and woven into messages without a loop over rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

VARINT_BITS = 7
MORE_FOLLOWS = 0x80  # the bit of a varint's bytes but the last
TIME_BYTES = 6
TIME_MIN_MS, TIME_MAX_MS = 1 << 35, (1 << 42) - 1  # times whose varint has six bytes: 1971 to 2109

# A sample whole: its tag and length, a double, a time of six bytes.
SAMPLE = np.dtype([("head", "u1", 3), ("value", "<f8"), ("tag", "u1"), ("time", "u1", TIME_BYTES)])
SAMPLE_HEAD, TIME_TAG = (0x12, 0x10, 0x09), 0x10


@dataclass(frozen=True, slots=True)
class Pieces:
    """Some bytes a row: uint8[total], one row's behind the other's, and int64[rows] how many each has."""

    flat: NDArray[np.uint8]
    sizes: NDArray[np.int64]


def varints(values: NDArray[np.int64]) -> Pieces:
    """Each of int64[rows] values, none negative, as a varint."""
    sizes = np.ones(len(values), np.int64)
    for bits in range(VARINT_BITS, 63, VARINT_BITS):
        is_longer = values >= 1 << bits
        if not is_longer.any():
            break
        sizes += is_longer
    places = np.arange(int(sizes.max(initial=1)))
    if len(places) == 1:
        return Pieces(values.astype(np.uint8), sizes)
    wide = ((values[:, None] >> (VARINT_BITS * places)) & 0x7F).astype(np.uint8)
    wide[places + 1 < sizes[:, None]] |= MORE_FOLLOWS
    flat = wide[places < sizes[:, None]]
    return Pieces(flat, sizes)


def varint(value: int) -> bytes:
    """One number, not negative."""
    found = bytearray()
    while value > 0x7F:
        found.append(value & 0x7F | MORE_FOLLOWS)
        value >>= VARINT_BITS
    found.append(value)
    return bytes(found)


def field(tag: int, content: bytes) -> bytes:
    """A field of bytes, a text or a message."""
    return bytes((tag,)) + varint(len(content)) + content


def same(content: bytes, rows: int) -> Pieces:
    """The same bytes in every row."""
    return Pieces(np.tile(np.frombuffer(content, np.uint8), rows), np.full(rows, len(content), np.int64))


def joined(contents: Sequence[bytes]) -> Pieces:
    """These bytes, a row each."""
    sizes = np.fromiter(map(len, contents), np.int64, len(contents))
    return Pieces(np.frombuffer(b"".join(contents), np.uint8), sizes)


def grouped(pieces: Pieces, counts: NDArray[np.int64]) -> Pieces:
    """Consecutive rows made one: int64[groups], how many each takes (none may be empty)."""
    starts = np.cumsum(counts) - counts
    return Pieces(pieces.flat, np.add.reduceat(pieces.sizes, starts) if len(counts) else counts)


def woven(*columns: Pieces) -> Pieces:
    """Row by row, the columns' bytes behind each other."""
    sizes = np.sum([column.sizes for column in columns], axis=0)
    place = np.cumsum(sizes) - sizes
    flat = np.empty(int(sizes.sum()), np.uint8)
    for column in columns:
        own = np.cumsum(column.sizes) - column.sizes
        flat[np.repeat(place - own, column.sizes) + np.arange(len(column.flat))] = column.flat
        place = place + column.sizes
    return Pieces(flat, sizes)


def messages(tag: int, *columns: Pieces) -> Pieces:
    """A field a row that holds the columns' bytes, with its length before them."""
    sizes = np.sum([column.sizes for column in columns], axis=0)
    return woven(same(bytes((tag,)), len(sizes)), varints(sizes), *columns)


def has_short_times(times_ms: NDArray[np.int64]) -> bool:
    """Whether `sample_column` can hold these times."""
    return not len(times_ms) or bool(times_ms.min() >= TIME_MIN_MS and times_ms.max() <= TIME_MAX_MS)


def sample_column(times_ms: NDArray[np.int64], values: NDArray[np.float64]) -> NDArray[np.void]:
    """SAMPLE[n]: field 2 of a series, a `Sample` each; values keep their bits."""
    column = np.empty(len(times_ms), SAMPLE)
    column["head"], column["tag"], column["value"] = SAMPLE_HEAD, TIME_TAG, values
    column["time"] = (times_ms[:, None] >> (VARINT_BITS * np.arange(TIME_BYTES))) & 0x7F
    column["time"][:, :-1] |= MORE_FOLLOWS
    return column
