"""Chunks and frames of a stream, read back by a decoder that goes bit by bit, as the format describes it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from anyascope.wire.prompb import schema
from anyascope.wire.prompb.chunks import CHUNK_SAMPLES, FRAME_BYTES_MAX, crc32c, frames, xor_chunks

START_MS = 1_795_000_000_000
STEPS_MS = [1, 14_999, 15_000, 15_001, 15_000 + 8_192, 15_000 + 8_193, 15_000 + 65_536, 15_000 + 524_289, 10**9]
VALUES = [0.0, -0.0, 1.0, 0.1, 1e300, 5e-324, float("inf"), float("nan"), 123_456.789]


class Bits:
    def __init__(self, data: bytes) -> None:
        self._text = "".join(f"{byte:08b}" for byte in data)
        self._next = 0

    def take(self, count: int) -> int:
        self._next += count
        return int(self._text[self._next - count : self._next] or "0", 2)

    def varint(self) -> int:
        number = shift = 0
        while True:
            byte = self.take(8)
            number |= (byte & 0x7F) << shift
            if byte < 0x80:
                return number
            shift += 7

    def change(self) -> int:
        """How much a step differs from the one before."""
        ones = 0
        while ones < 4 and self.take(1):
            ones += 1
        size = (0, 14, 17, 20, 64)[ones]
        number = self.take(size)
        is_negative = number >> 63 if size == 64 else size and number > 1 << (size - 1)
        return number - (1 << size) if is_negative else number


def decoded(data: bytes) -> list[tuple[int, int]]:
    """(time, bits of the value) of each sample. Source: Prometheus, "Chunks disk format", XOR chunk data."""
    bits = Bits(data[2:])
    found: list[tuple[int, int]] = []
    time_ms = step = value = leading = trailing = 0
    for place in range(int.from_bytes(data[:2], "big")):
        if place == 0:
            zigzag = bits.varint()
            time_ms, value = (zigzag >> 1) ^ -(zigzag & 1), bits.take(64)
        else:
            step = bits.varint() if place == 1 else step + bits.change()
            time_ms += step
            if bits.take(1):
                if bits.take(1):
                    leading, size = bits.take(5), bits.take(6) or 64
                    trailing = 64 - leading - size
                value ^= bits.take(64 - leading - trailing) << trailing
        found.append((time_ms, value))
    return found


@given(
    st.lists(st.tuples(st.sampled_from(STEPS_MS), st.sampled_from(VALUES) | st.floats()), min_size=1, max_size=3),
    st.integers(1, 2 * CHUNK_SAMPLES + 1),
)
def test_what_is_written_reads_back(pattern: list[tuple[int, float]], count: int) -> None:
    """Every bit of every value and time, in chunks that begin anew."""
    rows = (pattern * count)[:count]
    times_ms = START_MS + np.cumsum(np.array([step for step, _ in rows], np.int64))
    values = np.array([value for _, value in rows])

    chunks = list(xor_chunks(times_ms, values))

    assert [sample for chunk in chunks for sample in decoded(chunk.data)] == list(
        zip(times_ms.tolist(), values.view(np.uint64).tolist(), strict=True)
    )
    assert len(chunks) == -(-count // CHUNK_SAMPLES)
    assert (chunks[0].start_ms, chunks[-1].end_ms) == (times_ms[0], times_ms[-1])


def test_a_long_series_is_cut_into_frames() -> None:
    """Each is small, names its query and series, and holds its length and checksum."""
    count = 40_000
    times_ms = START_MS + 15_000 * np.arange(count)
    values = np.random.default_rng(1).random(count)
    labels = (("__name__", "x"), ("job", "a"))

    made = list(frames(3, labels, xor_chunks(times_ms, values)))

    assert len(made) > 1
    samples = 0
    for frame in made:
        size, begin = frame[0] & 0x7F, 1
        while frame[begin - 1] & 0x80:
            size |= (frame[begin] & 0x7F) << (7 * begin)
            begin += 1
        body = frame[begin + 4 :]
        assert len(body) == size <= FRAME_BYTES_MAX + 4_096
        assert int.from_bytes(frame[begin : begin + 4], "big") == crc32c(body)
        message = schema.ChunkedReadResponse.FromString(body)
        (series,) = message.chunked_series
        assert message.query_index == 3
        assert tuple((label.name, label.value) for label in series.labels) == labels
        samples += sum(len(decoded(chunk.data)) for chunk in series.chunks)
    assert samples == count


@pytest.mark.parametrize(
    ("data", "checksum"),
    [(b"123456789", 0xE3069283), (bytes(32), 0x8A9136AA), (b"\xff" * 32, 0x62A8AB43), (bytes(range(32)), 0x46DD794E)],
)
def test_checksums_are_castagnoli_s(data: bytes, checksum: int) -> None:
    """The vectors of RFC 3720."""
    assert crc32c(data) == checksum
