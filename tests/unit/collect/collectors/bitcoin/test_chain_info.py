"""Unit tests of one answer for all who look at a node."""

from __future__ import annotations

import asyncio

import pytest

from anyascope.clock import ManualClock
from anyascope.collect.collectors.bitcoin.chain_info import ChainInfo
from anyascope.wire.bitcoin.rpc import Refusal


class Node:
    """Answers with how often it was asked, after a while."""

    def __init__(self, clock: ManualClock) -> None:
        self.clock = clock
        self.asked = 0
        self.takes_s = 0.0

    async def call(self, _: str):
        self.asked += 1
        answer = {"chain": "main", "blocks": self.asked}
        await self.clock.sleep(self.takes_s)
        return answer


class Scene:
    def __init__(self) -> None:
        self.clock = ManualClock()
        self.node = Node(self.clock)
        self.info = ChainInfo(self.node, clock=self.clock)

    async def heights(self, *watches: str) -> list[int]:
        asking = asyncio.gather(*(self.info.ask(watch) for watch in watches))
        await self.clock.advance(self.node.takes_s)
        return [told["blocks"] for told in await asking]


async def test_watches_that_look_at_the_same_time_share_an_answer():
    """Also while it is on its way; each has it once."""
    scene = Scene()
    scene.node.takes_s = 5
    assert await scene.heights("node", "wallets", "transactions") == [1, 1, 1]
    assert await scene.heights("node") == [2]


async def test_an_answer_is_shared_for_a_second():
    """A watch that comes later asks anew."""
    scene = Scene()
    await scene.heights("node")
    await scene.clock.advance(0.9)
    assert await scene.heights("wallets") == [1]
    await scene.clock.advance(0.1)
    assert await scene.heights("transactions") == [2]


async def test_no_answer_is_from_before_a_block():
    """Who is told of a block does not get what was asked before it, not even from a call that is under way."""
    scene = Scene()
    scene.node.takes_s = 5
    early = asyncio.create_task(scene.info.ask("node"))
    await scene.clock.advance(1)
    scene.info.outdate()
    assert await scene.heights("transactions") == [2]
    assert (await early)["blocks"] == 1


async def test_who_gives_up_takes_nothing_from_others():
    """A watch that is stopped while it waits does not end the call."""
    scene = Scene()
    scene.node.takes_s = 5
    first = asyncio.create_task(scene.info.ask("node"))
    second = asyncio.create_task(scene.info.ask("wallets"))
    await scene.clock.advance(1)
    first.cancel()
    await scene.clock.advance(4)
    assert (await second)["blocks"] == 1


async def test_nothing_is_asked_after_the_end():
    """A call that is under way when the watch ends is given up, and not left behind."""
    scene = Scene()
    scene.node.takes_s = 5
    asking = asyncio.create_task(scene.info.ask("node"))
    await scene.clock.advance(1)
    asking.cancel()
    await scene.info.close()
    assert not scene.info._running


@pytest.mark.parametrize("answer", [None, [], {}, {"chain": ""}, {"chain": 5}, {"chain": "Main!"}, {"chain": "x" * 33}])
async def test_an_answer_without_a_chain_is_a_refusal(answer):
    """A chain is a short word, since it becomes a label."""
    scene = Scene()
    scene.node.call = lambda _: asyncio.sleep(0, answer)
    assert (await scene.info.ask("node")).code == "invalid_answer"


async def test_a_refusal_is_shared_too():
    """A node that is down is asked once, not by each."""
    scene = Scene()
    scene.node.call = lambda _: asyncio.sleep(0, Refusal("unreachable", "gone"))
    assert (await scene.info.ask("node")) is (await scene.info.ask("wallets"))
