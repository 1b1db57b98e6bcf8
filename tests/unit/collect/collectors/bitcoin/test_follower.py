"""Following a node's chain over its restarts."""

from __future__ import annotations

from typing import Any

import pytest

from anyascope.clock import ManualClock
from anyascope.collect.collectors.bitcoin.branches import Change
from anyascope.collect.collectors.bitcoin.follower import ChainFollower
from anyascope.store.documents import MemoryDocuments


class Chain:
    """A node's best chain, by a letter a branch and a height; also what is asked of it."""

    def __init__(self, blocks: str) -> None:
        self.blocks = blocks

    async def ask(self, method: str, *params: Any, fine: Any = ()) -> Any:
        assert (method, params) == ("getblockhash", (0,))
        return "genesis"

    async def ask_each(self, method: str, values: Any, *, fine: Any = ()) -> list[str]:
        return [f"{self.blocks[at]}{at}" for at in values]

    @property
    def info(self) -> dict[str, Any]:
        height = len(self.blocks) - 1
        return {"bestblockhash": f"{self.blocks[height]}{height}", "blocks": height}


class Site:
    def __init__(self) -> None:
        clock = ManualClock()
        self.follower = ChainFollower("n", documents=MemoryDocuments(clock=clock), clock=clock, settled_after_s=0)

    async def sees(self, blocks: str, *, restarted: bool = False) -> Change:
        if restarted:
            self.follower.restarted()
        chain: Any = Chain(blocks)
        return await self.follower.follow(chain.info, chain)


@pytest.mark.parametrize("height", [20, 300])
async def test_a_node_that_reads_its_blocks_once_more_reorganises_nothing(height):
    """`reindex`: from the first block on, in steps, to where it was; what comes above that is news."""
    site = Site()
    await site.sees("a" * height)
    assert await site.sees("a", restarted=True) == Change()
    for reached in (height // 3, height // 2, height - 1):
        assert (await site.sees("a" * reached)).depth == 0
    change = await site.sees("a" * (height + 2))
    assert change == Change(come=((height, f"a{height}"), (height + 1, f"a{height + 1}")))
    assert (await site.sees("a" * height + "bbb")).depth == 2


async def test_a_reorg_while_a_node_read_its_blocks_once_more_is_told():
    """It comes back with another end: compared with what it had before."""
    site = Site()
    await site.sees("a" * 200)
    await site.sees("a", restarted=True)
    await site.sees("a" * 150)
    change = await site.sees("a" * 197 + "b" * 4)
    assert (change.depth, change.fork_height, len(change.come)) == (3, 196, 4)


async def test_another_folder_is_no_reorg():
    """A chain begun anew: its blocks are told, and that it passes the old one's height is nothing."""
    site = Site()
    await site.sees("a" * 200)
    await site.sees("a", restarted=True)
    assert [height for height, _ in (await site.sees("abb")).come] == [1, 2]
    for reached in (150, 199, 200, 201):
        assert (await site.sees("a" + "b" * reached)).depth == 0


async def test_a_rollback_of_a_node_that_runs_is_a_reorg():
    """`invalidateblock`, by hand."""
    site = Site()
    await site.sees("a" * 200)
    assert (await site.sees("a" * 198)).depth == 2
    assert (await site.sees("a" * 198 + "b")).depth == 0


async def test_a_restart_with_as_much_hides_no_reorg():
    """It came back on another branch of the same height, or of a greater one."""
    site = Site()
    await site.sees("a" * 200)
    assert (await site.sees("a" * 199 + "b", restarted=True)).depth == 1
    assert (await site.sees("a" * 195 + "c" * 9, restarted=True)).depth == 5
