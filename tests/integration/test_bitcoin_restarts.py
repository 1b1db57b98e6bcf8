"""Real nodes whose chain moves in odd ways: deep reorgs, while the server is down, too; nodes that come back with less, or another chain."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from anyascope.clock import SystemClock
from anyascope.collect.collectors.bitcoin.debug_log import DebugLog
from anyascope.collect.tally import CollectorTally
from anyascope.store.api.documents import DocumentStore
from anyascope.store.documents import MemoryDocuments
from support.bitcoin_looks import NodeLooks, TransactionLooks, hand_over, looking, looking_at_nodes
from support.bitcoin_room import NOBODY
from support.collecting import RecordingIntake, until
from support.regtest import RegtestNode, free_base, regtest_node

SETTINGS = ("-keypool=10", "-unsafesqlitesync=1")
MODEST = ("-blocksonly=1", "-txindex=0", "-disablewallet=1")
OLD, NEW = (
    121,
    151,
)  # heights: of the older copy, and of what was reached; a payment in between is followed for a hundred blocks
OTHER_BRANCH = "raw(52)"  # blocks that pay to another script have other hashes
REORGS, DEPTH = "anya_bitcoin_reorgs_total", "anya_bitcoin_reorg_depth_blocks"


def wins(there: RegtestNode, here: RegtestNode, depth: int) -> None:
    """So many blocks of the one node lose against one more of the other."""
    hand_over(here, there)
    here.mine(depth, to=NOBODY)
    there.call("generatetodescriptor", depth + 1, OTHER_BRANCH)


@pytest.mark.long
async def test_deep_reorgs_are_told_whole(tmp_path):
    """Three blocks and six, and six while the server is down; the second node has no wallet, no index, and relays no transactions."""
    base = free_base(2)
    with (
        regtest_node(tmp_path / "here", base, *SETTINGS) as here,
        regtest_node(tmp_path / "there", base + 3, *SETTINGS, *MODEST) as there,
    ):
        await asyncio.to_thread(lambda: here.mine(10, to=here.funded_wallet("w")))
        async with looking_at_nodes(here=here, there=there) as nodes, looking(here) as looks:
            for number, depth in enumerate((3, 6)):
                await asyncio.to_thread(wins, there, here, 0)
                await asyncio.to_thread(hand_over, there, here)
                await looks.look()
                txid = here.call("sendtoaddress", NOBODY, 1, wallet="w")
                await asyncio.to_thread(wins, there, here, depth)
                await nodes.look()
                await nodes.look()  # against what the other one was found to have
                await looks.look()
                assert looks.told(txid, "w") == ["seen", "confirmed"]
                assert nodes.figure("here", "anya_bitcoin_behind_blocks") == 1
                await asyncio.to_thread(hand_over, there, here)
                await nodes.look()
                assert (nodes.figure("here", REORGS), nodes.figure("here", DEPTH)) == (number + 1, depth)
                told = nodes.events("here", "reorg")[-1]
                assert len(told["bitcoin.reorg.gone"]) == depth
                assert len(told["bitcoin.reorg.come"]) == depth + 1
                assert len(nodes.events("here", "block.disconnected")) == (3, 9)[number]
                figures = await looks.look()
                assert looks.told(txid, "w") == ["seen", "confirmed", "unconfirmed"]
                assert figures["reopened_transactions w withdrawal"] == 1
                here.mine(1, to=NOBODY)
                await looks.look()
                assert looks.told(txid, "w")[-1] == "confirmed"
            modest = nodes.rounds["there"]
            assert modest.faults == ()
            assert "lacks estimatesmartfee" in modest.detail
            documents = nodes.documents
            await _the_better_one_goes_away(nodes, here, there)
        with regtest_node(tmp_path / "there", base + 3, *SETTINGS, *MODEST) as again:
            await asyncio.to_thread(hand_over, again, here)
            await asyncio.to_thread(wins, again, here, 6)
            async with looking_at_nodes(documents, here=here) as nodes:
                await nodes.look()
                assert nodes.figure("here", REORGS) == 0
            await asyncio.to_thread(hand_over, again, here)
            async with looking_at_nodes(documents, here=here) as nodes:
                await nodes.look()
                assert (nodes.figure("here", REORGS), nodes.figure("here", DEPTH)) == (1, 6)


async def _the_better_one_goes_away(nodes: NodeLooks, here: RegtestNode, there: RegtestNode) -> None:
    """The other one stays behind what is known, and says so."""
    await asyncio.to_thread(hand_over, here, there)
    there.mine(3, to=NOBODY)
    for _ in range(2):
        await nodes.look()
    assert nodes.figure("here", "anya_bitcoin_behind_blocks") == 3
    await asyncio.to_thread(there.stop)
    for _ in range(2):
        await nodes.look()
    assert nodes.rounds["there"].is_down
    assert nodes.figure("here", "anya_bitcoin_behind_blocks") == 3
    assert "3 blocks behind there, which does not answer now" in nodes.rounds["here"].faults[0]
    here.mine(4, to=NOBODY)
    await nodes.look()
    assert nodes.rounds["here"].faults == ()


async def test_a_node_of_another_name_is_known_by_its_wallets(tmp_path):
    """What confirmed while the server was down, and what came, is news; a wallet that looks alike, and is another, has history."""
    with regtest_node(tmp_path, free_base(1), *SETTINGS) as node:
        await asyncio.to_thread(lambda: node.mine(3, to=node.funded_wallet("w")))
        node.call("createwallet", "shop")
        shop = node.call("getnewaddress", wallet="shop")
        async with looking(node, name="old") as looks:
            await looks.look()
            txid = node.call("sendtoaddress", shop, 1, wallet="w")
            await looks.look()
            assert [looks.told(txid, wallet) for wallet in ("w", "shop")] == [["seen"], ["seen"]]
            documents = looks.documents
        node.mine(1, to=NOBODY)
        later = node.call("sendtoaddress", shop, 2, wallet="w")
        node.mine(1, to=NOBODY)
        async with looking(node, name="new", documents=documents) as looks:
            figures = await looks.look()
            for wallet in ("w", "shop"):
                assert looks.told(txid, wallet) == ["confirmed"]
                assert looks.told(later, wallet) == ["seen", "confirmed"]
            assert figures["transactions_total w withdrawal"] == 2
        async with looking(node, name="newer", documents=documents, wallets=("shop",)) as looks:
            node.call("unloadwallet", "shop")
            node.call("createwallet", "made")
            node.call("sendtoaddress", node.call("getnewaddress", wallet="made"), 1, wallet="w")
            node.call("unloadwallet", "made")
            await asyncio.to_thread(shutil.move, node.data / "regtest/wallets/shop", tmp_path / "shop")
            await asyncio.to_thread(shutil.move, node.data / "regtest/wallets/made", node.data / "regtest/wallets/shop")
            node.call("loadwallet", "shop")
            node.mine(1, to=NOBODY)
            await looks.look()
            assert looks.told(later, "shop") == []
            kept = (await documents.page("collect.bitcoin.wallet")).documents
            assert {each.key for each in kept} == {"new/w", "new/shop", "newer/shop"}


async def test_a_reorg_while_a_node_got_another_name_is_told(tmp_path):
    """Once, by the name that it has then; a node that only heard of the blocks that lost had no reorg."""
    base = free_base(2)
    with (
        regtest_node(tmp_path / "here", base, *SETTINGS, *MODEST) as here,
        regtest_node(tmp_path / "there", base + 3, *SETTINGS, *MODEST) as there,
    ):
        await asyncio.to_thread(here.mine, 5, to=NOBODY)
        await asyncio.to_thread(hand_over, here, there)
        here.mine(2, to=NOBODY)
        async with looking_at_nodes(old=here) as nodes:
            await nodes.look()
            documents = nodes.documents
        here.mine(1, to=NOBODY)
        there.call("generatetodescriptor", 4, OTHER_BRANCH)
        await asyncio.to_thread(hand_over, here, there)
        await asyncio.to_thread(hand_over, there, here)
        assert here.call("getbestblockhash") == there.call("getbestblockhash")
        async with looking_at_nodes(documents, stranger=there) as nodes:
            await nodes.look()
            assert (nodes.figure("stranger", REORGS), nodes.events("stranger", "reorg")) == (0, [])
        moved = replace(here, url=here.url.replace("127.0.0.1", "localhost"))
        async with looking_at_nodes(documents, new=moved) as nodes:
            await nodes.look()
            assert (nodes.figure("new", REORGS), nodes.figure("new", DEPTH)) == (1, 2)
            [told] = nodes.events("new", "reorg")
            assert len(told["bitcoin.reorg.come"]) == 4
        here.mine(1, to=NOBODY)
        async with looking_at_nodes(documents, old=moved) as nodes:
            await nodes.look()
            assert nodes.figure("old", REORGS) == 0
            assert [each["bitcoin.block.height"] for each in nodes.events("old", "block.connected")] == [10]


async def test_a_log_that_a_start_cuts_is_told_once(tmp_path):
    """A node cuts its `debug.log` to the newest 10 MB when it starts: what was read of them is neither told nor counted again."""
    path, clock, intake = tmp_path / "regtest" / "debug.log", SystemClock(), RecordingIntake()
    path.parent.mkdir(parents=True)
    errors = [f"2096-12-01T09:57:5{number}Z [error] disk {number}" for number in range(3)]
    path.write_text("\n".join([*("2026-12-01T09:57:54Z filler" for _ in range(430_000)), *errors]) + "\n")
    assert path.stat().st_size > 11_000_000
    counts: dict[str, int] = {}
    log = DebugLog(
        "n",
        path,
        intake=intake,
        documents=MemoryDocuments(clock=clock),
        clock=clock,
        tally=CollectorTally(CollectorRegistry()),
        counts=counts,
    )
    following = asyncio.create_task(log.run())
    try:
        await until(lambda: counts["error"] == 3)
        with regtest_node(tmp_path, free_base(1), *MODEST, "-shrinkdebugfile=1"):
            assert path.stat().st_size < 11_000_000
            await until(lambda: any("init message: Done loading" in each.body for each in intake.log_records))
    finally:
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)
    assert [each.body for each in intake.log_records if each.body.startswith("disk")] == ["disk 0", "disk 1", "disk 2"]
    assert counts["error"] == 3


@pytest.mark.long
async def test_a_node_that_comes_back_with_less_reorganises_nothing(tmp_path):
    """An older copy of its blocks, `reindex`, and an empty folder: no reorg is told, and no payment is taken back."""
    base, data = free_base(2), tmp_path / "here"
    settings = (*SETTINGS, "-txindex=0")
    with regtest_node(tmp_path / "there", base + 3, *SETTINGS, *MODEST) as there:
        with regtest_node(data, base, *settings) as here:
            await asyncio.to_thread(lambda: here.mine(20, to=here.funded_wallet("w")))
            here.stop()
        _copy_blocks(data, tmp_path / "copy")
        with regtest_node(data, base, *settings) as here:
            txid, *known = await _pay_and_mine_on(here, there)
            here.stop()

        _copy_blocks(tmp_path / "copy", data)
        with regtest_node(data, base, *settings) as here:
            async with _looking_on(here, known) as (nodes, looks):
                await _is_quiet(nodes, looks, txid)
                assert nodes.figure("here", "bitcoin_blocks") == OLD
                assert f"has {NEW} again" in looks.round.detail
                await asyncio.to_thread(hand_over, there, here)
                await _is_quiet(nodes, looks, txid)
                assert nodes.figure("here", "bitcoin_blocks") == NEW
            here.stop()

        with regtest_node(data, base, *settings, "-reindex=1") as here:
            async with _looking_on(here, known) as (nodes, looks):
                while _is_reading(here):
                    await _is_quiet(nodes, looks, txid)
                await _is_quiet(nodes, looks, txid)
                assert nodes.rounds["here"].faults == looks.round.faults == ()
            here.stop()

        with regtest_node(tmp_path / "empty", base, *settings) as here:
            async with _looking_on(here, known) as (nodes, looks):
                await nodes.look()
                here.call("createwallet", "w")
                here.call("generatetodescriptor", 5, OTHER_BRANCH)
                await nodes.look()
                assert nodes.figure("here", REORGS) == 0
                assert nodes.figure("here", "bitcoin_blocks") == len(nodes.events("here", "block.connected")) == 5
                await looks.look()
                assert looks.told(txid, "w") == ["unconfirmed", "abandoned"]  # this wallet does not have it


async def _pay_and_mine_on(here: RegtestNode, there: RegtestNode) -> tuple[str, DocumentStore, DocumentStore]:
    """A payment, seen and confirmed, thirty blocks on it, all of them known to both; and what was kept of that."""
    here.call("loadwallet", "w", True)
    async with looking_at_nodes(here=here) as nodes, looking(here) as looks:
        await nodes.look()
        await looks.look()
        txid = here.call("sendtoaddress", NOBODY, 1, wallet="w")
        here.mine(NEW - OLD, to=NOBODY)
        await nodes.look()
        await looks.look()
        assert looks.told(txid, "w") == ["seen", "confirmed"]
        await asyncio.to_thread(hand_over, here, there)
        return txid, nodes.documents, looks.documents


@asynccontextmanager
async def _looking_on(
    here: RegtestNode, known: list[DocumentStore]
) -> AsyncIterator[tuple[NodeLooks, TransactionLooks]]:
    """The server started again."""
    branches, owned = known
    async with looking_at_nodes(branches, here=here) as nodes, looking(here, documents=owned) as looks:
        yield nodes, looks


async def _is_quiet(nodes: NodeLooks, looks: TransactionLooks, txid: str) -> None:
    """A look tells of no reorg, and of nothing that the payment lost."""
    await nodes.look()
    await looks.look()
    assert nodes.figure("here", REORGS) == 0
    assert nodes.events("here", "reorg") == []
    assert looks.told(txid, "w") == []


def _is_reading(node: RegtestNode) -> bool:
    """Whether it goes through its old blocks: it is at the last of them some moments before it says that it is through."""
    told = node.call("getblockchaininfo")
    return told["blocks"] < NEW or told["initialblockdownload"]


def _copy_blocks(giver: Path, taker: Path) -> None:
    """The blocks, and what was made of them; the wallets stay as they are."""
    for part in ("blocks", "chainstate"):
        shutil.rmtree(taker / "regtest" / part, ignore_errors=True)
        shutil.copytree(giver / "regtest" / part, taker / "regtest" / part)
