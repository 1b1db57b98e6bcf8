"""The Bitcoin collector on a mempool of 100,000 transactions, while blocks come, as on a crowded day.

The collector runs alone in a process of its own, whose processor time counts; the node is real, on regtest. It is Knots, which groups
its mempool by fee rate itself: `--as-core` reads it as a node of Core's, by a sample. Another client asks of the mempool twenty times a
second all the while: what it waits at most is what the collector's calls hold the node up. How long a call took is with what the answer
waited for a processor; what the node itself does for each is told beside: the processor time of all its threads, which no load lengthens.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import tempfile
import time
from pathlib import Path

import httpx

from anyascope.clock import SystemClock
from anyascope.collect.collectors.bitcoin import pool_reader
from anyascope.collect.collectors.bitcoin.client import RpcClient
from anyascope.collect.collectors.bitcoin.inquiry import Inquiry
from anyascope.collect.collectors.bitcoin.pool_histogram import RATES_SAT_PER_VB as RATES_OF_GROUPS
from anyascope.collect.collectors.bitcoin.pool_reader import PoolReader, PoolSight
from anyascope.collect.options import BitcoinNodeOptions
from bitcoin_wallets import UNSYNCED, Asking, Collector, collect
from figures import quantile, show
from support.big_mempool import UNCHECKED, fill_mempool
from support.regtest import RegtestNode, regtest_nodes

RATES_SAT_PER_VB = (1, 1, 1, 2, 2, 4, 7, 15, 40, 90)
CALL_S = 0.2
AS_CORE = "as-core"
RARE = ("getrawmempool",)  # once, where ZMQ tells what comes
WORK_TRIES = 8


def group_nothing() -> None:
    """From now on the node's own groups are not looked at."""
    pool_reader.groups_from_info = lambda _: None  # type: ignore[assignment]


async def read(node: RegtestNode) -> tuple[PoolSight, PoolSight]:
    """The mempool as the node groups it, and by a sample."""
    clock = SystemClock()
    client = RpcClient(
        BitcoinNodeOptions("one", node.url, cookie_file=node.cookie_file, chain="regtest", timeout_s=60.0), clock=clock
    )
    found = []
    try:
        for lacks in (set(), {pool_reader.GROUPING}):
            inquiry = Inquiry(client, clock=clock, on_fault=print)
            inquiry.lacks |= lacks
            sight = await PoolReader(clock=clock, expiry_s=14 * 86_400.0).read(inquiry)
            assert sight is not None
            found.append(sight)
    finally:
        await client.close()
    return found[0], found[1]


def compare(whole: PoolSight, sampled: PoolSight, count: int) -> None:
    """The largest difference of a group's share."""
    assert whole.groups is not None
    assert sampled.groups is not None
    off = max(
        abs(whole.groups[bound][0] - sampled.groups[bound][0]) for bound in sampled.groups if bound in whole.groups
    )
    show("largest error of a group, of all transactions", 100 * off / count, "%", bar=1, is_most=True)


def worked_s(node: RegtestNode) -> float:
    """Processor time of all threads of the node so far."""
    assert node.process is not None
    threads = Path(f"/proc/{node.process.pid}/task").iterdir()
    return sum(int((thread / "schedstat").read_text().split()[0]) for thread in threads) / 1e9


def tell_work(node: RegtestNode) -> None:
    """What the node does for a call, at least; the least of some tries has nothing else in it."""
    some = node.call("getrawmempool")[::400][:250]
    calls: dict[str, tuple[str, list[list[object]]]] = {
        "getblockchaininfo": ("getblockchaininfo", [[]]),
        "getmempoolinfo": ("getmempoolinfo", [[]]),
        "getmempoolinfo by fee rate": ("getmempoolinfo", [[list(RATES_OF_GROUPS)]]),
        "getrawmempool": ("getrawmempool", [[]]),
        "250 getmempoolentry": ("getmempoolentry", [[txid] for txid in some]),
    }
    with httpx.Client(auth=node.credentials, timeout=60.0) as client:
        for name, (method, params) in calls.items():
            body = json.dumps([{"id": at, "method": method, "params": each} for at, each in enumerate(params)])
            found = []
            for _ in range(WORK_TRIES):
                before_s = worked_s(node)
                client.post(node.url, content=body).raise_for_status()
                found.append(worked_s(node) - before_s)
            show(f"{name}: the node's work", min(found) * 1e3, "ms", bar=CALL_S * 1e3, is_most=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--collect", nargs="+", metavar="URL COOKIE")
    parser.add_argument("--count", type=int, default=100_000)
    parser.add_argument("--as-core", action="store_true")
    parser.add_argument("--seconds", type=float, default=120)
    parser.add_argument("--block", type=float, default=20, help="seconds between two blocks")
    asked = parser.parse_args()
    if asked.collect:
        url, cookie, *how = asked.collect
        if AS_CORE in how:
            group_nothing()
        asyncio.run(collect(url, cookie))
        return
    more = (UNSYNCED, "-keypool=10", "-maxmempool=300", *UNCHECKED)
    with tempfile.TemporaryDirectory() as folder, regtest_nodes(Path(folder), 1, *more) as [node]:
        miner = node.funded_wallet("miner")
        node.mine(asked.count // 5_000, to=miner)
        fill_mempool(node, asked.count, rates=RATES_SAT_PER_VB, chained=asked.count // 10, oldest_s=13 * 86_400)
        show("transactions in the mempool", node.call("getmempoolinfo")["size"], "")
        compare(*asyncio.run(read(node)), asked.count)
        tell_work(node)
        watch(node, miner, asked)


def watch(node: RegtestNode, miner: str, asked: argparse.Namespace) -> None:
    """Blocks come, which leave the mempool as it is."""
    collector = Collector(node, *([AS_CORE] if asked.as_core else []), program=__file__)
    asking = Asking(node, "getmempoolinfo")
    try:
        collector.report()
        asking.start()
        started = time.monotonic()
        while time.monotonic() - started < asked.seconds:
            node.call("generateblock", miner, [])
            time.sleep(asked.block)
        told, passed_s = collector.report(), time.monotonic() - started
        waits_s = asking.stop()
    finally:
        collector.stop()
    show("CPU of one core", 100 * told["cpu_s"] / passed_s, "%", bar=5, is_most=True)
    show("another client's wait, p99", quantile(waits_s, 0.99) * 1e3, "ms")
    show("another client's wait, longest", max(waits_s) * 1e3, "ms", bar=CALL_S * 1e3, is_most=True)
    for method, (count, longest_s) in sorted(told["calls"].items(), key=lambda pair: -pair[1][1])[:6]:
        bar = None if method in RARE else CALL_S * 1e3
        show(f"{method}, slowest of {count}", longest_s * 1e3, "ms", bar=bar, is_most=True)
    print("\n".join(told["health"]))


if __name__ == "__main__":
    main()
