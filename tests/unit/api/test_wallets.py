"""The resource /bitcoin/wallets."""

from __future__ import annotations

from anyascope.model.wallets import (
    WalletCall,
    WalletCoins,
    WalletConsolidation,
    WalletFee,
    WalletFunds,
    WalletSight,
)
from support.own_api import House

S = 1_000_000_000


async def wallets_of(house: House) -> list[dict]:
    async with house.client() as client:
        answer = await client.get("/bitcoin/wallets")
    assert answer.status_code == 200
    return answer.json()["wallets"]


async def test_no_wallet_is_an_empty_list():
    """Nothing is configured, or loaded."""
    assert await wallets_of(House()) == []


async def test_a_wallet_that_is_not_there_has_no_figures():
    """Never zero: what is not known is null."""
    [told] = await wallets_of(House(wallets=[WalletSight("core-1", "main", "vault", 7 * S, is_loaded=False)]))
    assert (told["name"], told["is_loaded"], told["looked_at"]) == ("vault", False, "1970-01-01T00:00:07.000000000Z")
    assert {name for name, value in told.items() if value is None} == {
        "funds",
        "fee",
        "coins",
        "keypool_size",
        "is_locked",
    }


async def test_a_wallet_is_told_with_its_figures():
    """Whole sats, fee rates in sats a virtual byte, a call that is made rarely with how rarely."""
    coins = WalletCoins(
        5 * S,
        count=3,
        sats=3_000,
        counts=((1_000, 2), (10_000, 3)),
        vbytes=246,
        transactions=1,
        assumed=1,
        cost_sats=492,
        dust=1,
        dust_sats=100,
        consolidation=WalletConsolidation(False, 2, 1, 356, None),
    )
    seen = WalletSight(
        "core-1",
        "main",
        "default",
        7 * S,
        is_loaded=True,
        funds=WalletFunds(2_100_000_000_000_000, 1, 2),
        coins=coins,
        fee=WalletFee(2.5, "minimum", known_hours=3),
        keypool_size=1000,
        is_locked=True,
        slow_calls=(WalletCall("listunspent", 0.5, 250.0),),
    )
    [told] = await wallets_of(House(wallets=[seen]))
    assert told["funds"] == {"trusted_sats": 2_100_000_000_000_000, "pending_sats": 1, "immature_sats": 2}
    assert told["fee"] == {
        "sat_per_vb": 2.5,
        "source": "minimum",
        "median_sat_per_vb": None,
        "cheap_sat_per_vb": None,
        "known_hours": 3,
    }
    assert told["coins"]["sizes"] == [{"up_to_sats": 1_000, "coins": 2}, {"up_to_sats": 10_000, "coins": 3}]
    assert (told["coins"]["spend_vbytes"], told["coins"]["spend_cost_sats"], told["coins"]["dust_coins"]) == (
        246,
        492,
        1,
    )
    assert told["coins"]["consolidation"] == {
        "is_advised": False,
        "coins": 2,
        "transactions": 1,
        "cost_sats": 356,
        "saving_sats": None,
    }
    assert told["slow_calls"] == [{"method": "listunspent", "took_s": 0.5, "rest_s": 250.0}]
