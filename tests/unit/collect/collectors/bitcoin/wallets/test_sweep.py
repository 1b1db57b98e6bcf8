"""Unit tests of what it takes to spend many coins."""

from __future__ import annotations

import pytest

from anyascope.collect.collectors.bitcoin.wallets.inputs import OWN_SIGNATURES
from anyascope.collect.collectors.bitcoin.wallets.sweep import STANDARD_WEIGHT_MAX, fee_sats, sweep_of

P2WPKH = OWN_SIGNATURES.of("0014")
P2PKH = OWN_SIGNATURES.of("76a914")
P2TR = OWN_SIGNATURES.of("5120")


@pytest.mark.parametrize(
    ("inputs", "vbytes"),
    [
        ([], ()),
        ([(P2WPKH, 0)], ()),
        ([(P2WPKH, 1)], (110,)),  # 4 * (8 + 1 + 1 + 31) + 2 + 271 = 437
        ([(P2PKH, 1)], (188,)),  # no witness, no marker
        ([(P2WPKH, 1), (P2PKH, 1)], (257,)),  # 437 + 588 + 1 for the empty witness
        ([(P2PKH, 1), (P2WPKH, 1)], (257,)),
        ([(P2WPKH, 252)], (17115,)),
        ([(P2WPKH, 253)], (17185,)),  # the count of inputs takes three bytes
        ([(P2TR, 1)], (100,)),
    ],
)
def test_size_of_one_transaction(inputs, vbytes):
    """Frame, inputs, one output; weight is rounded up to whole virtual bytes."""
    assert sweep_of(inputs).sizes_vbytes == vbytes


def test_more_than_a_standard_transaction_becomes_several():
    """10,000 inputs of 271 are 2.71 million: seven transactions, none above what nodes relay."""
    sizes = sweep_of([(P2WPKH, 10_000)]).sizes_vbytes
    assert len(sizes) == 7
    assert max(sizes) <= STANDARD_WEIGHT_MAX // 4
    assert sum(sizes) == pytest.approx(10_000 * 67.75 + 7 * 43.5, abs=7)


def test_the_last_input_that_fits():
    """The boundary, and one past it."""
    fits = (STANDARD_WEIGHT_MAX - 4 * (8 + 3 + 1 + 31) - 2) // 271
    assert len(sweep_of([(P2WPKH, fits)]).sizes_vbytes) == 1
    assert len(sweep_of([(P2WPKH, fits + 1)]).sizes_vbytes) == 2


def test_kinds_share_transactions_where_there_is_room():
    """What does not fit beside others goes on in the next one."""
    sizes = sweep_of([(P2WPKH, 1_000), (P2PKH, 1_000)]).sizes_vbytes
    assert len(sizes) == 3
    assert sum(sizes) == pytest.approx(1_000 * (67.75 + 147.25), rel=0.001)


def test_a_fee_is_rounded_up():
    """In whole sats; a rate is sats a thousand virtual bytes."""
    assert fee_sats(110, 1_000) == 110
    assert fee_sats(110, 1_001) == 111
    assert sweep_of([(P2WPKH, 1)]).cost_sats(12_345) == 1_358
    assert sweep_of([]).cost_sats(12_345) == 0
