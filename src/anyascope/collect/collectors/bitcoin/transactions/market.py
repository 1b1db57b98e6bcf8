"""What a virtual byte costs that is to be mined within three blocks; pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from anyascope.collect.collectors.bitcoin.sheet import sat_per_vb

TARGET_BLOCKS = 3
BLOCKS_LOOKED_AT = 3  # where the node has no estimate: what its newest blocks took


@dataclass(frozen=True, slots=True)
class Market:
    """Fee rates in sats a virtual byte.

    Attributes:
        rate: to be mined within three blocks.
        minimum: to enter the mempool.
        increment: that a replacement pays on top.
        is_pool_loaded: whether the mempool is read from disk: before that, what is not in it has not left it.
        replaces: false of a node that takes no replacement at all (Knots with `mempoolreplacement=0`).
    """

    rate: float
    minimum: float
    increment: float
    is_pool_loaded: bool = True
    replaces: bool = True


def market_of(pool: Mapping[str, Any], estimate: Mapping[str, Any], taken: Sequence[float]) -> Market:
    """By the node's estimate; without one, by what blocks took; never below what the mempool asks for.

    Args:
        pool: of `getmempoolinfo`.
        estimate: of `estimatesmartfee 3`.
        taken: of the newest blocks, each by `taken_rate`.
    """
    minimum = max(sat_per_vb(pool.get("mempoolminfee")) or 0.0, sat_per_vb(pool.get("minrelaytxfee")) or 0.0)
    increment = sat_per_vb(pool.get("incrementalrelayfee"))
    rate = sat_per_vb(estimate.get("feerate"))
    if rate is None and taken:
        rate = median(taken)
    if rate is None or rate < minimum:
        rate = minimum
    return Market(
        rate,
        minimum,
        # Nodes until 23 do not say it: then the relay fee is what they ask for, in practice.
        increment=increment if increment is not None else sat_per_vb(pool.get("minrelaytxfee")) or 1.0,
        is_pool_loaded=pool.get("loaded") is not False,
        replaces=pool.get("rbf_policy") != "never",
    )


def taken_rate(stats: Mapping[str, Any]) -> float | None:
    """What a block took, by `getblockstats`: the fee rate of its cheapest tenth; None of an empty block."""
    percentiles = stats.get("feerate_percentiles")
    if not isinstance(percentiles, list) or not percentiles or not stats.get("totalfee"):
        return None
    return float(percentiles[0])
