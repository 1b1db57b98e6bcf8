"""Transactions of watched Bitcoin wallets that wait, as they are looked at."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class FeeBump:
    """How to confirm a stuck transaction.

    Attributes:
        kind: `rbf` (pay more, replacing it) or `cpfp` (spend an output of it by a child that pays for both).
        fee_rate_sat_per_vb: what is reached: of the replacement, or of the package.
        fee_sats: of the replacement, or of the child.
        extra_sats: what it costs beyond what is paid already.
        command: to run where the wallet is, in a POSIX shell.
        child_vsize: of the child; 0 of a replacement.
        note: what has to be done beside the command, such as unlocking the wallet; empty where nothing.
    """

    kind: str
    fee_rate_sat_per_vb: float
    fee_sats: int
    extra_sats: int
    command: str
    child_vsize: int = 0
    note: str = ""


@dataclass(frozen=True, slots=True)
class OpenTransaction:
    """A transaction of a wallet that waits for a block, or lost the one that it was in.

    Attributes:
        wallet: its label; `default` is the wallet without a name.
        direction: `deposit`, `withdrawal` or `internal`, as this wallet sees it.
        status: `open`, or `conflicted` where a block has another in its place.
        amount_sats: without the fee.
        fee_sats: None where another wallet pays it.
        seen_ns: when the wallet saw it first.
        age_blocks: how many blocks came without it.
        rate_sat_per_vb: by which it would be mined, with what it depends on; None where it is not in the mempool.
        market_sat_per_vb: the rate of the next three blocks; only of a stuck one.
        is_evicted: it is stuck since the mempool does not have it any more.
        is_reopened: it was in a block that left the best chain.
        coin: `litecoin`; empty for Bitcoin.
        bump: of a stuck one, where something can be done; `lacks` says why not.
    """

    chain: str
    node: str
    wallet: str
    txid: str
    direction: str
    status: str
    amount_sats: int
    fee_sats: int | None
    seen_ns: int
    age_blocks: int
    is_in_mempool: bool
    is_stuck: bool
    is_reopened: bool
    rate_sat_per_vb: float | None = None
    market_sat_per_vb: float | None = None
    bump: FeeBump | None = None
    lacks: str = ""
    is_evicted: bool = False
    coin: str = ""
