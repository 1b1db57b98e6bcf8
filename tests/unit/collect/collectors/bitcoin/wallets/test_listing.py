"""Unit tests of listing coins in parts."""

from __future__ import annotations

import numpy as np
import pytest

from anyascope.clock import ManualClock
from anyascope.collect.collectors.bitcoin.wallets.listing import PART_COINS, bounds_of, list_unspent
from anyascope.wire.bitcoin.rpc import Refusal
from anyascope.wire.bitcoin.wallet import Unspent

PER_COIN_S = 0.00005


class Wallet:
    """Coins of these sats, in an order of its own; a call takes 50 µs a coin."""

    def __init__(self, *sats: int) -> None:
        self.clock = ManualClock()
        self.sats = list(np.random.default_rng(7).permutation(np.array(sats, dtype=np.int64)))
        self.parts: list[int] = []
        self.refuses_at = -1

    async def call_as(self, shape, method, *params):
        *fixed, options = params
        assert (method, *fixed) == ("listunspent", 0, 9_999_999, [], True)
        if len(self.parts) == self.refuses_at:
            return Refusal("timeout", "no answer within 10 s")
        low = round(float(options.get("minimumAmount", "0")) * 1e8)
        high = round(float(options.get("maximumAmount", "21000000")) * 1e8)
        found = [sats for sats in self.sats if low <= sats <= high][: options.get("maximumCount")]
        await self.clock.advance(PER_COIN_S * len(found))
        self.parts.append(len(found))
        return [Unspent(int(sats) / 1e8) for sats in found]

    async def list(self, known=None):
        return await list_unspent(self, known, held_sats=int(sum(self.sats)), clock=self.clock)


async def test_a_small_wallet_is_one_call():
    """Fewer coins than a part, and none."""
    for count in (0, 1, PART_COINS - 1):
        wallet = Wallet(*range(1, count + 1))
        assert len((await wallet.list()).coins) == count
        assert wallet.parts == [count]


@pytest.mark.parametrize("count", [PART_COINS, PART_COINS + 1, 10_000])
async def test_every_coin_comes_once_and_no_call_is_long(count):
    """At first parts are cut by a sample, afterwards by the coins of the last time."""
    wallet = Wallet(*(1_000 + number * number for number in range(count)))
    listing = await wallet.list()
    assert sorted(coin.sats for coin in listing.coins) == sorted(wallet.sats)
    assert max(wallet.parts) <= 1.2 * PART_COINS
    wallet.parts.clear()
    listing = await wallet.list(np.sort(np.array(wallet.sats)))
    assert sorted(coin.sats for coin in listing.coins) == sorted(wallet.sats)
    assert max(wallet.parts) <= PART_COINS + 1
    assert listing.took_s == pytest.approx(PER_COIN_S * count)
    assert listing.longest_s == pytest.approx(PER_COIN_S * max(wallet.parts))


async def test_coins_of_one_size_are_one_part():
    """They cannot be told apart by what they hold; that call is slow, and made rarely."""
    wallet = Wallet(*[546] * 5_000, *range(1_000, 2_000))
    known = np.sort(np.array(wallet.sats))
    listing = await wallet.list(known)
    assert len(listing.coins) == 6_000
    assert max(wallet.parts) == 5_000
    assert bounds_of(np.array([546] * 5_000), 5_000) == (546,)
    assert bounds_of(np.array([], dtype=np.int64), 0) == ()


async def test_a_refusal_ends_it():
    """What was listed so far is no wallet."""
    wallet = Wallet(*range(1, 10_001))
    wallet.refuses_at = 2
    assert (await wallet.list()).code == "timeout"
    assert len(wallet.parts) == 2
