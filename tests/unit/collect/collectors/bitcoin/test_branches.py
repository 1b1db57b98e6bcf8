"""Unit tests of comparing branches."""

from __future__ import annotations

from anyascope.collect.collectors.bitcoin.branches import (
    WINDOW_BLOCKS,
    Branch,
    Change,
    change_of,
    heights_to_ask,
    is_same_branch,
    parted_blocks,
)


def branch(text: str, *, first: int = 0) -> Branch:
    """One letter a block."""
    return Branch(dict(enumerate(text, first)))


def test_a_chain_that_grows_is_no_reorg():
    """New blocks come, none goes; a first look tells nothing."""
    assert change_of(branch("gab"), branch("gabcd")) == Change(come=((3, "c"), (4, "d")))
    assert change_of(Branch(), branch("gab")) == Change()


def test_a_reorg_tells_what_went_and_what_came():
    """Two blocks are thrown out by three others."""
    change = change_of(branch("gabc"), branch("gaxyz"))
    assert (change.depth, change.fork_height) == (2, 1)
    assert change.gone == ((2, "b"), (3, "c"))
    assert change.come == ((2, "x"), (3, "y"), (4, "z"))
    assert not change.is_cut


def test_invalidated_blocks_leave_without_others():
    """A tip that goes back is a reorg, too."""
    assert change_of(branch("gabc"), branch("ga")) == Change(gone=((2, "b"), (3, "c")))


def test_a_reorg_deeper_than_the_memory_says_so():
    """Where nothing is shared, at least everything that was remembered is gone; down to genesis it is all."""
    cut = change_of(branch("abc", first=50), branch("xyz", first=51))
    assert (cut.depth, cut.is_cut) == (3, True)
    assert not change_of(branch("gab"), branch("hij")).is_cut


def test_a_leap_is_no_reorg():
    """A chain that grew by more than is remembered shares nothing that could be seen, and is not accused."""
    assert change_of(branch("abc", first=1), branch("xyz", first=4)).depth == 0


def test_the_window_ends_at_the_tip():
    """So many heights up to the tip, none below genesis."""
    assert list(heights_to_ask(2)) == [0, 1, 2]
    assert (len(heights_to_ask(1000)), heights_to_ask(1000)[-1]) == (WINDOW_BLOCKS, 1000)


def test_branches_are_compared_where_both_are_known():
    """The lower tip is or is not in the other's chain; out of sight, nobody knows."""
    assert is_same_branch(branch("gab"), branch("gabc")) is True
    assert is_same_branch(branch("gax"), branch("gabc")) is False
    assert is_same_branch(branch("ga"), branch("xyz", first=50)) is None
    assert is_same_branch(Branch(), branch("ga")) is None


def test_how_far_two_branches_have_parted():
    """The longer one counts, above the last common block; one that is merely longer has not parted."""
    assert parted_blocks(branch("gabc"), branch("gab")) == 0
    assert parted_blocks(branch("gabc"), branch("gax")) == 2
    assert parted_blocks(branch("gax"), branch("gabc")) == 2
    assert parted_blocks(branch("gab"), branch("gax")) == 1
    assert parted_blocks(branch("gab"), branch("uvwxyz", first=9)) == 0
    deep, other = branch("a" * WINDOW_BLOCKS, first=50), branch("b" * WINDOW_BLOCKS, first=50)
    assert parted_blocks(deep, other) == WINDOW_BLOCKS
