"""Unit tests of reading a mempool for what that may cost."""

from __future__ import annotations

import msgspec

from anyascope.clock import NS_PER_S, ManualClock
from anyascope.collect.collectors.bitcoin.inquiry import Inquiry
from anyascope.collect.collectors.bitcoin.pool_reader import PoolReader
from anyascope.wire.bitcoin.rpc import Refusal

HOUR_S = 3600
NO_ARGUMENT = Refusal("misc_error", "getmempoolinfo")
GONE = Refusal("invalid_address_or_key", "Transaction not in mempool")


class Pool:
    """A node's mempool: transactions in its order, each with what it pays per virtual byte, and when it came."""

    def __init__(self, clock: ManualClock) -> None:
        self.clock = clock
        self.entries: dict[str, dict] = {}
        self.asked: list[str] = []
        self.groups: dict | None = None
        self.gone: set[str] = set()

    def add(self, count: int, *, rate: float, hours: float = 0, replaceable: bool = False) -> None:
        for _ in range(count):
            time = self.clock.now_ns() // NS_PER_S - round(hours * HOUR_S)
            entry = {"vsize": 200, "time": time, "fees": {"base": rate * 200 / 1e8}, "bip125-replaceable": replaceable}
            self.entries[f"tx{len(self.entries)}"] = entry

    async def call_each(self, method, params, *, fine=()):
        self.asked += [method] * len(params)
        if method == "getmempoolentry":
            return [GONE if txid in self.gone else self.entries[txid] for (txid,) in params]
        assert method == "getmempoolinfo"
        if params[0] and self.groups is None:
            return [NO_ARGUMENT]
        more = {"fee_histogram": self.groups} if self.groups and params[0] else {}
        return [{"size": len(self.entries), **more}]

    async def call_as(self, shape, method, *params):
        self.asked.append(method)
        return msgspec.convert(self.entries if params == (True,) else list(self.entries), shape)


class Scene:
    """A reader that reads ten transactions whole, and some four of more."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.pool = Pool(self.clock)
        self.faults: list[str] = []
        self.inquiry = Inquiry(self.pool, clock=self.clock, on_fault=self.faults.append)
        self.reader = PoolReader(clock=self.clock, expiry_s=336 * HOUR_S, entries_max=10, sample_min=4)

    async def read(self):
        self.inquiry.begin()
        self.pool.asked.clear()
        return await self.reader.read(self.inquiry)


async def test_a_small_mempool_is_read_whole():
    """Grouped by fee rate, with the age of the oldest, and how many are dropped within a day."""
    scene = Scene()
    scene.pool.add(2, rate=1.5, hours=1)
    scene.pool.add(1, rate=30, hours=330, replaceable=True)
    found = await scene.read()
    assert {bound: group for bound, group in found.groups.items() if group[0]} == {1: (2, 400), 30: (1, 200)}
    assert (found.ages.oldest_s, found.ages.expiring, found.ages.replaceable) == (330 * HOUR_S, 1, 1)
    assert scene.faults == []
    await scene.read()
    assert scene.pool.asked == ["getmempoolinfo", "getrawmempool"]  # it is known now that the node does not group


async def test_a_transaction_is_about_to_be_dropped_a_day_before():
    """At 312 hours not yet, a moment later it is."""
    scene = Scene()
    scene.pool.add(1, rate=1, hours=312)
    assert (await scene.read()).ages.expiring == 0
    await scene.clock.advance(1)
    assert (await scene.read()).ages.expiring == 1


async def test_what_the_node_groups_is_taken():
    """Knots' own groups count, of a large mempool, too."""
    scene = Scene()
    scene.pool.groups = {"1": {"sizes": 300, "count": 2, "fees": 4, "from_feerate": 1}, "total_fees": 4}
    scene.pool.add(40, rate=50)
    assert (await scene.read()).groups == {1: (2, 300)}


async def test_of_a_large_mempool_a_sample_is_read_rarely():
    """Every so-and-so-many-th in the node's order stands for as many; what left meanwhile is passed over."""
    scene = Scene()
    scene.pool.add(30, rate=50, hours=330)
    scene.pool.add(10, rate=2)
    scene.pool.gone = {"tx10"}
    found = await scene.read()
    assert scene.pool.asked == ["getmempoolinfo", "getmempoolinfo", "getrawmempool", *["getmempoolentry"] * 4]
    assert found.ages.oldest_s is None
    assert found.ages.read == 3
    assert {bound: group[0] for bound, group in found.groups.items() if group[0]} == {2: 13, 50: 27}
    assert found.ages.expiring == 27
    scene.pool.add(10, rate=500)
    assert (await scene.read()).groups == found.groups
    assert "getmempoolentry" not in scene.pool.asked
    await scene.clock.advance(300)
    assert (await scene.read()).groups[500][0] > 0
    assert scene.faults == []


async def test_an_empty_mempool_is_no_mystery():
    """Nothing waits: groups of zero, no age."""
    found = await Scene().read()
    assert set(found.groups.values()) == {(0, 0)}
    assert (found.ages.oldest_s, found.ages.read) == (0, 0)
