"""How much of a transaction one coin takes up as an input, by what its output asks for; pure.

The arithmetic is the node's own, so that a figure here is what its wallet would pay: 71 bytes for an ECDSA signature (wallets
grind for a low r), 65 for a Schnorr signature, and one byte for the length of a redeem script.

Source: Bitcoin Core `src/script/descriptor.cpp` (MaxSatisfactionWeight), `src/wallet/spend.cpp` (MaxInputWeight); BIP 141.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

WITNESS_SCALE = 4  # weight units of a byte outside the witness
OUTPOINT_AND_SEQUENCE_BYTES = 32 + 4 + 4
ECDSA_BYTES = 71
SCHNORR_BYTES = 65  # as the node counts it: with a byte for the signature's type
KEY_BYTES = 33
SCRIPTS_CACHED_MAX = 1_000  # shapes of multisig; a wallet has a few


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


_SIGNATURE_AND_KEY = 1 + ECDSA_BYTES + 1 + KEY_BYTES
_KEY_HASH_PROGRAM = 1 + 22  # pushed in the script of a P2SH input
_SCRIPT_HASH_PROGRAM = 1 + 34

P2PKH = _legacy("p2pkh", _SIGNATURE_AND_KEY)
P2PKH_UNCOMPRESSED = _legacy("p2pkh", 1 + ECDSA_BYTES + 1 + 65)
P2PK = _legacy("p2pk", 1 + ECDSA_BYTES)
P2WPKH = _segwit("p2wpkh", _SIGNATURE_AND_KEY)
P2SH_P2WPKH = _segwit("p2sh-p2wpkh", _SIGNATURE_AND_KEY, _KEY_HASH_PROGRAM)
P2TR = _segwit("p2tr", 1 + SCHNORR_BYTES)


@dataclass(frozen=True, slots=True)
class _Multisig:
    """`threshold` of keys with these lengths."""

    threshold: int
    key_bytes: tuple[int, ...]

    @property
    def script_bytes(self) -> int:
        numbers = sum(1 if count <= 16 else 2 for count in (self.threshold, len(self.key_bytes)))
        return numbers + sum(1 + key for key in self.key_bytes) + 1

    @property
    def satisfaction_bytes(self) -> int:
        return 1 + (1 + ECDSA_BYTES) * self.threshold

    @property
    def witness_bytes(self) -> int:
        return compact_size_bytes(self.script_bytes) + self.script_bytes + self.satisfaction_bytes


_USUAL_MULTISIG = _Multisig(2, (KEY_BYTES,) * 3)  # what most shared custody uses


@lru_cache(maxsize=SCRIPTS_CACHED_MAX)
def _multisig_input(kind: str, multisig: _Multisig) -> CoinInput:
    if kind == "p2wsh":
        return _segwit(kind, multisig.witness_bytes)
    if kind == "p2sh-p2wsh":
        return _segwit(kind, multisig.witness_bytes, _SCRIPT_HASH_PROGRAM)
    script = 1 + multisig.script_bytes if kind == "p2sh" else 0
    return _legacy(kind, script + multisig.satisfaction_bytes)


def input_of(script: str, *, descriptor: str = "", redeem: str = "", witness: str = "") -> CoinInput:
    """The input that spends a coin.

    Args:
        script: of the output, in hex.
        descriptor: as `listunspent` infers it; empty where the wallet cannot solve the output.
        redeem, witness: scripts behind a hash, in hex; empty where the wallet does not know them.
    """
    found = _by_descriptor(descriptor) if descriptor else None
    return found if found is not None else _by_script(script, redeem, witness)


_BY_HEAD = (("wpkh(", P2WPKH), ("tr(", P2TR), ("sh(wpkh(", P2SH_P2WPKH), ("rawtr(", P2TR))
_MULTISIG = re.compile(r"(sh\(wsh\(|sh\(|wsh\(|)(?:sorted)?multi\((\d+),([^()]+)\)+(?:#\w+)?")
_KINDS = {"": "multisig", "sh(": "p2sh", "wsh(": "p2wsh", "sh(wsh(": "p2sh-p2wsh"}


def _by_descriptor(descriptor: str) -> CoinInput | None:
    for head, found in _BY_HEAD:
        if descriptor.startswith(head):
            return found
    if descriptor.startswith("pkh("):
        return P2PKH if _key_bytes(descriptor[4:].partition(")")[0]) == KEY_BYTES else P2PKH_UNCOMPRESSED
    if descriptor.startswith("pk("):
        return P2PK
    matched = _MULTISIG.fullmatch(descriptor)
    if matched is None:
        return None
    keys = tuple(_key_bytes(key) for key in matched[3].split(","))
    return _multisig_input(_KINDS[matched[1]], _Multisig(int(matched[2]), keys))


def _key_bytes(key: str) -> int:
    """Length of a key in a descriptor: `[origin]hex`; keys of a range are compressed."""
    return 65 if len(key.rpartition("]")[2]) == 2 * 65 else KEY_BYTES


_BY_PROGRAM = (("0014", P2WPKH), ("5120", P2TR), ("76a914", P2PKH))


def _by_script(script: str, redeem: str, witness: str) -> CoinInput:
    for head, found in _BY_PROGRAM:
        if script.startswith(head):
            return found
    if script.startswith("0020"):
        return _by_hidden_script("p2wsh", witness)
    if script.startswith("a914"):
        return _by_redeem_script(redeem, witness)
    if script.startswith(("21", "41")) and script.endswith("ac"):
        return P2PK
    multisig = _multisig_of(script)
    return _assumed(P2WPKH, "other") if multisig is None else _multisig_input("multisig", multisig)


def _by_redeem_script(redeem: str, witness: str) -> CoinInput:
    if redeem.startswith("0020"):
        return _by_hidden_script("p2sh-p2wsh", witness)
    if redeem.startswith("0014"):
        return P2SH_P2WPKH
    return _by_hidden_script("p2sh", redeem) if redeem else _assumed(P2SH_P2WPKH)


def _by_hidden_script(kind: str, script: str) -> CoinInput:
    multisig = _multisig_of(script)
    return _assumed(_multisig_input(kind, _USUAL_MULTISIG)) if multisig is None else _multisig_input(kind, multisig)


def _multisig_of(script: str) -> _Multisig | None:
    """A script `m <key> … n CHECKMULTISIG`; None where it is another one."""
    try:
        code = bytes.fromhex(script)
    except ValueError:
        return None
    if len(code) < 3 or code[-1] != 0xAE or not 0x51 <= code[0] <= 0x60:
        return None
    keys, at = [], 1
    while at < len(code) - 2 and code[at] in (33, 65):
        keys.append(code[at])
        at += 1 + code[at]
    return _Multisig(code[0] - 0x50, tuple(keys)) if at == len(code) - 2 and code[at] == 0x50 + len(keys) else None


def _assumed(found: CoinInput, kind: str = "") -> CoinInput:
    return CoinInput(kind or found.kind, found.weight, found.is_segwit, is_assumed=True)
