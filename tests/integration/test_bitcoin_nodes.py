"""Two real nodes on regtest, watched: every fault becomes its figure, its event and its word of health."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from contextlib import asynccontextmanager

import pytest
from prometheus_client import CollectorRegistry

from anyascope.clock import SystemClock
from anyascope.collect.collect import Collect
from anyascope.collect.options import (
    BitcoinNodeOptions,
    CollectOptions,
    HostOptions,
    JournalOptions,
    ProcessOptions,
    SelfOptions,
)
from anyascope.model.labels import metric_of
from anyascope.model.secret import Secret
from anyascope.ports import HealthStatus
from anyascope.store.documents import MemoryDocuments
from support.bitcoin_room import joined
from support.collecting import RecordingIntake, until, values_of
from support.regtest import RegtestNode, RpcError, free_base, litecoin_node, regtest_node, regtest_nodes, rpcauth

ADDRESS = "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080"  # of BIP 173; nobody here spends
CALL_WITHIN_S = 60.0  # of a busy machine
SELDOM_S = 3600.0  # no polling within a test: what is seen at this interval was announced


class Watch:
    """The room with nothing but nodes."""

    def __init__(self, *nodes: BitcoinNodeOptions) -> None:
        self.intake = RecordingIntake()
        clock = SystemClock()
        self.collect = Collect(
            self.intake,
            options=CollectOptions(
                host=HostOptions(enabled=False),
                process=ProcessOptions(enabled=False),
                journal=JournalOptions(enabled=False),
                itself=SelfOptions(enabled=False),
                bitcoin=nodes,
            ),
            documents=MemoryDocuments(clock=clock),
            clock=clock,
            registry=CollectorRegistry(),
        )

    def figures(self, node: str) -> dict[str, float]:
        """Metric, and labels that are not the target's, to value, of the node's last round."""
        batch = next((b for source, b in reversed(self.intake.batches) if source == f"bitcoin.{node}"), None)
        if batch is None:
            return {}
        found = {}
        for labels, value in values_of(batch).items():
            assert dict(labels)["chain"]
            assert dict(labels)["node"] == node
            rest = [each for key, each in labels if key not in ("__name__", "job", "instance", "node", "chain", "coin")]
            found[" ".join([metric_of(labels), *rest])] = value
        return found

    def networks(self, node: str) -> set[tuple[str, str]]:
        """Coin and chain of all series of the node's last round."""
        batch = next(b for source, b in reversed(self.intake.batches) if source == f"bitcoin.{node}")
        return {(dict(labels).get("coin", ""), dict(labels)["chain"]) for labels in values_of(batch)}

    def health(self, node: str):
        return next(each for each in self.collect.health() if each.component == f"collect.bitcoin.{node}")

    def lines(self):
        return [record for record in self.intake.log_records if record.resource.service == "bitcoind"]

    def blocks(self):
        return [event.attributes["bitcoin.block.hash"] for event in self.events("bitcoin.block.connected")]

    def events(self, name: str):
        return [record for record in self.intake.log_records if record.event_name == name]


@asynccontextmanager
async def watching(*nodes: BitcoinNodeOptions):
    watch = Watch(*nodes)
    await watch.collect.start()
    try:
        yield watch
    finally:
        await watch.collect.stop()


def options(name: str, node: RegtestNode, **more) -> BitcoinNodeOptions:
    known = {"cookie_file": node.cookie_file, "chain": "regtest", "interval_s": SELDOM_S, "timeout_s": CALL_WITHIN_S}
    return BitcoinNodeOptions(name=name, url=node.url, **{**known, **more})


OTHER_BRANCH = "raw(52)"  # blocks that pay to another script have other hashes


async def mine(node: RegtestNode, blocks: int) -> list[str]:
    return await asyncio.to_thread(node.mine, blocks, to=ADDRESS)


async def subscribed(watch: Watch, node: RegtestNode) -> None:
    """A subscription counts some time after its connection: mine until a block is announced."""
    async with asyncio.timeout(150):
        while not watch.blocks():
            await mine(node, 1)
            await asyncio.sleep(0.1)


