"""A wallet of a watched Bitcoin node, as people look at it. Amounts are whole sats."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class WalletFunds:
    """What a wallet holds: `pending` is what others sent and no block confirms, `immature` what was mined lately."""

    trusted_sats: int
    pending_sats: int
    immature_sats: int


@dataclass(frozen=True, slots=True)
class WalletFee:
    """Today's fee rate, and those of the last days; None where these are not known.

    Attributes:
        source: `estimate`, or `minimum` where the node has no estimate above the least that it takes.
        median_sat_per_vb: of the last days.
        cheap_sat_per_vb: the upper end of the cheapest quarter of their hours.
        known_hours: how many hours of the last days are known.
    """

    sat_per_vb: float
    source: str
    median_sat_per_vb: float | None = None
    cheap_sat_per_vb: float | None = None
    known_hours: int = 0


@dataclass(frozen=True, slots=True)
class WalletConsolidation:
    """What putting the coins together would cost and save at today's fee."""

    is_advised: bool
    coins: int
    transactions: int
    cost_sats: int
    saving_sats: int | None


@dataclass(frozen=True, slots=True)
class WalletCoins:
    """The coins that a wallet could spend, and what that costs at today's fee.

    Attributes:
        listed_ns: when the node listed them.
        counts: how many hold at most so many sats, each bound's beside it.
        dust, dust_sats: coins that cost more to spend than they hold.
        vbytes, transactions, cost_sats: of spending all of them, each transaction into one output.
        assumed: coins of which the node does not say how they are spent; a common shape was taken.
    """

    listed_ns: int
    count: int
    sats: int
    counts: tuple[tuple[int, int], ...]
    vbytes: int
    transactions: int
    assumed: int = 0
    cost_sats: int | None = None
    dust: int | None = None
    dust_sats: int | None = None
    consolidation: WalletConsolidation | None = None


@dataclass(frozen=True, slots=True)
class WalletCall:
    """A call that took the node long, and how seldom it is made therefore."""

    method: str
    took_s: float
    rest_s: float


@dataclass(frozen=True, slots=True)
class WalletSight:
    """A wallet at the last look. None is what the node did not say.

    Attributes:
        name: its label; `default` is the wallet without a name.
        is_loaded: false where the settings name a wallet that is not there.
        keypool_size: keys made in advance; None for wallets that have no keys of their own.
        is_locked: whether it needs its passphrase to sign; None where it has none.
        is_scanning: whether it is going through old blocks, so that its figures are not final.
        slow_calls: what is asked of the node seldom.
        fault: what did not work at the last look; empty where all did.
        coin: `litecoin`, in whose litoshis the amounts are; empty for Bitcoin.
    """

    node: str
    chain: str
    name: str
    looked_ns: int
    is_loaded: bool
    funds: WalletFunds | None = None
    coins: WalletCoins | None = None
    fee: WalletFee | None = None
    keypool_size: int | None = None
    is_locked: bool | None = None
    is_scanning: bool = False
    slow_calls: tuple[WalletCall, ...] = ()
    fault: str = ""
    coin: str = ""
