"""Reads a mempool by fee rate and by age, for what that may cost a node.

Knots groups its mempool by fee rate itself. Else a small mempool is read whole, and of a large one every so-and-so-many-th
transaction, in the node's own order, which is by number of ancestors, then by fee rate: such a sample has all fee rates in their shares.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import msgspec

from anyascope.clock import NS_PER_S, Clock
from anyascope.collect.collectors.bitcoin.inquiry import Inquiry
from anyascope.collect.collectors.bitcoin.pool_entries import PoolEntry
from anyascope.collect.collectors.bitcoin.pool_histogram import (
    RATES_SAT_PER_VB,
    Groups,
    groups_from_entries,
    groups_from_info,
)
from anyascope.collect.collectors.bitcoin.sheet import Facts, facts_of

ENTRIES_MAX = 5_000  # transactions that are read one by one: 4 MB and 50 ms of the node; a full mempool has 100,000
SAMPLE_MIN = 2_000  # of a larger one: shares of a tenth are then right to 0.7 %, and each request takes some 10 ms
SAMPLE_TOGETHER = 250  # calls of one request
SAMPLE_EVERY_S = 300.0  # the ids of 100,000 transactions are 7 MB and up to 0.2 s of the node
EXPIRES_SOON_S = 86_400.0  # a day: time enough to bump what is ours, or to let it go
GROUPING = "fee rates in getmempoolinfo"  # an argument of Knots' that Core does not take
_NO_SUCH_ARGUMENT = ("misc_error", "invalid_parameter", "invalid_params", "type_error")
_GONE = ("invalid_address_or_key",)  # a transaction left the mempool between two calls


@dataclass(frozen=True, slots=True)
class PoolAges:
    """How old the transactions of a mempool are.

    Attributes:
        oldest_s: None where only some were read.
        expiring: how many are so old that the node drops them within a day, or with the next transaction that comes.
        replaceable: how many say that they may be replaced (BIP 125).
        read: how many were read to know this.
    """

    oldest_s: float | None
    expiring: int
    replaceable: int
    read: int


@dataclass(frozen=True, slots=True)
class PoolSight:
    """What is known of a mempool; None where it was not affordable to ask, or the node does not tell."""

    groups: Groups | None = None
    ages: PoolAges | None = None


class PoolReader:
    """One node's mempool.

    Args:
        expiry_s: age at which the node drops a transaction.
        entries_max: how many transactions are read whole.
        sample_min: how many of more than that.
    """

    def __init__(
        self, *, clock: Clock, expiry_s: float, entries_max: int = ENTRIES_MAX, sample_min: int = SAMPLE_MIN
    ) -> None:
        self._clock = clock
        self._expiry_s = expiry_s
        self._entries_max = entries_max
        self._sample_min = sample_min
        self._sampled = PoolSight()
        self._sampled_ns: int | None = None

    async def read(self, inquiry: Inquiry) -> PoolSight | None:
        """What can be known now; None where the node tells nothing."""
        info = await self._info(inquiry)
        size, groups = info.get("size"), groups_from_info(info)
        if not isinstance(size, int):
            return None
        if size > self._entries_max:
            await self._sample(inquiry, size)
            return PoolSight(groups or self._sampled.groups, self._sampled.ages)
        self._sampled, self._sampled_ns = PoolSight(), None
        entries = await inquiry.ask_as(dict[str, PoolEntry], "getrawmempool", True)
        if entries is None:
            return PoolSight(groups)
        return PoolSight(groups or groups_from_entries(entries.values()), self._ages(entries.values()))

    async def _info(self, inquiry: Inquiry) -> Facts:
        """`getmempoolinfo`, with groups where the node makes some."""
        if GROUPING not in inquiry.lacks:
            told = await inquiry.ask("getmempoolinfo", list(RATES_SAT_PER_VB), fine=_NO_SUCH_ARGUMENT)
            if groups_from_info(facts_of(told)) is not None or told is None:
                return facts_of(told)
            inquiry.lacks.add(GROUPING)
        return facts_of(await inquiry.ask("getmempoolinfo"))

    async def _sample(self, inquiry: Inquiry, size: int) -> None:
        now_ns = self._clock.monotonic_ns()
        if self._sampled_ns is not None and now_ns - self._sampled_ns < SAMPLE_EVERY_S * NS_PER_S:
            return
        self._sampled, self._sampled_ns = PoolSight(), now_ns
        txids = await inquiry.ask_as(list[str], "getrawmempool")
        if not txids:
            return
        chosen = txids[:: max(1, len(txids) // self._sample_min)]
        told: list[Any] = []
        for first in range(0, len(chosen), SAMPLE_TOGETHER):
            told += await inquiry.ask_each("getmempoolentry", chosen[first : first + SAMPLE_TOGETHER], fine=_GONE)
        entries = [entry for entry in map(_entry, told) if entry is not None]
        if entries:
            share = size / len(entries)
            groups = {
                bound: (round(count * share), round(vbytes * share))
                for bound, (count, vbytes) in groups_from_entries(entries).items()
            }
            self._sampled = PoolSight(groups, self._ages(entries, share=share))

    def _ages(self, entries: Collection[PoolEntry], *, share: float = 1.0) -> PoolAges:
        """Of all transactions, or of one in `share`."""
        now_s = self._clock.now_ns() / NS_PER_S
        ages_s = [max(0.0, now_s - entry.time) for entry in entries if entry.time > 0]
        expiring = sum(age_s > self._expiry_s - EXPIRES_SOON_S for age_s in ages_s)
        replaceable = sum(entry.is_replaceable for entry in entries)
        oldest_s = max(ages_s, default=0.0) if share == 1.0 else None
        return PoolAges(oldest_s, round(expiring * share), round(replaceable * share), len(entries))


def _entry(told: object) -> PoolEntry | None:
    try:
        return msgspec.convert(told, PoolEntry)
    except msgspec.ValidationError:
        return None
