"""An own transaction: as a wallet shows it now, and as it is known."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

INPUTS_TOLD_MAX = (
    100  # of one transaction: a batch payout has some dozens; a consolidation of thousands is told by its first
)
SIGNATURES_TOLD_MAX = 100  # of one transaction: one of them says who signed it
RIVALS_TOLD_MAX = 20  # fee bumps of one payment; more of them in a row is a program gone wrong


class Direction(Enum):
    """Which way the money goes, as one wallet sees it."""

    DEPOSIT = "deposit"
    WITHDRAWAL = "withdrawal"
    INTERNAL = "internal"


class Status(Enum):
    """Where a transaction stands.

    OPEN is neither in a block nor known to be replaced or abandoned; it may have left the mempool.
    """

    OPEN = "open"
    CONFIRMED = "confirmed"
    REPLACED = "replaced"
    CONFLICTED = "conflicted"
    ABANDONED = "abandoned"


@dataclass(frozen=True, slots=True)
class BlockPlace:
    """The block that a transaction is in; height -1 where the node did not say it."""

    height: int
    hash: str


@dataclass(frozen=True, slots=True)
class Standing:
    """How one transaction stands, by one answer of the wallet.

    Attributes:
        block: of a confirmed one.
        replaced_by: the transaction in its place, where the node says it.
        is_in_pool: whether it was found in the mempool.
    """

    txid: str
    status: Status
    block: BlockPlace | None = None
    replaced_by: str = ""
    is_in_pool: bool = False


@dataclass(frozen=True, slots=True)
class Facts:
    """What of a transaction does not change.

    Attributes:
        amount_sats: what came, what went without the fee, or what was moved within the wallet; never negative.
        fee_sats: None where another wallet pays it.
        spends_ours: whether it spends outputs of this wallet.
        shares_inputs: whether others spend outputs of theirs beside ours: a coinjoin, or two wallets that pay together.
        inputs: `txid:vout` of the outputs that it spends, at most INPUTS_TOLD_MAX; empty of a coinbase.
        replaces: the transaction that this one was made to replace, where the wallet knows it.
        signatures: names of the signatures in its first inputs, at most SIGNATURES_TOLD_MAX; of one that spends ours.
        rivals: the wallet's other transactions that spend one of the same outputs, when it was met; at most RIVALS_TOLD_MAX.
        is_signalling: whether it says that it may be replaced (BIP 125).
        received_s: when the wallet saw it first; seconds of UTC.
        vsize: in virtual bytes; 0 where the node did not say it.
    """

    txid: str
    direction: Direction
    amount_sats: int
    fee_sats: int | None = None
    spends_ours: bool = False
    inputs: tuple[str, ...] = ()
    replaces: str = ""
    is_signalling: bool = False
    is_coinbase: bool = False
    received_s: int = 0
    vsize: int = 0
    shares_inputs: bool = False
    rivals: tuple[str, ...] = ()
    signatures: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Owned:
    """A transaction of a wallet as it is known.

    Attributes:
        height: of the tip when it was seen first.
        changed_height: of the tip when its standing changed last.
        is_reopened: it lost its confirmations and did not get others yet.
        below_since: of the tip when its fee rate was found below the market, without a better finding since.
        is_weighed: its fee rate was compared with the market before.
        is_history: the wallet had it before this server began to watch it, on any node.
        is_stuck: it was told as stuck.
        is_evicted: it is stuck, since the mempool does not have it any more.
    """

    facts: Facts
    standing: Standing
    height: int
    changed_height: int
    is_reopened: bool = False
    below_since: int | None = None
    is_stuck: bool = False
    is_evicted: bool = False
    is_weighed: bool = False
    is_history: bool = False

    @property
    def is_open(self) -> bool:
        """Whether it waits for a block."""
        return self.standing.status is Status.OPEN
