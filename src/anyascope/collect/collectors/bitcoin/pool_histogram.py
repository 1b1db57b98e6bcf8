"""A mempool by fee rate: how much waits at which price; pure."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping

from anyascope.collect.collectors.bitcoin.sheet import SATS, Facts, Sheet

RATES_SAT_PER_VB = (
    0,
    1,
    2,
    3,
    5,
    8,
    12,
    20,
    30,
    50,
    80,
    120,
    200,
    500,
)  # lower bounds; each half as much again, or twice
ENTRIES_MAX = 5_000  # transactions that are read one by one: 4 MB and 50 ms of the node; a full mempool has 100,000

Groups = dict[int, tuple[int, int]]
"""Transactions and virtual bytes by the lower bound of their fee rate."""


def groups_from_info(info: Facts) -> Groups | None:
    """From Knots' `getmempoolinfo` with bounds; None where the node did not group."""
    told = info.get("fee_histogram")
    if not isinstance(told, dict):
        return None
    found = [group for group in told.values() if isinstance(group, dict)]
    return {int(group["from_feerate"]): (int(group["count"]), int(group["sizes"])) for group in found}


def groups_from_entries(entries: Mapping[str, Facts]) -> Groups:
    """From `getrawmempool` in its long form."""
    groups: Groups = dict.fromkeys(RATES_SAT_PER_VB, (0, 0))
    for size, rate in _sizes_and_rates(entries.values()):
        bound = RATES_SAT_PER_VB[bisect_right(RATES_SAT_PER_VB, rate) - 1]
        count, vbytes = groups[bound]
        groups[bound] = (count + 1, vbytes + size)
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


def _sizes_and_rates(entries: Iterable[Facts]) -> Iterable[tuple[int, float]]:
    for entry in entries:
        size, fee = entry.get("vsize"), (entry.get("fees") or {}).get("base", entry.get("fee"))
        if isinstance(size, int) and size > 0 and isinstance(fee, (int, float)):
            yield size, round(fee * SATS) / size
