"""Unit tests of watching a node that is played."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import msgspec
import pytest

from anyascope.clock import NS_PER_S, ManualClock
from anyascope.collect.collectors.bitcoin.client import RpcCounts
from anyascope.collect.collectors.bitcoin.node import NodeWatch
from anyascope.collect.collectors.bitcoin.verdict import NodeView
from anyascope.collect.options import BitcoinNodeOptions
from anyascope.store.documents import MemoryDocuments
from anyascope.wire.bitcoin.rpc import Refusal
from support.collecting import RecordingIntake

MISSING = Refusal("method_not_found", "Method not found")


class PlayedNode:
    """Answers from a chain of letters, one a block, and from what it is told to say."""

    def __init__(self, chain: str, clock: ManualClock) -> None:
        self.chain = chain
        self.clock = clock
        self.started_ns = clock.monotonic_ns() - 9 * NS_PER_S
        self.says: dict[str, object] = {}
        self.counts = RpcCounts()
        self.asked: list[str] = []
        self.takes_s: dict[str, float] = {}

    async def call(self, method, *params):
        self.asked.append(method)
        if method in self.takes_s:
            await self.clock.sleep(self.takes_s[method])
        if method in self.says:
            return self.says[method]
        height = len(self.chain) - 1
        if method == "getblockchaininfo":
            tip = self.chain[-1]
            return {"chain": "main", "blocks": height, "headers": height, "bestblockhash": tip, "chainwork": "0a"}
        if method == "getblockhash":
            return self.chain[params[0]]
        uptime_s = (self.clock.monotonic_ns() - self.started_ns) // NS_PER_S
        return {"uptime": uptime_s, "getnetworkinfo": {"connections": 8}}.get(method, MISSING)

    def started(self, *, seconds_ago: int) -> None:
        self.started_ns = self.clock.monotonic_ns() - seconds_ago * NS_PER_S

    async def call_each(self, method, params, *, fine=()):
        return [await self.call(method, *each) for each in params]

    async def call_as(self, shape, method, *params):
        told = await self.call(method, *params)
        return told if isinstance(told, Refusal) else msgspec.convert(told, shape)

    async def close(self):
        pass


class Scene:
    """A watch on a manual clock; a new watch is a restart of the server."""

    def __init__(self, chain: str = "gab", *, block_spacing_s: float | None = None) -> None:
        self.block_spacing_s = block_spacing_s
        self.views: dict[str, NodeView] = {}
        self.clock = ManualClock()
        self.intake = RecordingIntake()
        self.documents = MemoryDocuments(clock=self.clock)
        self.node = PlayedNode(chain, self.clock)
        self.restart()

    def restart(self, *, name: str = "n") -> None:
        options = BitcoinNodeOptions(name, "http://127.0.0.1:8332", zmq="tcp://127.0.0.1:1")
        self.watch = NodeWatch(
            replace(options, block_spacing_s=self.block_spacing_s),
            views=self.views,
            intake=self.intake,
            documents=self.documents,
            clock=self.clock,
            client=self.node,
        )

    async def look(self, seconds: float = 15.0):
        looking = asyncio.create_task(self.watch.gather())
        await self.clock.advance(seconds)
        return await looking

    def events(self) -> list[str]:
        return [f"{record.event_name.split('.')[-1]} {record.correlation_id}" for record in self.intake.log_records]


def figure(found, name: str) -> float:
    [family] = [family for family in found.families if family.name == name]
    return family.points[0][1]


async def test_a_reorg_becomes_figures_and_events():
    """Two blocks go, three come: counted, and told block by block."""
    scene = Scene()
    await scene.look()
    scene.node.chain = "gxyz"
    found = await scene.look()
    assert figure(found, "anya_bitcoin_reorg_depth_blocks") == 2
    assert scene.events() == [
        "reorg a",
        "disconnected b",
        "disconnected a",
        "connected x",
        "connected y",
        "connected z",
    ]


async def test_a_reorg_while_the_server_is_stopped_is_seen_afterwards():
    """The newest blocks are kept; another network's are not taken up."""
    scene = Scene()
    await scene.look()
    scene.restart()
    scene.node.chain = "gaxy"
    assert figure(await scene.look(), "anya_bitcoin_reorg_depth_blocks") == 1
    scene.restart()
    scene.node.chain = "hij"
    assert figure(await scene.look(), "anya_bitcoin_reorgs_total") == 0


