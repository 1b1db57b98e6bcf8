"""Reads a mempool by fee rate and by age, for what that may cost a node.

Knots groups its mempool by fee rate itself. Else a small mempool is read whole, and of a large one every so-and-so-many-th
transaction, in the node's own order, which is by number of ancestors, then by fee rate: such a sample has all fee rates in their shares.
What comes and goes later is known by ZMQ: only without it, or where the sample no longer fits, is a large mempool listed again. What takes
the node long nevertheless is asked of it seldom.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from anyascope.clock import NS_PER_S, Clock
from anyascope.collect.collectors.bitcoin.inquiry import Inquiry
from anyascope.collect.collectors.bitcoin.patience import Patience
from anyascope.collect.collectors.bitcoin.pool_entries import PoolEntry
from anyascope.collect.collectors.bitcoin.pool_histogram import (
    RATES_SAT_PER_VB,
    Groups,
    groups_from_entries,
    groups_from_info,
)
from anyascope.collect.collectors.bitcoin.pool_sample import PoolSample
from anyascope.collect.collectors.bitcoin.sheet import Facts, facts_of
from anyascope.model.wallets import WalletCall
from anyascope.wire.shapes import shape_of

ENTRIES_MAX = 5_000  # transactions that are read one by one: 4 MB and 50 ms of the node; a full mempool has 100,000
SAMPLE_MIN = 2_000  # of a larger one: shares of a tenth are then right to 0.7 %, and each request takes some 10 ms
SAMPLE_TOGETHER = 250  # calls of one request
SAMPLE_EVERY_S = 300.0  # also between two lists: the ids of 100,000 transactions are 7 MB and up to 0.2 s of the node
LISTED_MAX = 500_000  # five times a full mempool of the default size: 34 MB, and about a second in which the node does nothing else
LIST, ENTRY, INFO = "getrawmempool", "getmempoolentry", "getmempoolinfo"
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
        listed_max: how large a mempool may be whose ids are asked for.
    """

    def __init__(
        self,
        *,
        clock: Clock,
        expiry_s: float,
        entries_max: int = ENTRIES_MAX,
        sample_min: int = SAMPLE_MIN,
        listed_max: int = LISTED_MAX,
    ) -> None:
        self._clock = clock
        self._expiry_s = expiry_s
        self._entries_max = entries_max
        self._sample_min = sample_min
        self._listed_max = listed_max
        self._sample = PoolSample()
        self._sampled = PoolSight()
        self._sampled_ns: int | None = None
        self._grouped: Groups | None = None
        self._patience = Patience()
        self._size = 0

    def hear(self, txid: str, is_added: bool) -> None:  # noqa: FBT001  # as the feed tells it
        """The mempool took a transaction, or lost it without a block."""
        self._sample.hear(txid, is_added=is_added)

    def forget(self) -> None:
        """It is another chain's mempool."""
        self._sample.end()
        self._sampled, self._sampled_ns, self._grouped, self._size = PoolSight(), None, None, 0

    @property
    def slow_calls(self) -> tuple[WalletCall, ...]:
        """The calls that are made rarely, since they take the node long."""
        return self._patience.slow()

    @property
    def lacks(self) -> str:
        """What is not told for the mempool's size, and why; empty where all is."""
        if self._size <= self._listed_max or self._sampled.ages is not None:
            return ""
        return f"a mempool of {self._size} transactions, which a node cannot list at once: ages and fee rates but Knots' own"

    async def read(self, inquiry: Inquiry) -> PoolSight | None:
        """What can be known now; None where the node tells nothing."""
        info, groups = await self._info(inquiry)
        size = info.get("size")
        if not isinstance(size, int):
            return None
        self._size, self._grouped = size, groups
        if size > self._entries_max:
            await self._look_at_sample(inquiry, size)
            return PoolSight(groups or self._sampled.groups, self._sampled.ages)
        self._sample.end()
        self._sampled, self._sampled_ns = PoolSight(), None
        entries = await inquiry.ask_as(dict[str, PoolEntry], LIST, True)
        if entries is None:
            return PoolSight(groups)
        return PoolSight(groups or groups_from_entries(entries.values()), self._ages(entries.values()))

    # --- inside -------------------------------------------------------------------------------------------------------

    async def _info(self, inquiry: Inquiry) -> tuple[Facts, Groups | None]:
        """`getmempoolinfo`, and the groups where the node makes some."""
        if GROUPING not in inquiry.lacks and self._is_due(INFO):
            started_ns = self._clock.monotonic_ns()
            told = await inquiry.ask(INFO, list(RATES_SAT_PER_VB), fine=_NO_SUCH_ARGUMENT)
            info = facts_of(told)
            groups = groups_from_info(info)
            if (
                groups is not None and self._size > self._entries_max
            ):  # of a few it is no work, however busy the machine
                self._note(INFO, started_ns)
            if groups is not None or told is None:
                return info, groups
            inquiry.lacks.add(GROUPING)
        return facts_of(await inquiry.ask(INFO)), None if GROUPING in inquiry.lacks else self._grouped

    async def _look_at_sample(self, inquiry: Inquiry, size: int) -> None:
        now_ns = self._clock.monotonic_ns()
        has_rested = self._sampled_ns is None or now_ns - self._sampled_ns >= SAMPLE_EVERY_S * NS_PER_S
        if not has_rested or not self._is_due(ENTRY):
            return
        self._sampled_ns = now_ns
        entries = await self._entries(inquiry, self._sample.take())
        if not self._sample.keep(entries, size=size, wanted=self._sample_min):
            if size > self._listed_max or not self._is_due(LIST):
                return  # what was known stays, until the node may be asked again
            started_ns = self._clock.monotonic_ns()
            listed = await inquiry.ask_as(list[str], LIST)
            self._note(LIST, started_ns)
            self._sample.begin(listed or (), wanted=self._sample_min)
            entries = await self._entries(inquiry, self._sample.chosen)
        self._sampled = self._sight(entries.values(), size=size) if entries else PoolSight()

    async def _entries(self, inquiry: Inquiry, txids: Sequence[str]) -> dict[str, PoolEntry]:
        """Those that are in the mempool now."""
        told: list[Any] = []
        took_s: list[float] = []
        for first in range(0, len(txids), SAMPLE_TOGETHER):
            started_ns = self._clock.monotonic_ns()
            told += await inquiry.ask_each(ENTRY, txids[first : first + SAMPLE_TOGETHER], fine=_GONE)
            took_s.append((self._clock.monotonic_ns() - started_ns) / NS_PER_S)
        if took_s:
            self._patience.note(ENTRY, sum(took_s), now_ns=self._clock.monotonic_ns(), longest_s=max(took_s))
        entries = {txid: _entry(each) for txid, each in zip(txids, told, strict=True)}
        return {txid: entry for txid, entry in entries.items() if entry is not None}

    def _sight(self, entries: Collection[PoolEntry], *, size: int) -> PoolSight:
        share = size / len(entries)
        groups = {
            bound: (round(count * share), round(vbytes * share))
            for bound, (count, vbytes) in groups_from_entries(entries).items()
        }
        return PoolSight(groups, self._ages(entries, share=share))

    def _is_due(self, method: str) -> bool:
        return self._patience.is_due(method, now_ns=self._clock.monotonic_ns())

    def _note(self, method: str, started_ns: int) -> None:
        now_ns = self._clock.monotonic_ns()
        self._patience.note(method, (now_ns - started_ns) / NS_PER_S, now_ns=now_ns)

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
        return shape_of(PoolEntry).convert(told)
    except msgspec.ValidationError:
        return None
