"""A real node's mempool: what enters, waits, is replaced and expires, by RPC, by ZMQ and by its log."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Iterator

import pytest

from anyascope.clock import SystemClock
from anyascope.collect.collectors.bitcoin import pool_reader
from anyascope.collect.collectors.bitcoin.client import RpcClient
from anyascope.collect.collectors.bitcoin.feed import BlockFeed
from anyascope.collect.collectors.bitcoin.inquiry import Inquiry
from anyascope.collect.collectors.bitcoin.pool_reader import PoolReader
from anyascope.store.memory.metrics import MemoryMetrics
from support.big_mempool import UNCHECKED, fill_mempool
from support.bitcoin_room import NOBODY, BitcoinRoom, heard, node_options, watching
from support.collecting import until
from support.components import shared_path
from support.dashboards import expressions
from support.promql import answers, engine_over
from support.regtest import RegtestNode, RpcError, regtest_nodes

HOUR_S = 3600
COINS = 18  # of 0.5 bitcoins
SETTINGS = ("-unsafesqlitesync=1", "-mempoolexpiry=1", "-debug=mempool", "-walletbroadcast=1")


@pytest.fixture
def node(tmp_path) -> Iterator[RegtestNode]:
    with regtest_nodes(tmp_path, 1, *SETTINGS) as [running]:
        running.funded_wallet("w")
        address = running.call("getnewaddress", wallet="w")
        running.call("sendmany", "", {running.call("getnewaddress", wallet="w"): 0.5 for _ in range(COINS)}, wallet="w")
        running.mine(2, to=address)
        yield running


async def pay(node: RegtestNode, *, sat_per_vb: int) -> str:
    """A payment of a coin that is confirmed, at this fee rate; its transaction's id."""

    def send() -> str:
        coin = next(coin for coin in node.call("listunspent", 1, wallet="w") if coin["amount"] == 0.5)
        chosen = {"inputs": [{"txid": coin["txid"], "vout": coin["vout"]}], "add_inputs": False}
        told = node.call("send", [{NOBODY: 0.1}], None, "unset", sat_per_vb, chosen, wallet="w")
        return told["txid"]

    return await asyncio.to_thread(send)


def figure(room: BitcoinRoom, name: str) -> float | None:
    return room.figures("bitcoin.n").get(name)


async def test_what_comes_and_goes_is_counted(node):
    """Entered, replaced and left by ZMQ and by the log; ages and expiry by reading it; refused passwords by the log."""
    log = node.data / "regtest" / "debug.log"
    watched = node_options("n", node, interval_s=0.3, wallets=(), debug_log=log, mempool_expiry_s=float(HOUR_S))
    async with watching(watched) as room:
        await until(lambda: figure(room, "anya_bitcoin_zmq_addresses") == 1)
        await heard(room, node, "n")
        assert figure(room, "anya_bitcoin_mempool_entered_total") is None  # nothing was heard of it yet
        txid = await pay(node, sat_per_vb=5)
        await until(lambda: figure(room, "anya_bitcoin_mempool_entered_total") == 1)
        await asyncio.to_thread(lambda: node.call("bumpfee", txid, wallet="w"))
        await until(lambda: figure(room, "anya_bitcoin_mempool_left_total") == 1)
        await until(lambda: figure(room, "anya_bitcoin_log_events_total mempool_replaced") == 1)

        assert figure(room, "anya_bitcoin_mempool_expiry_seconds") == HOUR_S
        assert figure(room, "anya_bitcoin_log_events_total mempool_expired") == 0
        await asyncio.to_thread(node.call, "setmocktime", round(time.time()) + 2 * HOUR_S)
        await pay(node, sat_per_vb=5)  # a node drops what is too old when something comes
        await until(lambda: figure(room, "anya_bitcoin_log_events_total mempool_expired") == 1)
        await until(lambda: figure(room, "anya_bitcoin_mempool_left_total") == 2)

        stranger = RegtestNode(node.url, stranger_cookie(node), node.zmq, node.data, node.process)
        with contextlib.suppress(RpcError):
            await asyncio.to_thread(stranger.call, "uptime")
        await until(lambda: figure(room, "anya_bitcoin_log_events_total rpc_unauthorized") == 1)


