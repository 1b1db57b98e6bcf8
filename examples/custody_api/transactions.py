"""Transactions of one-key wallets (P2WPKH): what is signed, after a look at what would be signed."""

from __future__ import annotations

import math
from collections.abc import Sequence

from embit import ec, script
from embit.networks import NETWORKS
from embit.psbt import PSBT
from embit.transaction import Transaction

SIGHASH_ALL = 1
FEE_RATE_SAT_PER_VB_MAX = 1_000.0  # a node that asks for more is broken or hostile: a withdrawal is not a miner's gift
CURVE_ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141  # of secp256k1; SEC 2, section 2.4.1
SIGNATURE_VBYTES = 27.5  # what a signature and a public key add to an unsigned input


class UnsafeTransactionError(Exception):
    """The transaction does something else than what was asked for; it must not be signed."""


def own_script(public_key: bytes) -> script.Script:
    """The output script that pays to this compressed public key."""
    return script.p2wpkh(ec.PublicKey.parse(public_key))


def own_address(public_key: bytes, chain: str) -> str:
    """The address that pays to this key; `chain` is Bitcoin Core's name of it."""
    return str(own_script(public_key).address(NETWORKS[{"signet": "test", "testnet4": "test"}.get(chain, chain)]))


def checked(psbt_text: str, public_key: bytes, *, address: str, amount_sat: int) -> PSBT:
    """The transaction, known to pay exactly this amount to this address and the rest, but for a sane fee, to ourselves.

    A node builds the transaction, but it is the signature that moves money: nothing is signed on a node's word.

    Raises:
        UnsafeTransactionError: it does anything else.
    """
    psbt = PSBT.from_string(psbt_text)
    ours, theirs = own_script(public_key), script.address_to_scriptpubkey(address)
    paid = [output.value for output in psbt.tx.vout if output.script_pubkey == theirs]
    strangers = [output for output in psbt.tx.vout if output.script_pubkey not in {ours, theirs}]
    if paid != [amount_sat] or strangers:
        raise UnsafeTransactionError(f"the transaction pays {paid} to the address and {len(strangers)} strangers")
    if any(psbt.utxo(index).script_pubkey != ours for index in range(len(psbt.inputs))):
        raise UnsafeTransactionError("the transaction spends outputs that are not this wallet's")
    if fee_rate(psbt) > FEE_RATE_SAT_PER_VB_MAX:
        raise UnsafeTransactionError(f"the fee is {fee_rate(psbt):.0f} sat/vB, above {FEE_RATE_SAT_PER_VB_MAX:.0f}")
    return psbt


def fee_rate(psbt: PSBT) -> float:
    """Satoshi a virtual byte once it is signed, within a per cent."""
    vbytes = len(psbt.tx.serialize()) + math.ceil(SIGNATURE_VBYTES * len(psbt.inputs))
    return float(psbt.fee()) / vbytes


def digests_of(psbt: PSBT) -> tuple[bytes, ...]:
    """32 bytes to sign for each input (BIP 143)."""
    return tuple(bytes(psbt.sighash(index, sighash=SIGHASH_ALL)) for index in range(len(psbt.inputs)))


def with_signatures(psbt: PSBT, public_key: bytes, signatures: Sequence[bytes]) -> str:
    """The PSBT as base 64, with a 64-byte (r, s) signature of the key in each input."""
    key = ec.PublicKey.parse(public_key)
    for one, signature in zip(psbt.inputs, signatures, strict=True):
        one.partial_sigs[key] = der(signature) + bytes([SIGHASH_ALL])
    return str(psbt.to_string())


def txid_of(transaction: str) -> str:
    """The id of a signed transaction (hex); with segwit nobody can change it any more, whatever becomes of the signatures."""
    return str(Transaction.from_string(transaction).txid().hex())


def der(signature: bytes) -> bytes:
    """A 64-byte (r, s) signature as DER, with the smaller of its two possible s (BIP 62, rule 5)."""
    r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
    body = _der_integer(r) + _der_integer(min(s, CURVE_ORDER - s))
    return b"\x30" + bytes([len(body)]) + body


def _der_integer(number: int) -> bytes:
    length = number.bit_length() // 8 + 1  # with room for the sign
    return b"\x02" + bytes([length]) + number.to_bytes(length, "big")
