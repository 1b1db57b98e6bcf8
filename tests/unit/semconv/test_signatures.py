"""A signature and its name."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from hypothesis import given
from hypothesis import strategies as st

from anyascope.semconv.signatures import NAME_CHARS, is_der, signature_name

ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141  # of secp256k1
halves = st.integers(1, ORDER - 1) | st.integers(1, 2**40)


@given(halves, halves, st.sampled_from([b"", b"\x01"]))
def test_raw_and_der_have_one_name(r: int, s: int, hash_type: bytes) -> None:
    """Also with the other of the two possible `s`, with leading zeros, and with the byte that a transaction adds."""
    raw = r.to_bytes(32, "big") + s.to_bytes(32, "big")
    for each in (s, ORDER - s):
        der = encode_dss_signature(r, each) + hash_type
        assert is_der(der)
        assert signature_name(der) == signature_name(raw)
    assert len(signature_name(raw)) == NAME_CHARS


def test_other_signatures_have_other_names() -> None:
    """And Schnorr's with its type of hash has that without."""
    assert signature_name(b"\x01" * 64) != signature_name(b"\x02" * 64)
    assert signature_name(b"\x01" * 65) == signature_name(b"\x01" * 64)


@pytest.mark.parametrize(
    "other", [b"", b"\x30", b"\x02" * 33, b"\x01" * 63, b"\x30\x06\x02\x01\x01\x02\x02\x01", b"\x01" * 256]
)
def test_what_is_no_signature_has_no_name(other: bytes) -> None:
    """A key, a preimage, RSA's, a cut one."""
    assert signature_name(other) == ""


@given(st.binary(max_size=80))
def test_any_bytes_are_read(bytes_: bytes) -> None:
    """No input breaks it."""
    assert len(signature_name(bytes_)) in (0, NAME_CHARS)