def stranger_cookie(node: RegtestNode):
    path = node.data / "cookie-of-another"
    path.write_text("__cookie__:0000")
    return path


async def test_the_established_dashboard_shows_data_in_every_panel(node):
    """After some blocks with payments, which fee estimates come from, and a ban: each of its expressions has an answer."""
    for _ in range(6):
        for _ in range(3):
            await pay(node, sat_per_vb=5)
        await asyncio.to_thread(node.mine, 1, to=NOBODY)
    await asyncio.to_thread(node.call, "syncwithvalidationinterfacequeue")  # estimates follow the blocks
    await asyncio.to_thread(node.call, "setban", "203.0.113.7", "add")
    async with watching(node_options("n", node, interval_s=0.3, wallets=())) as room:
        # A rate needs more than one look.
        await until(lambda: sum(source == "bitcoin.n" for source, _ in room.intake.batches) >= 3)
        for blocks in (1, 2, 3, 6, 12, 144):
            assert figure(room, f"anya_bitcoin_fee_estimate_sat_per_vb {blocks}") > 0
    store = MemoryMetrics()
    for _, batch in room.intake.batches:
        await store.write_metrics(batch)
    now_s = room.intake.batches[-1][1].samples.times_ms.max() / 1000
    panels = expressions(shared_path("conformance/grafana"), "bitcoin-grafana")
    assert panels
    assert [each for each in panels if not await answers(engine_over(store), each, now_s)] == []


async def test_a_large_mempool_is_known_by_a_sample(node):
    """Read whole, as ages and fee rates are; by every third transaction, the same shares of the same number."""
    for number in range(12):
        await pay(node, sat_per_vb=2 if number % 3 else 60)
    clock = SystemClock()
    client = RpcClient(node_options("n", node), clock=clock)
    try:
        whole, sampled = (
            await read(client, clock, entries_max=100, sample_min=4),
            await read(client, clock, entries_max=3, sample_min=4),
        )
    finally:
        await client.close()
    exact = {bound: group for bound, group in whole.groups.items() if group[0]}
    assert {bound: count for bound, (count, _) in exact.items()} == {2: 8, 50: 4}
    assert (whole.ages.read, whole.ages.replaceable) == (12, 12)
    assert 0 <= whole.ages.oldest_s < 600
    assert whole.ages.expiring == 12  # within a day: they have an hour
    assert sampled.ages.read == 4
    assert (sampled.ages.oldest_s, sampled.ages.expiring) == (None, 12)
    found = {bound: group for bound, group in sampled.groups.items() if group[0]}
    assert found.keys() == exact.keys()
    assert sum(count for count, _ in found.values()) == 12


async def test_a_sample_is_kept_up_by_what_zmq_says(node, monkeypatch):
    """Listed once; what comes then is read, what is replaced or mined no more, and the ids of all are not asked for again."""
    monkeypatch.setattr(pool_reader, "SAMPLE_EVERY_S", 0.0)
    clock = SystemClock()
    client = RpcClient(node_options("n", node), clock=clock)
    feed, told = BlockFeed("n", lambda: None), list[str]()
    feed.tell_also(lambda: None, lambda txid, _: told.append(txid))
    hearing = asyncio.create_task(feed.run())
    inquiry = Inquiry(client, clock=clock, on_fault=told.append)
    inquiry.lacks.add("fee rates in getmempoolinfo")

    async def found():
        inquiry.begin()
        sight = await reader.read(inquiry)
        assert sight.ages.read == sum(count for count, _ in sight.groups.values())  # a sample of all
        return {bound: count for bound, (count, _) in sight.groups.items() if count}

    try:
        await asyncio.sleep(0)  # it opens its socket
        feed.listen_to([node.zmq])
        while not told:  # until the node knows that we listen
            await pay(node, sat_per_vb=5)
            await asyncio.sleep(0.2)
        size = (await asyncio.to_thread(node.call, "getmempoolinfo"))["size"]
        while size < 4:
            await pay(node, sat_per_vb=5)
            size += 1
        reader = PoolReader(clock=clock, expiry_s=float(HOUR_S), entries_max=1, sample_min=size)
        feed.tell_also(lambda: None, reader.hear)
        assert await found() == {5: size}
        txids = [await pay(node, sat_per_vb=60) for _ in range(2)]
        await until(lambda: set(txids) <= set(told))
        assert await found() == {5: size, 50: 2}
        by = await asyncio.to_thread(node.call, "bumpfee", txids[0], {"fee_rate": 90}, wallet="w")
        await until(lambda: by["txid"] in told)
        assert await found() == {5: size, 50: 1, 80: 1}
        await asyncio.to_thread(node.call, "generateblock", NOBODY, [txids[1]])
        last = await pay(node, sat_per_vb=60)
        await until(lambda: last in told)
        assert await found() == {5: size, 50: 1, 80: 1}
        assert client.counts.outcomes[("getrawmempool", "ok")] == 1
    finally:
        hearing.cancel()
        await asyncio.gather(hearing, return_exceptions=True)
        await client.close()


