"""Own transactions that ended without a block lately, each to be told by itself; pure."""

from __future__ import annotations

from dataclasses import dataclass

from anyascope.collect.collectors.bitcoin.transactions.life import Happening, Kind
from anyascope.collect.collectors.bitcoin.transactions.movements import SHOWN_S

ENDED_MAX = 20  # of a wallet within `SHOWN_S`, the first; what is more is counted, and the events name all
OUTCOMES = {Kind.REPLACED: "replaced", Kind.CONFLICTED: "conflicted", Kind.ABANDONED: "abandoned"}
_ALIVE = frozenset((Kind.SEEN, Kind.CONFIRMED))


@dataclass(frozen=True, slots=True)
class Ended:
    """One of them.

    Attributes:
        outcome: `replaced`, `conflicted` or `abandoned`.
        at_s: when that was seen; seconds of UTC.
        replaced_by: the transaction in its place, where the node says it.
    """

    txid: str
    outcome: str
    direction: str
    amount_sats: int
    at_s: int
    replaced_by: str = ""


def noted(ended: tuple[Ended, ...], happening: Happening, *, now_s: int) -> tuple[Ended, ...]:
    """Those that are to be told after this happened: one that is alive again, or whose replacement confirms, is settled."""
    owned, kind = happening.owned, happening.kind
    txid = owned.facts.txid
    left = still_told(ended, now_s=now_s)
    if kind in OUTCOMES or kind in _ALIVE:
        left = [each for each in left if each.txid != txid]
    if kind is Kind.CONFIRMED:
        left = [each for each in left if each.replaced_by != txid]
    if kind in OUTCOMES and len(left) < ENDED_MAX:
        facts = owned.facts
        by = owned.standing.replaced_by if kind is Kind.REPLACED else ""
        left.append(Ended(txid, OUTCOMES[kind], facts.direction.value, facts.amount_sats, now_s, by))
    return tuple(left)


def still_told(ended: tuple[Ended, ...], *, now_s: float) -> list[Ended]:
    """Those that ended less than `SHOWN_S` ago."""
    return [each for each in ended if now_s - each.at_s < SHOWN_S]
