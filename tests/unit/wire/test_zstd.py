"""What a zstd body asks of its decoder."""

from __future__ import annotations

import cramjam
import pytest
from hypothesis import given
from hypothesis import strategies as st

from anyascope.errors import TooLargeError
from anyascope.wire.zstd import BLOCKS_MAX, largest_window_bytes

MAGIC = b"\x28\xb5\x2f\xfd"
SKIPPABLE = b"\x5a\x2a\x4d\x18\x03\x00\x00\x00abc"
ENDS = b"\x01\x00\x00"  # an empty raw block, the last one
CHECKSUM = b"\xff\xff\xff\xff"


def frame(exponent: int, *, mantissa: int = 0, blocks: bytes = ENDS) -> bytes:
    """A frame whose window is (8 + mantissa) / 8 * 2**(10 + exponent) bytes."""
    return MAGIC + bytes([0x00, exponent << 3 | mantissa]) + blocks


SMALL, LARGE = frame(0), frame(17)
SINGLE_SEGMENT = MAGIC + b"\x20\x00" + ENDS


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"", 0),
        (b"not zstd at all", 0),
        (SMALL, 1024),
        (frame(0, mantissa=7), 1024 + 7 * 128),
        (SINGLE_SEGMENT, 0),
        (SMALL + LARGE, 1 << 27),
        (SINGLE_SEGMENT + LARGE, 1 << 27),
        (LARGE + SMALL, 1 << 27),
        (SKIPPABLE + SMALL + SKIPPABLE + LARGE, 1 << 27),
        (frame(0, blocks=b"\x18\x00\x00abc" + ENDS) + LARGE, 1 << 27),
        (frame(0, blocks=b"\x02\x80\x00a" + ENDS) + LARGE, 1 << 27),
        (MAGIC + b"\x04\x00" + ENDS + CHECKSUM + LARGE, 1 << 27),
        (MAGIC + b"\x03\x00\x01\x02\x03\x04" + ENDS + LARGE, 1 << 27),
        (MAGIC + b"\xc0\x00" + bytes(8) + ENDS + LARGE, 1 << 27),
        (MAGIC + b"\x60\x05\x00" + ENDS + LARGE, 1 << 27),
        (SMALL[:7], 0),
        (SMALL + LARGE[:5], 1024),
    ],
)
def test_reads_the_largest_window_of_all_frames(body: bytes, expected: int) -> None:
    """Whatever stands before a frame, and however its header is laid out, its window counts."""
    assert largest_window_bytes(body) == expected


def test_bounds_how_long_it_reads() -> None:
    """Millions of empty blocks are refused at the first one past the bound, in one frame or in many."""
    full = frame(0, blocks=b"\x00\x00\x00" * (BLOCKS_MAX - 1) + ENDS)
    assert largest_window_bytes(full) == 1024
    with pytest.raises(TooLargeError, match="blocks"):
        largest_window_bytes(frame(0, blocks=b"\x00\x00\x00" * BLOCKS_MAX + ENDS))
    with pytest.raises(TooLargeError, match="blocks"):
        largest_window_bytes(full + SMALL)


@given(st.lists(st.binary(max_size=3000), min_size=1, max_size=5), st.integers(1, 19))
def test_finds_what_stands_behind_real_frames(contents: list[bytes], level: int) -> None:
    """The frames of a real encoder are walked to their end."""
    body = b"".join(bytes(cramjam.zstd.compress(one, level)) for one in contents)
    assert largest_window_bytes(body + LARGE) == 1 << 27


@given(st.binary(max_size=200), st.sampled_from([b"", SMALL, SKIPPABLE, MAGIC, SINGLE_SEGMENT]))
def test_reads_any_bytes_to_an_end(rubbish: bytes, before: bytes) -> None:
    """Damaged bodies end the reading, and raise nothing."""
    assert largest_window_bytes(before + rubbish) >= 0
