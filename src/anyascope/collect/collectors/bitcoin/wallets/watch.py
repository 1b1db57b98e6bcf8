"""Watches the wallets of one node: a job of its own, so that a slow wallet never delays blocks."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import replace

import structlog

from anyascope.clock import NS_PER_S, Clock
from anyascope.collect.collectors.bitcoin.chain_info import ChainInfo
from anyascope.collect.collectors.bitcoin.client import RpcClient
from anyascope.collect.collectors.bitcoin.networks import network_of
from anyascope.collect.collectors.bitcoin.sheet import Sheet, facts_of
from anyascope.collect.collectors.bitcoin.verdict import WRONG_CHAIN, judge_refusal
from anyascope.collect.collectors.bitcoin.wallets.fees import ESTIMATE, TARGET_BLOCKS, Fee, FeeBook, fee_of
from anyascope.collect.collectors.bitcoin.wallets.loaded import WalletRoll, find_wallets, wallet_label
from anyascope.collect.collectors.bitcoin.wallets.wallet import Wallet, WalletState
from anyascope.collect.collectors.bitcoin.wallets.wallet_figures import (
    coins_sight,
    fee_sight,
    tell_readable,
    tell_wallet,
)
from anyascope.collect.options import BitcoinNodeOptions
from anyascope.collect.runner import Round
from anyascope.errors import UnavailableError
from anyascope.model.documents import Json, Put
from anyascope.model.wallets import WalletSight
from anyascope.semconv.coins import fee_rate_unit
from anyascope.store.api.documents import DocumentStore
from anyascope.wire.bitcoin.rpc import FORBIDDEN, METHOD_NOT_FOUND, TIMEOUT, UNREACHABLE, WALLET_NOT_FOUND, Refusal

log = structlog.get_logger("anyascope.collect")

DOCUMENT_KIND = "collect.bitcoin.fees"
KEEP_EVERY_S = 600.0  # a restart loses at most this much of the fees of the last days
LISTING_S_MAX = 2.0  # of one round: funds of all wallets are told before the coins of a large one were listed
FAULTS_NAMED_MAX = 3  # wallets that a health message names
LATE_MAX = (
    2  # wallets in a row without an answer in time: then it is the node, and each of a hundred would wait so long
)
_BROKEN = frozenset((UNREACHABLE, TIMEOUT))
_FAULT = "a fault of the server"
_ADVICE = {
    _FAULT: "see the server's log",
    WALLET_NOT_FOUND: "load it (loadwallet NAME true: it is loaded at each start), or take it out of wallets",
    FORBIDDEN: "add the method to the node's rpcwhitelist of this user",
}


class WalletsWatch:
    """The wallets of one node.

    Args:
        documents: keeps the fees of the last days.
        client: of the node; it is closed with the watch.
        info: what the node says of its chain, where others ask for it too.
    """

    def __init__(
        self,
        options: BitcoinNodeOptions,
        *,
        documents: DocumentStore,
        clock: Clock,
        client: RpcClient,
        info: ChainInfo | None = None,
    ) -> None:
        self._options = options
        self._documents = documents
        self._clock = clock
        self._client = client
        self._info = info or ChainInfo(client, clock=clock)
        self._wallets: dict[str, Wallet] = {}
        self._book = FeeBook()
        self._network: tuple[str, str] | None = None  # coin and chain of the book; None while the node did not say them
        self._kept_at_ns = 0
        self.sights: tuple[WalletSight, ...] = ()

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()

    async def gather(self) -> Round:
        """Look at all wallets once."""
        info = await self._info.ask("wallets")
        if isinstance(info, Refusal):
            return self._closed(info)
        chain = str(info["chain"])
        if self._options.chain not in ("", chain):
            return self._closed(Refusal(WRONG_CHAIN, f"is on chain {chain}, expected {self._options.chain}"))
        roll = await find_wallets(self._client, self._options.wallets)
        if isinstance(roll, Refusal):
            return self._without_wallets() if roll.code == METHOD_NOT_FOUND else self._closed(roll)
        genesis = await self._client.call("getblockhash", 0)
        if _is_broken(genesis):
            return self._closed(genesis)
        # A user who may not ask for it watches Bitcoin, as one whose nodes are told by the established exporters.
        coin = network_of(genesis).coin if isinstance(genesis, str) else ""
        await self._remember(chain, coin)
        fee = await self._fee()
        sights, sheet = await self._look(chain, coin, roll, fee=fee), Sheet(chain, coin)
        self.sights = tuple(self._tell(sheet, sight) for sight in sights)
        return _round(sheet, roll, self.sights, fee)

    # --- inside -------------------------------------------------------------------------------------------------------

    def _closed(self, refusal: Refusal) -> Round:
        """Nothing is known of the wallets: what ails the node is said in full by its own component."""
        self.sights = ()
        verdict = judge_refusal(refusal)
        return Round([], faults=(verdict.message,), advice=verdict.advice)

    def _without_wallets(self) -> Round:
        self.sights, self._wallets = (), {}
        if self._options.wallets:
            advice = "take wallets out of the settings, or start the node without disablewallet"
            return Round([], faults=("the node has no wallets, but the settings name some",), advice=advice)
        return Round([], "the node has no wallets")

    async def _fee(self) -> Fee | None:
        """Today's fee; estimates are remembered, for what the node takes at least is no price."""
        estimate = await self._client.call("estimatesmartfee", TARGET_BLOCKS)
        fee = fee_of(facts_of(estimate), facts_of(await self._client.call("getmempoolinfo")))
        if fee is not None and fee.source == ESTIMATE:
            self._book.note(fee.sat_per_kvb, now_ns=self._clock.now_ns())
            await self._keep()
        return fee

    async def _remember(self, chain: str, coin: str) -> None:
        """Take up the fees of an earlier run, where they are of this network."""
        if (coin, chain) == self._network:
            return
        known = await self._documents.get(DOCUMENT_KIND, self._options.name)
        # An earlier version wrote no coin: a node keeps its name.
        is_ours = known is not None and (known.body.get("coin", coin), known.body.get("chain")) == (coin, chain)
        self._book = FeeBook.from_json(known.body) if known is not None and is_ours else FeeBook()
        self._network = (coin, chain)
        self._wallets = {}

    async def _keep(self) -> None:
        now_ns = self._clock.monotonic_ns()
        if self._kept_at_ns and now_ns - self._kept_at_ns < KEEP_EVERY_S * NS_PER_S:
            return
        self._kept_at_ns = now_ns
        coin, chain = self._network or ("", "")
        body: dict[str, Json] = {"coin": coin, "chain": chain, **self._book.to_json()}
        with contextlib.suppress(UnavailableError):  # kept the next time
            await self._documents.commit([Put(DOCUMENT_KIND, self._options.name, body)])

    async def _look(self, chain: str, coin: str, roll: WalletRoll, *, fee: Fee | None) -> tuple[WalletSight, ...]:
        self._wallets = {
            name: self._wallets.get(name) or Wallet(name, self._client.for_wallet(name), clock=self._clock)
            for name in roll.watched
        }
        states = await self._ask_wallets()
        faults = await self._list_coins({name: s for name, s in states.items() if not isinstance(s, Refusal)})
        looked = [self._sight(chain, wallet, states.get(name), fee) for name, wallet in self._wallets.items()]
        found = [replace(sight, fault=sight.fault or faults.get(sight.name, "")) for sight in looked]
        now_ns = self._clock.now_ns()
        found += [WalletSight(self._options.name, chain, wallet_label(name), now_ns, False) for name in roll.missing]
        return tuple(replace(sight, coin=coin) for sight in sorted(found, key=lambda sight: sight.name))

    async def _ask_wallets(self) -> dict[str, WalletState | Refusal]:
        """What each says of itself, by name; nothing of those that were not asked, since the node does not answer.

        Those that did not answer in time are asked last the next time: one that is too large must not cost others their figures.
        """
        states: dict[str, WalletState | Refusal] = {}
        late = 0
        for wallet in sorted(self._wallets.values(), key=lambda wallet: wallet.late_at_ns):
            state = states[wallet.name] = await self._ask(wallet)
            code = state.code if isinstance(state, Refusal) else ""
            wallet.late_at_ns = self._clock.monotonic_ns() if code == TIMEOUT else 0
            late = late + 1 if code == TIMEOUT else 0
            if code == UNREACHABLE or late >= LATE_MAX:
                break
        return states

    async def _ask(self, wallet: Wallet) -> WalletState | Refusal:
        try:
            return await wallet.look()
        except Exception as error:  # noqa: BLE001  # `_broke` tells it
            return self._broke(wallet_label(wallet.name), error)

    def _broke(self, wallet: str, error: Exception) -> Refusal:
        """What is wrong with one wallet must not hide the others."""
        log.error("bitcoin_wallet_figures_failed", node=self._options.name, wallet=wallet, exc_info=error)
        return Refusal(_FAULT, f"{type(error).__name__}: {error}")

    async def _list_coins(self, states: Mapping[str, WalletState]) -> dict[str, str]:
        """List the coins of wallets that changed, the longest unlisted first; what was refused, by the wallet's label."""
        due = [self._wallets[name] for name, state in states.items() if self._wallets[name].wants_coins(state)]
        started_ns, faults = self._clock.monotonic_ns(), {}
        for wallet in sorted(due, key=lambda wallet: wallet.listed_at_ns):
            if self._clock.monotonic_ns() - started_ns > LISTING_S_MAX * NS_PER_S:
                break
            try:
                refusal = await wallet.list_coins(states[wallet.name])
            except Exception as error:  # noqa: BLE001  # `_broke` tells it
                refusal = self._broke(wallet_label(wallet.name), error)
            if refusal is not None:
                faults[wallet_label(wallet.name)] = f"listunspent: {refusal.code}: {refusal.message}"
        return faults

    def _sight(self, chain: str, wallet: Wallet, state: WalletState | Refusal | None, fee: Fee | None) -> WalletSight:
        now_ns = self._clock.now_ns()
        base = WalletSight(self._options.name, chain, wallet_label(wallet.name), now_ns, is_loaded=True)
        if state is None or isinstance(state, Refusal):
            fault = "not asked: the node does not answer" if state is None else f"{state.code}: {state.message}"
            gone = isinstance(state, Refusal) and state.code == WALLET_NOT_FOUND
            return replace(base, is_loaded=not gone, fault=fault)
        try:
            return self._told(base, wallet, state, fee)
        except Exception as error:  # noqa: BLE001  # `_broke` tells it
            refusal = self._broke(base.name, error)
            return replace(base, fault=f"{refusal.code}: {refusal.message}")

    def _tell(self, sheet: Sheet, sight: WalletSight) -> WalletSight:
        """The wallet's points; the sight as it was told."""
        try:
            tell_wallet(sheet, sight, now_ns=self._clock.now_ns())
        except Exception as error:  # noqa: BLE001  # `_broke` tells it
            refusal = self._broke(sight.name, error)
            sight = replace(sight, fault=f"{refusal.code}: {refusal.message}")
        tell_readable(sheet, sight)
        return sight

    def _told(self, base: WalletSight, wallet: Wallet, state: WalletState, fee: Fee | None) -> WalletSight:
        market = self._book.market(now_ns=base.looked_ns)
        return replace(
            base,
            funds=state.funds,
            fee=None if fee is None else fee_sight(fee, market, self._book.hours),
            coins=None if wallet.coins is None else coins_sight(wallet.coins, fee, market, listed_ns=wallet.listed_ns),
            keypool_size=state.keypool_size,
            is_locked=state.is_locked,
            is_scanning=state.is_scanning,
            slow_calls=wallet.slow_calls,
        )


