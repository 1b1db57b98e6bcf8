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
        self.gone: set[str] = set()  # between the list and the look at each
        self.left: set[str] = set()
        self.slow: dict[str, float] = {}  # seconds that a call takes

    def add(self, count: int, *, rate: float, hours: float = 0, replaceable: bool = False) -> list[str]:
        before = list(self.entries)
        for _ in range(count):
            time = self.clock.now_ns() // NS_PER_S - round(hours * HOUR_S)
            entry = {"vsize": 200, "time": time, "fees": {"base": rate * 200 / 1e8}, "bip125-replaceable": replaceable}
            self.entries[f"tx{len(self.entries)}"] = entry
        return list(self.entries)[len(before) :]

    async def call_each(self, method, params, *, fine=()):
        self.asked += [method] * len(params)
        await self.take(method)
        if method == "getmempoolentry":
            return [GONE if txid in self.gone | self.left else self.entries[txid] for (txid,) in params]
        assert method == "getmempoolinfo"
        if params[0] and self.groups is None:
            return [NO_ARGUMENT]
        more = {"fee_histogram": self.groups} if self.groups and params[0] else {}
        return [{"size": len(self.entries) - len(self.left), **more}]

    async def call_as(self, shape, method, *params):
        self.asked.append(method)
        await self.take(method)
        there = {txid: entry for txid, entry in self.entries.items() if txid not in self.left}
        return msgspec.convert(there if params == (True,) else list(there), shape)

    async def take(self, method):
        if method in self.slow:
            await self.clock.advance(self.slow[method])


class Scene:
    """A reader that reads ten transactions whole, and some four of more."""

    def __init__(self, **limits: int) -> None:
        self.clock = ManualClock()
        self.pool = Pool(self.clock)
        self.faults: list[str] = []
        self.inquiry = Inquiry(self.pool, clock=self.clock, on_fault=self.faults.append)
        self.reader = PoolReader(
            clock=self.clock, expiry_s=336 * HOUR_S, **{"entries_max": 10, "sample_min": 4, **limits}
        )

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


# --- kept up by ZMQ ---------------------------------------------------------------------------------------------------


def large():
    """A mempool of a thousand, of which a hundred are read."""
    scene = Scene(entries_max=150, sample_min=100)
    scene.pool.add(1_000, rate=2)
    return scene


def heard(scene, txids, *, is_added=True):
    for txid in txids:
        scene.reader.hear(txid, is_added)


async def test_what_comes_and_goes_is_known_without_another_list():
    """Ids are asked for once; then the same share of what comes is read, and what left is passed over."""
    scene = large()
    await scene.read()
    heard(scene, scene.pool.add(300, rate=50))
    replaced = [f"tx{number}" for number in range(200)]
    scene.pool.left |= {*replaced, *(f"tx{number}" for number in range(200, 300))}  # the latter by a block
    heard(scene, replaced, is_added=False)
    await scene.clock.advance(300)
    found = await scene.read()
    assert "getrawmempool" not in scene.pool.asked
    assert scene.faults == []
    assert sum(count for count, _ in found.groups.values()) == 1_000
    assert abs(found.groups[50][0] - 300) < 60  # by some thirty
    assert abs(found.groups[2][0] - 700) < 60


async def test_a_node_that_says_nothing_is_listed_again():
    """Without ZMQ, or where its messages do not arrive, nobody knows what came."""
    scene = large()
    await scene.read()
    heard(scene, scene.pool.add(10, rate=50))
    for listings in (0, 1, 1):
        await scene.clock.advance(300)
        await scene.read()
        assert scene.pool.asked.count("getrawmempool") == listings


async def test_a_sample_that_no_longer_fits_is_drawn_anew():
    """Messages were lost: the sample is too small for the mempool. Or there are too many of them, or too few."""
    scene = large()
    await scene.read()
    [known, *_lost] = scene.pool.add(300, rate=50)
    heard(scene, [known])
    await scene.clock.advance(300)
    found = await scene.read()
    assert scene.pool.asked.count("getrawmempool") == 1
    assert abs(found.groups[50][0] - 300) <= 10  # evenly out of the list
    heard(scene, scene.pool.add(1_500, rate=5))
    await scene.clock.advance(300)
    assert (await scene.read()).ages.read in range(100, 200)  # drawn anew: it had grown to more than two hundred
    assert scene.pool.asked.count("getrawmempool") == 1


async def test_a_list_that_takes_the_node_long_is_made_rarely():
    """Slow twice, it is asked for once in ten minutes at most; what was known stays, and that it is so is said."""
    scene = large()
    scene.pool.slow = {"getrawmempool": 1.5}
    first = await scene.read()
    assert scene.reader.slow_calls == ()
    await scene.clock.advance(300)
    await scene.read()
    [slow] = scene.reader.slow_calls
    assert (slow.method, slow.took_s, slow.rest_s) == ("getrawmempool", 1.5, 600.0)
    await scene.clock.advance(301)
    assert (await scene.read()).groups == first.groups
    assert "getrawmempool" not in scene.pool.asked
    await scene.clock.advance(300)
    await scene.read()
    assert "getrawmempool" in scene.pool.asked


async def test_groups_of_a_large_mempool_rest_likewise():
    """The node goes through all transactions for them; what it said last stays, the rest of its answer is asked for."""
    scene = large()
    scene.pool.groups = {"1": {"sizes": 300, "count": 2, "fees": 4, "from_feerate": 1}, "total_fees": 4}
    scene.pool.slow = {"getmempoolinfo": 0.3}
    for _ in range(3):  # the first is not timed: it is not known yet how large the mempool is
        assert (await scene.read()).groups == {1: (2, 300)}
    scene.pool.groups = {"1": {"sizes": 900, "count": 6, "fees": 4, "from_feerate": 1}, "total_fees": 4}
    assert (await scene.read()).groups == {1: (2, 300)}
    await scene.clock.advance(150)
    assert (await scene.read()).groups == {1: (6, 900)}


async def test_a_mempool_beyond_all_bounds_is_not_listed():
    """It would stall the node; that figures are missing is said, and ends with the mempool's size."""
    scene = Scene(listed_max=30)
    scene.pool.add(40, rate=2)
    found = await scene.read()
    assert (found.groups, found.ages) == (None, None)
    assert "getrawmempool" not in scene.pool.asked
    assert "a mempool of 40 transactions" in scene.reader.lacks
    scene.pool.left = {f"tx{number}" for number in range(20)}
    await scene.clock.advance(300)
    assert (await scene.read()).groups[2][0] == 20
    assert scene.reader.lacks == ""


async def test_another_chain_begins_anew():
    """Nothing of one mempool stands for another."""
    scene = large()
    await scene.read()
    scene.reader.forget()
    heard(scene, ["tx1"])
    await scene.read()
    assert scene.pool.asked.count("getrawmempool") == 1