async def test_a_reorg_that_could_not_be_told_is_told_after_a_restart():
    """What a full intake did not take before the server ended is no loss: figures and events come with the next one."""
    scene = Scene()
    await scene.look()
    scene.intake.refusals = 9
    scene.node.chain = "gaxy"
    assert figure(await scene.look(), "anya_bitcoin_reorgs_total") == 1
    scene.intake.refusals = 0
    assert scene.events() == []
    for times in (1, 0):
        scene.restart()
        assert figure(await scene.look(), "anya_bitcoin_reorgs_total") == times
    assert scene.events() == ["reorg b", "disconnected b", "connected x", "connected y"]


async def test_a_node_that_is_down_has_the_network_of_before():
    """Also after a restart of the server: an alarm about all nodes of a chain does not end by it."""

    def networks(found):
        return {dict(labels)["chain"] for family in found.families for labels, _ in family.points}

    scene = Scene()
    scene.node.says["getblockchaininfo"] = Refusal("unreachable", "connection refused")
    assert networks(await scene.look()) == {"unknown"}
    del scene.node.says["getblockchaininfo"]
    assert networks(await scene.look()) == {"main"}
    scene.restart()
    scene.node.says["getblockchaininfo"] = Refusal("unreachable", "connection refused")
    found = await scene.look()
    assert (networks(found), figure(found, "up")) == ({"main"}, 0)


async def test_events_wait_for_a_full_intake():
    """What is not taken at one look is handed in at the next."""
    scene = Scene()
    await scene.look()
    scene.node.chain, scene.intake.refusals = "gabc", 1
    await scene.look()
    assert scene.events() == []
    await scene.look()
    assert scene.events() == ["connected c"]


async def test_a_chain_that_changes_under_our_eyes_is_looked_at_again():
    """A height that is gone between two calls makes no reorg."""
    scene = Scene()
    await scene.look()
    scene.node.chain = "gaxy"
    scene.node.says["getblockhash"] = Refusal("invalid_parameter", "Block height out of range")
    assert figure(await scene.look(), "anya_bitcoin_reorgs_total") == 0
    scene.node.says.clear()
    assert figure(await scene.look(), "anya_bitcoin_reorgs_total") == 1


async def test_methods_that_a_node_lacks_are_asked_once_and_named():
    """Until it starts again, when it may be another version."""
    scene = Scene()
    found = await scene.look()
    assert "lacks" in found.detail
    assert "getpeerinfo" in found.detail
    await scene.look()
    assert scene.node.asked.count("getpeerinfo") == 1
    scene.node.started(seconds_ago=1)
    await scene.look()
    assert scene.node.asked.count("getpeerinfo") == 2


async def test_a_node_that_goes_in_the_middle_of_a_look_is_asked_no_further():
    """One time-out is waited for, not twelve; what was told is kept."""
    scene = Scene()
    scene.node.says["getnetworkinfo"] = Refusal("timeout", "no answer within 10 s")
    found = await scene.look()
    assert "getpeerinfo" not in scene.node.asked
    assert found.faults == ("timeout: getnetworkinfo: no answer within 10 s",)
    assert not found.is_down
    assert figure(found, "bitcoin_blocks") == 2


async def test_a_method_that_the_user_may_not_call_is_rarely_tried():
    """Each try is a line of the node's log; what is forbidden stays told, and is tried again after a restart."""
    scene = Scene()
    scene.node.says |= dict.fromkeys(("getpeerinfo", "listbanned"), Refusal("forbidden", "not allowed"))
    for _ in range(3):
        found = await scene.look()
        assert found.faults == ("forbidden: getpeerinfo, listbanned: not allowed",)
    assert scene.node.asked.count("getpeerinfo") == 1
    await scene.clock.advance(600)
    await scene.look()
    assert scene.node.asked.count("getpeerinfo") == 2
    scene.node.started(seconds_ago=1)
    del scene.node.says["getpeerinfo"], scene.node.says["listbanned"]
    assert (await scene.look()).faults == ()


async def test_a_node_that_does_not_tell_its_blocks_says_so():
    """Without `getblockhash` no block and no reorg is seen: that is no silence."""
    scene = Scene()
    scene.node.says["getblockhash"] = Refusal("forbidden", "not allowed")
    found = await scene.look()
    assert found.faults == ("forbidden: getblockhash: not allowed",)
    assert figure(found, "bitcoin_blocks") == 2


