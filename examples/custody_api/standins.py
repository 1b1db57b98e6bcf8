"""Stand-ins for a Bitcoin node and an HSM, for a first look without either: nothing here is real but the arithmetic."""

from __future__ import annotations

import hashlib
import secrets
import sqlite3
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed, decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from node import Draft, NodeError, Receipt, Standing, Tip

BLOCK_EVERY_S = 20.0  # a block an hour's sixth would be a long wait for a demonstration
OPENING_BALANCE_SAT = 250_000_000
FEE_SAT, FEE_SAT_PER_VB = 423, 3.0
DEPOSIT_SAT_MAX = 5_000_000
DEPOSIT_ONE_IN = 4  # blocks that bring a wallet a deposit

SCHEMA = """
create table if not exists beginning (id integer primary key check (id = 1), at_s real not null);
create table if not exists spends (
    txid text primary key, wallet_id text not null, amount_sat integer not null, sent_s real not null
)
"""


class StandInNode:
    """A chain that grows by the clock; what it knows lies in a file that several processes share.

    Args:
        path: the SQLite file.
        block_every_s: how often a block comes.
    """

    is_real = False

    def __init__(self, path: Path, *, block_every_s: float = BLOCK_EVERY_S) -> None:
        self.name = "no node: a chain that the clock grows"
        self._path = path
        self._block_every_s = block_every_s
        with closing(self._open()) as store:
            store.executescript(SCHEMA)
            store.execute("insert or ignore into beginning values (1, ?)", (time.time(),))
            (self._began_s,) = store.execute("select at_s from beginning").fetchone()

    def _open(self) -> sqlite3.Connection:
        return sqlite3.connect(self._path, timeout=10.0, isolation_level=None)

    async def open_wallet(self, wallet_id: str, public_key: bytes) -> None:
        """Every wallet exists."""

    async def address_of(self, wallet_id: str) -> str:
        return f"standin1{hashlib.sha256(wallet_id.encode()).hexdigest()[:32]}"

    async def balance_sat(self, wallet_id: str) -> int:
        with closing(self._open()) as store:
            (spent,) = store.execute(
                "select coalesce(sum(amount_sat), 0) from spends where wallet_id = ?", (wallet_id,)
            ).fetchone()
        received = sum(receipt.amount_sat for receipt in await self.receipts(wallet_id) if receipt.confirmations > 0)
        return OPENING_BALANCE_SAT + received - int(spent)

    async def draft(self, wallet_id: str, *, address: str, amount_sat: int) -> Draft:
        body = f"{wallet_id}:{address}:{amount_sat}:{secrets.token_hex(8)}"
        return Draft(body, (hashlib.sha256(body.encode()).digest(),), FEE_SAT, FEE_SAT_PER_VB)

    async def dearer(self, wallet_id: str, txid: str, *, address: str, amount_sat: int) -> Draft:
        del wallet_id, txid, address, amount_sat
        raise NodeError("the stand-in for a node replaces nothing: start with --node")

    async def complete(self, wallet_id: str, draft: Draft, signatures: Sequence[bytes]) -> str:
        del wallet_id
        return (draft.body + ":" + signatures[0].hex()).encode().hex()

    def txid(self, transaction: str) -> str:
        return hashlib.sha256(hashlib.sha256(bytes.fromhex(transaction)).digest()).hexdigest()

    async def broadcast(self, transaction: str) -> str:
        wallet_id, _, amount_sat, *_ = bytes.fromhex(transaction).decode().split(":")
        txid = self.txid(transaction)
        with closing(self._open()) as store:
            row = (txid, wallet_id, int(amount_sat) + FEE_SAT, time.time())
            store.execute("insert or ignore into spends values (?, ?, ?, ?)", row)
        return txid

    async def standing(self, wallet_id: str, txid: str) -> Standing:
        del wallet_id
        with closing(self._open()) as store:
            found = store.execute("select sent_s from spends where txid = ?", (txid,)).fetchone()
        if found is None:
            return Standing(-1)
        mined_at = self._height(found[0]) + 1
        confirmations = max(self._height(time.time()) - mined_at + 1, 0)
        return Standing(confirmations, mined_at, _block_hash(mined_at)) if confirmations else Standing(0)

    async def receipts(self, wallet_id: str) -> Sequence[Receipt]:
        """A deposit in some of the newest blocks, which ones is drawn from their number."""
        height = self._height(time.time())
        return [
            Receipt(_block_hash(at), wallet_id, 1 + int(_block_hash(at)[:8], 16) % DEPOSIT_SAT_MAX, height - at + 1)
            for at in range(max(height - 2 * DEPOSIT_ONE_IN, 0), height + 1)
            if int(hashlib.sha256(f"{wallet_id}:{at}".encode()).hexdigest(), 16) % DEPOSIT_ONE_IN == 0
        ]

    async def tip(self) -> Tip:
        now_s = time.time()
        with closing(self._open()) as store:
            since_s = self._began_s + self._height(now_s) * self._block_every_s
            (waiting,) = store.execute("select count(*) from spends where sent_s >= ?", (since_s,)).fetchone()
        return Tip(self._height(now_s), int(waiting))

    async def close(self) -> None:
        """Nothing is held open."""

    def _height(self, at_s: float) -> int:
        return int((at_s - self._began_s) // self._block_every_s)


def _block_hash(height: int) -> str:
    return hashlib.sha256(f"block {height}".encode()).hexdigest()


class StandInSigner:
    """Real signatures by a key in this process's memory: what an HSM is there to avoid."""

    is_real = False

    def __init__(self) -> None:
        self.name = "no HSM: a key in this process's memory"
        self.provider = "memory"
        self._keys: dict[str, ec.EllipticCurvePrivateKey] = {}

    def _key(self, key_id: str) -> ec.EllipticCurvePrivateKey:
        return self._keys.setdefault(key_id, ec.generate_private_key(ec.SECP256K1()))

    def public_key(self, key_id: str) -> bytes:
        return self._key(key_id).public_key().public_bytes(Encoding.X962, PublicFormat.CompressedPoint)

    def sign(self, key_id: str, digest: bytes) -> bytes:
        r, s = decode_dss_signature(self._key(key_id).sign(digest, ec.ECDSA(Prehashed(SHA256()))))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")

    def active_keys(self) -> int:
        return len(self._keys)

    def close(self) -> None:
        """Forget the keys."""
        self._keys.clear()
