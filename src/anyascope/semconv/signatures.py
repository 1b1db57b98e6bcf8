"""Names for signatures, so that one that a signer made and one that stands in a transaction can be found to be the same.

A name is a hash of a signature's first half, the point `r`: that half passes unchanged from the module's raw (r, s) to the DER of
a transaction, whose `s` is made the smaller of two. A name gives neither signature nor key away, and a transaction's signatures
are public anyhow.

Source: BIP 66 (DER), BIP 62 rule 5 (the smaller `s`), BIP 340 (Schnorr), PKCS#11 CKM_ECDSA (raw).
"""

from __future__ import annotations

import hashlib

NAME_CHARS = 32  # 128 bits of a hash: nobody finds a second signature of one name
R_BYTES = 32  # of secp256k1 and of the other curves of 256 bits
RAW_BYTES = (64, 65)  # r and s; Schnorr's has a byte for the type of hash where it is not the default
DER_BYTES_MIN, DER_BYTES_MAX = 8, 73
_DOMAIN = b"anyascope signature "
_SEQUENCE, _INTEGER = 0x30, 0x02


def signature_name(signature: bytes) -> str:
    """The name of an ECDSA or Schnorr signature over a curve of 256 bits.

    Args:
        signature: raw (r, s), Schnorr's, or DER with or without the byte for the type of hash that a transaction adds.

    Returns:
        NAME_CHARS of lower hex; empty where these are no bytes of such a signature.
    """
    r = _der_r(signature)
    if r is None and len(signature) in RAW_BYTES:
        r = signature[:R_BYTES]
    return "" if r is None else hashlib.sha256(_DOMAIN + r).hexdigest()[:NAME_CHARS]


def is_der(signature: bytes) -> bool:
    """Whether these are a signature in DER, with or without the byte for the type of hash."""
    return _der_r(signature) is not None


def _der_r(signature: bytes) -> bytes | None:
    """`r` in R_BYTES; None where it is no DER."""
    size = len(signature)
    if (
        not DER_BYTES_MIN <= size <= DER_BYTES_MAX
        or signature[0] != _SEQUENCE
        or signature[1] not in (size - 2, size - 3)
    ):
        return None
    end, r_bytes = 2 + signature[1], signature[3]
    at_s = 4 + r_bytes
    if (
        signature[2] != _INTEGER
        or at_s + 2 > end
        or signature[at_s] != _INTEGER
        or at_s + 2 + signature[at_s + 1] != end
    ):
        return None
    r = signature[4:at_s].lstrip(b"\0")
    return r.rjust(R_BYTES, b"\0") if 0 < len(r) <= R_BYTES else None
