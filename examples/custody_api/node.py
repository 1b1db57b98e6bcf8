"""What the service wants of the Bitcoin network, whoever answers: `bitcoin.BitcoinNode`, or a stand-in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


class NodeError(Exception):
    """The node refused or cannot be reached; `code` is Bitcoin Core's error code, 0 where there was no answer."""

    def __init__(self, message: str, *, code: int = 0) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True)
class Tip:
    """How far the chain is, and what waits for a block."""

    height: int
    mempool_transactions: int


@dataclass(frozen=True, slots=True)
class Draft:
    """A transaction that lacks its signatures.

    Attributes:
        body: the transaction in the node's own form; what signatures are added to.
        digests: the 32 bytes to sign for each input.
        fee_sat, fee_sat_per_vb: what it costs.
    """

    body: str
    digests: Sequence[bytes]
    fee_sat: int
    fee_sat_per_vb: float


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a transaction stands: `confirmations` is 0 in the mempool, and -1 where the chain does not know it."""

    confirmations: int
    height: int = 0
    block_hash: str = ""


@dataclass(frozen=True, slots=True)
class Receipt:
    """A payment to one of our wallets."""

    txid: str
    wallet_id: str
    amount_sat: int
    confirmations: int


class Node(Protocol):
    """A door to the network. Every method raises `NodeError`."""

    name: str
    is_real: bool

    async def open_wallet(self, wallet_id: str, public_key: bytes) -> None:
        """Watch the outputs of a compressed public key (33 bytes) from now on."""

    async def address_of(self, wallet_id: str) -> str:
        """Where deposits to the wallet go."""

    async def balance_sat(self, wallet_id: str) -> int:
        """Confirmed money of a wallet."""

    async def draft(self, wallet_id: str, *, address: str, amount_sat: int) -> Draft:
        """A transaction that pays `amount_sat` to `address`, checked to do nothing else."""

    async def dearer(self, wallet_id: str, txid: str, *, address: str, amount_sat: int) -> Draft:
        """The same payment once more, at the fee of now: it takes the place of one that no block has, checked as `draft` is."""

    async def complete(self, wallet_id: str, draft: Draft, signatures: Sequence[bytes]) -> str:
        """The signed transaction as hex; signatures are 64 bytes each (r, s), in the order of the digests."""

    def txid(self, transaction: str) -> str:
        """The id of a signed transaction (hex): known before anybody has seen it."""

    async def broadcast(self, transaction: str) -> str:
        """Send it to the network, again if need be; its id."""

    async def standing(self, wallet_id: str, txid: str) -> Standing:
        """Where a transaction of the wallet stands."""

    async def receipts(self, wallet_id: str) -> Sequence[Receipt]:
        """Payments to the wallet from others, newest last."""

    async def tip(self) -> Tip:
        """How far the chain is."""

    async def close(self) -> None:
        """Let go of connections."""
