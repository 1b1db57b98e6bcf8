"""Own transactions on real regtest nodes: their life, a reorg, a bump that frees them, restarts."""

from __future__ import annotations

import asyncio
import json
import os
import shlex
import subprocess
import time
from pathlib import Path

import pytest

from anyascope.ports import HealthStatus
from support.bitcoin_room import BitcoinRoom, node_options, watching
from support.collecting import until
from support.components import component
from support.regtest import RegtestNode, free_base, litecoin_node, regtest_node, regtest_nodes

ADDRESS = "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080"  # of BIP 173; nobody here spends
OTHER_BRANCH = "raw(52)"  # blocks that pay to another script have other hashes
FEW_KEYS = "-keypool=10"  # thousands take seconds to make
AT_ONCE = "-whitelist=in,out,noban@127.0.0.1"  # transactions are told to such peers without a wait
SOURCE = "bitcoin.one.transactions"
UNCONFIRMED = "anya_bitcoin_wallet_unconfirmed_transactions withdrawal w"
REOPENED = "anya_bitcoin_wallet_reopened_transactions withdrawal w"


def told(room: BitcoinRoom, txid: str) -> list[str]:
    """What was told of a transaction, in its order: the last words of the events' names."""
    events = room.events("bitcoin.transaction.")
    return [each.event_name.rpartition(".")[2] for each in events if each.correlation_id == txid]


def event(room: BitcoinRoom, kind: str, txid: str):
    return next(e for e in room.events(f"bitcoin.transaction.{kind}") if e.correlation_id == txid)


async def pay(node: RegtestNode, wallet: str = "w", *, to: str = ADDRESS, amount: float = 1.0, **more) -> str:
    sent = {"address": to, "amount": amount, "fee_rate": 10, **more}
    return await asyncio.to_thread(_named, node, "sendtoaddress", sent, wallet)


def _named(node: RegtestNode, method: str, params: dict, wallet: str):
    """A call by named parameters."""
    order = {
        "sendtoaddress": ["address", "amount", None, None, None, "replaceable", None, None, None, "fee_rate"],
    }[method]
    return node.call(method, *(params.get(name) if name else None for name in order), wallet=wallet)


async def funded(node: RegtestNode) -> None:
    """A wallet `w` with some coins, so that payments need no change of each other."""
    await asyncio.to_thread(node.funded_wallet, "w")
    await mine(node, 10)


async def mine(node: RegtestNode, blocks: int = 1, *, to: str = ADDRESS) -> list[str]:
    return await asyncio.to_thread(node.mine, blocks, to=to)


async def begun(room: BitcoinRoom, node: RegtestNode) -> None:
    """The first look is over, and messages come: a subscription counts some time after its connection."""
    await until(lambda: UNCONFIRMED in room.figures(SOURCE))
    async with asyncio.timeout(60):
        while not room.events("bitcoin.block.connected"):
            await mine(node)
            await asyncio.sleep(0.1)
    height = await asyncio.to_thread(node.call, "getblockcount")
    watch = room.collect._transactions[0][1]
    await until(lambda: watch._tip[1] == height)


