"""Which key is which, by what a token says of it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from anyascope.collect.collectors.hsm.fingerprints import fingerprint_of, parameters_of
from anyascope.collect.collectors.hsm.identities import compare, from_json, learned, replaced, to_json, unread
from anyascope.collect.collectors.hsm.nouns import Inventory, KeyIdentity

CHECK_VALUE, MODULUS, EXPONENT, VALUE_LEN, EC_PARAMS, EC_POINT = 0x90, 0x120, 0x122, 0x161, 0x180, 0x181
PUBLIC = KeyIdentity("public", "EC", "01", "06052b8104000a", "aa")
PRIVATE = KeyIdentity("private", "EC", "01", "06052b8104000a")
SECRET = KeyIdentity("secret", "AES", "02", "256", "cc")
POINT = bytes.fromhex("04") + bytes(range(64))


def listed(labels=("ec",), **identities: tuple[KeyIdentity, ...]) -> Inventory:
    """An inventory; `rest` are the keys without a watched label."""
    found = {"" if label == "rest" else label: keys for label, keys in identities.items()}
    return Inventory(labels=dict.fromkeys(labels, 1), identities=found)


@pytest.mark.parametrize(
    "point",
    [b"\4\x41" + POINT, b"\4\x81\x85" + b"\4" + bytes(132), b"\4\x20" + bytes(32), b"\4\x39" + bytes(57)],
    ids=["secp256k1", "P-521", "Ed25519", "Ed448"],
)
def test_a_point_is_the_same_with_and_without_its_wrapping(point: bytes) -> None:
    """Libraries differ, and so do their versions."""
    bare = point[3:] if point[1] == 0x81 else point[2:]
    assert fingerprint_of({EC_POINT: point}) == fingerprint_of({EC_POINT: bare}) != ""


def test_a_point_that_begins_as_if_it_were_wrapped_is_whole() -> None:
    """One in 256 does."""
    chance = b"\4\x3f" + bytes(range(5, 68))
    other = b"\4\x3f" + bytes(range(5, 67)) + b"\0"
    assert fingerprint_of({EC_POINT: chance}) != fingerprint_of({EC_POINT: chance[2:]})
    assert fingerprint_of({EC_POINT: chance}) == fingerprint_of({EC_POINT: b"\4\x41" + chance})
    assert fingerprint_of({EC_POINT: chance}) != fingerprint_of({EC_POINT: other})


def test_modulus_and_exponent_are_numbers() -> None:
    """Zeros before them say nothing; both make the fingerprint, the modulus the size."""
    key = {MODULUS: b"\xc5" * 256, EXPONENT: b"\1\0\1"}
    assert fingerprint_of(key) == fingerprint_of({MODULUS: b"\0" + key[MODULUS], EXPONENT: b"\0\1\0\1"})
    assert fingerprint_of(key) != fingerprint_of(key | {EXPONENT: b"\3"})
    assert fingerprint_of({MODULUS: key[MODULUS]}) == ""
    assert parameters_of(key) == "2048"


def test_a_secret_key_is_its_size_and_check_value() -> None:
    """A key that tells neither has no fingerprint."""
    assert parameters_of({VALUE_LEN: (32).to_bytes(8, "little")}) == "256"
    assert fingerprint_of({CHECK_VALUE: b"abc"}) != fingerprint_of({CHECK_VALUE: b"abd"}) != ""
    assert fingerprint_of({}) == parameters_of({}) == ""
    assert parameters_of({EC_PARAMS: b"\6\5"}) == "0605"


@pytest.mark.parametrize(
    "other",
    [
        replace(PUBLIC, fingerprint="bb"),
        replace(PUBLIC, key_id="0f"),
        replace(PUBLIC, parameters="2048"),
        replace(PUBLIC, key_type="RSA"),
    ],
)
def test_one_difference_makes_another_key(other: KeyIdentity) -> None:
    """Whichever it is."""
    assert replaced("ec", (PRIVATE, other), (PRIVATE, PUBLIC)) == 1
    assert compare((PRIVATE, other), (PRIVATE, PUBLIC)).missing == (PUBLIC,)


@pytest.mark.parametrize("field", ["key_id", "parameters", "fingerprint"])
def test_what_is_not_told_speaks_against_nothing(field: str) -> None:
    """On either side; and two keys are never one."""
    mute = replace(PUBLIC, **{field: ""})
    assert replaced("ec", (mute,), (PUBLIC,)) == replaced("ec", (PUBLIC,), (mute,)) == 0
    assert replaced("ec", (PUBLIC, mute), (PUBLIC,)) == 1


def test_a_key_that_is_gone_is_not_replaced_and_one_that_came_later_is() -> None:
    """Its absence is told by its label and by the count; what comes in its place is compared with it."""
    accepted = learned(listed(ec=(PUBLIC,)), {})
    gone = learned(listed(), accepted)
    assert replaced("ec", (), gone["ec"]) == 0
    other = replace(PUBLIC, fingerprint="bb")
    assert replaced("ec", (other,), learned(listed(ec=(other,)), gone)["ec"]) == 1


def test_keys_without_a_watched_label_are_counted_before_they_are_compared() -> None:
    """More of them are more; as many, one of which is another, are a replacement."""
    more = replace(SECRET, key_id="03", fingerprint="dd")
    assert replaced("", (SECRET, more), (SECRET,)) == 0
    assert replaced("", (more,), (SECRET,)) == 1
    assert replaced("", (), (SECRET,)) == 0


def test_what_was_never_seen_is_learned_once() -> None:
    """A baseline of an older version, the private keys once there is a PIN, and what a key did not say before."""
    first = learned(listed(ec=(replace(PUBLIC, fingerprint=""),)), {})
    assert learned(listed(ec=(PUBLIC,)), first) == {"ec": (PUBLIC,)}
    both = learned(listed(ec=(PUBLIC, PRIVATE)), {"ec": (PUBLIC,)})
    assert both == {"ec": (PRIVATE, PUBLIC)}
    assert learned(listed(ec=(PRIVATE, replace(PUBLIC, fingerprint="bb"))), both) == both
    assert learned(listed(ec=(PUBLIC, PRIVATE)), both) == both  # whatever the order that the token lists them in


def test_a_label_that_is_watched_since_then_makes_no_other_key() -> None:
    """Nor one that is watched no longer: the key stays the one that was accepted."""
    other = replace(SECRET, key_id="03", fingerprint="dd")
    unnamed = learned(listed(rest=(SECRET, other)), {})
    named = learned(listed(labels=("ec", "aes"), aes=(SECRET,), rest=(other,)), unnamed)
    assert named == {"aes": (SECRET,), "": (other,)}
    assert learned(listed(rest=(SECRET, other)), named) == unnamed
    swapped = learned(listed(labels=("ec", "aes"), aes=(replace(SECRET, fingerprint="ee"),), rest=(other,)), named)
    assert swapped == named


def test_a_private_key_is_read_by_its_public_half() -> None:
    """That of the same CKA_ID; others are counted as unread."""
    assert unread((PRIVATE, PUBLIC)) == []
    assert unread((PRIVATE, replace(PUBLIC, key_id="0f"))) == [PRIVATE]
    assert unread((replace(SECRET, fingerprint=""), PUBLIC)) == [replace(SECRET, fingerprint="")]


def test_identities_are_kept_as_they_are() -> None:
    """What has another form is taken as never seen."""
    known = {"ec": (PRIVATE, PUBLIC), "": (SECRET,)}
    assert from_json(to_json(known)) == known
    assert from_json(None) == from_json([]) == {}
    assert from_json({"ec": "x", "aes": [["secret"], list("abcde")]}) == {"aes": (KeyIdentity(*"abcde"),)}
