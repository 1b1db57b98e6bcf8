"""A node that has another name in the settings than it had, and whose chain is known all the same."""

from __future__ import annotations

from typing import Any

import pytest

from anyascope.clock import ManualClock
from anyascope.collect.collectors.bitcoin.branches import Change
from anyascope.collect.collectors.bitcoin.follower import DOCUMENT_KIND, ChainFollower
from anyascope.store.documents import MemoryDocuments
from anyascope.wire.bitcoin.rpc import Refusal

UNKNOWN = Refusal("invalid_address_or_key", "Block not found")


class Node:
    """A node's best chain, by a letter a branch and a height, and branches that it knows beside it, by their status."""

    def __init__(self, best: str, **beside: str) -> None:
        self.best, self.beside = best, beside
        self.is_gone = False

    async def ask(self, method: str, *params: Any, fine: Any = ()) -> Any:
        if self.is_gone:
            return None
        match method, params:
            case "getblockhash", (0,):
                return "genesis"
            case "getchaintips", ():
                statuses = {"active": self.best, **self.beside}
                return [
                    {"height": len(blocks) - 1, "hash": named(blocks, len(blocks) - 1), "status": status}
                    for status, blocks in statuses.items()
                ]
        assert method == "getblockheader"
        for blocks in (self.best, *self.beside.values()):
            for at in range(len(blocks)):
                if named(blocks, at) == params[0]:
                    confirmations = len(blocks) - at if blocks is self.best else -1
                    return {"confirmations": confirmations, "previousblockhash": named(blocks, at - 1) if at else None}
        assert set(fine) == {UNKNOWN.code}
        return UNKNOWN

    async def ask_each(self, method: str, values: Any, *, fine: Any = ()) -> list[str]:
        return [named(self.best, at) for at in values]


def named(blocks: str, at: int) -> str:
    return f"{blocks[at]}{at}"


class Site:
    """What servers see of nodes that they watch one after the other, each by a name."""

    def __init__(self) -> None:
        self.documents = MemoryDocuments(clock=ManualClock())

    def follower(self, name: str, *configured: str, url: str = "http://h:1", known: bool = True) -> ChainFollower:
        return ChainFollower(
            name,
            documents=self.documents,
            clock=ManualClock(),
            settled_after_s=0,
            url=url,
            configured=(name, *configured) if known else None,
        )

    async def sees(self, follower: ChainFollower, best: str, **beside: str) -> Change:
        """A server starts and looks once."""
        node: Any = Node(best, **{status.replace("_", "-"): blocks for status, blocks in beside.items()})
        follower.turn_to("regtest")
        await follower.find_network(node)
        height = len(best) - 1
        change = await follower.follow({"bestblockhash": named(best, height), "blocks": height}, node)
        await follower.keep()
        return change

    async def names(self) -> list[str]:
        return [each.key for each in (await self.documents.page(DOCUMENT_KIND)).documents]


@pytest.mark.parametrize(
    ("best", "beside", "url"),
    [
        ("aaaabbb", {"valid_fork": "aaaaaa"}, "http://elsewhere:1"),
        ("aaaabbbbb", {"valid_fork": "aaaaaaaa"}, "http://elsewhere:1"),  # it grew before it lost
        ("aaaabb", {"invalid": "aaaaaa"}, "http://elsewhere:1"),
        ("aaaabbb", {"valid_headers": "aaaaaa"}, "http://h:1"),
    ],
)
async def test_what_was_reorganised_meanwhile_is_told_once(best, beside, url):
    """Of a node that had the blocks itself, or answers at the same address; nothing is kept by the old name."""
    site = Site()
    await site.sees(site.follower("old"), "aaaaaa")
    change = await site.sees(site.follower("new", url=url), best, **beside)
    assert (change.depth, change.fork_height) == (2, 3)
    assert await site.names() == ["new"]
    assert await site.sees(site.follower("old", url=url), best, **beside) == Change()


async def test_blocks_that_came_meanwhile_are_told_where_the_address_is_the_same():
    """All nodes have the same blocks: at another address they prove nothing."""
    for url, heights in (("http://h:1", [6, 7]), ("http://elsewhere:1", [])):
        site = Site()
        await site.sees(site.follower("old"), "aaaaaa")
        change = await site.sees(site.follower("new", url=url), "aaaaaaaa")
        assert (change.depth, [height for height, _ in change.come]) == (0, heights)


@pytest.mark.parametrize("case", ["heard of", "unknown", "configured", "not asked"])
async def test_what_another_node_had_is_not_taken(case):
    """One that never had those blocks as its best chain had no reorg."""
    site = Site()
    await site.sees(site.follower("old"), "aaaaaa")
    beside = {"heard of": {"valid_headers": "aaaaaa"}, "unknown": {}}.get(case, {"valid_fork": "aaaaaa"})
    configured = ["old"] if case == "configured" else []
    follower = site.follower("new", *configured, url="http://elsewhere:1", known=case != "not asked")
    assert await site.sees(follower, "aaaabbb", **beside) == Change()
    assert await site.names() == ["new", "old"]


async def test_a_node_that_goes_while_it_is_asked_is_asked_again():
    """Nothing is proven, and nothing is lost."""
    site = Site()
    await site.sees(site.follower("old"), "aaaaaa")

    class Going(Node):
        async def ask(self, method: str, *params: Any, fine: Any = ()) -> Any:
            self.is_gone = method != "getblockhash"
            return await super().ask(method, *params, fine=fine)

    follower, node = site.follower("new"), Going("aaaabbb")
    going: Any = node
    follower.turn_to("regtest")
    await follower.find_network(going)
    assert (follower.genesis, follower.branch.tip) == ("", "")
    assert (await site.sees(follower, "aaaabbb", valid_fork="aaaaaa")).depth == 2