async def test_the_life_of_a_payment(tmp_path):
    """Seen with what it spends, replaced, confirmed; a deposit of a stranger; without a poll, and each told once."""
    with regtest_nodes(tmp_path, 1, FEW_KEYS) as [node]:
        await funded(node)
        node.call("createwallet", "other")
        async with watching(node_options("one", node, wallets=("w",))) as room:
            await begun(room, node)
            txid = await pay(node)
            await until(lambda: told(room, txid) == ["seen"])
            seen = event(room, "seen", txid)
            raw = node.call("gettransaction", txid, True, True, wallet="w")
            assert seen.attributes == {
                "bitcoin.node": "one",
                "bitcoin.chain": "regtest",
                "bitcoin.wallet": "w",
                "bitcoin.transaction.id": txid,
                "bitcoin.transaction.direction": "withdrawal",
                "bitcoin.transaction.amount_sats": 100_000_000,
                "bitcoin.transaction.fee_sats": round(-raw["fee"] * 1e8),
                "bitcoin.transaction.spends_ours": True,
                "bitcoin.transaction.inputs": [f"{each['txid']}:{each['vout']}" for each in raw["decoded"]["vin"]],
                "bitcoin.transaction.in_block": False,
            }
            await until(lambda: room.figures(SOURCE)[UNCONFIRMED] == 1)
            [waiting] = room.collect.bitcoin_transactions()
            assert (waiting.wallet, waiting.txid, waiting.is_in_mempool) == ("w", txid, True)

            bumped = node.call("bumpfee", txid, {"fee_rate": 20}, wallet="w")["txid"]
            await until(lambda: told(room, bumped) == ["seen"] and told(room, txid) == ["seen", "replaced"])
            assert event(room, "seen", bumped).attributes["bitcoin.transaction.replaces"] == txid
            assert event(room, "replaced", txid).attributes["bitcoin.transaction.replaced_by"] == bumped

            inner = await pay(node, to=node.call("getnewaddress", wallet="w"), amount=0.5)
            sent = await pay(node, to=node.call("getnewaddress", wallet="other"), amount=0.25)
            [block] = await mine(node)
            await until(lambda: all(told(room, each) == ["seen", "confirmed"] for each in (bumped, inner, sent)))
            assert event(room, "confirmed", bumped).attributes["bitcoin.block.hash"] == block
            assert event(room, "seen", inner).attributes["bitcoin.transaction.direction"] == "internal"
            await until(lambda: room.figures(SOURCE)[UNCONFIRMED] == 0)

            back = await pay(node, "other", to=node.call("getnewaddress", wallet="w"), amount=0.125)
            await until(lambda: told(room, back) == ["seen"])
            deposit = event(room, "seen", back).attributes
            assert deposit["bitcoin.transaction.direction"] == "deposit"
            assert deposit["bitcoin.transaction.amount_sats"] == 12_500_000
            assert deposit["bitcoin.transaction.spends_ours"] is False
            assert "bitcoin.transaction.fee_sats" not in deposit
            figures = room.figures(SOURCE)
            assert figures["anya_bitcoin_wallet_replaced_total w"] == 1
            assert figures["anya_bitcoin_wallet_transactions_total withdrawal w"] == 3
            assert figures["anya_bitcoin_wallet_moved_sats_total withdrawal w"] == 125_000_000
            assert room.health(f"collect.{SOURCE}").status is HealthStatus.HEALTHY
            assert told(room, txid) == ["seen", "replaced"]  # its replacement is mined: no conflict on top


async def test_a_reorg_throws_a_payment_out(tmp_path):
    """Two blocks go: the payment in the lower loses its confirmations, reopens, and closes when it is mined again."""
    with regtest_nodes(tmp_path, 2, FEW_KEYS) as [node, other]:
        await funded(node)
        async with watching(node_options("one", node)) as room:
            await begun(room, node)
            height = node.call("getblockcount")
            await until(lambda: other.call("getblockcount") == height)
            node.call("setnetworkactive", False)
            txid = await pay(node)
            await mine(node, 2)
            await until(lambda: told(room, txid) == ["seen", "confirmed"])
            lost = event(room, "confirmed", txid).attributes["bitcoin.block.hash"]

            await asyncio.to_thread(other.call, "generatetodescriptor", 3, OTHER_BRANCH)
            node.call("setnetworkactive", True)
            node.call("addnode", f"127.0.0.1:{int(other.zmq.rpartition(':')[2]) - 2}", "onetry")
            await until(lambda: told(room, txid) == ["seen", "confirmed", "unconfirmed"])
            unconfirmed = event(room, "unconfirmed", txid).attributes
            assert unconfirmed["bitcoin.block.hash"] == lost
            assert unconfirmed["bitcoin.transaction.amount_sats"] == 100_000_000
            await until(lambda: room.figures(SOURCE).get(REOPENED) == 1)
            assert room.figures(SOURCE)["anya_bitcoin_wallet_reorged_transactions_total withdrawal w"] == 1
            [reopened] = room.collect.bitcoin_transactions()
            assert reopened.is_reopened

            await mine(node)
            await until(lambda: told(room, txid)[-1] == "confirmed")
            await until(lambda: room.figures(SOURCE)[REOPENED] == 0)
            assert told(room, txid) == ["seen", "confirmed", "unconfirmed", "confirmed"]


