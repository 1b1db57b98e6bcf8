"""The life of an own transaction."""

from __future__ import annotations

import pytest

from anyascope.collect.collectors.bitcoin.transactions.life import Kind, begin, is_over, proceed
from anyascope.collect.collectors.bitcoin.transactions.nouns import (
    BlockPlace,
    Direction,
    Facts,
    Owned,
    Standing,
    Status,
)

FACTS = Facts("aa", Direction.WITHDRAWAL, 1_000, fee_sats=10, spends_ours=True)
WAITS = Standing("aa", Status.OPEN, is_in_pool=True)
GONE = Standing("aa", Status.OPEN)
MINED = Standing("aa", Status.CONFIRMED, BlockPlace(101, "b1"))
MINED_ELSEWHERE = Standing("aa", Status.CONFIRMED, BlockPlace(102, "b2"))
REPLACED = Standing("aa", Status.REPLACED, replaced_by="bb")
CONFLICTED = Standing("aa", Status.CONFLICTED)
ABANDONED = Standing("aa", Status.ABANDONED)


def lived(*standings: Standing) -> tuple[Owned, list[list[str]]]:
    """What happened at each look; the first meets it."""
    owned, happenings = begin(FACTS, standings[0], height=100)
    told = [happenings]
    for number, standing in enumerate(standings[1:]):
        owned, happenings = proceed(owned, standing, height=101 + number)
        told.append(happenings)
    return owned, [[each.kind.value for each in happened] for happened in told]


@pytest.mark.parametrize(
    ("standings", "told"),
    [
        ([WAITS, WAITS, MINED, MINED], [["seen"], [], ["confirmed"], []]),
        ([MINED], [["seen", "confirmed"]]),
        ([WAITS, MINED, WAITS, MINED_ELSEWHERE], [["seen"], ["confirmed"], ["unconfirmed"], ["confirmed"]]),
        ([WAITS, MINED, MINED_ELSEWHERE], [["seen"], ["confirmed"], ["unconfirmed", "confirmed"]]),
        ([WAITS, MINED, CONFLICTED], [["seen"], ["confirmed"], ["unconfirmed", "conflicted"]]),
        ([MINED, ABANDONED, MINED], [["seen", "confirmed"], ["unconfirmed", "abandoned"], ["confirmed"]]),
        ([WAITS, REPLACED, REPLACED], [["seen"], ["replaced"], []]),
        ([WAITS, REPLACED, CONFLICTED, REPLACED, CONFLICTED], [["seen"], ["replaced"], ["conflicted"], [], []]),
        ([WAITS, GONE, ABANDONED, CONFLICTED], [["seen"], [], ["abandoned"], []]),
        ([WAITS, REPLACED, GONE, WAITS], [["seen"], ["replaced"], [], ["seen"]]),
        ([WAITS, REPLACED, MINED], [["seen"], ["replaced"], ["confirmed"]]),
        ([CONFLICTED], [["seen", "conflicted"]]),
    ],
)
def test_one_change_is_told_once(standings, told):
    """What did not change is not told; that a block double-spends what was replaced in the mempool is told, once."""
    assert lived(*standings)[1] == told


def test_a_block_that_is_lost_is_named():
    """`unconfirmed` tells the block that is gone, and `seen` once more says so."""
    owned, _ = begin(FACTS, MINED, height=101)
    owned, [lost] = proceed(owned, WAITS, height=101)
    assert (lost.kind, lost.block) == (Kind.UNCONFIRMED, BlockPlace(101, "b1"))
    owned, [replaced] = proceed(owned, REPLACED, height=101)
    assert replaced.owned.standing.replaced_by == "bb"
    _, [seen] = proceed(owned, WAITS, height=101)
    assert seen.is_again


@pytest.mark.parametrize(
    ("standings", "is_reopened"),
    [
        ([MINED], False),
        ([MINED, WAITS], True),
        ([MINED, GONE], True),
        ([MINED, CONFLICTED], True),
        ([MINED, WAITS, CONFLICTED], True),
        ([MINED, WAITS, MINED_ELSEWHERE], False),
        ([MINED, WAITS, REPLACED], False),
        ([WAITS, CONFLICTED], False),
    ],
)
def test_what_lost_its_block_is_reopened_until_it_has_another(standings, is_reopened):
    """A replacement, or who gives it up, closes it, too."""
    assert lived(*standings)[0].is_reopened is is_reopened


def test_what_ends_is_no_longer_stuck():
    """A stuck transaction that is mined is told as confirmed, and then as no longer stuck."""
    stuck = Owned(FACTS, WAITS, 100, 100, below_since=100, is_stuck=True)
    owned, happenings = proceed(stuck, MINED, height=108)
    assert [each.kind for each in happenings] == [Kind.CONFIRMED, Kind.UNSTUCK]
    assert (owned.below_since, owned.is_stuck) == (None, False)


@pytest.mark.parametrize(
    ("standing", "height", "over"),
    [
        (WAITS, 10_000, False),
        (MINED, 200, False),
        (MINED, 201, True),
        (REPLACED, 199, False),
        (REPLACED, 200, True),
        (Standing("aa", Status.CONFIRMED, BlockPlace(-1, "b1")), 200, True),
    ],
)
def test_nothing_more_is_expected_after_a_hundred_blocks(standing, height, over):
    """What waits is never forgotten."""
    assert is_over(Owned(FACTS, standing, 100, 100), height=height) is over
