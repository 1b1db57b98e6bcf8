"""Unit tests of when to put coins together."""

from __future__ import annotations

import pytest

from anyascope.collect.collectors.bitcoin.wallets.coins import Coins, coins_of
from anyascope.collect.collectors.bitcoin.wallets.consolidation import COINS_MIN, Consolidation, consolidation_of
from anyascope.collect.collectors.bitcoin.wallets.fees import Fee, Market
from anyascope.wire.bitcoin.wallet import Unspent


def coins(*sats: int) -> Coins:
    return coins_of([Unspent(each / 1e8, "0014" + "00" * 20) for each in sats])


MARKET = Market(median=20_000, cheap=5_000, hours=336)


def test_a_cheap_hour_is_advised_with_its_saving():
    """100 coins now at 2 sat/vB, against 20 sat/vB one by one."""
    found = consolidation_of(coins(*[100_000] * 100), Fee(2_000, "estimate"), MARKET)
    assert found == Consolidation(100, 1, 13_634, 135_500 - 13_634 - 1_355, is_advised=True)  # 27,266 WU


@pytest.mark.parametrize(
    ("count", "rate", "market", "is_advised"),
    [
        (100, 5_000, MARKET, True),
        (100, 5_001, MARKET, False),  # no cheap hour
        (COINS_MIN - 1, 2_000, MARKET, False),
        (COINS_MIN, 2_000, MARKET, True),
        (100, 2_000, None, False),  # fees of the last days are not known
        (100, 4_900, Market(median=5_000, cheap=5_000, hours=336), False),  # fees that never move save nothing
    ],
)
def test_when_it_is_advised(count, rate, market, is_advised):
    """In the cheapest quarter of hours, with enough coins and a saving worth it."""
    assert consolidation_of(coins(*[100_000] * count), Fee(rate, "estimate"), market).is_advised is is_advised


def test_dust_and_lone_coins_are_not_put_together():
    """What costs more than it holds stays where it is."""
    assert consolidation_of(coins(100, 200, 10**6), Fee(10_000, "estimate"), MARKET) == Consolidation(1, 0, 0, 0)
    assert consolidation_of(coins(), Fee(10_000, "estimate"), None) == Consolidation()
