"""What a verdict makes of a spend, and what that puts on record; pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from anyascope.custody.nouns import Evidence, EvidenceKind, Item, State, Verdict
from anyascope.semconv.coins import coin_of_label


def judged(item: Item, verdict: Verdict, *, now_ns: int) -> Item:
    """A spend as it stands after a verdict."""
    if not verdict.is_matched:
        return replace(
            item,
            state=State.UNMATCHED,
            lacks=verdict.lacks,
            correlation_ids=verdict.correlation_ids,
            operation=verdict.operation,
            proof=verdict.proof,
            settled_ns=now_ns,
            is_told=False,
        )
    return replace(
        item,
        state=State.MATCHED if item.state is State.WAITING else State.LATE,
        correlation_ids=verdict.correlation_ids,
        operation=verdict.operation,
        proof=verdict.proof,
        settled_ns=item.settled_ns or now_ns,
        matched_ns=now_ns,
        is_told=False,
    )


def spent_by(item: Item) -> Iterable[Evidence]:
    """What the event of a matched spend will put on record."""
    for joined in item.correlation_ids:
        yield Evidence(
            EvidenceKind.SPENT,
            joined,
            item.matched_ns,
            amount_sats=item.spend.leaving_sats,
            txid=item.spend.txid,
            coin=coin_of_label(item.spend.coin),
        )