async def test_one_node_is_read_whole(tmp_path):
    """A node's figures are those that it tells, its blocks are announced, and its log is followed."""
    with regtest_nodes(tmp_path) as [node]:
        await mine(node, 3)
        banned = node.call("setban", "203.0.113.7", "add")
        assert banned is None
        debug_log = node.data / "regtest" / "debug.log"
        async with watching(options("one", node, debug_log=debug_log)) as watch:
            await until(lambda: watch.figures("one").get("bitcoin_blocks") == 3)
            info, figures = node.call("getblockchaininfo"), watch.figures("one")
            assert figures["up"] == 1
            assert figures["bitcoin_difficulty"] == info["difficulty"]
            assert figures["anya_bitcoin_headers"] == figures["anya_bitcoin_block_height"] == 3
            assert figures["anya_bitcoin_initial_download"] == 0
            assert figures["bitcoin_latest_block_height"] == 3
            assert figures["anya_bitcoin_mempool_rate_transactions 1"] == 0
            assert (
                figures["anya_bitcoin_mempool_oldest_seconds"] == figures["anya_bitcoin_mempool_read_transactions"] == 0
            )
            assert figures["bitcoin_server_version"] == node.call("getnetworkinfo")["version"]
            assert figures["anya_bitcoin_rpc_calls_total ok getblockstats"] == 1
            assert figures["anya_bitcoin_index_synced txindex"] in (0, 1)
            assert watch.health("one").status is HealthStatus.HEALTHY
            assert "ZMQ" in watch.health("one").message

            await subscribed(watch, node)
            [block] = await mine(node, 1)
            await until(lambda: block in watch.blocks())
            height = node.call("getblockcount")
            await until(lambda: watch.figures("one")["bitcoin_blocks"] == height)
            assert watch.figures("one")["anya_bitcoin_zmq_lost_total hashblock"] == 0
            # A look that an earlier block caused may find it before its message came.
            await until(lambda: watch.collect._nodes[0].node.feed.has_announced(block))

            await until(lambda: any(f"new best={block}" in record.body for record in watch.lines()))


async def test_a_wrong_cookie_and_a_wrong_chain_are_named(tmp_path):
    """Neither a node that refuses us nor one of another chain tells figures of a chain; each says why and what to do."""
    with regtest_nodes(tmp_path) as [node]:
        cookie = tmp_path / "cookie"
        cookie.write_text("__cookie__:0000")
        refused = options("refused", node, cookie_file=cookie, interval_s=0.2)
        async with watching(refused, options("main", node, chain="main")) as watch:
            await until(lambda: watch.figures("refused") and watch.figures("main"))
            assert watch.figures("refused")["up"] == watch.figures("main")["up"] == 0
            assert "bitcoin_blocks" not in watch.figures("refused") | watch.figures("main")
            assert watch.figures("refused")["anya_bitcoin_rpc_calls_total unauthorized getblockchaininfo"] >= 1
            assert watch.figures("main")["anya_bitcoin_wrong_chain regtest"] == 1
            assert watch.health("refused").status is watch.health("main").status is HealthStatus.UNHEALTHY
            assert "is on chain regtest, expected main" in watch.health("main").message
            assert "cookie_file" in watch.health("refused").advice

            cookie.write_bytes(node.cookie_file.read_bytes())  # the node wrote a new one
            await until(lambda: watch.figures("refused")["up"] == 1)