@pytest.mark.long
async def test_the_bump_that_is_told_frees_what_is_stuck(tmp_path):
    """Run as they are told, the commands bring into a block what its miner left behind.

    He takes 50 sats a virtual byte, and three payments are of 2: one is replaced, a deposit and a payment with change get a child each.
    """
    with regtest_nodes(tmp_path, 2, FEW_KEYS, AT_ONCE, "-blockmintxfee=0.0005") as [node, miner]:
        await funded(node)
        await until(lambda: miner.call("getblockcount") == node.call("getblockcount"))
        miner.call("createwallet", "m")
        back = miner.call("getnewaddress", wallet="m")
        for _ in range(9):
            await pay(node, to=back, amount=2, fee_rate=60)
        await asyncio.to_thread(_meet, node, miner)
        await mine(miner)
        async with watching(node_options("one", node)) as room:
            await begun(room, miner)
            replaceable = await pay(node, fee_rate=2)
            final = await pay(node, fee_rate=2, replaceable=False)
            deposit = await pay(miner, "m", to=node.call("getnewaddress", wallet="w"), fee_rate=2)
            stuck = (replaceable, deposit, final)
            await asyncio.to_thread(_meet, node, miner)
            await until(lambda: all(told(room, each) == ["seen"] for each in stuck))
            for _ in range(8):
                await pay(miner, "m", to=back, amount=0.1, fee_rate=60)
                await mine(miner)
            await until(lambda: all(told(room, each) == ["seen", "stuck"] for each in stuck))
            await until(lambda: room.figures(SOURCE)["anya_bitcoin_wallet_stuck_transactions w"] == 3)
            assert room.figures(SOURCE)[f"anya_bitcoin_wallet_stuck_transaction_blocks {deposit} w"] >= 7

            found = {each.txid: each for each in room.collect.bitcoin_transactions()}
            bumps = [found[txid].bump for txid in stuck]
            assert [bump.kind for bump in bumps if bump is not None] == ["rbf", "cpfp", "cpfp"]
            assert all(found[txid].market_sat_per_vb >= 50 for txid in stuck)
            made = [await asyncio.to_thread(_run, bump.command, tmp_path, node) for bump in bumps if bump is not None]
            for bump, txid in zip(bumps, made, strict=True):
                paid = round(node.call("getmempoolentry", txid)["fees"]["base"] * 1e8)
                assert abs(paid - bump.fee_sats) <= 0.05 * bump.fee_sats  # sizes of signatures differ
            await asyncio.to_thread(_meet, node, miner)
            await mine(miner)
            await until(lambda: all(told(room, each)[-1:] == ["confirmed"] for each in made))
            await until(lambda: told(room, deposit) == ["seen", "stuck", "confirmed", "unstuck"])
            assert told(room, replaceable) == ["seen", "stuck", "replaced", "unstuck"]
            await until(lambda: room.figures(SOURCE)["anya_bitcoin_wallet_stuck_transactions w"] == 0)


