"""The resource /bitcoin/nodes, and how its changes reach a reader of /live."""

from __future__ import annotations

import asyncio
import json

from anyascope.api.live import ARRIVED_S, live_router
from anyascope.client.client import read_events
from anyascope.clock import SystemClock
from anyascope.model.bitcoin import NodeSight, NodeZmq, SeenBlock, SeenReorg, WatchedNode
from anyascope.model.logs import LogRecord
from support.own_api import House, batch_of

S = 1_000_000_000
UNKNOWN = {
    *("since", "looked_at", "version", "height", "headers", "tip_time", "tip_age_s", "gap_probability", "reorg"),
    *("block_spacing_s", "tip_lag_s", "is_settled", "is_downloading", "progress", "peers_in", "peers_out"),
    "behind_blocks",
}


def node(**sight) -> WatchedNode:
    return WatchedNode(NodeSight("core-1", **sight), "degraded", "one block behind", "wait", 7 * S)


async def nodes_of(house: House) -> list[dict]:
    async with house.client() as client:
        answer = await client.get("/bitcoin/nodes")
    assert answer.status_code == 200
    return answer.json()["nodes"]


async def test_no_node_is_an_empty_list():
    """Nothing is configured."""
    assert await nodes_of(House()) == []


async def test_what_a_node_did_not_tell_is_null():
    """Never zero: a node that was not looked at has no height, no peers and no mempool."""
    [told] = await nodes_of(House(nodes=[WatchedNode(NodeSight("core-1"), "unknown", "not collected yet")]))
    assert {name for name, value in told.items() if value is None} == UNKNOWN
    assert set(told["mempool"].values()) == {None}
    assert (told["status"], told["is_up"], told["blocks"], told["fee_estimates"]) == ("unknown", False, [], [])


async def test_a_node_is_told_with_its_figures():
    """Each figure under its own name and unit, estimates by target, the newest block first."""
    figures = {
        ("anya_bitcoin_headers", ()): 103.0,
        ("anya_bitcoin_tip_timestamp_seconds", ()): 100.0,
        ("anya_bitcoin_tip_gap_probability", ()): 0.25,
        ("anya_bitcoin_settled", ()): 0.0,
        ("bitcoin_conn_out", ()): 10.0,
        ("anya_bitcoin_fee_min_sat_per_vb", (("kind", "mempool"),)): 0.1,
        ("anya_bitcoin_fee_min_sat_per_vb", (("kind", "relay"),)): 0.2,
        ("anya_bitcoin_fee_estimate_sat_per_vb", (("target_blocks", "12"),)): 3.0,
        ("anya_bitcoin_fee_estimate_sat_per_vb", (("target_blocks", "2"),)): 9.5,
        ("anya_bitcoin_reorgs_total", ()): 1.0,
    }
    seen = node(
        chain="main",
        coin="litecoin",
        looked_ns=200 * S,
        is_up=True,
        figures=figures,
        blocks=(SeenBlock(102, "b", 150 * S), SeenBlock(101, "a")),
        others=("core-2",),
        reorg=SeenReorg(2, 100, 150 * S),
        zmq=NodeZmq(1, 812, 3, "b"),
    )
    [told] = await nodes_of(House(nodes=[seen]))
    assert (told["status"], told["message"], told["advice"]) == ("degraded", "one block behind", "wait")
    assert (told["chain"], told["coin"]) == ("main", "litecoin")
    assert (told["height"], told["tip_hash"], told["headers"], told["peers_out"]) == (102, "b", 103, 10)
    assert (told["tip_time"], told["gap_probability"], told["is_settled"]) == (
        "1970-01-01T00:01:40.000000000Z",
        0.25,
        False,
    )
    assert told["mempool"]["min_fee_sat_per_vb"] == 0.1
    assert told["fee_estimates"] == [{"target_blocks": 2, "sat_per_vb": 9.5}, {"target_blocks": 12, "sat_per_vb": 3.0}]
    assert [block["seen_at"] for block in told["blocks"]] == ["1970-01-01T00:02:30.000000000Z", None]
    assert (told["others_on_another_branch"], told["reorgs"]) == (["core-2"], 1)
    assert told["reorg"] == {"depth_blocks": 2, "fork_height": 100, "seen_at": "1970-01-01T00:02:30.000000000Z"}
    assert told["zmq"] == {"addresses": 1, "messages": 812, "lost": 3, "silent_tip": "b"}


async def test_an_event_of_custody_wakes_a_reader_at_once():
    """What a block changed is told without waiting for the next look; other logs wake nobody, and nobody is woken who left."""
    house = House(clock=SystemClock())
    looks = []
    topics = {"bitcoin_nodes": lambda: looks.append(1) or {"looks": len(looks)}}
    router = live_router(topics, house.arrivals, clock=house.clock, streams=house.streams, look_every_s=3_600)
    chunks = (await router.routes[0].endpoint())._chunks

    async def next_events():
        chunk = await asyncio.wait_for(anext(chunks), 30)
        return [(name, json.loads(data)) for name, data in read_events(iter(chunk.decode().split("\n")))]

    assert await next_events() == []
    assert await next_events() == [("bitcoin_nodes", {"looks": 1}), ("events", {"bitcoin": 0, "custody": 0, "hsm": 0})]
    waiting = asyncio.create_task(next_events())
    await asyncio.sleep(0)
    house.arrivals.arrive(batch_of(LogRecord(1, "", event_name="a.request"), stream="otlp"))
    house.arrivals.arrive(batch_of(LogRecord(1, body="a line of debug.log"), stream="bitcoin"))
    await asyncio.sleep(3 * ARRIVED_S)
    assert not waiting.done()
    for _ in range(3):  # a burst is one look
        house.arrivals.arrive(batch_of(LogRecord(1, "", event_name="bitcoin.block.connected"), stream="bitcoin"))
    assert await waiting == [("bitcoin_nodes", {"looks": 2}), ("events", {"bitcoin": 3, "custody": 0, "hsm": 0})]
    await chunks.aclose()
    house.arrivals.arrive(batch_of(LogRecord(1, "", event_name="bitcoin.block.connected"), stream="bitcoin"))
    await asyncio.sleep(3 * ARRIVED_S)
    assert len(looks) == 2
