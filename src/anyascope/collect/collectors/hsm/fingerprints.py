"""What tells one key from another, as a token says it: never a part of a key that is secret. Pure.

Source: PKCS#11 2.40, sections 2.1.2 (RSA), 2.3.3 (EC) and 4.10 (secret keys).
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Mapping

ID = 0x102
_CHECK_VALUE, _MODULUS, _EXPONENT, _VALUE_LEN = 0x090, 0x120, 0x122, 0x161
_EC_PARAMS, _EC_POINT, PUBLIC_INFO = 0x180, 0x181, 0x129
_RSA, _EC_TYPES = 0x00, frozenset((0x03, 0x40, 0x41))  # CKK_EC, CKK_EC_EDWARDS, CKK_EC_MONTGOMERY
BYTES_MAX: Mapping[int, int] = {  # of each; what is as long is not read
    ID: 256,
    _CHECK_VALUE: 64,  # three bytes, by the standard
    _MODULUS: 2_048,  # RSA with 16,384 bits
    _EXPONENT: 2_048,
    _VALUE_LEN: 16,  # a long, of 8
    _EC_PARAMS: 1_024,  # a curve that is spelled out
    _EC_POINT: 512,  # P-521 takes 135
    PUBLIC_INFO: 4_096,
}
FINGERPRINT_DIGITS = 32  # of SHA-256: 128 bits, which nobody makes twice; redaction takes 64 for a private key
_EDWARDS_BYTES = (32, 56, 57)  # Ed25519 and X25519, X448, Ed448; all other points begin with 2, 3 or 4
_CURVE_BYTES_MAX = 32  # an object identifier, or a curve's name

Told = Mapping[int, bytes]
"""Attribute -> its value; what was not told is left out."""


def asked_of(key_type: int, *, is_secret: bool) -> tuple[int, ...]:
    """Which attributes make up the identity of a key."""
    if is_secret:
        return (ID, _VALUE_LEN, _CHECK_VALUE)
    if key_type == _RSA:
        return (ID, _MODULUS, _EXPONENT)
    return (ID, _EC_PARAMS, _EC_POINT) if key_type in _EC_TYPES else (ID,)


def parameters_of(told: Told) -> str:
    """Size or curve of a key; empty where neither was told."""
    if curve := told.get(_EC_PARAMS):
        return curve.hex() if len(curve) <= _CURVE_BYTES_MAX else _digest(curve)
    if modulus := told.get(_MODULUS):
        return str(int.from_bytes(modulus).bit_length())
    size = told.get(_VALUE_LEN)
    return str(8 * int.from_bytes(size, sys.byteorder)) if size else ""


def fingerprint_of(told: Told) -> str:
    """The first 32 digits of SHA-256 of the EC point, of modulus and exponent, of the public key's DER, or of the check value of a secret key.

    Empty where none of them was told.
    """
    if point := told.get(_EC_POINT):
        return _digest(_bare_point(point))
    modulus, exponent = told.get(_MODULUS), told.get(_EXPONENT)
    if modulus and exponent:
        return _digest(modulus.lstrip(b"\0") + exponent.lstrip(b"\0"))
    rest = told.get(PUBLIC_INFO) or told.get(_CHECK_VALUE)
    return _digest(rest) if rest else ""


def _bare_point(point: bytes) -> bytes:
    """Without the OCTET STRING around it, which some libraries leave out: another version of one makes no other key."""
    for head in (b"\4" + bytes((len(point) - 2 & 0xFF,)), b"\4\x81" + bytes((len(point) - 3 & 0xFF,))):
        bare = point.removeprefix(head)
        # One whole point in 256 begins like this by chance: what is within is no point then.
        if len(bare) < len(point) and (len(bare) in _EDWARDS_BYTES or bare[0] in (2, 3, 4)):
            return bare
    return point


def _digest(value: bytes) -> str:
    return hashlib.sha256(value).hexdigest()[:FINGERPRINT_DIGITS]