async def test_litecoins_daemon_is_watched_with_what_it_has(tmp_path):
    """An old dialect, here built without ZMQ: what it lacks is said, and blocks, the tip's time and forks come by other calls."""
    with litecoin_node(tmp_path) as node:
        await asyncio.to_thread(node.call, "generatetodescriptor", 3, OTHER_BRANCH)
        async with watching(options("ltc", node, interval_s=0.5)) as watch:
            await until(lambda: watch.figures("ltc").get("bitcoin_blocks") == 3)
            info, figures = node.call("getblockchaininfo"), watch.figures("ltc")
            assert figures["up"] == 1
            assert watch.networks("ltc") == {("litecoin", "regtest")}
            assert figures["anya_bitcoin_node_info /LitecoinCore:0.21.4/"] == 1
            header = node.call("getblockheader", info["bestblockhash"])
            assert figures["anya_bitcoin_tip_timestamp_seconds"] == header["time"]
            assert figures["anya_bitcoin_deployment_active taproot"] == 1
            assert figures["anya_bitcoin_deployment_active mweb"] == 0
            assert figures["anya_bitcoin_mempool_rate_transactions 1"] == 0  # read one by one: it does not group
            assert figures["anya_bitcoin_rpc_calls_total ok getrawmempool"] == 1
            assert watch.health("ltc").status is HealthStatus.HEALTHY
            assert watch.health("ltc").message.endswith(
                "no ZMQ, blocks by polling; lacks fee rates in getmempoolinfo, getdeploymentinfo, getzmqnotifications"
            )

            [block] = await asyncio.to_thread(node.call, "generatetodescriptor", 1, OTHER_BRANCH)
            await until(lambda: watch.blocks() == [block])


async def test_a_pruned_node_without_wallet_whose_user_may_do_little(tmp_path):
    """What it tells is told, each call that is refused (403) is counted and named, and nothing else suffers."""
    may = "getblockchaininfo,getnetworkinfo,getmempoolinfo,getblockhash,uptime,getzmqnotifications"
    few = ("-prune=550", "-txindex=0", "-disablewallet", f"-rpcwhitelist=watch:{may}", "-rpcwhitelistdefault=0")
    with regtest_nodes(tmp_path, 1, *few, rpcauth("watch", "let me in")) as [node]:
        await mine(node, 2)
        user = {"cookie_file": None, "username": "watch", "password": Secret("let me in")}
        log = node.data / "regtest" / "debug.log"
        async with watching(options("few", node, **user, interval_s=0.3, debug_log=log)) as watch:
            await until(lambda: watch.figures("few").get("bitcoin_blocks") == 2)
            figures = watch.figures("few")
            assert figures["up"] == figures["anya_bitcoin_pruned"] == 1
            assert figures["bitcoin_mempool_size"] == 0
            assert figures["anya_bitcoin_rpc_calls_total forbidden getpeerinfo"] == 1
            assert "anya_bitcoin_peer_groups_outbound" not in figures
            assert watch.health("few").status is HealthStatus.DEGRADED
            assert watch.health("few").message.startswith("forbidden: ")
            assert "rpcwhitelist" in watch.health("few").advice
            await until(lambda: watch.figures("few")["anya_bitcoin_log_events_total rpc_forbidden"] >= 1)
            assert watch.figures("few")["anya_bitcoin_rpc_calls_total forbidden getpeerinfo"] == 1  # and no more lines


async def test_a_node_whose_work_queue_is_full_is_busy_and_not_gone(tmp_path):
    """It refuses with 503 while others take its only thread and its queue; then it is looked at as before."""
    with regtest_nodes(tmp_path, 1, "-rpcthreads=1", "-rpcworkqueue=1") as [node]:
        log = node.data / "regtest" / "debug.log"
        async with watching(options("busy", node, interval_s=0.2, debug_log=log)) as watch:
            await until(lambda: watch.figures("busy").get("up") == 1)
            seen = threading.Event()
            calls = [asyncio.create_task(asyncio.to_thread(takes_its_time, node, seen)) for _ in range(4)]
            try:
                await until(lambda: watch.figures("busy")["up"] == 0)
                await until(lambda: watch.health("busy").message.startswith("busy: "))
                assert watch.health("busy").status is HealthStatus.DEGRADED
            finally:
                seen.set()
            await asyncio.gather(*calls)
            await until(lambda: watch.figures("busy")["up"] == 1)
            assert watch.figures("busy")["anya_bitcoin_rpc_calls_total busy getblockchaininfo"] >= 1
            await until(lambda: watch.figures("busy")["anya_bitcoin_log_events_total rpc_queue_full"] >= 1)


