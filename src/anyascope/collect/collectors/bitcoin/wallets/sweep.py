"""What it takes to spend many coins: how many transactions, of what size, for which fee; pure.

Source: BIP 141 (weight), Bitcoin Core `src/policy/policy.h` (MAX_STANDARD_TX_WEIGHT), `src/wallet/spend.cpp`
(CalculateMaximumSignedTxSize), `src/policy/feerate.cpp` (a fee is rounded up).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from anyascope.collect.collectors.bitcoin.wallets.inputs import WITNESS_SCALE, CoinInput, compact_size_bytes

STANDARD_WEIGHT_MAX = 400_000  # what nodes relay; some 1,470 P2WPKH inputs
VERSION_AND_LOCKTIME_BYTES = 4 + 4
OUTPUT_BYTES = 8 + 1 + 22  # to a P2WPKH address: the kind that a wallet gives out by default
SEGWIT_MARKER_WEIGHT = 2
KVB = 1_000  # fee rates are whole sats a thousand virtual bytes, as the node keeps them

Inputs: TypeAlias = Sequence[tuple[CoinInput, int]]
"""How many of which inputs."""


@dataclass(frozen=True, slots=True)
class Sweep:
    """Transactions that spend coins, each into one output; `sizes_vbytes` has one of each."""

    sizes_vbytes: tuple[int, ...] = ()

    @property
    def vbytes(self) -> int:
        """Of all transactions together."""
        return sum(self.sizes_vbytes)

    def cost_sats(self, rate_sat_per_kvb: int) -> int:
        """The fees of all transactions together."""
        return sum(fee_sats(size, rate_sat_per_kvb) for size in self.sizes_vbytes)


def fee_sats(vbytes: int, rate_sat_per_kvb: int) -> int:
    """The fee of one transaction, rounded up."""
    return -(-vbytes * rate_sat_per_kvb // KVB)


def sweep_of(inputs: Inputs) -> Sweep:
    """As few standard transactions as hold all these inputs; legacy inputs are put together where they can."""
    left = Counter[CoinInput]()
    for each, count in sorted(inputs, key=lambda pair: not pair[0].is_segwit):
        left[each] += count
    count_bytes = compact_size_bytes(left.total())
    sizes = []
    while left := +left:  # those of which some are left
        taken = _fill(left, count_bytes)
        sizes.append(-(-_weight(taken) // WITNESS_SCALE))
        left.subtract(taken)
    return Sweep(tuple(sizes))


def _fill(left: Counter[CoinInput], count_bytes: int) -> Counter[CoinInput]:
    """As much of what is left as one transaction holds, at least one input."""
    room = STANDARD_WEIGHT_MAX - _frame_weight(count_bytes)
    taken = Counter[CoinInput]()
    for each, count in left.items():
        weight = _weight_beside(each, taken)
        fits = min(count, room // weight) or (0 if taken else 1)
        if fits:
            taken[each] = fits
            room -= fits * weight
        if fits < count:
            break
    return taken


def _weight(inputs: Counter[CoinInput]) -> int:
    """Of one transaction with these inputs and one output."""
    frame = _frame_weight(compact_size_bytes(inputs.total()))
    frame -= 0 if _has_witness(inputs) else SEGWIT_MARKER_WEIGHT
    return frame + sum(_weight_beside(each, inputs) * count for each, count in inputs.items())


def _weight_beside(each: CoinInput, others: Iterable[CoinInput]) -> int:
    """Of an input; a legacy one beside a segwit one says that it has no witness."""
    return each.weight + (0 if each.is_segwit or not _has_witness(others) else 1)


def _has_witness(inputs: Iterable[CoinInput]) -> bool:
    return any(each.is_segwit for each in inputs)


def _frame_weight(count_bytes: int) -> int:
    """Of everything but the inputs, with the marker of a transaction that has witnesses."""
    frame = VERSION_AND_LOCKTIME_BYTES + count_bytes + 1 + OUTPUT_BYTES
    return frame * WITNESS_SCALE + SEGWIT_MARKER_WEIGHT
