"""The coins of a wallet: how many, of what size, and which of them cost more than they hold; pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from anyascope.collect.collectors.bitcoin.wallets.inputs import OWN_SIGNATURES, WITNESS_SCALE, CoinInput, InputSizes
from anyascope.collect.collectors.bitcoin.wallets.sweep import KVB, Inputs
from anyascope.wire.bitcoin.wallet import Unspent

SIZES_SATS = tuple(10**power for power in range(3, 11))  # 1,000 sats are dust at most fees, 10**10 are 100 bitcoins


@dataclass(frozen=True, slots=True)
class Dust:
    """Coins that cost more to spend than they hold."""

    count: int
    sats: int


@dataclass(frozen=True, slots=True)
class Coins:
    """The coins of a wallet by the input that spends them: int64[coins] sats of each kind, in ascending order."""

    kinds: tuple[tuple[CoinInput, NDArray[np.int64]], ...] = ()

    @property
    def count(self) -> int:
        """How many."""
        return sum(len(sats) for _, sats in self.kinds)

    @property
    def sats(self) -> int:
        """What they hold together."""
        return sum(int(sats.sum()) for _, sats in self.kinds)

    @property
    def amounts(self) -> NDArray[np.int64]:
        """int64[coins] sats of all, in ascending order."""
        return np.sort(np.concatenate([sats for _, sats in self.kinds])) if self.kinds else np.array([], dtype=np.int64)

    @property
    def assumed(self) -> int:
        """How many are of a shape that was assumed."""
        return sum(len(sats) for each, sats in self.kinds if each.is_assumed)

    @property
    def inputs(self) -> Inputs:
        """What spending all of them takes."""
        return [(each, len(sats)) for each, sats in self.kinds]

    def counts_up_to(self, bounds: Sequence[int] = SIZES_SATS) -> list[int]:
        """How many hold at most so many sats, by bound."""
        return [sum(int(np.searchsorted(sats, bound, side="right")) for _, sats in self.kinds) for bound in bounds]

    def dust(self, rate_sat_per_kvb: int) -> Dust:
        """Those that cost more than they hold at this fee rate."""
        lost = [sats[: _worthless(each, sats, rate_sat_per_kvb)] for each, sats in self.kinds]
        return Dust(sum(len(sats) for sats in lost), sum(int(sats.sum()) for sats in lost))

    def worthwhile(self, rate_sat_per_kvb: int) -> Inputs:
        """What spending those takes that are no dust at this fee rate."""
        return [(each, len(sats) - _worthless(each, sats, rate_sat_per_kvb)) for each, sats in self.kinds]


def coins_of(unspent: Iterable[Unspent], sizes: InputSizes = OWN_SIGNATURES) -> Coins:
    """The coins that the wallet would spend: all but those that others sent and no block confirms."""
    by_input: dict[CoinInput, list[int]] = {}
    for coin in unspent:
        if coin.safe:
            spent_by = sizes.of(coin.script, descriptor=coin.desc, redeem=coin.redeem, witness=coin.witnessScript)
            by_input.setdefault(spent_by, []).append(coin.sats)
    return Coins(tuple((each, np.sort(np.array(sats, dtype=np.int64))) for each, sats in by_input.items()))


def _worthless(each: CoinInput, sats: NDArray[np.int64], rate_sat_per_kvb: int) -> int:
    """How many of the smallest coins hold less than their input costs."""
    cost = -(
        -each.weight * rate_sat_per_kvb // (WITNESS_SCALE * KVB)
    )  # amounts are whole: below it is below its ceiling
    return int(np.searchsorted(sats, cost, side="left"))
