"""Wallets as the own API answers them: written by the server, read by the client. Null is what is not known.

Amounts are whole sats; fee rates are sats a virtual byte; times are RFC 3339 in UTC with nanoseconds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class WalletFundsView:
    """What a wallet holds: confirmed and its own change; sent by others and in no block; mined lately."""

    trusted_sats: int
    pending_sats: int
    immature_sats: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WalletFeeView:
    """Today's fee rate, and those of the last days.

    Attributes:
        source: `minimum` where the node has no estimate above the least that it takes.
        median_sat_per_vb: of the hours of the last days; null before two days are known.
        cheap_sat_per_vb: the upper end of the cheapest quarter of them.
        known_hours: how many are known.
    """

    sat_per_vb: float
    source: Literal["estimate", "minimum"]
    median_sat_per_vb: float | None
    cheap_sat_per_vb: float | None
    known_hours: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CoinSizesView:
    """How many coins hold at most so many sats."""

    up_to_sats: int
    coins: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsolidationView:
    """Putting together all coins that are no dust, at today's fee.

    Attributes:
        saving_sats: against spending them one by one at the median fee; below 0 where it costs more.
    """

    is_advised: bool
    coins: int
    transactions: int
    cost_sats: int
    saving_sats: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class WalletCoinsView:
    """The coins that a wallet can spend.

    Attributes:
        listed_at: when the node listed them.
        sizes: each bound with what is below it, the smaller ones included.
        dust_coins, dust_sats: those that cost more to spend than they hold.
        spend_vbytes, spend_transactions, spend_cost_sats: of spending all of them.
        inputs_assumed: coins of which the node does not say how they are spent.
    """

    listed_at: str | None
    coins: int
    sats: int
    sizes: list[CoinSizesView]
    dust_coins: int | None
    dust_sats: int | None
    spend_vbytes: int
    spend_transactions: int
    spend_cost_sats: int | None
    inputs_assumed: int
    consolidation: ConsolidationView | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SlowCallView:
    """A call that took the node long: it is not made again for `rest_s`."""

    method: str
    took_s: float
    rest_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class BitcoinWalletView:
    """A wallet at the last look.

    Attributes:
        name: its label; `default` is the wallet without a name.
        coin: `litecoin`, in whose litoshis the amounts are; empty for Bitcoin.
        is_loaded: false where the settings name a wallet that is not there.
        fault: what did not work at the last look; empty where all did.
        keypool_size: keys made in advance; null for wallets without keys of their own.
        is_locked: whether it needs its passphrase to sign; null where it has none.
        is_scanning: whether it goes through old blocks, so that its figures are not final.
        slow_calls: what is asked of the node seldom.
    """

    node: str
    chain: str
    name: str
    looked_at: str | None
    is_loaded: bool
    fault: str
    funds: WalletFundsView | None
    fee: WalletFeeView | None
    coins: WalletCoinsView | None
    keypool_size: int | None
    is_locked: bool | None
    is_scanning: bool
    slow_calls: list[SlowCallView]
    coin: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class BitcoinWalletsView:
    """All watched wallets, node by node, by name."""

    wallets: list[BitcoinWalletView]
