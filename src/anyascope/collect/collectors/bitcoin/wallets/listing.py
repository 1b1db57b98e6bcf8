"""Lists the coins of a wallet in parts by what they hold, so that no call holds the wallet up for long.

While a wallet lists its coins it takes in no block, and whoever waits for it waits: 10,000 coins are half a second.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from anyascope.clock import NS_PER_S, Clock
from anyascope.collect.collectors.bitcoin.client import RpcClient
from anyascope.wire.bitcoin.rpc import Refusal
from anyascope.wire.bitcoin.wallet import SATS, Unspent

METHOD = "listunspent"
PART_COINS = 2_000  # 80 to 120 ms of the node
PARTS_MAX = 500  # a million coins; where there are more, parts are larger
DEPTHS = (0, 9_999_999)  # confirmations: from none to any
INCLUDE_UNSAFE = True


@dataclass(slots=True)
class Listing:
    """Coins, and how long the node took: in all, and for the longest call."""

    coins: list[Unspent] = field(default_factory=list)
    took_s: float = 0.0
    longest_s: float = 0.0


async def list_unspent(
    client: RpcClient, known: NDArray[np.int64] | None, *, held_sats: int, clock: Clock
) -> Listing | Refusal:
    """All coins.

    Args:
        known: int64[coins] sats of the coins of the last time, ascending: parts are cut by them; None at first, when a part
            of the coins stands for all.
        held_sats: what the wallet holds, about.
    """
    listing = Listing()
    if known is None:
        first = await _ask(client, listing, {"maximumCount": PART_COINS}, clock)
        if isinstance(first, Refusal):
            return first
        if len(first) < PART_COINS:
            listing.coins = first
            return listing
        known = np.sort(np.array([coin.sats for coin in first], dtype=np.int64))
        count = round(held_sats / max(float(known.mean()), 1.0))
    else:
        count = len(known)
    low = 0
    for high in (*bounds_of(known, count), None):
        limits = {"minimumAmount": _bitcoins(low), **({} if high is None else {"maximumAmount": _bitcoins(high)})}
        part = await _ask(client, listing, limits, clock)
        if isinstance(part, Refusal):
            return part
        listing.coins += part
        low = 0 if high is None else high + 1
    return listing


def bounds_of(known: NDArray[np.int64], count: int) -> tuple[int, ...]:
    """Amounts that cut so many coins, of which these are known, into parts; the last part has no upper bound."""
    parts = min(math.ceil(count / PART_COINS), PARTS_MAX)
    if parts < 2 or not len(known):
        return ()
    cuts = np.arange(1, parts) * len(known) // parts
    return tuple(int(sats) for sats in np.unique(known[cuts]))


async def _ask(
    client: RpcClient, listing: Listing, options: Mapping[str, object], clock: Clock
) -> list[Unspent] | Refusal:
    started_ns = clock.monotonic_ns()
    told = await client.call_as(list[Unspent], METHOD, *DEPTHS, [], INCLUDE_UNSAFE, options)
    took_s = (clock.monotonic_ns() - started_ns) / NS_PER_S
    listing.took_s += took_s
    listing.longest_s = max(listing.longest_s, took_s)
    return told


def _bitcoins(sats: int) -> str:
    """As the node reads amounts, to the sat."""
    return f"{sats // SATS}.{sats % SATS:08}"
