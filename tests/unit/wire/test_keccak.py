"""Keccak-256 against the reference's vectors, and its permutation against the standard library's SHA-3."""

from __future__ import annotations

import hashlib

import pytest

from anyascope.wire.keccak import keccak_256, sponge


@pytest.mark.parametrize(
    ("data", "digest"),
    [
        (b"", "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470"),
        (b"abc", "4e03657aea45a94fc7d47ba826c8d667c0d1e6e33a64a036ec44f58fa12d6c45"),
    ],
)
def test_digests_are_those_of_the_reference(data: bytes, digest: str) -> None:
    """The empty one stands in every Ethereum account without code."""
    assert keccak_256(data).hex() == digest


@pytest.mark.parametrize("size", [0, 1, 134, 135, 136, 137, 272, 300])
def test_with_the_padding_of_the_standard_it_is_sha3(size: int) -> None:
    """At the ends of a block, and over several."""
    data = bytes(range(256)) * 2
    assert sponge(data[:size], padding=0x06) == hashlib.sha3_256(data[:size]).digest()