@pytest.mark.long
async def test_litecoins_daemon_tells_of_its_payments(tmp_path):
    """An old dialect without messages, whose nodes replace nothing: what is stuck is freed by the child that is told."""
    with litecoin_node(tmp_path, FEW_KEYS, "-blockmintxfee=0.005") as node:
        await mine(node, 10, to=await asyncio.to_thread(node.funded_wallet, "w"))
        async with watching(node_options("one", node, interval_s=0.5)) as room:
            await until(lambda: UNCONFIRMED in room.figures(SOURCE))
            to = node.call("getnewaddress", wallet="w")
            stuck = await pay(node, to=to, fee_rate=20)
            for _ in range(8):
                high = await pay(node, to=to, amount=0.1, fee_rate=600)
                await until(lambda txid=high: told(room, txid) == ["seen"])
                await mine(node, to=to)
                await until(lambda txid=high: told(room, txid) == ["seen", "confirmed"])
            await until(lambda: told(room, stuck) == ["seen", "stuck"])
            await until(lambda: room.collect.bitcoin_transactions()[0].bump is not None)
            [waits] = room.collect.bitcoin_transactions()
            assert waits.bump is not None
            assert (waits.bump.kind, waits.bump.fee_rate_sat_per_vb >= 500) == ("cpfp", True)
            child = await asyncio.to_thread(_run, waits.bump.command, tmp_path, node, client="litecoin-cli")
            assert round(node.call("getmempoolentry", child)["fees"]["base"] * 1e8) == waits.bump.fee_sats
            await mine(node, to=to)
            await until(lambda: told(room, stuck)[-2:] == ["confirmed", "unstuck"])
            assert room.health(f"collect.{SOURCE}").status is HealthStatus.HEALTHY


def _meet(*nodes: RegtestNode) -> None:
    """Wait until all have the same mempool."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        pools = [frozenset(node.call("getrawmempool")) for node in nodes]
        if len(set(pools)) == 1:
            return
        time.sleep(0.1)
    raise AssertionError("the nodes do not tell each other of their transactions")


def _run(command: str, folder: Path, node: RegtestNode, *, client: str = "bitcoin-cli") -> str:
    """Run it in a shell whose client finds the node; the transaction that it made."""
    programs = folder / "bin"
    programs.mkdir(exist_ok=True)
    port = node.url.rpartition(":")[2]
    found = shlex.join([str(component(client)), f"-datadir={node.data}", f"-rpcport={port}"])
    shim = programs / client
    shim.write_text(f'#!/bin/sh\nexec {found} "$@"\n')
    shim.chmod(0o755)
    path = f"{programs}:{os.environ['PATH']}"
    done = subprocess.run(
        ["sh", "-c", command], check=False, env={"PATH": path}, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, (command, done.stderr)
    told = done.stdout.strip()
    return json.loads(told)["txid"] if told.startswith("{") else told


async def test_what_was_missed_is_told_once(tmp_path):
    """The server stops, the node stops and starts, a wallet is unloaded and loaded: nothing is lost, nothing told twice."""
    base = free_base(1)
    with regtest_node(tmp_path, base, FEW_KEYS) as node:
        await funded(node)
        async with watching(node_options("one", node)) as room:
            await begun(room, node)
            first = await pay(node)
            await until(lambda: told(room, first) == ["seen"])
        second = await pay(node)
        await mine(node)
        async with watching(node_options("one", node, interval_s=0.5), documents=room.documents) as again:
            await until(lambda: told(again, first) == ["confirmed"] and told(again, second) == ["seen", "confirmed"])
            assert event(again, "seen", second).attributes["bitcoin.transaction.in_block"] is True
            assert {each.correlation_id for each in again.events("bitcoin.transaction.")} == {first, second}

            node.call("unloadwallet", "w")
            await until(lambda: UNCONFIRMED not in again.figures(SOURCE))
            node.call("loadwallet", "w", True)
            await until(lambda: UNCONFIRMED in again.figures(SOURCE))
            await asyncio.to_thread(node.stop)
            await until(lambda: again.health(f"collect.{SOURCE}").status is HealthStatus.UNHEALTHY)
            assert not again.collect.bitcoin_transactions()
            with regtest_node(tmp_path, base, FEW_KEYS) as started:
                third = await pay(started)
                await until(lambda: told(again, third) == ["seen"])
            assert told(again, first) == ["confirmed"]
