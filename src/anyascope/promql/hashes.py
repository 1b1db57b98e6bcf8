"""The hash by which Prometheus tells label sets apart, so that `limit_ratio` chooses the same series.

Source: Y. Collet, "XXH64", https://github.com/Cyan4973/xxHash/blob/dev/doc/xxhash_spec.md; Prometheus,
`model/labels/labels_stringlabels.go`, for the bytes that are hashed.
"""

from __future__ import annotations

import struct

from anyascope.model.labels import Labels

HASHES = float(2**64 - 1)  # the largest hash

_MASK = 2**64 - 1
_P1, _P2, _P3, _P4, _P5 = (
    0x9E3779B185EBCA87,
    0xC2B2AE3D27D4EB4F,
    0x165667B19E3779F9,
    0x85EBCA77C2B2AE63,
    0x27D4EB2F165667C5,
)
_STRIPE = 32  # bytes of four lanes
_SHORT_MAX = 254  # longer lengths take three more bytes


def label_hash(labels: Labels) -> int:
    """The 64-bit hash of a label set, its names in order."""
    return xxh64(b"".join(_sized(part) for pair in labels for part in pair))


def _sized(text: str) -> bytes:
    content = text.encode("utf-8", "surrogatepass")
    length = len(content)
    size = bytes([length]) if length <= _SHORT_MAX else b"\xff" + length.to_bytes(3, "little")
    return size + content


def _rotated(value: int, bits: int) -> int:
    return ((value << bits) | (value >> (64 - bits))) & _MASK


def _round(lane: int, read: int) -> int:
    return _rotated((lane + read * _P2) & _MASK, 31) * _P1 & _MASK


def xxh64(content: bytes) -> int:
    """XXH64 with seed 0."""
    length, done = len(content), 0
    if length >= _STRIPE:
        lanes = [(_P1 + _P2) & _MASK, _P2, 0, -_P1 & _MASK]
        while done + _STRIPE <= length:
            read = struct.unpack_from("<4Q", content, done)
            lanes = [_round(lane, each) for lane, each in zip(lanes, read, strict=True)]
            done += _STRIPE
        found = sum(_rotated(lane, bits) for lane, bits in zip(lanes, (1, 7, 12, 18), strict=True)) & _MASK
        for lane in lanes:
            found = ((found ^ _round(0, lane)) * _P1 + _P4) & _MASK
    else:
        found = _P5
    return _mixed(_finished((found + length) & _MASK, content[done:]))


def _finished(found: int, rest: bytes) -> int:
    """The hash with the bytes that fill no stripe."""
    done = 0
    while done + 8 <= len(rest):
        found ^= _round(0, int.from_bytes(rest[done : done + 8], "little"))
        found = (_rotated(found, 27) * _P1 + _P4) & _MASK
        done += 8
    if done + 4 <= len(rest):
        found ^= int.from_bytes(rest[done : done + 4], "little") * _P1 & _MASK
        found = (_rotated(found, 23) * _P2 + _P3) & _MASK
        done += 4
    for byte in rest[done:]:
        found = _rotated(found ^ (byte * _P5 & _MASK), 11) * _P1 & _MASK
    return found


def _mixed(found: int) -> int:
    found = (found ^ (found >> 33)) * _P2 & _MASK
    found = (found ^ (found >> 29)) * _P3 & _MASK
    return found ^ (found >> 32)
