"""A node with one wallet that is moved by hand, for tests of what follows its transactions: answers as Core's RPC does."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from anyascope.wire.bitcoin.rpc import METHOD_NOT_FOUND, Refusal

UNKNOWN = Refusal("invalid_address_or_key", "no such thing")
START_HEIGHT = 100
VSIZE = 200


@dataclass
class Payment:
    """One transaction of the wallet."""

    txid: str
    amount_sats: int
    fee_sats: int = 2_000
    is_deposit: bool = False
    is_internal: bool = False  # from the wallet to itself
    replaced_by: str = ""
    replaces: str = ""
    is_abandoned: bool = False
    conflicted_at: int = 0  # the height of the block that has another in its place
    rivals: set[str] = field(default_factory=set)  # of the same coins, beside those that the wallet knows for bumps
    received_s: int = 0


@dataclass
class PretendNode:
    """Blocks, a mempool and the wallet `w`. Also the client of its RPC, and that of its wallet."""

    blocks: list[tuple[str, set[str]]] = field(default_factory=list)
    pool: set[str] = field(default_factory=set)
    payments: dict[str, Payment] = field(default_factory=dict)
    wallets: list[str] = field(default_factory=lambda: ["w"])
    chain: str = "regtest"
    is_downloading: bool = False
    market: float | None = None
    refused: dict[str, Refusal] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    now_s: int = 1_000_000
    _made: int = 0
    _mined_at: dict[str, int] = field(default_factory=dict)
    _heights: dict[str, int] = field(default_factory=dict)
    # What left the chain, which a node keeps: each block with the one before it and its transactions.
    _stale: dict[str, tuple[str, set[str]]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for _ in range(START_HEIGHT + 1):
            self.mine([])

    # --- what happens -------------------------------------------------------------------------------------------------

    def pay(self, amount_sats: int = 1_000, **more: Any) -> str:
        """A transaction enters wallet and mempool."""
        self._made += 1
        txid = f"tx{self._made}"
        self.payments[txid] = Payment(txid, amount_sats, received_s=self.now_s, **more)
        self.pool.add(txid)
        return txid

    def mine(self, txids: Collection[str]) -> str:
        """A block with these; what they replace, or are replaced by, is conflicted then."""
        self._made += 1
        block = f"block{self._made}"
        self.blocks.append((block, set(txids)))
        self._heights[block] = self.height
        self._mined_at.update(dict.fromkeys(txids, self.height))
        self.pool -= set(txids)
        for txid in txids:
            for rival in self._rivals(txid):
                self.pool.discard(rival)
                self.payments[rival].conflicted_at = self.height
        return block

    def undo(self, depth: int) -> None:
        """The newest blocks leave the chain; what they had is back in the mempool."""
        for _ in range(depth):
            block, txids = self.blocks.pop()
            del self._heights[block]
            self._stale[block] = (self.blocks[-1][0], txids)
            self.pool |= txids
            for txid in txids:
                del self._mined_at[txid]
        for payment in self.payments.values():
            if payment.conflicted_at > self.height:
                payment.conflicted_at = 0

    def bump(self, txid: str) -> str:
        """Another transaction takes its place."""
        known = self.payments[txid]
        made = self.pay(
            known.amount_sats,
            fee_sats=known.fee_sats * 2,
            replaces=txid,
            is_deposit=known.is_deposit,
            is_internal=known.is_internal,
        )
        for rival in {txid, *self._rivals(txid)}:  # all of them spend the same coins
            self.spend_the_same(rival, made)
        known.replaced_by = made
        self.pool.discard(txid)
        return made

    def spend_the_same(self, one: str, other: str) -> None:
        """Two of the wallet's transactions spend one coin."""
        self.payments[one].rivals.add(other)
        self.payments[other].rivals.add(one)

    def abandon(self, txid: str) -> None:
        """Out of the mempool, and given up by its owner."""
        self.pool.discard(txid)
        self.payments[txid].is_abandoned = True

    @property
    def height(self) -> int:
        return len(self.blocks) - 1

    def status(self, txid: str) -> str:
        """How a transaction stands in truth: what the last of its events should have said."""
        payment = self.payments[txid]
        if self._depth(txid) > 0:
            return "confirmed"
        if payment.replaced_by and txid not in self.pool:
            return "replaced"
        if payment.conflicted_at:
            return "replaced" if any(self._depth(rival) > 0 for rival in self._rivals(txid)) else "conflicted"
        return "abandoned" if payment.is_abandoned and txid not in self.pool else "open"

    # --- the client ---------------------------------------------------------------------------------------------------

    def for_wallet(self, _: str) -> PretendNode:
        return self

    async def close(self) -> None:
        pass

    async def call(self, method: str, *params: Any) -> Any:
        self.asked.append(method)
        if method in self.refused:
            return self.refused[method]
        answer = getattr(self, f"_{method}", None)
        return answer(*params) if answer is not None else Refusal(METHOD_NOT_FOUND, method)

    async def call_each(self, method: str, params: Sequence[tuple[Any, ...]], *, fine: Collection[str] = ()) -> list:
        return [await self.call(method, *each) for each in params]

    def _getblockchaininfo(self) -> Any:
        return {
            "chain": self.chain,
            "blocks": self.height,
            "bestblockhash": self.blocks[-1][0],
            "initialblockdownload": self.is_downloading,
        }

    def _getblockhash(self, height: int) -> Any:
        return self.blocks[height][0] if height < len(self.blocks) else Refusal("invalid_parameter", "out of range")

    def _getblockheader(self, block: str) -> Any:
        return {"hash": block} if block in self._heights or block in self._stale else UNKNOWN

    def _listwallets(self) -> Any:
        return self.wallets

    def _listsinceblock(self, since: str, *_: Any) -> Any:
        if since not in self._heights and since not in self._stale:
            return UNKNOWN
        start = self._heights.get(since, self._fork())
        entries = [self._entry(txid) for txid in self.payments]
        # As a real one: it lists no deposit that a block has in conflict.
        listed = [each for each in entries if each["category"] == "send" or each["confirmations"] >= 0]
        kept = [each for each in listed if abs(each["confirmations"]) <= self.height - start]
        removed = [self._entry(txid) for txid in self._removed(since)]
        return {"transactions": kept, "removed": removed, "lastblock": self.blocks[-1][0]}

    def _removed(self, since: str) -> Iterator[str]:
        """What was in blocks that left the chain, from this one down to where the branches part."""
        while since in self._stale:
            since, txids = self._stale[since]
            yield from txids

    def _fork(self) -> int:
        return 0  # a real node finds where the branches part; all of the chain is more than that

    def _listtransactions(self, _: str, count: int, *__: Any) -> Any:
        return [self._entry(txid) for txid in list(self.payments)[-count:]]

    def _gettransaction(self, txid: str, *_: Any) -> Any:
        payment = self.payments.get(txid)
        if payment is None:
            return UNKNOWN
        category = "receive" if payment.is_deposit else "send"
        details = [{"category": category, "abandoned": payment.is_abandoned}]
        if payment.is_internal:
            details.append({"category": "receive", "amount": payment.amount_sats / 1e8})
        return {
            **self._entry(txid),
            "details": details,
            "decoded": {"vin": [{"txid": "coin", "vout": 0}], "vsize": VSIZE},
        }

    def _getmempoolentry(self, txid: str) -> Any:
        if txid not in self.pool:
            return UNKNOWN
        fee = self.payments[txid].fee_sats / 1e8
        return {"vsize": VSIZE, "fees": {"base": fee, "ancestor": fee}, "ancestorsize": VSIZE, "height": self.height}

    def _getmempoolinfo(self) -> Any:
        return {"mempoolminfee": 1e-5, "minrelaytxfee": 1e-5, "incrementalrelayfee": 1e-5, "loaded": True}

    def _estimatesmartfee(self, _: int) -> Any:
        return {"errors": ["no"]} if self.market is None else {"feerate": self.market / 1e5}

    def _getblockstats(self, *_: Any) -> Any:
        return {"feerate_percentiles": [0] * 5, "totalfee": 0}

    def _getnetworkinfo(self) -> Any:
        return {"version": 290_000, "subversion": "/Satoshi:29.0.0/"}

    def _getwalletinfo(self) -> Any:
        return {"private_keys_enabled": True}

    def _listunspent(self, *_: Any) -> Any:
        return []

    def _entry(self, txid: str) -> dict[str, Any]:
        payment, depth = self.payments[txid], self._depth(txid)
        sign = 1 if payment.is_deposit else 0 if payment.is_internal else -1
        entry: dict[str, Any] = {
            "txid": txid,
            "category": "receive" if payment.is_deposit else "send",
            "amount": sign * payment.amount_sats / 1e8,
            "confirmations": depth,
            "walletconflicts": self._rivals(txid),
            "mempoolconflicts": [rival for rival in self._rivals(txid) if rival in self.pool],
            "timereceived": payment.received_s,
            "time": payment.received_s,
            "abandoned": payment.is_abandoned,
            "bip125-replaceable": "yes",
        }
        if not payment.is_deposit:
            entry["fee"] = -payment.fee_sats / 1e8
        if depth > 0:
            entry["blockheight"] = self.height - depth + 1
            entry["blockhash"] = self.blocks[self.height - depth + 1][0]
        if payment.replaced_by:
            entry["replaced_by_txid"] = payment.replaced_by
        if payment.replaces:
            entry["replaces_txid"] = payment.replaces
        return entry

    def _depth(self, txid: str) -> int:
        at = self._mined_at.get(txid)
        if at is not None:
            return self.height - at + 1
        conflicted_at = self.payments[txid].conflicted_at
        return -(self.height - conflicted_at + 1) if conflicted_at else 0

    def _rivals(self, txid: str) -> list[str]:
        payment = self.payments[txid]
        known = [rival for rival in (payment.replaced_by, payment.replaces) if rival]
        return known + sorted(payment.rivals - set(known))