async def test_a_node_that_takes_long_for_everything_is_slow():
    """Half of its answers, not one of them: a node that writes its cache to disk is late once."""
    scene = Scene()
    scene.node.takes_s = {"getpeerinfo": 9.0}
    assert (await scene.look(60)).faults == ()
    scene.node.takes_s = dict.fromkeys(("uptime", "getblockhash", "getnetworkinfo"), 1.5)
    found = await scene.look(60)
    assert found.faults == ("slow: half of its answers took 1.5 s or more",)
    assert not found.is_down
    scene.node.takes_s = {}
    assert (await scene.look()).faults == ()


async def test_without_an_uptime_a_node_that_falls_behind_stays_settled():
    """Not knowing when it started is no reason to think that it just did."""
    scene = Scene(block_spacing_s=600)
    scene.node.says["uptime"] = Refusal("forbidden", "not allowed")
    assert figure(await scene.look(), "anya_bitcoin_settled") == 1
    tip = scene.node.chain[-1]
    scene.node.says["getblockchaininfo"] = {"chain": "main", "blocks": 2, "headers": 9, "bestblockhash": tip}
    assert figure(await scene.look(), "anya_bitcoin_settled") == 1


@pytest.mark.parametrize("answer", [None, [], "text", {}, {"chain": ""}])
async def test_what_is_no_node_is_named(answer):
    """An address that answers JSON, but not as a node does."""
    scene = Scene()
    scene.node.says["getblockchaininfo"] = answer
    found = await scene.look()
    assert found.is_down
    assert found.faults[0].startswith("invalid_answer")
    assert figure(found, "up") == 0


async def test_odd_answers_spoil_nothing():
    """Parts of other shapes make no points, and no error."""
    scene = Scene()
    for method in ("getnetworkinfo", "getpeerinfo", "getmempoolinfo", "getchaintips"):
        scene.node.says[method] = ["odd", 5, None]
    assert figure(await scene.look(), "bitcoin_blocks") == 2


async def test_a_silent_feed_is_noticed():
    """A block that polling finds and no message announced degrades the node until one is announced again."""
    scene = Scene()
    scene.watch.feed._addresses = frozenset(("tcp://127.0.0.1:1",))
    await scene.look()
    scene.node.chain = "gabc"
    assert (await scene.look()).faults == ()
    found = await scene.look()
    assert found.faults == ("zmq_silent: block c came without a ZMQ message",)
    assert figure(found, "anya_bitcoin_tips_unannounced_total") == 1
    scene.node.chain = "gabcd"
    await scene.look()
    scene.watch.feed._announced.append("d")
    assert (await scene.look()).faults == ()


async def test_a_zmq_address_that_nobody_publishes_at_is_told(monkeypatch):
    """From the second look on, for a connection takes a moment; no block has to be missed first."""
    scene = Scene()
    unreached = ["tcp://127.0.0.1:1"]
    monkeypatch.setattr(type(scene.watch.feed), "unreached", property(lambda _: unreached[0]))
    assert (await scene.look()).faults == ()
    assert (await scene.look()).faults == ("zmq_unreached: nobody publishes at tcp://127.0.0.1:1",)
    unreached[0] = ""
    assert (await scene.look()).faults == ()


async def test_blocks_that_come_quicker_than_looks_do_not_hide_a_silence():
    """A tip that is waited for is judged, whatever tips come after it; and so is the end of the silence."""
    scene = Scene()
    scene.watch.feed._addresses = frozenset(("tcp://127.0.0.1:1",))
    await scene.look()
    for block in "cdef":
        scene.node.chain += block
        found = await scene.look(0.5)
    assert found.faults == ("zmq_silent: block c came without a ZMQ message",)
    scene.watch.feed._announced.extend("ghij")
    for block in "ghij":
        scene.node.chain += block
        found = await scene.look(0.5)
    assert found.faults == ()


async def test_a_node_tells_its_pace():
    """How old its tip is and how likely that is, whether it is settled; in initial download no probability."""
    scene = Scene(block_spacing_s=600)
    scene.node.started(seconds_ago=580)
    found = await scene.look()
    assert figure(found, "anya_bitcoin_settled") == 0
    assert figure(found, "anya_bitcoin_block_spacing_seconds") == 600
    scene.node.chain = "gabc"
    await scene.clock.advance(15)
    found = await scene.look()
    assert figure(found, "anya_bitcoin_settled") == 1
    assert figure(found, "anya_bitcoin_tip_age_seconds") == pytest.approx(0, abs=15)
    await scene.clock.advance(3_585)
    found = await scene.look()
    assert figure(found, "anya_bitcoin_tip_gap_probability") == pytest.approx(0.0025, abs=0.0002)
    scene.node.says["getblockchaininfo"] = {"chain": "main", "blocks": 3, "headers": 9, "initialblockdownload": True}
    found = await scene.look()
    assert figure(found, "anya_bitcoin_settled") == 0
    assert "anya_bitcoin_tip_gap_probability" not in {family.name for family in found.families}


