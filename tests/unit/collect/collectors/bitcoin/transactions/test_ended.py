"""What ended without a block is told for an hour, each by itself."""

from __future__ import annotations

import pytest

from anyascope.collect.collectors.bitcoin.transactions.ended import ENDED_MAX, Ended, noted, still_told
from anyascope.collect.collectors.bitcoin.transactions.life import Happening, Kind
from anyascope.collect.collectors.bitcoin.transactions.movements import SHOWN_S
from anyascope.collect.collectors.bitcoin.transactions.nouns import Direction, Facts, Owned, Standing, Status


def happened(kind: Kind, txid: str = "aa", *, replaced_by: str = "") -> Happening:
    facts = Facts(txid, Direction.DEPOSIT, 700)
    return Happening(kind, Owned(facts, Standing(txid, Status.OPEN, replaced_by=replaced_by), 1, 1))


def named(ended: tuple[Ended, ...]) -> list[tuple[str, str]]:
    return [(each.txid, each.outcome) for each in ended]


@pytest.mark.parametrize("kind", [Kind.REPLACED, Kind.CONFLICTED, Kind.ABANDONED])
def test_each_end_is_noted(kind: Kind) -> None:
    """With what it moved, and when."""
    assert noted((), happened(kind), now_s=5) == (Ended("aa", kind.value, "deposit", 700, 5),)


def test_another_end_takes_the_place_of_the_first() -> None:
    """A transaction ends in one way at a time."""
    ended = noted(noted((), happened(Kind.REPLACED), now_s=5), happened(Kind.CONFLICTED), now_s=6)
    assert named(ended) == [("aa", "conflicted")]


@pytest.mark.parametrize("kind", [Kind.SEEN, Kind.CONFIRMED])
def test_one_that_is_alive_again_is_settled(kind: Kind) -> None:
    """Such as after a reorg. What else happens changes nothing."""
    ended = noted((), happened(Kind.CONFLICTED), now_s=5)
    assert noted(ended, happened(Kind.UNSTUCK), now_s=6) == ended
    assert noted(ended, happened(kind), now_s=6) == ()
    assert noted(ended, happened(kind, "bb"), now_s=6) == ended


def test_a_replaced_one_is_settled_by_its_replacement() -> None:
    """Once that is confirmed, not when it is seen."""
    ended = noted((), happened(Kind.REPLACED, replaced_by="bb"), now_s=5)
    assert noted(ended, happened(Kind.SEEN, "bb"), now_s=6) == ended
    assert noted(ended, happened(Kind.CONFIRMED, "bb"), now_s=6) == ()


def test_it_is_told_for_an_hour_and_so_many_at_once() -> None:
    """The first of a storm stay; after an hour there is room again."""
    ended: tuple[Ended, ...] = ()
    for number in range(ENDED_MAX + 1):
        ended = noted(ended, happened(Kind.ABANDONED, str(number)), now_s=5)
    assert [txid for txid, _ in named(ended)] == [str(number) for number in range(ENDED_MAX)]
    assert len(still_told(ended, now_s=5 + SHOWN_S - 1)) == ENDED_MAX
    assert still_told(ended, now_s=5 + SHOWN_S) == []
    assert named(noted(ended, happened(Kind.ABANDONED, "new"), now_s=5 + SHOWN_S)) == [("new", "abandoned")]
