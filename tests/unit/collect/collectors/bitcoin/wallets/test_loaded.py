"""Unit tests of which wallets are watched."""

from __future__ import annotations

import pytest

from anyascope.collect.collectors.bitcoin.wallets.loaded import (
    WALLETS_MAX,
    WalletRoll,
    find_wallets,
    roll_of,
    wallet_label,
)
from anyascope.wire.bitcoin.rpc import METHOD_NOT_FOUND, Refusal


class Node:
    def __init__(self, told) -> None:
        self.told = told

    async def call(self, method):
        assert method == "listwallets"
        return self.told


@pytest.mark.parametrize(
    ("wanted", "roll"),
    [
        (None, WalletRoll(("", "cold", "hot"))),
        ((), WalletRoll()),
        (("hot", "vault"), WalletRoll(("hot",), missing=("vault",))),
        (("",), WalletRoll(("",))),
    ],
)
async def test_all_that_are_loaded_or_those_that_are_named(wanted, roll):
    """What is named and not there is missing; what is there and not named is nobody's business."""
    assert await find_wallets(Node(["hot", "", "cold"]), wanted) == roll


async def test_a_node_without_wallets_says_so():
    """The refusal is handed on: whoever asked knows its code."""
    refusal = Refusal(METHOD_NOT_FOUND, "Method not found")
    assert await find_wallets(Node(refusal), None) is refusal
    assert (await find_wallets(Node({}), None)).code == "invalid_answer"


def test_what_cannot_be_told_apart_is_left_out_and_said():
    """A name is a label's value: it must be printable, short, and no other wallet's."""
    roll = roll_of(["", "default", "a\nb", "x" * 129, "x" * 128], None)
    assert roll.watched == ("default", "x" * 128)
    assert len(roll.left_out) == 3
    assert wallet_label("") == wallet_label("default") == "default"


def test_there_is_a_most():
    """Beyond it the health names some, and counts the others."""
    roll = roll_of([f"{number:04}" for number in range(WALLETS_MAX + 9)], None)
    assert len(roll.watched) == WALLETS_MAX
    assert roll.left_out[-1] == "and 6 others"
