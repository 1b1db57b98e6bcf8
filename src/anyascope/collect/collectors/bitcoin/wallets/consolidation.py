"""Whether now is a good moment to put a wallet's coins together; pure.

What is spent one by one at the fee of a usual hour costs more than what is put together in a cheap hour and spent as one coin.
"""

from __future__ import annotations

from dataclasses import dataclass

from anyascope.collect.collectors.bitcoin.wallets.coins import Coins
from anyascope.collect.collectors.bitcoin.wallets.fees import Fee, Market
from anyascope.collect.collectors.bitcoin.wallets.inputs import OWN_SIGNATURES, WITNESS_SCALE
from anyascope.collect.collectors.bitcoin.wallets.sweep import KVB, sweep_of

COINS_MIN = 10  # fewer are one payment's worth of inputs
SAVING_SHARE_MIN = (
    0.25  # of what spending them would cost in a usual hour: less is gone with the next move of the market
)


@dataclass(frozen=True, slots=True)
class Consolidation:
    """Putting together all coins that hold more than their input costs now.

    Attributes:
        coins, transactions: how many are put together, in how many transactions.
        cost_sats: the fees of that now.
        saving_sats: what is saved against spending the coins one by one at the median fee; below 0 where it costs more;
            None where the fees of the last days are not known.
        is_advised: a cheap hour, enough coins, and a saving worth it.
    """

    coins: int = 0
    transactions: int = 0
    cost_sats: int = 0
    saving_sats: int | None = None
    is_advised: bool = False


def consolidation_of(coins: Coins, fee: Fee, market: Market | None) -> Consolidation:
    """Of these coins, at today's fee, against the fees of the last days."""
    inputs = coins.worthwhile(fee.sat_per_kvb)
    count = sum(number for _, number in inputs)
    if count < 2:
        return Consolidation(coins=count, saving_sats=None if market is None else 0)
    sweep = sweep_of(inputs)
    cost, transactions = sweep.cost_sats(fee.sat_per_kvb), len(sweep.sizes_vbytes)
    if market is None:
        return Consolidation(count, transactions, cost)
    one_by_one = _spending(sum(each.weight * number for each, number in inputs), market)
    saving = one_by_one - cost - _spending(OWN_SIGNATURES.p2wpkh.weight * transactions, market)
    is_worth_it = count >= COINS_MIN and saving >= SAVING_SHARE_MIN * one_by_one
    return Consolidation(count, transactions, cost, saving, is_worth_it and fee.sat_per_kvb <= market.cheap)


def _spending(weight: int, market: Market) -> int:
    return weight * market.median // (WITNESS_SCALE * KVB)