def _round(sheet: Sheet, roll: WalletRoll, sights: Sequence[WalletSight], fee: Fee | None) -> Round:
    faults = [f"wallet {wallet_label(name)} is not loaded" for name in roll.missing]
    faults += [f"not watched: {left_out}" for left_out in roll.left_out]
    broken = [sight for sight in sights if sight.fault]
    faults += [f"{sight.name}: {sight.fault}" for sight in broken[:FAULTS_NAMED_MAX]]
    if faults:
        is_down = not any(sight.is_loaded for sight in sights)
        return Round(sheet.families(), faults=tuple(faults), advice=_advice(roll, broken), is_down=is_down)
    return Round(sheet.families(), "; ".join((_count(sights), *_remarks(sights, fee, sheet.coin))))


def _advice(roll: WalletRoll, broken: Sequence[WalletSight]) -> str:
    if roll.missing:
        return _ADVICE[WALLET_NOT_FOUND]
    if not broken:
        return "name the wallets to watch in wallets, or rename them"
    return next((advice for code, advice in _ADVICE.items() if code in broken[0].fault), "see the node's debug.log")


def _count(sights: Sequence[WalletSight]) -> str:
    coins = sum(sight.coins.count for sight in sights if sight.coins is not None)
    return f"wallets: {len(sights)}, coins: {coins}" if sights else "no wallet is loaded"


def _remarks(sights: Sequence[WalletSight], fee: Fee | None, coin: str) -> list[str]:
    """What is well, but worth knowing."""
    remarks = []
    if sights and fee is None:
        remarks.append("the node tells no fee: no cost of spending")
    elif sights and fee is not None and fee.source != ESTIMATE:
        remarks.append(f"no fee estimate: the least fee that the node takes, {fee.sat_per_vb:g} {fee_rate_unit(coin)}")
    remarks += [f"{sight.name} goes through old blocks" for sight in sights if sight.is_scanning]
    unlisted = sum(1 for sight in sights if sight.coins is None)
    if unlisted:
        remarks.append(f"the coins of {unlisted} are not listed yet")
    slow = [(sight.name, call) for sight in sights for call in sight.slow_calls]
    remarks += [
        f"{call.method} of {name} took {call.took_s:.2f} s: at most every {call.rest_s:.0f} s"
        for name, call in slow[:FAULTS_NAMED_MAX]
    ]
    return remarks


def _is_broken(told: object) -> bool:
    return isinstance(told, Refusal) and told.code in _BROKEN
