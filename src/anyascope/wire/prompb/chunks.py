"""Samples as Prometheus' XOR chunks, and a stream of them: what a remote reader gets piece by piece.

Written by columns: each sample becomes up to four runs of bits, which are laid side by side. Every value brings its own
count of leading zeros, which any decoder reads; upstream's encoder reuses the one before where that is shorter.

Source: Prometheus, `tsdb/docs/format/chunks.md`, `tsdb/chunkenc/xor.go`; `storage/remote/chunked.go`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import cramjam
import numpy as np
from numpy.typing import NDArray

from anyascope.model.labels import Labels
from anyascope.wire.prompb import schema

CHUNK_SAMPLES: Final = 120  # as Prometheus cuts them
BATCH_SAMPLES: Final = 100 * CHUNK_SAMPLES  # at once: a bit of a batch takes some 30 bytes while it is written
FRAME_BYTES_MAX: Final = 48 * 1024  # so that a frame's checksum comes out of one piece of snappy's framing
XOR_ENCODING: Final = 1
LEADING_MAX: Final = 31  # what five bits hold
SNAPPY_HEADER_BYTES: Final = 14  # the stream's name (10), then kind and length of its first piece

Words = NDArray[np.uint64]
Lengths = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Chunk:
    """Some samples of a series that follow each other: the times of the first and the last, and their bytes."""

    start_ms: int
    end_ms: int
    data: bytes


def xor_chunks(times_ms: NDArray[np.int64], values: NDArray[np.float64]) -> Iterator[Chunk]:
    """The samples of a series, in the order of their times, as chunks of `CHUNK_SAMPLES`."""
    for begin in range(0, len(times_ms), BATCH_SAMPLES):
        batch = slice(begin, begin + BATCH_SAMPLES)
        yield from _chunks(times_ms[batch], values[batch])


def _chunks(times_ms: NDArray[np.int64], values: NDArray[np.float64]) -> Iterator[Chunk]:
    count = len(times_ms)
    place = np.arange(count) % CHUNK_SAMPLES
    words = np.zeros((count, 5), np.uint64)
    lengths = np.zeros((count, 5), np.int64)
    first = np.flatnonzero(place == 0)
    words[first, 0] = np.minimum(count - first, CHUNK_SAMPLES)
    lengths[first, 0] = 16
    _times(times_ms, place, words[:, 1:3], lengths[:, 1:3])
    _values(values.view(np.uint64), place, words[:, 3:], lengths[:, 3:])
    bits = _bits(words.ravel(), lengths.ravel())
    ends = np.cumsum(lengths.sum(axis=1))
    begin = 0
    for start in first.tolist():
        last = min(start + CHUNK_SAMPLES, count) - 1
        end = int(ends[last])
        yield Chunk(int(times_ms[start]), int(times_ms[last]), np.packbits(bits[begin:end]).tobytes())
        begin = end


def _bits(words: Words, lengths: Lengths) -> NDArray[np.uint8]:
    """The lowest `lengths` bits of each word, the highest of them first, one behind the other."""
    ends = np.cumsum(lengths)
    shifts = np.repeat(ends - 1, lengths) - np.arange(int(ends[-1]))
    found: NDArray[np.uint8] = ((np.repeat(words, lengths) >> shifts.astype(np.uint64)) & np.uint64(1)).astype(np.uint8)
    return found


def _times(times_ms: NDArray[np.int64], place: NDArray[np.int64], words: Words, lengths: Lengths) -> None:
    """The first time of a chunk and the first step are varints, then how much each step differs from the one before."""
    step = np.diff(times_ms, prepend=times_ms[:1])
    change = np.diff(step, prepend=step[:1])
    for row in np.flatnonzero(place < 2).tolist():
        is_first = place[row] == 0
        number = _zigzag(int(times_ms[row])) if is_first else int(step[row])
        encoded = _varint(number)
        words[row, 0], lengths[row, 0] = int.from_bytes(encoded, "big"), 8 * len(encoded)
    later = place >= 2
    lengths[later & (change == 0), 0] = 1
    open_rows = later & (change != 0)
    for size, prefix, prefix_bits in ((14, 0b10, 2), (17, 0b110, 3), (20, 0b1110, 4)):
        fits = open_rows & (change >= -(1 << (size - 1)) + 1) & (change <= 1 << (size - 1))
        words[fits, 0] = (prefix << size) | (change[fits] & ((1 << size) - 1))
        lengths[fits, 0] = prefix_bits + size
        open_rows &= ~fits
    words[open_rows, 0], lengths[open_rows, 0] = 0b1111, 4
    words[open_rows, 1], lengths[open_rows, 1] = change[open_rows].view(np.uint64), 64


def _values(values: Words, place: NDArray[np.int64], words: Words, lengths: Lengths) -> None:
    """The first value of a chunk is whole, the others are told by the bits in which they differ from the one before."""
    differs = values.copy()
    differs[1:] ^= values[:-1]
    first = place == 0
    words[first, 0], lengths[first, 0] = values[first], 64
    lengths[~first & (differs == 0), 0] = 1
    rows = np.flatnonzero(~first & (differs != 0))
    found = differs[rows]
    leading = np.minimum(64 - _bit_length(found), LEADING_MAX)
    trailing = _bit_length(found & (~found + np.uint64(1))) - 1
    size = 64 - leading - trailing
    # 64 bits are told as 0: none at all would not be told.
    words[rows, 0] = (0b11 << 11) | (leading << 6) | (size & 63)
    lengths[rows, 0] = 13
    words[rows, 1] = found >> trailing.astype(np.uint64)
    lengths[rows, 1] = size


def _bit_length(words: Words) -> NDArray[np.int64]:
    """How many bits each word has from its highest one on; halves are exact as floats."""
    high, low = words >> np.uint64(32), words & np.uint64(0xFFFF_FFFF)
    above = np.frexp(high.astype(np.float64))[1]
    below = np.frexp(low.astype(np.float64))[1]
    return np.where(high != 0, above + 32, below).astype(np.int64)


def _zigzag(number: int) -> int:
    return number << 1 if number >= 0 else (-number << 1) - 1


def _varint(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes((*out, number))


def frames(query: int, labels: Labels, chunks: Iterator[Chunk]) -> Iterator[bytes]:
    """One series of the answer to a query as frames: each has its length and its checksum before it."""
    waiting: list[Chunk] = []
    size = 0
    for chunk in chunks:
        if waiting and size + len(chunk.data) > FRAME_BYTES_MAX:
            yield _frame(query, labels, waiting)
            waiting, size = [], 0
        waiting.append(chunk)
        size += len(chunk.data)
    if waiting:
        yield _frame(query, labels, waiting)


def _frame(query: int, labels: Labels, chunks: Sequence[Chunk]) -> bytes:
    message = schema.ChunkedReadResponse(query_index=query)
    series = message.chunked_series.add()
    for name, value in labels:
        series.labels.add(name=name, value=value)
    for chunk in chunks:
        series.chunks.add(min_time_ms=chunk.start_ms, max_time_ms=chunk.end_ms, type=XOR_ENCODING, data=chunk.data)
    body = bytes(message.SerializeToString())
    return _varint(len(body)) + crc32c(body).to_bytes(4, "big") + body


def crc32c(data: bytes) -> int:
    """CRC-32C (Castagnoli) of up to 64 KiB.

    Snappy's framing holds the same checksum of each of its pieces, turned and shifted, and computes it in machine code.

    Source: RFC 3720, appendix B.4; snappy, "framing format", section 3.
    """
    assert 0 < len(data) <= 65_536
    framed = memoryview(cramjam.snappy.compress(data))
    masked = int.from_bytes(framed[SNAPPY_HEADER_BYTES : SNAPPY_HEADER_BYTES + 4], "little")
    turned = (masked - 0xA282_EAD8) & 0xFFFF_FFFF
    return (turned >> 17 | turned << 15) & 0xFFFF_FFFF
