"""Unit tests of how large a coin is as an input."""

from __future__ import annotations

import pytest

from anyascope.collect.collectors.bitcoin.wallets.inputs import OTHER_SIGNATURES, OWN_SIGNATURES

KEY = "[1bb07286/84h/1h/0h/0/0]0346580611311ad75c587df0e8f0af64e7670ffaaedcebcf20f735661da2edac61"
LONG_KEY = "04" + "ab" * 64
MULTISIG_SCRIPT = "52" + ("21" + "02" * 33) * 3 + "53ae"  # 2 of 3


@pytest.mark.parametrize(
    ("descriptor", "kind", "weight"),
    [
        (f"pkh({KEY})#sx3kezhv", "p2pkh", 4 * 147),
        (f"pkh({LONG_KEY})#sx3kezhv", "p2pkh", 4 * 179),
        (f"pk({KEY})#sx3kezhv", "p2pk", 4 * 113),
        (f"wpkh({KEY})#p56k9d04", "p2wpkh", 271),
        (f"sh(wpkh({KEY}))#v5qkjckh", "p2sh-p2wpkh", 271 + 4 * 23),
        (f"tr({KEY[:-66]}{'ab' * 32})#lfxsrhhn", "p2tr", 231),
        (f"wsh(multi(2,{KEY},{KEY},{KEY}))#lfxsrhhn", "p2wsh", 4 * 41 + 252),
        (f"sh(wsh(sortedmulti(2,{KEY},{KEY},{KEY})))#lfxsrhhn", "p2sh-p2wsh", 4 * 76 + 252),
        (f"sh(multi(2,{KEY},{KEY},{KEY}))#lfxsrhhn", "p2sh", 4 * (40 + 1 + 251)),
        (f"sh(multi(1,{KEY},{LONG_KEY}))#lfxsrhhn", "p2sh", 4 * (40 + 1 + 1 + 103 + 73)),
        (f"multi(1,{KEY})#lfxsrhhn", "multisig", 4 * (40 + 1 + 73)),
    ],
)
def test_sizes_by_descriptor(descriptor, kind, weight):
    """As Core reckons them: BIP 141's weight of outpoint, sequence, script and witness."""
    found = OWN_SIGNATURES.of("", descriptor=descriptor)
    assert (found.kind, found.weight, found.is_assumed) == (kind, weight, False)


@pytest.mark.parametrize(
    ("script", "redeem", "witness", "told"),
    [
        ("0014" + "00" * 20, "", "", ("p2wpkh", False)),
        ("5120" + "00" * 32, "", "", ("p2tr", False)),
        ("76a914" + "00" * 20 + "88ac", "", "", ("p2pkh", False)),
        ("21" + "02" * 33 + "ac", "", "", ("p2pk", False)),
        ("0020" + "00" * 32, "", MULTISIG_SCRIPT, ("p2wsh", False)),
        ("0020" + "00" * 32, "", "", ("p2wsh", True)),
        ("0020" + "00" * 32, "", "5187", ("p2wsh", True)),
        ("a914" + "00" * 20 + "87", "0014" + "00" * 20, "", ("p2sh-p2wpkh", False)),
        ("a914" + "00" * 20 + "87", "0020" + "00" * 32, MULTISIG_SCRIPT, ("p2sh-p2wsh", False)),
        ("a914" + "00" * 20 + "87", MULTISIG_SCRIPT, "", ("p2sh", False)),
        ("a914" + "00" * 20 + "87", "", "", ("p2sh-p2wpkh", True)),
        (MULTISIG_SCRIPT, "", "", ("multisig", False)),
        ("", "", "", ("other", True)),
        ("zz", "", "", ("other", True)),
    ],
)
def test_without_a_descriptor_the_scripts_say_it(script, redeem, witness, told):
    """A wallet that only watches knows less; where nothing says the shape, a common one is taken and said."""
    found = OWN_SIGNATURES.of(script, redeem=redeem, witness=witness)
    assert (found.kind, found.is_assumed) == told


def test_both_ways_lead_to_the_same_size():
    """Two of three, from its descriptor and from its script."""
    keys = ",".join([KEY] * 3)
    assert OWN_SIGNATURES.of("", descriptor=f"wsh(multi(2,{keys}))#lfxsrhhn") == OWN_SIGNATURES.of(
        "0020", witness=MULTISIG_SCRIPT
    )
    assert OWN_SIGNATURES.of("", descriptor="wsh(and_v(v:pk(A),older(9)))#lfxsrhhn").kind == "other"


def test_signatures_of_others_are_a_byte_longer():
    """Who does not grind for a low r has 72 bytes at most; Schnorr signatures have always the same."""
    keys = ",".join([KEY] * 3)
    for descriptor, more in ((f"wpkh({KEY})", 1), (f"pkh({KEY})", 4), (f"wsh(multi(2,{keys}))", 2), ("tr(ab)", 0)):
        own = OWN_SIGNATURES.of("", descriptor=descriptor)
        assert OTHER_SIGNATURES.of("", descriptor=descriptor).weight == own.weight + more