async def test_a_download_is_as_far_as_the_node_says():
    """Also where its blocks cannot be asked for by their heights."""
    scene = Scene()
    scene.node.says["getblockchaininfo"] = {"chain": "main", "blocks": 7, "headers": 9, "initialblockdownload": True}
    found = await scene.look()
    assert found.faults == ("in initial download: block 7 of 9, 0.0% verified",)


async def test_a_tip_keeps_its_age_over_a_restart_of_the_server():
    """Seen to come an hour ago, whatever its header says."""
    scene = Scene(block_spacing_s=600)
    await scene.look()
    scene.node.chain = "gabc"
    await scene.look()
    await scene.clock.advance(3_585)
    scene.restart()
    assert figure(await scene.look(), "anya_bitcoin_tip_age_seconds") == pytest.approx(3_600, abs=15)


async def test_one_node_cut_off_tells_how_long():
    """Since another node of its network had the first block that it lacks."""
    scene = Scene(block_spacing_s=600)
    other = Scene()
    other.clock, other.views = scene.clock, scene.views
    other.restart(name="other")
    await scene.look()
    await other.look()
    assert figure(await scene.look(), "anya_bitcoin_tip_lag_seconds") == 0
    other.node.chain = "gabc"
    await other.look()
    other.node.chain = "gabcd"
    await scene.clock.advance(300)
    await other.look()
    await scene.clock.advance(300)
    found = await scene.look()
    assert figure(found, "anya_bitcoin_behind_blocks") == 2
    assert figure(found, "anya_bitcoin_tip_lag_seconds") == pytest.approx(615, abs=20)


async def test_the_sight_has_the_newest_blocks_with_when_they_came():
    """What was there before the first look has no time; a block of a reorg has its own; a node that went keeps its blocks."""
    scene = Scene()
    assert (scene.watch.sight.is_up, scene.watch.sight.blocks) == (False, ())
    await scene.look()
    first = scene.watch.sight
    assert [(block.height, block.hash, block.seen_ns) for block in first.blocks] == [
        (2, "b", 0),
        (1, "a", 0),
        (0, "g", 0),
    ]
    scene.node.chain = "gaxy"
    await scene.look()
    sight = scene.watch.sight
    came_ns = sight.blocks[0].seen_ns
    assert came_ns > first.looked_ns
    assert [(block.hash, block.seen_ns) for block in sight.blocks] == [
        ("y", came_ns),
        ("x", came_ns),
        ("a", 0),
        ("g", 0),
    ]
    assert (sight.reorg.depth_blocks, sight.reorg.fork_height) == (1, 1)
    assert (sight.is_up, sight.chain, sight.figure("bitcoin_peers")) == (True, "main", 8)
    scene.node.says["getblockchaininfo"] = Refusal("unreachable", "gone")
    await scene.look()
    sight = scene.watch.sight
    assert (sight.is_up, sight.figure("bitcoin_peers"), sight.blocks[0].hash) == (False, None, "y")


async def test_the_sight_says_whose_coin_it_is():
    """Litecoin's chain is called `main`, too: its genesis block tells; of a node that went it stays known."""
    scene = Scene()
    await scene.look()
    assert (scene.watch.sight.chain, scene.watch.sight.coin) == ("main", "")
    scene = Scene()
    scene.node.chain = ["12a765e31ffd4059bada1e25190f6e98c99d9714d334efa41a195a7e7e04bfe2", "a"]
    await scene.look()
    assert (scene.watch.sight.chain, scene.watch.sight.coin) == ("main", "litecoin")
    scene.node.says["getblockchaininfo"] = Refusal("unreachable", "refused")
    await scene.look()
    assert (scene.watch.sight.is_up, scene.watch.sight.coin) == (False, "litecoin")


async def test_a_block_is_in_sight_before_its_event_is_handed_in():
    """Whoever hears of a block by its event, and looks then, sees it."""
    scene = Scene()
    await scene.look()
    seen = []
    take = scene.intake.logs

    async def logs(batches, *, source):
        seen.append(scene.watch.sight.blocks[0].hash)
        return await take(batches, source=source)

    scene.intake.logs = logs
    scene.node.chain = "gabc"
    await scene.look()
    assert seen == ["c"]
