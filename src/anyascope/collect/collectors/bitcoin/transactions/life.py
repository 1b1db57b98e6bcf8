"""The life of an own transaction: what changed between two looks at it; pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import Enum

from anyascope.collect.collectors.bitcoin.transactions.nouns import BlockPlace, Facts, Owned, Standing, Status

FORGET_AFTER_BLOCKS = 100  # as deep as a coinbase is locked; no reorg of a public chain was half as deep


class Kind(Enum):
    """What can happen to an own transaction: the last word of its event's name."""

    SEEN = "seen"
    CONFIRMED = "confirmed"
    UNCONFIRMED = "unconfirmed"
    REPLACED = "replaced"
    CONFLICTED = "conflicted"
    ABANDONED = "abandoned"
    STUCK = "stuck"
    UNSTUCK = "unstuck"


@dataclass(frozen=True, slots=True)
class Happening:
    """One thing that happened.

    Attributes:
        owned: the transaction after it.
        block: that it came into, or that it was thrown out of.
        is_again: seen once more, after it was replaced, conflicted or abandoned.
    """

    kind: Kind
    owned: Owned
    block: BlockPlace | None = None
    is_again: bool = False


_ENDS = {
    Status.REPLACED: Kind.REPLACED,
    Status.CONFLICTED: Kind.CONFLICTED,
    Status.ABANDONED: Kind.ABANDONED,
}


def begin(facts: Facts, standing: Standing, *, height: int, is_history: bool = False) -> tuple[Owned, list[Happening]]:
    """A transaction that was not known."""
    owned = Owned(facts, standing, height, height, is_history=is_history)
    return owned, [Happening(Kind.SEEN, owned, standing.block), *_arrival(owned)]


def proceed(known: Owned, now: Standing, *, height: int) -> tuple[Owned, list[Happening]]:
    """A transaction that is known, looked at again; nothing happened where it stands as it stood."""
    before = known.standing
    if _is_same(before, now):
        return (replace(known, standing=now) if before.status is now.status else known), []
    lost = before.block if before.status is Status.CONFIRMED else None
    is_reopened = (known.is_reopened or lost is not None) and now.status in (Status.OPEN, Status.CONFLICTED)
    owned = replace(known, standing=now, changed_height=height, is_reopened=is_reopened)
    happenings: list[Happening] = []
    if lost is not None:
        happenings.append(Happening(Kind.UNCONFIRMED, owned, lost))
    elif now.status is Status.OPEN:
        happenings.append(Happening(Kind.SEEN, owned, is_again=True))
    happenings += _arrival(owned)
    if owned.is_open:
        return owned, happenings
    freed = replace(owned, is_stuck=False, is_evicted=False, below_since=None)
    if owned.is_stuck:
        happenings.append(Happening(Kind.UNSTUCK, freed, freed.standing.block))
    return freed, happenings


def is_over(owned: Owned, *, height: int) -> bool:
    """Whether nothing is expected to happen to it any more."""
    match owned.standing.status:
        case Status.OPEN:
            return False
        case Status.CONFIRMED:
            block = owned.standing.block
            at = block.height if block is not None and block.height >= 0 else owned.changed_height
            return height - at >= FORGET_AFTER_BLOCKS
        case _:
            return height - owned.changed_height >= FORGET_AFTER_BLOCKS


def _arrival(owned: Owned) -> Iterator[Happening]:
    standing = owned.standing
    if standing.status is Status.CONFIRMED:
        yield Happening(Kind.CONFIRMED, owned, standing.block)
    elif standing.status in _ENDS:
        yield Happening(_ENDS[standing.status], owned)


def _is_same(before: Standing, now: Standing) -> bool:
    if now.status is Status.CONFLICTED and before.status is Status.ABANDONED:
        return True  # its owner gave it up, and spent its inputs otherwise: no news
    if now.status is Status.REPLACED and before.status in _ENDS:
        return True  # the same
    if now.status is Status.OPEN and not now.is_in_pool and before.status in _ENDS:
        return True  # nobody has it: it could come back, and did not
    if Status.CONFIRMED in (before.status, now.status):
        return before.status is now.status and _hash(before) == _hash(now)
    return before.status is now.status


def _hash(standing: Standing) -> str:
    return standing.block.hash if standing.block is not None else ""
