"""Bitcoin and Litecoin beside one another: chains and wallets of one name, whose spends never add up."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from anyascope.custody import book
from anyascope.model.documents import Put
from support.custody_house import CustodyHouse, running_house, txid

LTC = "litecoin"


@pytest.fixture
async def house() -> AsyncIterator[CustodyHouse]:
    async with running_house() as made:
        yield made


def counted(house: CustodyHouse, name: str, **labels: str) -> dict[str, float]:
    """By coin, `bitcoin` where the series carries none."""
    found = {}
    for series, value in house.series().items():
        told = dict(series)
        if told["__name__"] == name and labels.items() <= told.items():
            found[told.get("coin", "bitcoin")] = value
    return found


async def test_wallets_of_two_coins_are_counted_apart(house: CustodyHouse) -> None:
    """Of one name, on chains of one name: each coin has series of its own, and Bitcoin's carry no coin."""
    await house.asks("b", 1)
    await house.sees(1)
    await house.sees(2, coin=LTC, amount=7)
    await house.advance(2)

    assert counted(house, "anya_custody_spends_total", result="matched") == {"bitcoin": 1, LTC: 0}
    assert counted(house, "anya_custody_spends_total", result="unmatched") == {"bitcoin": 0, LTC: 1}
    assert counted(house, "anya_custody_unmatched_spend_sats") == {LTC: 7}
    [told] = [record for record in house.store._records if record.event_name == "custody.spend.unmatched"]
    assert told.attributes["bitcoin.coin"] == LTC
    assert "7 litoshis of wallet hot on litecoin regtest" in told.body
    [matched] = [record for record in house.store._records if record.event_name == "custody.spend.matched"]
    assert "bitcoin.coin" not in matched.attributes


async def test_a_request_that_names_no_coin_is_of_what_it_was_spent_for(house: CustodyHouse) -> None:
    """The txid joins them. A transaction of a second coin under the same request has no part in its amount."""
    await house.asks("l", 1)
    await house.sees(1, coin=LTC, amount=400)
    assert house.states() == [("matched", "1")]

    await house.names("l", 2)
    await house.signs("l")
    await house.sees(2, amount=400)
    await house.advance(2)
    assert house.paging() == {"2": "amount"}

    await house.names("l", 3)
    await house.signs("l")
    await house.sees(3, coin=LTC, amount=600)
    assert house.states()[-1] == ("matched", "3")


@pytest.mark.parametrize("named", ["litecoin", "LTC", "ltc "])
async def test_a_request_that_names_a_coin_asks_for_nothing_of_another(house: CustodyHouse, named: str) -> None:
    """Under whichever of its names."""
    await house.asks("l", 1, coin=named)
    await house.sees(1, coin=LTC)
    assert house.states() == [("matched", "1")]

    await house.asks("m", 2, coin=named)
    await house.sees(2)
    await house.advance(2)
    assert house.paging() == {"2": "request,approval"}


async def test_one_operation_may_ask_for_two_coins(house: CustodyHouse) -> None:
    """Such as a swap: each leg is covered by the amount that was asked for in its coin."""
    await house.asks("swap", 1, coin="bitcoin", amount=100)
    await house.asks("swap", 2, coin="litecoin", amount=5_000)
    await house.sees(1, amount=100)
    await house.sees(2, coin=LTC, amount=5_000)
    assert house.states() == [("matched", "1"), ("matched", "2")]

    await house.names("swap", 3)
    await house.signs("swap")
    await house.sees(3, amount=5_000)
    await house.advance(2)
    assert house.paging() == {"3": "amount"}


async def test_what_an_earlier_version_kept_without_a_coin_has_its_nodes(house: CustodyHouse) -> None:
    """Open ones page with their coin, and listed ones show it, from the first start on; a node that nobody knows is Bitcoin's."""
    await house.sees(1, amount=7, coin=LTC)
    await house.sees(2, amount=9)
    await house.advance(2)
    await house.kill()
    await forget_coins(house)
    house.coins = {LTC: LTC}
    before = len(house.pipe.batches)
    await house.start()
    await house.advance(20)

    del house.pipe.batches[:before]
    assert counted(house, "anya_custody_unmatched_spend_sats") == {"bitcoin": 9, LTC: 7}
    assert house.room is not None
    page = await house.room.spends(limit=10, cursor="", state=None)
    assert {item.spend.txid: item.spend.coin for item in page.items} == {txid(1): LTC, txid(2): ""}


async def test_what_this_version_kept_is_of_its_own_coin(house: CustodyHouse) -> None:
    """Also where the node's name belongs to another coin's node now."""
    await house.sees(2, amount=9)
    await house.advance(2)
    await house.kill()
    house.coins = {"core": LTC}
    before = len(house.pipe.batches)
    await house.start()
    await house.advance(20)

    del house.pipe.batches[:before]
    assert counted(house, "anya_custody_unmatched_spend_sats") == {"bitcoin": 9}


async def forget_coins(house: CustodyHouse) -> None:
    """Keep spends as a version did that knew no coin."""
    page = await house.documents.page(book.KIND_SPEND, limit=100)
    bodies = {each.key: {name: told for name, told in each.body.items() if name != "coin"} for each in page.documents}
    await house.documents.commit([Put(book.KIND_SPEND, key, body) for key, body in bodies.items()])
