"""Watches the transactions of a node's wallets: at each block, at once where the mempool takes one, and every interval."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Collection, Mapping
from typing import Any

import structlog

from anyascope.clock import NS_PER_S, Clock, wait_for
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
LATE_S = (
    2.0  # after the last of them the newest ones of each wallet are looked at: its lock may have been held that long
)
RETRY_S = 1.0  # after a look that failed; then twice as long each time, up to the interval
NAMED_MAX = 10_000  # transactions that messages named since the last look; beyond it everything is looked at
EVENTS_WAITING_MAX = 10_000  # while the intake is full; then the wallets are not looked at, and nothing is lost
EVENTS_TOGETHER = 500  # of one batch


class TransactionsWatch:
    """The wallets of one node.

    `on_block` and `on_transaction` are for the node's feed; `run` follows what they say, `gather` looks and tells the figures.

    Args:
        client: of the node; closed with the watch.
        info: what the node says of its chain, where others ask for it too.
        configured: the nodes of the settings, so that what was known under a name that they do not have is taken over; None where it is not.
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
        configured: Collection[str] | None = None,
    ) -> None:
        self._options = options
        self._intake = intake
        self._documents = documents
        self._clock = clock
        self._client = client
        self._configured = configured
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
        self._late_ns: int | None = None  # when the newest ones are looked at, for what no wallet had in time
        self._retry_ns: int | None = None  # when everything is looked at again, after a look that failed
        self._retry_s = RETRY_S
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
            await self._stirred()
            since_s = (self._clock.monotonic_ns() - self._newest_ns) / NS_PER_S
            await self._clock.sleep(max(SETTLE_S, self._gap_s - since_s))
            try:
                async with self._lock:
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
                self._judge_look()
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

    async def _stirred(self) -> None:
        """Return when messages came, or a look is due again."""
        dues = [due_ns for due_ns in (self._late_ns, self._retry_ns) if due_ns is not None]
        if not dues:
            await self._stir.wait()
            return
        await wait_for(self._stir, clock=self._clock, timeout_s=(min(dues) - self._clock.monotonic_ns()) / NS_PER_S)
        if self._is_due(self._retry_ns):
            self._retry_ns = None
            self.on_block()

    def _is_due(self, due_ns: int | None) -> bool:
        return due_ns is not None and due_ns <= self._clock.monotonic_ns()

    def _judge_look(self) -> None:
        """A look that failed is made again soon: what messages named meanwhile was not looked at."""
        if self._verdict.status in (HealthStatus.HEALTHY, HealthStatus.UNKNOWN):
            self._retry_ns, self._retry_s = None, RETRY_S
            return
        self._retry_ns = self._clock.monotonic_ns() + round(self._retry_s * NS_PER_S)
        self._retry_s = min(2 * self._retry_s, self._options.interval_s)
        self._stir.set()

    async def _follow_mempool(self) -> None:
        """Look at what messages named. Under the lock."""
        self._stir.clear()
        named, self._named = dict.fromkeys(self._named, 0) | self._missed, set()
        self._missed = {}
        self._newest_ns = self._clock.monotonic_ns()
        is_late, height = self._is_due(self._late_ns), self._tip[1]
        if is_late:
            self._late_ns = None
        if not (named or is_late) or height < 0 or len(self._records) >= EVENTS_WAITING_MAX:
            return
        missed, happened, asked_ns = set(named), False, 0
        async with asyncio.TaskGroup() as group:
            lookers = [self._lookers[wallet] for wallet in self._watched]
            looks = [group.create_task(self._look_at_named(each, named, is_late=is_late)) for each in lookers]
            # Each wallet as it answers: one that is slow must not keep the spends of the others waiting.
            for look in asyncio.as_completed(looks):
                looker, lacks, took_ns = await look
                missed &= lacks
                asked_ns += took_ns
                happened |= await self._take(looker)  # our own work: the node does not wait for it
        if happened:
            self.nudge.set()
        asked = {txid: named[txid] + 1 for txid in missed} if self._watched else {}
        self._missed = {txid: times for txid, times in asked.items() if times < ASKED_MAX}
        if self._missed:
            self._stir.set()
        if len(self._missed) < len(asked) and self._late_ns is None:
            self._late_ns = self._clock.monotonic_ns() + round(LATE_S * NS_PER_S)
        self._gap_s = min(GAP_S_MAX, max(GAP_S_MIN, GAP_PER_LOOK * asked_ns / NS_PER_S))

    async def _look_at_named(
        self, looker: WalletLooker, named: Collection[str], *, is_late: bool
    ) -> tuple[WalletLooker, set[str], int]:
        """The wallet, which of them it does not have, and how long it took the node to say so."""
        began_ns, missed = self._clock.monotonic_ns(), set(named)
        try:
            missed = await looker.look_at_named(named, height=self._tip[1])
            if is_late:
                await looker.look_at_newest(height=self._tip[1])
        except LookError:
            self.on_block()  # a look at everything: it finds what this one did not, or says what is wrong
        except Exception:
            # Here, for in its group it would end the looks at the other wallets, too.
            log.exception("bitcoin_wallet_look_failed", node=self._options.name, wallet=wallet_label(looker.wallet))
            self.on_block()
        return looker, missed, self._clock.monotonic_ns() - began_ns

    async def _look(self) -> Verdict:
        """Look at everything once."""
        if not await self._hand_in(list(self._lookers.values())):
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
                self._forget_all_but(())
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
        waits = ""
        for wallet in roll.watched:
            looker = self._looker(wallet)
            await self._let_in()
            try:
                waits = await self._look_at_one(looker, genesis=genesis, is_due=is_new or is_seldom) or waits
            except LookError as error:
                faults.append(f"{wallet_label(wallet)}: {error.refusal.code}: {error.refusal.message}")
            except UnavailableError:
                raise
            except Exception as error:
                # What is wrong with one wallet must not hide the others.
                log.exception("bitcoin_wallet_look_failed", node=self._options.name, wallet=wallet_label(wallet))
                faults.append(f"{wallet_label(wallet)}: a fault of the server: {type(error).__name__}: {error}")
            await self._take(looker)
            if looker.book.has_begun:
                watched.append(wallet)
        self._watched = tuple(watched)
        self._forget_all_but(roll.watched)
        if (is_new or is_seldom) and not waits:
            self._seldom_ns = self._clock.monotonic_ns()
            await self._judge_stuck()
        if faults:
            return Verdict(HealthStatus.DEGRADED, "; ".join(faults), "see the node's debug.log")
        waiting = sum(len(self._lookers[wallet].book.open()) for wallet in watched)
        return Verdict(HealthStatus.HEALTHY, f"{len(watched)} wallets, {waiting} transactions wait for a block{waits}")

    async def _look_at_one(self, looker: WalletLooker, *, genesis: str, is_due: bool) -> str:
        """Bring one wallet up to the tip; what it waits for, or nothing.

        Args:
            is_due: whether it is time for a look at everything.

        Raises:
            LookError: the node or the wallet did not answer as it should.
            UnavailableError: the store cannot be read.
        """
        block, height = self._tip
        await looker.restore(self._documents, genesis=genesis)
        since = looker.book.head.since
        if await looker.is_set_back(height):
            return f"; all stays as it was until the node, at block {height}, has {since.height} again"
        if is_due or since.hash != block:
            await looker.look_at_all(genesis=genesis, height=height)
        else:
            await looker.look_at_open(height=height)
        return ""

    async def _let_in(self) -> None:
        """Look at what messages named meanwhile: a spend must not wait until a whole look is over. Under the lock."""
        if self._named:
            await self._follow_mempool()

    def _looker(self, wallet: str) -> WalletLooker:
        looker = self._lookers.get(wallet)
        if looker is None:
            looker = WalletLooker(
                self._options.name, wallet, client=self._client, clock=self._clock, configured=self._configured
            )
            self._lookers[wallet] = looker
        return looker

    def _forget_all_but(self, loaded: Collection[str]) -> None:
        """Keep nothing in memory of wallets that are unloaded: one that is loaded again goes on from what is written, as after a restart."""
        for wallet in [each for each in self._lookers if each not in loaded]:
            book = self._lookers[wallet].book
            if not (self._records or book.happened or book.changes()):
                del self._lookers[wallet]

    async def _judge_stuck(self) -> None:
        """Ask for the market only where something waits."""
        lookers = [self._lookers[wallet] for wallet in self._watched]
        if not any(looker.book.open() for looker in lookers):
            return
        height = self._tip[1]
        market = await self._desk.ask_market(height)
        await self._let_in()
        if market is None:
            return
        self._traits = traits_of(await self._client.call("getnetworkinfo"), self._chain, self._options)
        advised: dict[tuple[str, str], Advice] = {}
        for looker in lookers:
            await self._let_in()
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
                each,
                node=self._options.name,
                chain=self._chain,
                coin=self._coin,
                wallet=wallet_label(looker.wallet),
                now_ns=now_ns,
            )
            for each in happened
        ]
        await self._hand_in([looker])
        return bool(happened)

    async def _hand_in(self, lookers: Collection[WalletLooker]) -> bool:
        """Whether nothing waits any more. What these know is written after what happened was told: see `WalletBook`."""
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
            for looker in lookers:
                changes = looker.book.changes()
                if changes:
                    await self._documents.commit(changes)
                    looker.book.written()
        return True

    def _open(self, looker: WalletLooker, txid: str) -> OpenTransaction:
        owned, entry = looker.book.owned[txid], looker.entries.get(txid)
        advice = self._advice.get((looker.wallet, txid)) if owned.is_stuck else None
        rate = advice.rate if advice is not None else looker.rate_of(entry) if entry is not None else None
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
            coin=self._coin,
        )

    def _tell(self) -> Round:
        sheet = Sheet(self._chain, self._coin)
        now_s = self._clock.now_ns() / NS_PER_S
        for wallet in self._watched:
            book = self._lookers[wallet].book
            tell_wallet(sheet, book, ("wallet", wallet_label(wallet)), height=self._tip[1], now_s=now_s)
        return round_of(sheet, self._verdict)
