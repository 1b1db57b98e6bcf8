"""Compressed bodies, sound ones and hostile ones."""

from __future__ import annotations

import gzip
import time
import zlib

import cramjam
import pytest

from anyascope.errors import InvalidInputError, TooLargeError, UnsupportedError
from anyascope.wire.compression import RATIO_FREE_BYTES, decompress

TEXT = b"signed 3 of 5; " * 400


def raw_deflate(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(data) + packer.flush()


PACKED = {
    "gzip": gzip.compress(TEXT),
    "deflate": zlib.compress(TEXT),
    "zstd": bytes(cramjam.zstd.compress(TEXT)),
    "snappy": bytes(cramjam.snappy.compress_raw(TEXT)),
}


@pytest.mark.parametrize("name", PACKED)
def test_gives_back_what_was_packed(name: str) -> None:
    """Each encoding is undone."""
    assert decompress(PACKED[name], name) == TEXT


def test_takes_deflate_without_its_header() -> None:
    """Some clients send raw deflate; it is told by its missing header."""
    assert decompress(raw_deflate(TEXT), "deflate") == TEXT


def test_reads_all_members_of_a_gzip() -> None:
    """A gzip body may have several members, which follow each other."""
    assert decompress(gzip.compress(b"one ") + gzip.compress(b"two"), "gzip") == b"one two"


@pytest.mark.parametrize("name", ["", "identity", " Identity "])
def test_leaves_plain_bodies_alone(name: str) -> None:
    """No encoding, or `identity`, changes nothing."""
    assert decompress(TEXT, name) == TEXT


def test_bounds_plain_bodies_too() -> None:
    """The bound of the output counts for bodies that are not compressed."""
    assert decompress(b"12345", "", output_bytes_max=5) == b"12345"
    with pytest.raises(TooLargeError):
        decompress(b"123456", "", output_bytes_max=5)


@pytest.mark.parametrize("name", PACKED)
def test_bounds_the_output_to_the_byte(name: str) -> None:
    """Exactly the bound is taken, one byte more is not."""
    assert decompress(PACKED[name], name, output_bytes_max=len(TEXT)) == TEXT
    with pytest.raises(TooLargeError):
        decompress(PACKED[name], name, output_bytes_max=len(TEXT) - 1)


@pytest.mark.parametrize("name", ["gzip", "deflate", "zstd", "snappy"])
def test_ends_bombs_fast(name: str) -> None:
    """256 MiB of zeros are refused within a second, whatever packs them."""
    zeros = bytes(256 * 1024 * 1024)
    packers = {
        "gzip": lambda: gzip.compress(zeros, 1),
        "deflate": lambda: zlib.compress(zeros, 1),
        "zstd": lambda: bytes(cramjam.zstd.compress(zeros)),
        "snappy": lambda: bytes(cramjam.snappy.compress_raw(zeros)),
    }
    bomb = packers[name]()
    began = time.thread_time()
    with pytest.raises(TooLargeError):
        decompress(bomb, name)
    assert time.thread_time() - began < 1


def test_refuses_an_unlikely_ratio() -> None:
    """Beyond the first MiB a body may hold 200 times its size, no more."""
    bomb = gzip.compress(bytes(RATIO_FREE_BYTES + 1))
    with pytest.raises(TooLargeError, match="200 times"):
        decompress(bomb, "gzip")
    assert len(decompress(gzip.compress(bytes(RATIO_FREE_BYTES)), "gzip")) == RATIO_FREE_BYTES


@pytest.mark.parametrize("name", PACKED)
@pytest.mark.parametrize("damage", ["empty", "rubbish", "cut"])
def test_refuses_damaged_bodies(name: str, damage: str) -> None:
    """What is not in its encoding is invalid, not a crash."""
    body = {"empty": b"", "rubbish": b"\x99rubbish" * 9, "cut": PACKED[name][: len(PACKED[name]) // 2]}[damage]
    with pytest.raises(InvalidInputError):
        decompress(body, name)


@pytest.mark.parametrize("name", ["br", "gzip, gzip", "gzip,deflate", "compress"])
def test_refuses_other_and_nested_encodings(name: str) -> None:
    """One encoding of those that are known, or none."""
    with pytest.raises(UnsupportedError):
        decompress(PACKED["gzip"], name)


def test_refuses_a_zstd_window_that_would_fill_the_memory() -> None:
    """A frame that asks for a window of 128 MiB is refused by its header alone."""
    # Magic, a descriptor without single segment, window of 2**27, then nothing.
    with pytest.raises(TooLargeError, match="window"):
        decompress(b"\x28\xb5\x2f\xfd\x00\x88\x01\x00\x00", "zstd")


def test_refuses_a_large_zstd_window_in_any_frame() -> None:
    """A small frame in front hides none that asks for 128 MiB; frames that ask for little are read one after the other."""
    assert decompress(PACKED["zstd"] * 2, "zstd") == TEXT * 2
    with pytest.raises(TooLargeError, match="window"):
        decompress(PACKED["zstd"] + b"\x28\xb5\x2f\xfd\x00\x88\x01\x00\x00", "zstd")
