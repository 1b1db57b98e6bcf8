"""A mempool by fee rate: how much waits at which price; pure."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable

from anyascope.collect.collectors.bitcoin.pool_entries import PoolEntry
from anyascope.collect.collectors.bitcoin.sheet import SATS, Facts, Sheet, dicts_of

# Lower bounds; each half as much again, or twice.
RATES_SAT_PER_VB = (0, 1, 2, 3, 5, 8, 12, 20, 30, 50, 80, 120, 200, 500)

Groups = dict[int, tuple[int, int]]
"""Transactions and virtual bytes by the lower bound of their fee rate."""


def groups_from_info(info: Facts) -> Groups | None:
    """From Knots' `getmempoolinfo` with bounds; None where the node did not group."""
    told = info.get("fee_histogram")
    if not isinstance(told, dict):
        return None
    groups: Groups = {}
    for group in dicts_of(list(told.values())):
        bound, count, vbytes = (group.get(part) for part in ("from_feerate", "count", "sizes"))
        if isinstance(bound, int) and isinstance(count, int) and isinstance(vbytes, int):
            groups[bound] = (count, vbytes)
    return groups


def groups_from_entries(entries: Iterable[PoolEntry]) -> Groups:
    """From the transactions themselves; one without a size counts nowhere."""
    groups: Groups = dict.fromkeys(RATES_SAT_PER_VB, (0, 0))
    for entry in entries:
        if entry.vsize <= 0:
            continue
        rate = max(0.0, round(entry.fee_btc * SATS) / entry.vsize)
        bound = RATES_SAT_PER_VB[bisect_right(RATES_SAT_PER_VB, rate) - 1]
        count, vbytes = groups[bound]
        groups[bound] = (count + 1, vbytes + entry.vsize)
    return groups


def tell_groups(sheet: Sheet, groups: Groups) -> None:
    """A point a group, empty ones too."""
    for bound in RATES_SAT_PER_VB:
        count, vbytes = groups.get(bound, (0, 0))
        label = ("from_sat_per_vb", str(bound))
        text = "Transactions in the mempool by fee rate, up to the next bound."
        sheet.gauge("anya_bitcoin_mempool_rate_transactions", text, count, label)
        text = "Virtual bytes in the mempool by fee rate, up to the next bound."
        sheet.gauge("anya_bitcoin_mempool_rate_vbytes", text, vbytes, label)