async def read(client: RpcClient, clock: SystemClock, **limits: int):
    faults: list[str] = []
    inquiry = Inquiry(client, clock=clock, on_fault=faults.append)
    inquiry.lacks.add("fee rates in getmempoolinfo")  # as a node of Core's
    found = await PoolReader(clock=clock, expiry_s=float(HOUR_S), **limits).read(inquiry)
    assert faults == []
    return found


CROWD = 6_000  # more than are read one by one
RATES_SAT_PER_VB = {1: 1, 2: 2, 5: 5, 13: 12, 60: 50}  # each of a fifth of them, and the lower bound of its group
DAY_S = 86_400


@pytest.mark.long
async def test_six_thousand_are_known_by_a_sample(tmp_path):
    """A real mempool above the limit: shares of fee rates within 2 %, ages reckoned, nothing said of the oldest; whole, once it is smaller."""
    with regtest_nodes(tmp_path, 1, *UNCHECKED, "-unsafesqlitesync=1", "-keypool=10", "-maxmempool=100") as [node]:
        await asyncio.to_thread(node.funded_wallet, "miner")
        oldest_s = 13 * DAY_S + DAY_S // 2
        await asyncio.to_thread(
            fill_mempool, node, CROWD, rates=tuple(RATES_SAT_PER_VB), chained=1_000, oldest_s=oldest_s
        )
        clock = SystemClock()
        client = RpcClient(node_options("n", node), clock=clock)
        try:
            sampled = await read(client, clock)
        finally:
            await client.close()
        assert sampled.ages.read == CROWD // 3
        for bound in RATES_SAT_PER_VB.values():
            assert abs(sampled.groups[bound][0] - CROWD / len(RATES_SAT_PER_VB)) < 0.02 * CROWD

        async with watching(node_options("n", node, interval_s=0.5, wallets=())) as room:
            await until(lambda: figure(room, "anya_bitcoin_mempool_read_transactions") == CROWD // 3)
            for bound in RATES_SAT_PER_VB.values():  # by the node itself
                count = figure(room, f"anya_bitcoin_mempool_rate_transactions {bound}")
                assert count == CROWD / len(RATES_SAT_PER_VB)
            assert figure(room, "anya_bitcoin_mempool_oldest_seconds") is None
            assert 60 <= (figure(room, "anya_bitcoin_mempool_expiring_transactions") or 0) <= 500  # 222 in truth
            assert figure(room, "anya_bitcoin_mempool_replaceable_transactions") == CROWD
            left = await asyncio.to_thread(_confirm_many, node)
            await until(lambda: figure(room, "anya_bitcoin_mempool_read_transactions") == left)
            assert oldest_s <= (figure(room, "anya_bitcoin_mempool_oldest_seconds") or 0)


def _confirm_many(node: RegtestNode) -> int:
    """Some thousands by one block; the first that came and the chains stay. How many are left."""
    told = node.call("getrawmempool", True)
    first = min(told, key=lambda txid: told[txid]["time"])
    alone = [txid for txid, each in told.items() if each["ancestorcount"] == each["descendantcount"] == 1]
    node.call("generateblock", NOBODY, [txid for txid in alone[:3_500] if txid != first])
    return node.call("getmempoolinfo")["size"]
