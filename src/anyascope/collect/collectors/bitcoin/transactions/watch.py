"""Watches the transactions of a node's wallets: at each block, at once where the mempool takes one, and every interval."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Mapping
from typing import Any

import structlog

from anyascope.clock import NS_PER_S, Clock
from anyascope.collect.collectors.bitcoin.chain_info import ChainInfo
from anyascope.collect.collectors.bitcoin.client import RpcClient
from anyascope.collect.collectors.bitcoin.events import STREAM
from anyascope.collect.collectors.bitcoin.networks import network_of
from anyascope.collect.collectors.bitcoin.sheet import Sheet
from anyascope.collect.collectors.bitcoin.transactions.events import record_of
from anyascope.collect.collectors.bitcoin.transactions.figures import tell_wallet
from anyascope.collect.collectors.bitcoin.transactions.looks import LookError, WalletLooker
from anyascope.collect.collectors.bitcoin.transactions.stuck import Advice, NodeTraits, StuckDesk, traits_of
from anyascope.collect.collectors.bitcoin.verdict import Verdict, judge_refusal, judge_wrong_chain, round_of
from anyascope.collect.collectors.bitcoin.wallets.loaded import find_wallets, wallet_label
from anyascope.collect.options import BitcoinNodeOptions
from anyascope.collect.runner import Round
from anyascope.errors import UnavailableError
from anyascope.model.logs import LogBatch, LogRecord
from anyascope.model.own_transactions import OpenTransaction
from anyascope.ports import HealthStatus, Intake
from anyascope.store.api.documents import DocumentStore
from anyascope.wire.bitcoin.rpc import INVALID_ANSWER, METHOD_NOT_FOUND, Refusal

log = structlog.get_logger("anyascope.collect")

SETTLE_S = 0.03  # between a message and the look: the wallet hears of a transaction a moment after the mempool
GAP_S_MIN = 0.25  # between two looks that messages of the mempool ask for: it takes some ten transactions a second
GAP_S_MAX = 1.0  # a spend that nobody asked for is at its receiver within two
GAP_PER_LOOK = 20  # the node's part of a look may take a twentieth of the time
BLOCK_GAP_S = 0.1  # between two looks that blocks ask for
SELDOM_S = 60.0  # between two looks at all that waits, and at who is stuck, while no block comes
ASKED_MAX = 3  # times that the wallets are asked of a transaction: the node tells of it before they take it
NAMED_MAX = 10_000  # transactions that messages named since the last look; beyond it everything is looked at
EVENTS_WAITING_MAX = 10_000  # while the intake is full; then the wallets are not looked at, and nothing is lost
EVENTS_TOGETHER = 500  # of one batch


class TransactionsWatch:
    """The wallets of one node.

    `on_block` and `on_transaction` are for the node's feed; `run` follows what they say, `gather` looks and tells the figures.

    Args:
        client: of the node; closed with the watch.
        info: what the node says of its chain, where others ask for it too.
        documents: what is known of each transaction, so that a restart loses nothing and tells nothing twice.
    """

    def __init__(
        self,
        options: BitcoinNodeOptions,
        *,
        client: RpcClient,
        intake: Intake,
        documents: DocumentStore,
        clock: Clock,
        info: ChainInfo | None = None,
    ) -> None:
        self._options = options
        self._intake = intake
        self._documents = documents
        self._clock = clock
        self._client = client
        self._info = info or ChainInfo(client, clock=clock)
        self._desk = StuckDesk(self._client, clock=clock)
        self._lookers: dict[str, WalletLooker] = {}
        self._watched: tuple[str, ...] = ()
        self._chain = options.chain or "unknown"
        self._coin = ""
        self._tip = ("", -1)
        self._traits = NodeTraits()
        self._advice: dict[tuple[str, str], Advice] = {}
        self._verdict = Verdict(HealthStatus.UNKNOWN, "not looked yet")
        self._records: deque[LogRecord] = deque()
        self._named: set[str] = set()
        self._missed: dict[str, int] = {}  # what no wallet had, and how often they were asked
        self._stir = asyncio.Event()
        self._lock = asyncio.Lock()
        self._is_block_due = True
        self._whole_ns = self._seldom_ns = self._newest_ns = clock.monotonic_ns() - round(SELDOM_S * NS_PER_S)
        self._gap_s = GAP_S_MIN
        self.nudge = asyncio.Event()

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()

    def on_block(self) -> None:
        """A block came or went, or may have."""
        self._is_block_due = True
        self.nudge.set()

    def on_transaction(self, txid: str, is_added: bool) -> None:  # noqa: FBT001  # as the feed tells it
        """The mempool took a transaction, or lost it without a block."""
        if not is_added and not any(txid in looker.book.owned for looker in self._lookers.values()):
            return
        self._named.add(txid)
        self._stir.set()
        if len(self._named) > NAMED_MAX:
            self._named.clear()
            self.on_block()

    async def run(self) -> None:
        """Follow the mempool until cancelled."""
        while True:
            await self._stir.wait()
            since_s = (self._clock.monotonic_ns() - self._newest_ns) / NS_PER_S
            await self._clock.sleep(max(SETTLE_S, self._gap_s - since_s))
            try:
                await self._follow_mempool()
            except Exception:
                # A fault of one look must not end the watch; the next look of `gather` tells it by the health.
                log.exception("bitcoin_transactions_look_failed", node=self._options.name)

    async def gather(self) -> Round:
        """Look where it is time to, and tell the figures."""
        self.nudge.clear()
        async with self._lock:
            since_s = (self._clock.monotonic_ns() - self._whole_ns) / NS_PER_S
            if self._is_block_due:
                await self._clock.sleep(BLOCK_GAP_S - since_s)
            if self._is_block_due or since_s >= self._options.interval_s / 2:
                self._is_block_due = False
                self._whole_ns = self._clock.monotonic_ns()
                self._verdict = await self._look()
            return self._tell()

    def open_transactions(self) -> list[OpenTransaction]:
        """What waits for a block, or lost the one that it was in; the oldest of each wallet first."""
        found = []
        for wallet in self._watched:
            looker = self._lookers[wallet]
            owned = [each for each in looker.book.owned.values() if each.is_open or each.is_reopened]
            owned.sort(key=lambda each: each.facts.received_s)
            found += [self._open(looker, each.facts.txid) for each in owned]
        return found

    # --- inside -------------------------------------------------------------------------------------------------------

    async def _follow_mempool(self) -> None:
        async with self._lock:
            self._stir.clear()
            named, self._named = dict.fromkeys(self._named, 0) | self._missed, set()
            self._missed = {}
            self._newest_ns, asked_ns = self._clock.monotonic_ns(), 0
            height = self._tip[1]
            if height < 0 or len(self._records) >= EVENTS_WAITING_MAX:
                return
            happened = False
            missed = set(named)
            for wallet in self._watched:
                looker = self._lookers[wallet]
                began_ns = self._clock.monotonic_ns()
                try:
                    missed &= await looker.look_at_named(named, height=height)
                except LookError:
                    self.on_block()  # a look at everything: it finds what this one did not, or says what is wrong
                asked_ns += self._clock.monotonic_ns() - began_ns
                happened |= await self._take(looker)  # our own work: the node does not wait for it
            if happened:
                self.nudge.set()
            self._missed = {txid: named[txid] + 1 for txid in missed if named[txid] + 1 < ASKED_MAX and self._watched}
            if self._missed:
                self._stir.set()
            self._gap_s = min(GAP_S_MAX, max(GAP_S_MIN, GAP_PER_LOOK * asked_ns / NS_PER_S))

    async def _look(self) -> Verdict:
        """Look at everything once."""
        if not await self._hand_in():
            return Verdict(HealthStatus.DEGRADED, "events wait: the intake is full", "see the health of ingest")
        info = await self._info.ask("transactions")
        if isinstance(info, Refusal):
            self._lose_sight()
            return judge_refusal(info)
        chain = str(info["chain"])
        if self._options.chain not in ("", chain):
            self._lose_sight()
            return judge_wrong_chain(chain, self._options.chain)
        if info.get("initialblockdownload"):
            self._lose_sight()
            return Verdict(HealthStatus.HEALTHY, "waits for the end of the initial download")
        return await self._look_at_wallets(chain, info)

    def _lose_sight(self) -> None:
        """Tell nothing of the wallets: what was known may be true no more."""
        self._tip, self._watched = ("", -1), ()

    async def _look_at_wallets(self, chain: str, info: Mapping[str, Any]) -> Verdict:
        genesis = await self._client.call("getblockhash", 0)
        roll = await find_wallets(self._client, self._options.wallets)
        if isinstance(roll, Refusal):
            self._lose_sight()
            if roll.code == METHOD_NOT_FOUND:
                return Verdict(HealthStatus.HEALTHY, "the node has no wallets")
            return judge_refusal(roll)
        if not isinstance(genesis, str):
            return judge_refusal(genesis if isinstance(genesis, Refusal) else Refusal(INVALID_ANSWER, "no genesis"))
        tip = (str(info.get("bestblockhash", "")), int(info.get("blocks", -1)))
        is_new, self._tip, self._chain = tip != self._tip, tip, chain
        self._coin = network_of(genesis).coin
        is_seldom = self._clock.monotonic_ns() - self._seldom_ns >= SELDOM_S * NS_PER_S
        faults: list[str] = []
        watched: list[str] = []
        for wallet in roll.watched:
            looker = self._looker(wallet)
            try:
                await looker.restore(self._documents, genesis=genesis)
                if is_new or is_seldom or looker.book.head.since.hash != tip[0]:
                    await looker.look_at_all(genesis=genesis, height=tip[1])
                else:
                    await looker.look_at_open(height=tip[1])
            except LookError as error:
                faults.append(f"{wallet_label(wallet)}: {error.refusal.code}: {error.refusal.message}")
            await self._take(looker)
            if looker.book.has_begun:
                watched.append(wallet)
        self._watched = tuple(watched)
        if is_new or is_seldom:
            self._seldom_ns = self._clock.monotonic_ns()
            await self._judge_stuck()
        if faults:
            return Verdict(HealthStatus.DEGRADED, "; ".join(faults), "see the node's debug.log")
        waiting = sum(len(self._lookers[wallet].book.open()) for wallet in watched)
        return Verdict(HealthStatus.HEALTHY, f"{len(watched)} wallets, {waiting} transactions wait for a block")

    def _looker(self, wallet: str) -> WalletLooker:
        looker = self._lookers.get(wallet)
        if looker is None:
            looker = WalletLooker(self._options.name, wallet, client=self._client, clock=self._clock)
            self._lookers[wallet] = looker
        return looker

    async def _judge_stuck(self) -> None:
        """Ask for the market only where something waits."""
        lookers = [self._lookers[wallet] for wallet in self._watched]
        if not any(looker.book.open() for looker in lookers):
            return
        height = self._tip[1]
        market = await self._desk.ask_market(height)
        if market is None:
            return
        self._traits = traits_of(await self._client.call("getnetworkinfo"), self._chain, self._options)
        advised: dict[tuple[str, str], Advice] = {}
        for looker in lookers:
            looker.forget_pool()
            await self._desk.judge(looker, height=height, market=market)
            await self._take(looker)
            advice = await self._desk.advise(looker, traits=self._traits, market=market)
            advised.update({(looker.wallet, txid): each for txid, each in advice.items()})
        self._advice = advised

    async def _take(self, looker: WalletLooker) -> bool:
        """Whether something happened; it is handed in at once."""
        happened, looker.book.happened = looker.book.happened, []
        now_ns = self._clock.now_ns()
        self._records += [
            record_of(
                each, node=self._options.name, chain=self._chain, wallet=wallet_label(looker.wallet), now_ns=now_ns
            )
            for each in happened
        ]
        await self._hand_in()
        return bool(happened)

    async def _hand_in(self) -> bool:
        """Whether nothing waits any more. What is known is written after what happened was told: see `WalletBook`."""
        while self._records:
            together = [self._records[number] for number in range(min(EVENTS_TOGETHER, len(self._records)))]
            batch = LogBatch(STREAM)
            for record in together:
                batch.add(record)
            try:
                await self._intake.logs([batch], source=STREAM)
            except UnavailableError:
                return False
            for _ in together:
                self._records.popleft()
        # A store that is full must not blind us: what is not kept now is kept with the next look.
        with contextlib.suppress(UnavailableError):
            for looker in self._lookers.values():
                changes = looker.book.changes()
                if changes:
                    await self._documents.commit(changes)
                    looker.book.written()
        return True

    def _open(self, looker: WalletLooker, txid: str) -> OpenTransaction:
        owned, entry = looker.book.owned[txid], looker.entries.get(txid)
        advice = self._advice.get((looker.wallet, txid)) if owned.is_stuck else None
        rate = advice.rate if advice is not None else entry.score if entry is not None else None
        return OpenTransaction(
            self._chain,
            self._options.name,
            wallet_label(looker.wallet),
            txid,
            direction=owned.facts.direction.value,
            status=owned.standing.status.value,
            amount_sats=owned.facts.amount_sats,
            fee_sats=owned.facts.fee_sats,
            seen_ns=owned.facts.received_s * NS_PER_S,
            age_blocks=max(0, self._tip[1] - owned.height),
            is_in_mempool=entry is not None,
            is_stuck=owned.is_stuck,
            is_evicted=owned.is_evicted,
            is_reopened=owned.is_reopened,
            rate_sat_per_vb=round(rate, 3) if rate is not None else None,
            market_sat_per_vb=advice.market if advice is not None else None,
            bump=advice.bump if advice is not None else None,
            lacks=advice.lacks if advice is not None else "",
        )

    def _tell(self) -> Round:
        sheet = Sheet(self._chain, self._coin)
        now_s = self._clock.now_ns() / NS_PER_S
        for wallet in self._watched:
            book = self._lookers[wallet].book
            tell_wallet(sheet, book, ("wallet", wallet_label(wallet)), height=self._tip[1], now_s=now_s)
        return round_of(sheet, self._verdict)
