"""One wallet: asked for what changed, and for its coins only where something changed."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from anyascope.clock import NS_PER_S, Clock
from anyascope.collect.collectors.bitcoin.client import RpcClient
from anyascope.collect.collectors.bitcoin.patience import Patience
from anyascope.collect.collectors.bitcoin.sheet import facts_of, sats
from anyascope.collect.collectors.bitcoin.wallets.coins import Coins, coins_of
from anyascope.collect.collectors.bitcoin.wallets.inputs import OTHER_SIGNATURES, OWN_SIGNATURES
from anyascope.collect.collectors.bitcoin.wallets.listing import METHOD as UNSPENT
from anyascope.collect.collectors.bitcoin.wallets.listing import list_unspent
from anyascope.model.wallets import WalletCall, WalletFunds
from anyascope.wire.bitcoin.rpc import METHOD_NOT_FOUND, Refusal

LIST_AGAIN_S = 3_600.0  # coins are listed once an hour though nothing changed: what tells a change may miss one
INFO, BALANCES, LOCKED = "getwalletinfo", "getbalances", "listlockunspent"


@dataclass(frozen=True, slots=True)
class WalletState:
    """What a wallet says of itself.

    Attributes:
        signs: whether it makes its signatures itself.
        mark: differs where its coins may have changed.
    """

    funds: WalletFunds | None
    keypool_size: int | None
    is_locked: bool | None
    is_scanning: bool
    signs: bool
    mark: tuple[object, ...]


class Wallet:
    """One wallet of a node, and what is known of it.

    Attributes:
        late_at_ns: when it did not answer in time, by the monotonic clock; 0 where it did the last time.
    """

    def __init__(self, name: str, client: RpcClient, *, clock: Clock) -> None:
        self.name = name
        self._client = client
        self._clock = clock
        self._patience = Patience()
        self._lacks: set[str] = set()
        self._told: dict[str, Any] = {}
        self._listed_mark: tuple[object, ...] = ()
        self.coins: Coins | None = None
        self.listed_ns = 0
        self.late_at_ns = 0
        self._listed_at_ns = 0

    @property
    def slow_calls(self) -> tuple[WalletCall, ...]:
        """What is asked of the node seldom, since it takes it long."""
        return self._patience.slow()

    async def look(self) -> WalletState | Refusal:
        """Its state now; a refusal where the node does not say."""
        info = await self._ask(INFO)
        if isinstance(info, Refusal):
            return info
        balances = await self._ask(BALANCES)
        if isinstance(balances, Refusal):
            return balances
        locked = await self._ask(LOCKED)
        return state_of(facts_of(info), facts_of(balances), None if isinstance(locked, Refusal) else locked)

    def wants_coins(self, state: WalletState) -> bool:
        """Whether its coins are to be listed now: they changed, and the node had its rest."""
        now_ns = self._clock.monotonic_ns()
        is_old = self.coins is None or now_ns - self._listed_at_ns >= LIST_AGAIN_S * NS_PER_S
        return (is_old or state.mark != self._listed_mark) and self._patience.is_due(UNSPENT, now_ns=now_ns)

    @property
    def listed_at_ns(self) -> int:
        """When its coins were listed, by the monotonic clock; 0 where they were not."""
        return self._listed_at_ns

    async def list_coins(self, state: WalletState) -> Refusal | None:
        """Ask for the coins; what was known stays where the node refuses."""
        started_ns = self._clock.monotonic_ns()
        known = None if self.coins is None else self.coins.amounts
        held_sats = 0 if state.funds is None else state.funds.trusted_sats
        told = await list_unspent(self._client, known, held_sats=held_sats, clock=self._clock)
        if isinstance(told, Refusal):
            self._note(UNSPENT, started_ns)
            return told
        now_ns = self._clock.monotonic_ns()
        self._patience.note(UNSPENT, told.took_s, now_ns=now_ns, longest_s=told.longest_s)
        sizes = OWN_SIGNATURES if state.signs else OTHER_SIGNATURES
        self.coins = await asyncio.to_thread(coins_of, told.coins, sizes)
        self._listed_mark, self._listed_at_ns = state.mark, started_ns
        self.listed_ns = self._clock.now_ns()
        return None

    async def _ask(self, method: str) -> Any | Refusal:
        """What the node says, or said where the call takes it long; None where it lacks the method."""
        started_ns = self._clock.monotonic_ns()
        if method in self._lacks:
            return None
        if method in self._told and not self._patience.is_due(method, now_ns=started_ns):
            return self._told[method]
        told = await self._client.call(method)
        self._note(method, started_ns)
        if isinstance(told, Refusal):
            if told.code == METHOD_NOT_FOUND:
                self._lacks.add(method)
                return None
            return Refusal(told.code, f"{method}: {told.message}")
        self._told[method] = told
        return told

    def _note(self, method: str, started_ns: int) -> None:
        now_ns = self._clock.monotonic_ns()
        self._patience.note(method, (now_ns - started_ns) / NS_PER_S, now_ns=now_ns)


def state_of(info: Mapping[str, Any], balances: Mapping[str, Any], locked: object) -> WalletState:
    """From `getwalletinfo`, `getbalances` and `listlockunspent`; nodes before 0.19 have the balances in the first."""
    funds = _funds_of(balances) if balances else _old_funds_of(info)
    unlocked_until = info.get("unlocked_until")
    signs = bool(info.get("private_keys_enabled", True)) and not info.get("external_signer", False)
    keypool = info.get("keypoolsize")
    has_keys = signs and not info.get("blank", False)
    return WalletState(
        funds,
        keypool_size=keypool if isinstance(keypool, int) and has_keys else None,
        is_locked=unlocked_until == 0 if isinstance(unlocked_until, int) else None,
        is_scanning=bool(info.get("scanning")),
        signs=signs,
        mark=(info.get("txcount"), funds, repr(locked)),
    )


def _funds_of(balances: Mapping[str, Any]) -> WalletFunds | None:
    """What the wallet has keys for and what it only watches, together; coins of used addresses are trusted, too."""
    parts = [part for part in (balances.get("mine"), balances.get("watchonly")) if isinstance(part, dict)]
    if not parts:
        return None
    amounts = {
        field: sum(sats(part.get(field)) or 0 for part in parts)
        for field in ("trusted", "used", "untrusted_pending", "immature")
    }
    return WalletFunds(amounts["trusted"] + amounts["used"], amounts["untrusted_pending"], amounts["immature"])


def _old_funds_of(info: Mapping[str, Any]) -> WalletFunds | None:
    trusted, pending, immature = (
        sats(info.get(field)) for field in ("balance", "unconfirmed_balance", "immature_balance")
    )
    return None if trusted is None else WalletFunds(trusted, pending or 0, immature or 0)