def takes_its_time(node: RegtestNode, seen: threading.Event) -> None:
    """Again and again, until the look at a busy node was seen."""
    while not seen.is_set():
        with contextlib.suppress(RpcError, ValueError, OSError):  # the queue was full for it, too
            node.call("waitfornewblock", 1500)


@pytest.mark.long
async def test_two_nodes_part_and_meet(tmp_path):
    """A disagreement, a two-block reorg, a stop and a start each become figures, events and a word of health."""
    base = free_base(2)
    with (
        regtest_node(tmp_path / "a", base) as first,
        regtest_node(tmp_path / "b", base + 3, f"-addnode=127.0.0.1:{base}") as second,
    ):
        await mine(first, 10)
        await until(lambda: second.call("getblockcount") == 10)
        a = options("a", first, interval_s=1.0, block_spacing_s=600.0)
        b = options("b", second, interval_s=1.0)
        async with watching(a, b) as watch:
            await until(lambda: [watch.figures(name).get("bitcoin_blocks") for name in "ab"] == [10, 10])
            assert watch.figures("b").get("anya_bitcoin_nodes_on_another_branch", 0) == 0
            assert watch.figures("a")["anya_bitcoin_settled"] == 0  # neither has run for ten minutes
            assert watch.figures("a")["anya_bitcoin_tip_age_seconds"] >= 0
            assert 0 < watch.figures("a")["anya_bitcoin_tip_gap_probability"] <= 1
            assert "anya_bitcoin_tip_gap_probability" not in watch.figures("b")  # regtest aims at nothing

            await asyncio.to_thread(second.call, "setnetworkactive", False)
            await until(lambda: first.call("getconnectioncount") == 0)  # else it would have the blocks
            old = await mine(second, 2)
            await asyncio.to_thread(first.call, "generatetodescriptor", 1, OTHER_BRANCH)
            await until(lambda: watch.figures("b").get("anya_bitcoin_nodes_on_another_branch") == 1)
            await until(lambda: watch.figures("b").get("anya_bitcoin_branch_blocks") == 2)
            await until(lambda: watch.health("b").status is HealthStatus.DEGRADED)
            await until(lambda: "another branch than a" in watch.health("b").message)

            await asyncio.to_thread(first.call, "generatetodescriptor", 2, OTHER_BRANCH)
            await until(lambda: watch.health("b").status is HealthStatus.UNHEALTHY)
            await until(lambda: watch.figures("b")["anya_bitcoin_tip_lag_seconds"] > 0)
            await until(lambda: watch.figures("a")["anya_bitcoin_tip_lag_seconds"] == 0)
            await asyncio.to_thread(second.call, "setnetworkactive", True)
            await joined(second, first)
            await until(lambda: watch.figures("b").get("anya_bitcoin_reorgs_total") == 1)
            await until(lambda: watch.health("b").status is HealthStatus.HEALTHY)
            await until(lambda: watch.figures("b")["anya_bitcoin_tip_lag_seconds"] == 0)
            assert watch.figures("b")["anya_bitcoin_reorg_depth_blocks"] == 2
            assert watch.figures("b")["anya_bitcoin_reorg_fork_height"] == 10
            [reorg] = watch.events("bitcoin.reorg")
            assert reorg.attributes["bitcoin.node"] == "b"
            assert reorg.attributes["bitcoin.reorg.gone"] == old

            await asyncio.to_thread(second.stop)
            await until(lambda: watch.figures("b")["up"] == 0)
            assert "bitcoin_blocks" not in watch.figures("b")
            with regtest_node(tmp_path / "b", base + 3, f"-addnode=127.0.0.1:{base}") as again:
                await until(lambda: watch.figures("b")["up"] == 1)
                await until(lambda: watch.health("b").status is HealthStatus.HEALTHY)
                assert again.call("getblockcount") == 13
                await until(lambda: watch.figures("b")["bitcoin_blocks"] == 13)
