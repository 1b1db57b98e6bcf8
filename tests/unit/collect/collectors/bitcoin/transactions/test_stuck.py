"""When a transaction is stuck."""

from __future__ import annotations

import pytest

from anyascope.collect.collectors.bitcoin.transactions.nouns import Direction, Facts, Owned, Standing, Status
from anyascope.collect.collectors.bitcoin.transactions.pool import PoolEntry
from anyascope.collect.collectors.bitcoin.transactions.stuck import Advice, freed_by_child, traits_of, weigh
from anyascope.collect.options import BitcoinNodeOptions
from anyascope.model.own_transactions import FeeBump

OWNED = Owned(Facts("aa", Direction.WITHDRAWAL, 1), Standing("aa", Status.OPEN), 100, 100)


def weighed(*looks: tuple[int, float | None], evicted: bool = False) -> Owned:
    """After looks of height and rate, at a market of 10 sats a virtual byte."""
    owned = OWNED
    for height, rate in looks:
        owned = weigh(owned, rate=rate, market=10.0, height=height, is_evicted=evicted)
    return owned


@pytest.mark.parametrize(
    ("looks", "stuck"),
    [
        ([(100, 9.9), (106, 9.9)], False),
        ([(100, 9.9), (107, 9.9)], True),
        ([(100, 9.9), (107, 10.0)], False),
        ([(100, 9.9), (103, 10.0), (104, 9.9), (110, 9.9)], False),
        ([(100, 9.9), (107, 9.9), (108, 12.0)], False),
        ([(100, None), (110, None)], False),
        ([(107, 9.9)], False),
        ([(108, 9.9)], True),
        ([(108, 10.0), (109, 9.9)], False),
    ],
)
def test_stuck_is_below_the_market_for_more_than_six_blocks(looks, stuck):
    """A look at which it is at the market counts anew; what is on its way into the mempool is not stuck.

    One that came at 100 and is looked at for the first time at 108 has been left behind by the blocks from 101 on.
    """
    assert weighed(*looks).is_stuck is stuck


def test_evicted_is_stuck():
    """However many blocks came."""
    assert weighed((100, None), evicted=True).is_stuck


@pytest.mark.parametrize(
    ("info", "chain", "client"),
    [
        ({"version": 290000, "subversion": "/Satoshi:29.0.0/"}, "main", ("bitcoin-cli",)),
        ({"version": 210400, "subversion": "/LitecoinCore:0.21.4/"}, "test", ("litecoin-cli", "-chain=test")),
        (None, "regtest", ("bitcoin-cli", "-chain=regtest")),
    ],
)
def test_the_command_is_that_of_the_node(info, chain, client):
    """Its own program, and its chain."""
    assert traits_of(info, chain, BitcoinNodeOptions("n", "http://127.0.0.1")).client == client


BUMP = FeeBump("rbf", 10.0, 2_000, 1_800, "bitcoin-cli bumpfee cc")
ENTRIES = {
    "aa": PoolEntry(200, 200, 200, 200, descendants=3, spent_by=("foreign", "bb")),
    "bb": PoolEntry(200, 200, 400, 400, descendants=2, spent_by=("cc",)),
    "cc": PoolEntry(200, 200, 600, 600),
}


@pytest.mark.parametrize("txid", ["aa", "bb"])
def test_a_parent_is_freed_by_its_descendant_that_can_be_bumped(txid):
    """Change that was spent again, twice: the bump of the last one lifts all three."""
    stuck = Advice(1.0, 10.0, None, "no replacement: its outputs are spent already")
    found = {"aa": stuck, "bb": stuck, "cc": Advice(1.0, 10.0, BUMP)}
    advice = freed_by_child(txid, found, ENTRIES)
    assert advice.lacks == "cc spends its output and is stuck, too: what frees that one frees both"
    assert freed_by_child("cc", found, ENTRIES) == found["cc"]


def test_a_parent_whose_descendants_cannot_be_bumped_keeps_its_reason():
    """Nor those of others."""
    stuck = Advice(1.0, 10.0, None, "why")
    assert freed_by_child("aa", {"aa": stuck, "bb": stuck}, ENTRIES) == stuck
    assert freed_by_child("aa", {"aa": stuck}, {}) == stuck
