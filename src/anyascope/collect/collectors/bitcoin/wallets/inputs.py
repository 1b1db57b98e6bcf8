"""How much of a transaction one coin takes up as an input, by what its output asks for; pure.

The arithmetic is the node's own, so that a figure here is what its wallet would pay: 71 bytes for an ECDSA signature that the
wallet makes (it grinds for a low r) and 72 for one that somebody else makes, 65 for a Schnorr signature, and one byte for the
length of a redeem script.

Source: Bitcoin Core `src/script/descriptor.cpp` (MaxSatisfactionWeight), `src/wallet/spend.cpp` (MaxInputWeight, UseMaxSig);
BIP 141.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

WITNESS_SCALE = 4  # weight units of a byte outside the witness
OUTPOINT_AND_SEQUENCE_BYTES = 32 + 4 + 4
OWN_ECDSA_BYTES, OTHER_ECDSA_BYTES = 71, 72
SCHNORR_BYTES = 65  # as the node counts it: with a byte for the signature's type
KEY_BYTES, LONG_KEY_BYTES = 33, 65


@dataclass(frozen=True, slots=True)
class CoinInput:
    """A coin as an input.

    Attributes:
        kind: of the output, such as `p2wpkh`.
        weight: of the input, without the byte for its empty witness that a legacy input takes beside a segwit one.
        is_segwit: whether it makes its transaction one with witnesses.
        is_assumed: whether the node did not say enough, and a common shape was taken.
    """

    kind: str
    weight: int
    is_segwit: bool
    is_assumed: bool = False

    @property
    def vbytes(self) -> float:
        """Virtual bytes of this input alone."""
        return self.weight / WITNESS_SCALE


def compact_size_bytes(value: int) -> int:
    """Bytes of a count before a list, up to 2**32 - 1."""
    return 1 if value < 253 else 3 if value <= 0xFFFF else 5


def _legacy(kind: str, satisfaction: int) -> CoinInput:
    bare = OUTPOINT_AND_SEQUENCE_BYTES + compact_size_bytes(satisfaction) + satisfaction
    return CoinInput(kind, bare * WITNESS_SCALE, is_segwit=False)


def _segwit(kind: str, witness: int, script_sig: int = 0) -> CoinInput:
    # One byte for the script's length, one for the number of witness elements.
    bare = OUTPOINT_AND_SEQUENCE_BYTES + 1 + script_sig
    return CoinInput(kind, bare * WITNESS_SCALE + 1 + witness, is_segwit=True)


_KEY_HASH_PROGRAM = 1 + 22  # pushed in the script of a P2SH input
_SCRIPT_HASH_PROGRAM = 1 + 34
_MULTISIG = re.compile(r"(sh\(wsh\(|sh\(|wsh\(|)(?:sorted)?multi\((\d+),([^()]+)\)+(?:#\w+)?")
_KINDS = {"": "multisig", "sh(": "p2sh", "wsh(": "p2wsh", "sh(wsh(": "p2sh-p2wsh"}


@dataclass(frozen=True, slots=True)
class _Multisig:
    """`threshold` of keys with these lengths."""

    threshold: int
    key_bytes: tuple[int, ...]

    @property
    def script_bytes(self) -> int:
        numbers = sum(1 if count <= 16 else 2 for count in (self.threshold, len(self.key_bytes)))
        return numbers + sum(1 + key for key in self.key_bytes) + 1


_USUAL_MULTISIG = _Multisig(2, (KEY_BYTES,) * 3)  # what most shared custody uses


class InputSizes:
    """How large inputs are whose ECDSA signatures have so many bytes."""

    def __init__(self, ecdsa_bytes: int) -> None:
        self._signature = 1 + ecdsa_bytes
        key_and_signature = self._signature + 1 + KEY_BYTES
        self.p2wpkh = _segwit("p2wpkh", key_and_signature)
        self._p2tr = _segwit("p2tr", 1 + SCHNORR_BYTES)
        self._p2sh_p2wpkh = _segwit("p2sh-p2wpkh", key_and_signature, _KEY_HASH_PROGRAM)
        self._p2pkh = _legacy("p2pkh", key_and_signature)
        self._p2pkh_long = _legacy("p2pkh", self._signature + 1 + LONG_KEY_BYTES)
        self._p2pk = _legacy("p2pk", self._signature)
        self._by_head = (
            ("wpkh(", self.p2wpkh),
            ("tr(", self._p2tr),
            ("sh(wpkh(", self._p2sh_p2wpkh),
            ("rawtr(", self._p2tr),
            ("pk(", self._p2pk),
        )
        self._by_program = (("0014", self.p2wpkh), ("5120", self._p2tr), ("76a914", self._p2pkh))
        self._multisigs: dict[
            tuple[str, _Multisig], CoinInput
        ] = {}  # a wallet has a few shapes, and many coins of each

    def of(self, script: str, *, descriptor: str = "", redeem: str = "", witness: str = "") -> CoinInput:
        """The input that spends a coin.

        Args:
            script: of the output, in hex.
            descriptor: as `listunspent` infers it; empty where the wallet cannot solve the output.
            redeem, witness: scripts behind a hash, in hex; empty where the wallet does not know them.
        """
        found = self._by_descriptor(descriptor) if descriptor else None
        return found if found is not None else self._by_script(script, redeem, witness)

    def _by_descriptor(self, descriptor: str) -> CoinInput | None:
        for head, found in self._by_head:
            if descriptor.startswith(head):
                return found
        if descriptor.startswith("pkh("):
            key = descriptor[4:].partition(")")[0]
            return self._p2pkh if _key_bytes(key) == KEY_BYTES else self._p2pkh_long
        matched = _MULTISIG.fullmatch(descriptor)
        if matched is None:
            return None
        keys = tuple(_key_bytes(key) for key in matched[3].split(","))
        return self._multisig(_KINDS[matched[1]], _Multisig(int(matched[2]), keys))

    def _by_script(self, script: str, redeem: str, witness: str) -> CoinInput:
        for head, found in self._by_program:
            if script.startswith(head):
                return found
        if script.startswith("0020"):
            return self._by_hidden_script("p2wsh", witness)
        if script.startswith("a914"):
            return self._by_redeem_script(redeem, witness)
        if script.startswith(("21", "41")) and script.endswith("ac"):
            return self._p2pk
        multisig = _multisig_of(script)
        return _assumed(self.p2wpkh, "other") if multisig is None else self._multisig("multisig", multisig)

    def _by_redeem_script(self, redeem: str, witness: str) -> CoinInput:
        if redeem.startswith("0020"):
            return self._by_hidden_script("p2sh-p2wsh", witness)
        if redeem.startswith("0014"):
            return self._p2sh_p2wpkh
        return self._by_hidden_script("p2sh", redeem) if redeem else _assumed(self._p2sh_p2wpkh)

    def _by_hidden_script(self, kind: str, script: str) -> CoinInput:
        multisig = _multisig_of(script)
        return _assumed(self._multisig(kind, _USUAL_MULTISIG)) if multisig is None else self._multisig(kind, multisig)

    def _multisig(self, kind: str, multisig: _Multisig) -> CoinInput:
        key = (kind, multisig)
        if key not in self._multisigs:
            self._multisigs[key] = self._new_multisig(kind, multisig)
        return self._multisigs[key]

    def _new_multisig(self, kind: str, multisig: _Multisig) -> CoinInput:
        script, satisfaction = multisig.script_bytes, 1 + self._signature * multisig.threshold
        witness = compact_size_bytes(script) + script + satisfaction
        if kind == "p2wsh":
            return _segwit(kind, witness)
        if kind == "p2sh-p2wsh":
            return _segwit(kind, witness, _SCRIPT_HASH_PROGRAM)
        return _legacy(kind, (1 + script if kind == "p2sh" else 0) + satisfaction)


OWN_SIGNATURES = InputSizes(OWN_ECDSA_BYTES)
OTHER_SIGNATURES = InputSizes(OTHER_ECDSA_BYTES)


def _key_bytes(key: str) -> int:
    """Length of a key in a descriptor: `[origin]hex`; keys of a range are compressed."""
    return LONG_KEY_BYTES if len(key.rpartition("]")[2]) == 2 * LONG_KEY_BYTES else KEY_BYTES


def _multisig_of(script: str) -> _Multisig | None:
    """A script `m <key> … n CHECKMULTISIG`; None where it is another one."""
    try:
        code = bytes.fromhex(script)
    except ValueError:
        return None
    if len(code) < 3 or code[-1] != 0xAE or not 0x51 <= code[0] <= 0x60:
        return None
    keys, at = [], 1
    while at < len(code) - 2 and code[at] in (KEY_BYTES, LONG_KEY_BYTES):
        keys.append(code[at])
        at += 1 + code[at]
    return _Multisig(code[0] - 0x50, tuple(keys)) if at == len(code) - 2 and code[at] == 0x50 + len(keys) else None


def _assumed(found: CoinInput, kind: str = "") -> CoinInput:
    return CoinInput(kind or found.kind, found.weight, found.is_segwit, is_assumed=True)
