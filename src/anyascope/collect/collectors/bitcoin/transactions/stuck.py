"""Which own transactions are stuck, and what would free them: asks the node once a block."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from anyascope.clock import NS_PER_S, Clock
from anyascope.collect.collectors.bitcoin.client import RpcClient
from anyascope.collect.collectors.bitcoin.sheet import facts_of, sats
from anyascope.collect.collectors.bitcoin.transactions.bump import (
    Case,
    OwnOutput,
    Till,
    bump_of,
)
from anyascope.collect.collectors.bitcoin.transactions.command_line import client_words
from anyascope.collect.collectors.bitcoin.transactions.looks import WalletLooker
from anyascope.collect.collectors.bitcoin.transactions.market import (
    BLOCKS_LOOKED_AT,
    TARGET_BLOCKS,
    Market,
    market_of,
    taken_rate,
)
from anyascope.collect.collectors.bitcoin.transactions.nouns import Owned
from anyascope.collect.collectors.bitcoin.transactions.pool import PoolEntry, effective_rate, entry_of
from anyascope.collect.options import BitcoinNodeOptions
from anyascope.model.own_transactions import FeeBump
from anyascope.semconv.coins import LITECOIN

STUCK_AFTER_BLOCKS = 6  # an hour below what the next three blocks take: what a custodian's customer waits for
ABSENT_S = 60.0  # out of the mempool for so long is evicted, not on its way: nodes reload and relay within seconds
STUCK_TOLD_MAX = 20  # of one wallet: series and advice; the rest is in the count
CHILDREN_ASKED_MAX = 25  # as many as Core's descendant limit


@dataclass(frozen=True, slots=True)
class Advice:
    """A stuck transaction: what it pays, what the market takes, and what would free it.

    Attributes:
        rate: by which it would be mined, sats a virtual byte; None where it is not in the mempool.
        bump: None where nothing here can free it; `lacks` says why.
    """

    rate: float | None
    market: float
    bump: FeeBump | None
    lacks: str = ""


@dataclass(frozen=True, slots=True)
class NodeTraits:
    """What of a node decides which commands it takes.

    Attributes:
        replaces: false of Litecoin's, which replace nothing unless told to (`mempoolreplacement`).
        coin: empty for Bitcoin.
    """

    version: int = 0
    client: tuple[str, ...] = ("bitcoin-cli",)
    replaces: bool = True
    coin: str = ""


def traits_of(network_info: object, chain: str, options: BitcoinNodeOptions) -> NodeTraits:
    """From `getnetworkinfo`, and how the node is reached."""
    facts: Mapping[str, Any] = network_info if isinstance(network_info, dict) else {}
    version = facts.get("version")
    is_litecoin = "litecoin" in str(facts.get("subversion", "")).lower()
    return NodeTraits(
        version if isinstance(version, int) else 0,
        client=client_words(options, chain, is_litecoin=is_litecoin),
        replaces=not is_litecoin,
        coin=LITECOIN if is_litecoin else "",
    )


def weigh(owned: Owned, *, rate: float | None, market: float, height: int, is_evicted: bool) -> Owned:
    """The transaction with what its fee rate means: stuck below the market for more than STUCK_AFTER_BLOCKS, or evicted.

    Args:
        rate: by which it would be mined; None where it is not in the mempool.
    """
    if rate is None:
        return replace(owned, is_stuck=True, is_evicted=True) if is_evicted else owned
    if rate >= market:
        return replace(owned, below_since=None, is_stuck=False, is_evicted=False, is_weighed=True)
    since = owned.below_since
    if since is None:
        # One that is compared for the first time late, after a start or on a loaded machine, was left behind by each block since it came.
        since = height if owned.is_weighed else min(height, owned.height + 1)
    return replace(
        owned,
        below_since=since,
        is_stuck=height - since > STUCK_AFTER_BLOCKS,
        is_evicted=False,
        is_weighed=True,
    )


def freed_by_child(txid: str, found: Mapping[str, Advice], entries: Mapping[str, PoolEntry]) -> Advice:
    """The advice, which names the stuck descendant of ours that frees it where nothing of its own does."""
    advice = found[txid]
    if advice.bump is not None:
        return advice
    waiting, met = [txid], {txid}
    while waiting:
        entry = entries.get(waiting.pop())
        for child in entry.spent_by if entry is not None else ():
            told = found.get(child)
            if told is None or child in met:
                continue
            if told.bump is not None:
                lacks = f"{child} spends its output and is stuck, too: what frees that one frees both"
                return replace(advice, lacks=lacks)
            met.add(child)
            waiting.append(child)
    return advice


class StuckDesk:
    """Judges the waiting transactions of one node's wallets.

    A node that does not answer one of the questions leaves everything as it was found last.
    """

    def __init__(self, client: RpcClient, *, clock: Clock) -> None:
        self._client = client
        self._clock = clock
        self._taken: dict[str, float | None] = {}
        self.market: Market | None = None

    async def ask_market(self, height: int) -> Market | None:
        """What the next blocks take; None where the node does not say."""
        pool = await self._client.call("getmempoolinfo")
        estimate = await self._client.call("estimatesmartfee", TARGET_BLOCKS)
        if not isinstance(pool, dict):
            self.market = None
            return None
        known: Mapping[str, Any] = estimate if isinstance(estimate, dict) else {}
        taken = [] if known.get("feerate") is not None else await self._ask_blocks(height)
        self.market = market_of(pool, known, taken)
        return self.market

    async def judge(self, looker: WalletLooker, *, height: int, market: Market) -> None:
        """Find who is stuck in a wallet, and note it in its book."""
        now_ns = self._clock.monotonic_ns()
        for owned in looker.book.open():
            txid = owned.facts.txid
            entry, absent_ns = looker.entries.get(txid), looker.absent_ns.get(txid)
            is_evicted = market.is_pool_loaded and absent_ns is not None and now_ns - absent_ns >= ABSENT_S * NS_PER_S
            rate = None if entry is None else await self._rate(entry, market.rate)
            looker.book.judge(weigh(owned, rate=rate, market=market.rate, height=height, is_evicted=is_evicted))

    async def advise(self, looker: WalletLooker, *, traits: NodeTraits, market: Market) -> dict[str, Advice]:
        """By transaction, for the oldest of the stuck ones."""
        stuck = sorted((each for each in looker.book.open() if each.is_stuck), key=lambda each: each.height)
        if not stuck:
            return {}
        till = await self._till(looker, traits=traits, market=market)
        outputs = await self._outputs(looker)
        found: dict[str, Advice] = {}
        for owned in stuck[:STUCK_TOLD_MAX]:
            entry = looker.entries.get(owned.facts.txid)
            own = (outputs or {}).get(owned.facts.txid, [])
            ancestors = await self._ancestors(owned.facts.txid, entry)
            # Of one that left the mempool no output is listed.
            lacks_change = outputs is not None and entry is not None and not own
            bump, lacks = bump_of(Case(owned.facts, entry, ancestors, own, lacks_change), till)
            rate = None if entry is None else await self._rate(entry, market.rate)
            found[owned.facts.txid] = Advice(rate, market.rate, bump, lacks)
        return {txid: freed_by_child(txid, found, looker.entries) for txid in found}

    # --- inside -------------------------------------------------------------------------------------------------------

    async def _till(self, looker: WalletLooker, *, traits: NodeTraits, market: Market) -> Till:
        wallet = facts_of(await looker.client.call("getwalletinfo"))
        mine = facts_of(facts_of(await looker.client.call("getbalances")).get("mine"))
        return Till(
            market.rate,
            minimum=market.minimum,
            increment=market.increment,
            version=traits.version,
            client=traits.client,
            wallet=looker.wallet,
            has_keys=wallet.get("private_keys_enabled") is not False,
            is_locked=wallet.get("unlocked_until") == 0,
            trusted_sats=sats(mine.get("trusted")),
            replaces=traits.replaces and market.replaces,
            coin=traits.coin,
        )

    async def _ask_blocks(self, height: int) -> list[float]:
        """What the newest blocks took, each asked once."""
        heights = range(max(1, height - BLOCKS_LOOKED_AT + 1), height + 1)
        hashes = await self._client.call_each("getblockhash", [(each,) for each in heights])
        taken: dict[str, float | None] = {}
        for block in hashes:
            if isinstance(block, str):
                known = block in self._taken
                taken[block] = self._taken[block] if known else await self._ask_block(block)
        self._taken = taken
        return [rate for rate in taken.values() if rate is not None]

    async def _ask_block(self, block: str) -> float | None:
        return taken_rate(
            facts_of(await self._client.call("getblockstats", block, ["feerate_percentiles", "totalfee"]))
        )

    async def _rate(self, entry: PoolEntry, market: float) -> float:
        """The children are asked only where they could matter."""
        if entry.score >= market or not entry.spent_by:
            return effective_rate(entry)
        asked = [(txid,) for txid in entry.spent_by[:CHILDREN_ASKED_MAX]]
        told = await self._client.call_each("getmempoolentry", asked)
        return effective_rate(entry, [child for child in map(entry_of, told) if child is not None])

    async def _ancestors(self, txid: str, entry: PoolEntry | None) -> dict[str, PoolEntry]:
        if entry is None or entry.ancestors <= 1:
            return {}
        told = facts_of(await self._client.call("getmempoolancestors", txid, True))
        entries = {ancestor: entry_of(answer) for ancestor, answer in told.items()}
        return {ancestor: found for ancestor, found in entries.items() if found is not None}

    async def _outputs(self, looker: WalletLooker) -> dict[str, list[OwnOutput]] | None:
        """Unconfirmed outputs that the wallet can spend, by transaction; None where the node does not say."""
        told = await looker.client.call("listunspent", 0, 0, [], True)
        if not isinstance(told, list):
            return None
        found: dict[str, list[OwnOutput]] = {}
        for each in told:
            amount = sats(each.get("amount"))
            if each.get("spendable") and amount is not None:
                output = OwnOutput(int(each["vout"]), amount, str(each.get("scriptPubKey", "")))
                found.setdefault(str(each["txid"]), []).append(output)
        return found
