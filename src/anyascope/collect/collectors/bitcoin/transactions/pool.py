"""An own transaction in the mempool: what miners would earn by it; pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from anyascope.collect.collectors.bitcoin.sheet import sats

WEIGHT_PER_VBYTE = 4  # BIP 141


@dataclass(frozen=True, slots=True)
class PoolEntry:
    """A transaction in the mempool, with what has to be mined before it.

    Attributes:
        ancestor_vsize, ancestor_fees_sats: of it and all that has to be mined before it.
        ancestors, descendants: how many there are, with itself.
        height: of the tip when it entered.
        depends: what of the mempool it spends outputs of; `spent_by`: what spends its outputs there.
        chunk_rate: as the node sorts it for mining, where it says so (Core since 31); sats a virtual byte.
    """

    vsize: int
    fee_sats: int
    ancestor_vsize: int
    ancestor_fees_sats: int
    ancestors: int = 1
    descendants: int = 1
    height: int = -1
    spent_by: tuple[str, ...] = ()
    depends: tuple[str, ...] = ()
    chunk_rate: float | None = None

    @property
    def rate(self) -> float:
        """What it pays itself, sats a virtual byte."""
        return self.fee_sats / self.vsize

    @property
    def score(self) -> float:
        """What a miner gets a virtual byte for mining it with its ancestors; one that pays less than they do counts alone.

        Source: Bitcoin Core `src/node/miner.cpp`, selection by ancestor fee rate.
        """
        if self.chunk_rate is not None:
            return self.chunk_rate
        return min(self.rate, self.ancestor_fees_sats / self.ancestor_vsize)


def entry_of(answer: object) -> PoolEntry | None:
    """From `getmempoolentry`, or an entry of `getmempoolancestors`; None where it is no such answer."""
    facts: Mapping[str, Any] = answer if isinstance(answer, dict) else {}
    fees: Mapping[str, Any] = facts["fees"] if isinstance(facts.get("fees"), dict) else {}
    vsize, fee = facts.get("vsize"), sats(fees.get("base"))
    if not isinstance(vsize, int) or vsize <= 0 or fee is None:
        return None
    ancestor_vsize, ancestor_fees = facts.get("ancestorsize"), sats(fees.get("ancestor"))
    if not isinstance(ancestor_vsize, int) or ancestor_vsize < vsize or ancestor_fees is None:
        ancestor_vsize, ancestor_fees = vsize, fee
    chunk, weight = sats(fees.get("chunk")), facts.get("chunkweight")
    return PoolEntry(
        vsize,
        fee,
        ancestor_vsize,
        ancestor_fees,
        ancestors=int(facts.get("ancestorcount") or 1),
        descendants=int(facts.get("descendantcount") or 1),
        height=int(facts.get("height", -1)),
        spent_by=tuple(str(each) for each in facts.get("spentby") or ()),
        depends=tuple(str(each) for each in facts.get("depends") or ()),
        chunk_rate=chunk / (weight / WEIGHT_PER_VBYTE)
        if chunk is not None and isinstance(weight, int) and weight
        else None,
    )


def effective_rate(entry: PoolEntry, children: Iterable[PoolEntry] = ()) -> float:
    """The fee rate by which it will be mined: its own with its ancestors, or that of a child that pays for it; sats a virtual byte."""
    return max([entry.score, *(child.score for child in children)])


def deficit_sats(ancestors: Mapping[str, PoolEntry], rate: float) -> float:
    """What is missing to lift all ancestors to a rate: those that are mined at it without us need nothing and give nothing.

    Args:
        ancestors: by txid.

    Source: Bitcoin Core `src/node/mini_miner.cpp`, CalculateTotalBumpFees: packages that pay the rate are mined first, what is
    left is lifted together.
    """
    left = dict(ancestors)
    while left:
        packages = [_package(txid, left) for txid in left]
        best = max(packages, key=lambda package: _rate_of(package, left))
        if _rate_of(best, left) < rate:
            break
        for txid in best:
            del left[txid]
    return max(0.0, sum(rate * each.vsize - each.fee_sats for each in left.values()))


def _package(txid: str, left: Mapping[str, PoolEntry]) -> frozenset[str]:
    """A transaction with what of these has to be mined before it."""
    found, asked = {txid}, [txid]
    while asked:
        news = {each for each in left[asked.pop()].depends if each in left} - found
        found |= news
        asked += news
    return frozenset(found)


def _rate_of(package: frozenset[str], left: Mapping[str, PoolEntry]) -> float:
    return sum(left[each].fee_sats for each in package) / sum(left[each].vsize for each in package)
