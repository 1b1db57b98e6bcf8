"""What the own API answers about spends of our wallets; see `own_api`."""

from __future__ import annotations

from dataclasses import dataclass, field

import msgspec


@dataclass(frozen=True, slots=True, kw_only=True)
class SpendView:
    """A transaction that spends outputs of a watched wallet, and how it compares with what is on record.

    Attributes:
        state: `waiting`, `matched`, `unmatched`, `late` (unmatched first), `accepted` (by a person) or `history` (made before
            its wallet was watched: not compared).
        lacks: what it lacked when people were told: of `request`, `approval`, `signature`, `amount`.
        correlation_ids: of the operations that it carries out; empty where none names it.
        operation: the kind of the first of these.
        amount_sats: without the fee; `fee_sats` is 0 where it is not known.
        is_gone: replaced, in conflict or abandoned: it moves nothing any more.
        signature: how its signature is known: `carried` (it carries one whose name the signer put on record), `told` (a signer told of
            one at that time, and not of which), or empty where that lacked, or it is not judged yet.
        rivals: the wallet's other transactions that spend one of the same outputs; at most one of all is ever mined.
        coin: `litecoin`, in whose litoshis the amounts are; empty for Bitcoin.
    """

    chain: str
    txid: str
    wallet: str
    node: str
    direction: str
    amount_sats: int
    fee_sats: int
    state: str
    lacks: list[str]
    correlation_ids: list[str]
    operation: str
    replaces: str
    is_gone: bool
    seen_at: str | None
    settled_at: str | None
    matched_at: str | None
    signature: str = ""
    rivals: list[str] = field(default_factory=list)
    accepted_by: str = ""
    note: str = ""
    coin: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SpendsView:
    """A page of spends, newest first; `cursor` asks for the next one, null at the end."""

    spends: list[SpendView]
    cursor: str | None


class AcceptSpend(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who says that an unmatched spend is in order, and why."""

    by: str
    note: str
