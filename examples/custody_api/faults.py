"""Failures on demand: a node and a signer that misbehave as somebody told them to, and are themselves otherwise."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from random import Random

from book import Book, Part
from node import Draft, Node, NodeError, Receipt, Standing, Tip
from signer import Signer, SignerError


class Faults:
    """Whether a part fails now, and how long it takes; read from the book, so that both processes agree."""

    def __init__(self, book: Book, random: Random) -> None:
        self._book = book
        self._random = random

    def delay_and_fate(self, part: Part) -> tuple[float, bool]:
        """How long to wait, and whether to fail then."""
        failure = self._book.failure(part)
        return (failure.delay_s, self._random.random() < failure.ratio) if failure else (0.0, False)


class FaultySigner:
    """A signer in front of which faults stand."""

    def __init__(self, signer: Signer, faults: Faults) -> None:
        self._signer = signer
        self._faults = faults
        self.name, self.provider, self.is_real = signer.name, signer.provider, signer.is_real

    def public_key(self, key_id: str) -> bytes:
        return self._signer.public_key(key_id)

    def sign(self, key_id: str, digest: bytes) -> bytes:
        delay_s, fails = self._faults.delay_and_fate(Part.SIGNER)
        time.sleep(delay_s)
        if fails:
            raise SignerError(f"cannot sign with {key_id!r}: DeviceError (ordered)")
        return self._signer.sign(key_id, digest)

    def active_keys(self) -> int:
        return self._signer.active_keys()

    def close(self) -> None:
        self._signer.close()


class FaultyNode:
    """A node in front of which faults stand."""

    def __init__(self, node: Node, faults: Faults) -> None:
        self._node = node
        self._faults = faults
        self.name, self.is_real = node.name, node.is_real

    async def _pass(self) -> None:
        delay_s, fails = self._faults.delay_and_fate(Part.NODE)
        await asyncio.sleep(delay_s)
        if fails:
            raise NodeError("the node does not answer (ordered)")

    async def open_wallet(self, wallet_id: str, public_key: bytes) -> None:
        await self._node.open_wallet(wallet_id, public_key)

    async def address_of(self, wallet_id: str) -> str:
        return await self._node.address_of(wallet_id)

    async def balance_sat(self, wallet_id: str) -> int:
        await self._pass()
        return await self._node.balance_sat(wallet_id)

    async def draft(self, wallet_id: str, *, address: str, amount_sat: int) -> Draft:
        await self._pass()
        return await self._node.draft(wallet_id, address=address, amount_sat=amount_sat)

    async def dearer(self, wallet_id: str, txid: str, *, address: str, amount_sat: int) -> Draft:
        await self._pass()
        return await self._node.dearer(wallet_id, txid, address=address, amount_sat=amount_sat)

    async def complete(self, wallet_id: str, draft: Draft, signatures: Sequence[bytes]) -> str:
        return await self._node.complete(wallet_id, draft, signatures)

    def txid(self, transaction: str) -> str:
        return self._node.txid(transaction)

    async def broadcast(self, transaction: str) -> str:
        await self._pass()
        return await self._node.broadcast(transaction)

    async def standing(self, wallet_id: str, txid: str) -> Standing:
        await self._pass()
        return await self._node.standing(wallet_id, txid)

    async def receipts(self, wallet_id: str) -> Sequence[Receipt]:
        await self._pass()
        return await self._node.receipts(wallet_id)

    async def tip(self) -> Tip:
        await self._pass()
        return await self._node.tip()

    async def close(self) -> None:
        await self._node.close()
