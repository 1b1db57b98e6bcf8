"""Own Bitcoin transactions as the own API answers them: written by the server, read by the client. Null is what is not known.

Times are RFC 3339 in UTC with nanoseconds; fee rates are sats a virtual byte.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class FeeBumpView:
    """What would confirm a stuck transaction; nothing here signs or sends.

    Attributes:
        kind: `rbf` replaces it by one that pays more, `cpfp` spends an output of it by a child that pays for both.
        fee_rate_sat_per_vb: what is reached: of the replacement, or of the package.
        fee_sats: of the replacement, or of the child.
        extra_sats: what it costs beyond what is paid already.
        command: to run where the wallet is, in a POSIX shell.
        child_vsize: of the child; 0 of a replacement.
        note: what has to be done beside the command, such as unlocking the wallet; empty where nothing.
    """

    kind: Literal["rbf", "cpfp"]
    fee_rate_sat_per_vb: float
    fee_sats: int
    extra_sats: int
    command: str
    child_vsize: int = 0
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnTransactionView:
    """A transaction of a watched wallet that waits for a block, or lost the one that it was in.

    Attributes:
        status: `conflicted` where it lost its block and another one has its inputs.
        amount_sats: without the fee.
        fee_sats: null where another wallet pays it.
        seen_at: when the wallet saw it first.
        age_blocks: how many blocks came without it.
        rate_sat_per_vb: by which it would be mined, with what it depends on; null where it is not in the mempool.
        market_sat_per_vb: the rate of the next three blocks; only of a stuck one.
        is_evicted: it is stuck since the mempool does not have it any more: full, expired, or the node forgot it.
        is_reopened: it was in a block that left the best chain.
        coin: `litecoin`, in whose litoshis the amounts are; empty for Bitcoin.
        bump: of a stuck one; null with `lacks` where nothing here can free it.
    """

    chain: str
    node: str
    wallet: str
    txid: str
    direction: Literal["deposit", "withdrawal", "internal"]
    status: Literal["open", "conflicted"]
    amount_sats: int
    fee_sats: int | None
    seen_at: str | None
    age_blocks: int
    is_in_mempool: bool
    is_stuck: bool
    is_reopened: bool
    rate_sat_per_vb: float | None
    market_sat_per_vb: float | None
    bump: FeeBumpView | None
    lacks: str = ""
    is_evicted: bool = False
    coin: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnTransactionsView:
    """By node and wallet, the oldest first."""

    transactions: list[OwnTransactionView]
