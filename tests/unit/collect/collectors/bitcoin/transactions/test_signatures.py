"""Which signatures a transaction carries."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from anyascope.collect.collectors.bitcoin.transactions.signatures import signatures_in
from anyascope.semconv.signatures import signature_name

DER = encode_dss_signature(2**255 + 5, 7) + b"\x01"
OTHER = encode_dss_signature(3, 2**254) + b"\x01"
KEY = b"\x02" + bytes(range(32))
SCHNORR = bytes(range(1, 65))


def push(data: bytes) -> bytes:
    return (bytes([len(data)]) if len(data) <= 75 else b"\x4c" + bytes([len(data)])) + data


@pytest.mark.parametrize(
    ("one", "carried"),
    [
        ({"txinwitness": [DER.hex(), KEY.hex()]}, [DER]),  # P2WPKH
        ({"txinwitness": ["", DER.hex(), OTHER.hex(), (b"\x52" + KEY * 3).hex()]}, [DER, OTHER]),  # P2WSH, two of three
        ({"txinwitness": [SCHNORR.hex()]}, [SCHNORR]),  # P2TR, by its key
        ({"txinwitness": [(SCHNORR + b"\x01").hex()]}, [SCHNORR]),
        ({"scriptSig": {"hex": (push(DER) + push(KEY)).hex()}}, [DER]),  # P2PKH
        ({"scriptSig": {"hex": (push(DER) + push(b"\x04" + bytes(64))).hex()}}, [DER]),  # with a long key
        ({"scriptSig": {"hex": (b"\0" + push(DER) + push(OTHER) + push(KEY * 3)).hex()}}, [DER, OTHER]),  # P2SH
        ({"scriptSig": {"hex": push(b"\0\x14" + bytes(20)).hex()}, "txinwitness": [DER.hex(), KEY.hex()]}, [DER]),
        ({"coinbase": "00"}, []),
        ({"scriptSig": {"hex": "4c"}, "txinwitness": ["zz", 7, "00" * 9_000]}, []),
        ({"scriptSig": "x", "txinwitness": None}, []),
    ],
)
def test_each_kind_of_input_is_read(one, carried):
    """As a node decodes it; what is broken carries none."""
    assert signatures_in([one]) == tuple(map(signature_name, carried))


def test_each_is_named_once():
    """In the order of the inputs."""
    first, second = {"txinwitness": [DER.hex()]}, {"txinwitness": [OTHER.hex()]}
    assert signatures_in([first, second, first]) == (signature_name(DER), signature_name(OTHER))
