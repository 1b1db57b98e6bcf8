"""The Bitcoin collector with three wallets of 10,000 coins each, while blocks come that pay to each of them.

The collector runs alone in a process of its own, whose processor time counts; the node is real, on regtest. Another client asks the
node twenty times a second all the while: what it waits at most is what the collector's calls hold the node up.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry

from anyascope.clock import SystemClock
from anyascope.collect.collect import Collect
from anyascope.collect.collectors.bitcoin.client import RpcCounts
from anyascope.collect.collectors.bitcoin.patience import SLOW_S
from anyascope.collect.options import (
    BitcoinNodeOptions,
    CollectOptions,
    HostOptions,
    JournalOptions,
    ProcessOptions,
    SelfOptions,
)
from anyascope.store.documents import MemoryDocuments
from figures import quantile, show
from support.collecting import RecordingIntake
from support.regtest import RegtestNode, regtest_nodes

WALLETS = ("hot", "warm", "cold")
COINS, OUTPUTS = 10_000, 1_000
UNSYNCED = "-unsafesqlitesync=1"  # a wallet writes to disk for each output that pays to it: making 30,000 takes minutes
ASK_EVERY_S = 0.05


# --- the collector's process ------------------------------------------------------------------------------------------


class Forgetful(RecordingIntake):
    """Takes everything and keeps nothing."""

    async def metrics(self, batch: Any, *, source: str) -> None:
        pass

    async def logs(self, batches: Any, *, source: str) -> None:
        pass


async def collect(url: str, cookie: str, *wallets: str) -> None:
    """Collect until stdin ends; each line of it asks what was seen since the last one."""
    calls: dict[str, list[float]] = {}
    note = RpcCounts.note

    def noting(self: RpcCounts, method: str, answers: Any, seconds: float, **more: Any) -> None:
        calls.setdefault(method, []).append(seconds)
        note(self, method, answers, seconds, **more)

    RpcCounts.note = noting  # type: ignore[method-assign]
    clock = SystemClock()
    node = BitcoinNodeOptions("one", url, cookie_file=Path(cookie), chain="regtest", wallets=wallets)
    room = Collect(
        Forgetful(),
        options=CollectOptions(
            host=HostOptions(enabled=False),
            process=ProcessOptions(enabled=False),
            journal=JournalOptions(enabled=False),
            itself=SelfOptions(enabled=False),
            bitcoin=(node,),
        ),
        documents=MemoryDocuments(clock=clock),
        clock=clock,
        registry=CollectorRegistry(),
    )
    await room.start()
    used_s = time.process_time()
    while await asyncio.to_thread(sys.stdin.readline):
        now_s = time.process_time()
        told = {
            "cpu_s": now_s - used_s,
            "calls": {method: [len(took), max(took)] for method, took in calls.items()},
            "coins": [sight.coins.count if sight.coins else 0 for sight in room.bitcoin_wallets()],
            "health": [f"{each.component}: {each.status.value}: {each.message}" for each in room.health()],
        }
        print(json.dumps(told), flush=True)
        used_s = now_s
        calls.clear()
    await room.stop()


class Collector:
    """The process that collects."""

    def __init__(self, node: RegtestNode, *wallets: str, program: str = __file__) -> None:
        command = [sys.executable, program, "--collect", node.url, str(node.cookie_file), *wallets]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def report(self) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        while not (line := self._process.stdout.readline()).startswith("{"):
            assert line, "the collector ended"
        return json.loads(line)

    def stop(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(timeout=30)


# --- the node ---------------------------------------------------------------------------------------------------------


def build(node: RegtestNode) -> str:
    """Three wallets of 10,000 coins each, and the miner's, which pays; the miner's address."""
    miner = node.funded_wallet("miner")
    node.mine(len(WALLETS) * COINS // OUTPUTS, to=miner)
    told = node.call("listdescriptors", True, wallet="miner")["descriptors"]
    own = next(each["desc"] for each in told if each["desc"].startswith("wpkh(") and not each["internal"])
    for branch, name in enumerate(WALLETS, start=10):
        # Keys of a branch of the miner's: a wallet that makes four thousand of its own takes seconds.
        node.call("createwallet", name, False, True)
        keys = own.partition("#")[0].replace("/0/*", f"/{branch}/*")
        keys = f"{keys}#{node.call('getdescriptorinfo', keys)['checksum']}"
        asked = {"desc": keys, "timestamp": "now", "range": [0, OUTPUTS - 1]}
        assert node.call("importdescriptors", [asked], wallet=name)[0]["success"]
        addresses = node.call("deriveaddresses", keys, [0, OUTPUTS - 1])
        for number in range(COINS // OUTPUTS):
            amounts = {
                address: round((1_000 + 10 * number) / 1e8 * (1 + at), 8) for at, address in enumerate(addresses)
            }
            node.call("sendmany", "", amounts, wallet="miner")
            node.mine(1, to=miner)
    return miner


class Asking(threading.Thread):
    """Another client of the node."""

    def __init__(self, node: RegtestNode, method: str = "getblockcount") -> None:
        super().__init__(daemon=True)
        self._node = node
        self._method = method
        self._is_over = threading.Event()
        self.took_s: list[float] = []

    def run(self) -> None:
        while not self._is_over.wait(ASK_EVERY_S):
            started = time.perf_counter()
            self._node.call(self._method)
            self.took_s.append(time.perf_counter() - started)

    def stop(self) -> list[float]:
        self._is_over.set()
        self.join()
        return self.took_s


def wait_listed(collector: Collector, within_s: float) -> dict[str, Any]:
    """Until all coins were listed: what that took of the processor."""
    deadline, cpu_s = time.monotonic() + within_s, 0.0
    while time.monotonic() < deadline:
        told = collector.report()
        cpu_s += told["cpu_s"]
        if len(told["coins"]) == len(WALLETS) and min(told["coins"]) >= COINS:
            return {**told, "cpu_s": cpu_s}
        time.sleep(1)
    raise AssertionError(f"the coins were not listed: {told}")


def watch(node: RegtestNode, miner: str, collector: Collector, *, watch_s: float, block_s: float) -> dict[str, Any]:
    """Blocks come, each with a payment to every wallet."""
    targets = [
        node.call("listunspent", 1, 9_999_999, [], True, {"maximumCount": 1}, wallet=name)[0]["address"]
        for name in WALLETS
    ]
    until = time.monotonic() + watch_s
    blocks = 0
    while time.monotonic() < until:
        node.call("sendmany", "", dict.fromkeys(targets, 0.00005), wallet="miner")
        node.mine(1, to=miner)
        blocks += 1
        time.sleep(block_s)
    return {**collector.report(), "blocks": blocks}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--collect", nargs="+", metavar="URL COOKIE WALLET")
    parser.add_argument("--seconds", type=float, default=180)
    parser.add_argument("--block", type=float, default=10, help="seconds between two blocks")
    asked = parser.parse_args()
    if asked.collect:
        asyncio.run(collect(*asked.collect))
        return
    with tempfile.TemporaryDirectory() as folder, regtest_nodes(Path(folder), 1, UNSYNCED, "-keypool=10") as [node]:
        miner = build(node)
        print("built", flush=True)
        collector = Collector(node, *WALLETS)
        try:
            first = wait_listed(collector, within_s=120)
            show("CPU until all coins are listed", first["cpu_s"], "s")
            asking = Asking(node)
            asking.start()
            started = time.monotonic()
            told = watch(node, miner, collector, watch_s=asked.seconds, block_s=asked.block)
            passed_s = time.monotonic() - started
            waits_s = asking.stop()
        finally:
            collector.stop()
    show("blocks, each with a payment to every wallet", told["blocks"], "")
    show("CPU of one core", 100 * told["cpu_s"] / passed_s, "%", bar=5, is_most=True)
    show("another client's wait, p99", quantile(waits_s, 0.99) * 1e3, "ms")
    show("another client's wait, longest", max(waits_s) * 1e3, "ms")
    for method, (count, longest_s) in sorted(told["calls"].items(), key=lambda pair: -pair[1][1]):
        is_rare = longest_s > SLOW_S
        show(f"{method}, slowest", longest_s * 1e3, "ms", bar=None if is_rare else SLOW_S * 1e3, is_most=True)
        if is_rare:
            show(f"{method}, calls of a wallet a minute", count / len(WALLETS) / passed_s * 60, "")
    print("\n".join(told["health"]))


if __name__ == "__main__":
    main()
