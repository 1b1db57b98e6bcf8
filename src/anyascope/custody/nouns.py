"""What reconciliation speaks of."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TypeAlias

DEPOSIT, INTERNAL = "deposit", "internal"  # directions of a transaction, as a wallet sees it

SpendKey: TypeAlias = tuple[str, str]
"""(chain, txid): one spend, whichever nodes and wallets have seen it."""


class Lack(Enum):
    """What a spend lacks; in the order in which it is told."""

    REQUEST = "request"
    APPROVAL = "approval"
    SIGNATURE = "signature"
    AMOUNT = "amount"


class State(Enum):
    """Where a spend stands."""

    WAITING = "waiting"
    MATCHED = "matched"
    UNMATCHED = "unmatched"
    LATE = "late"
    ACCEPTED = "accepted"
    HISTORY = "history"


@dataclass(frozen=True, slots=True)
class Spend:
    """A transaction that spends outputs of a watched wallet.

    Attributes:
        node, wallet: who saw it first, and of which wallet.
        amount_sats: what it moves without its fee; the largest where several wallets saw it.
        fee_sats: 0 where it is not known.
        seen_ns: when it was first seen.
        replaces: the txid of the transaction in whose place it came; empty where there is none.
        height: of the block that held it when it was first seen; -1 for none.
        shares_inputs: whether others spend outputs of theirs beside: the amount is what the wallet lost or gained.
        rivals: the wallet's other transactions that spend one of the same outputs: at most one of all is ever mined.
        signatures: names of the signatures that it carries, as far as the node told them.
        coin: `litecoin`; empty for Bitcoin, as its series carry none.
    """

    chain: str
    txid: str
    wallet: str
    amount_sats: int
    seen_ns: int
    node: str = ""
    direction: str = ""
    fee_sats: int = 0
    replaces: str = ""
    height: int = -1
    shares_inputs: bool = False
    rivals: tuple[str, ...] = ()
    signatures: tuple[str, ...] = ()
    coin: str = ""

    @property
    def key(self) -> SpendKey:
        """What it is known by."""
        return self.chain, self.txid

    @property
    def leaving_sats(self) -> int:
        """What leaves the wallet, without the fee: nothing where it moves within, or gains; never negative."""
        return self.amount_sats if self.direction not in (INTERNAL, DEPOSIT) else 0


class EvidenceKind(Enum):
    """What a service put on record about one correlation id."""

    BEGAN = "began"
    STEP = "step"
    SIGNED = "signed"
    NAMED = "named"
    ENDED = "ended"
    SPENT = "spent"


@dataclass(frozen=True, slots=True)
class Evidence:
    """One thing on record. The same thing told twice is one: evidence is kept in sets.

    Attributes:
        at_ns: by the clock of who wrote it.
        text: of BEGAN the kind of operation, of STEP its name, of SIGNED the key, of ENDED the outcome (`reopened` takes it back).
        is_well: of STEP, whether it succeeded.
        amount_sats: of BEGAN and SPENT; None where it was not said.
        txid: of NAMED and SPENT.
        signature: of SIGNED, the name of the signature; empty where the signer did not say it.
        coin: of BEGAN and SPENT, in whose smallest units the amount is: `bitcoin`, `litecoin`; empty where it was not said.
    """

    kind: EvidenceKind
    correlation_id: str
    at_ns: int
    text: str = ""
    is_well: bool = True
    amount_sats: int | None = None
    txid: str = ""
    signature: str = ""
    coin: str = ""


class Proof(Enum):
    """How it is known that the signature of a spend is one that was asked for.

    CARRIED: the transaction carries a signature of which the signer put the name on record when it was made. TOLD: a signer told
    of a signature at that time, and not of which.
    """

    CARRIED = "carried"
    TOLD = "told"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of comparing a spend with what is on record.

    Attributes:
        lacks: nothing where all is there.
        correlation_ids: of the operations that the spend belongs to, the one that it is told under first.
        operation: the kind of the first; empty where there is none.
        proof: of its signature; None where that lacks.
    """

    lacks: tuple[Lack, ...] = ()
    correlation_ids: tuple[str, ...] = ()
    operation: str = ""
    proof: Proof | None = None

    @property
    def is_matched(self) -> bool:
        """Whether nothing lacks."""
        return not self.lacks


@dataclass(frozen=True, slots=True)
class Item:
    """A spend and how it stands.

    Attributes:
        lacks: what it lacked when people were told; of a matched one nothing.
        settled_ns: when it was first judged; 0 while it waits.
        matched_ns: when it was found to be asked for; 0 before.
        is_gone: replaced, in conflict or abandoned: it moves nothing any more.
        is_told: whether its event is stored.
        proof: of its signature, when it was judged; None where that lacked.
        accepted_by: the person who said that it is in order although it was unmatched; `note` says why.
    """

    spend: Spend
    state: State = State.WAITING
    lacks: tuple[Lack, ...] = ()
    correlation_ids: tuple[str, ...] = ()
    operation: str = ""
    settled_ns: int = 0
    matched_ns: int = 0
    is_gone: bool = False
    is_told: bool = False
    proof: Proof | None = None
    accepted_by: str = ""
    note: str = ""
