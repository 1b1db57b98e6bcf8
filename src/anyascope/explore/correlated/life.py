"""What nodes told of an operation's transactions, in order; pure.

Source: the own-transaction events of the Bitcoin collector (docs/guide/bitcoin.md).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from anyascope.explore.correlated.entries import time_of
from anyascope.explore.correlated.nouns import Setback, SetbackKind
from anyascope.model.logs import LogRecord

TRANSACTION_EVENTS = "bitcoin.transaction."
_SETBACKS = {
    "stuck": SetbackKind.STUCK,
    "unconfirmed": SetbackKind.REORGED,
    "replaced": SetbackKind.REPLACED,
    "conflicted": SetbackKind.CONFLICTED,
    "abandoned": SetbackKind.ABANDONED,
}
_GONE = frozenset(("replaced", "conflicted", "abandoned"))
# What ends a setback of the same transaction.
_ENDS = {
    SetbackKind.STUCK: frozenset(("unstuck", "confirmed", "replaced")),
    SetbackKind.REORGED: frozenset(("confirmed",)),
}


@dataclass(frozen=True, slots=True)
class Sighting:
    """One thing that a node told of one transaction; `event` is the end of its name, such as `seen`."""

    event: str
    txid: str
    at_ns: int
    node: str
    height: int | None
    other_txid: str

    @property
    def place(self) -> str:
        """The block, in words; empty where none was named."""
        return "" if self.height is None else f"block {self.height:,}"


def sightings_of(records: Iterable[LogRecord]) -> list[Sighting]:
    """All of them, the oldest first."""
    found = [_sighting(one) for one in records if one.event_name.startswith(TRANSACTION_EVENTS)]
    return sorted(found, key=lambda one: one.at_ns)


def lost_all(sightings: Sequence[Sighting]) -> Sighting | None:
    """What ended the last transaction; None where one may still confirm, or none is known."""
    last = {one.txid: one for one in sightings}
    return sightings[-1] if last and all(one.event in _GONE for one in last.values()) else None


def setbacks_of(sightings: Sequence[Sighting]) -> Iterator[Setback]:
    """What kept transactions out of the chain, each once however many nodes told it."""
    open_now: dict[tuple[SetbackKind, str], Setback] = {}
    for one in sightings:
        for kind, ends in _ENDS.items():
            if one.event in ends and (ended := open_now.pop((kind, one.txid), None)) is not None:
                yield replace(ended, is_over=True)
        kind_now = _SETBACKS.get(one.event)
        if kind_now is not None and (kind_now, one.txid) not in open_now:
            open_now[kind_now, one.txid] = Setback(kind_now, one.at_ns, one.txid, _words(one), is_over=False)
    mined = {one.txid for one in sightings if one.event == "confirmed"}
    for (kind, txid), still in open_now.items():
        replacements = {one.other_txid for one in sightings if one.txid == txid and one.event == "replaced"}
        yield replace(still, is_over=kind is SetbackKind.REPLACED and bool(replacements & mined))


def _words(one: Sighting) -> str:
    match one.event:
        case "unconfirmed":
            return f"lost {one.place or 'its block'}"
        case "replaced":
            return f"by {one.other_txid}" if one.other_txid else ""
        case _:
            return f"told by {one.node}" if one.node else ""


def _sighting(record: LogRecord) -> Sighting:
    said = record.attributes
    height = said.get("bitcoin.block.height")
    return Sighting(
        event=record.event_name.removeprefix(TRANSACTION_EVENTS),
        txid=_text(said.get("bitcoin.transaction.id")) or record.correlation_id,
        at_ns=time_of(record),
        node=_text(said.get("bitcoin.node")),
        height=height if isinstance(height, int) else None,
        other_txid=_text(said.get("bitcoin.transaction.replaced_by")),
    )


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
