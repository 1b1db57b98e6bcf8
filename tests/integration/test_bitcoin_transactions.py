"""Own transactions on real regtest nodes: their life, a reorg, a bump that frees them, restarts."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import time

import pytest

from anyascope.collect.collectors.bitcoin.transactions import stuck, watch
from anyascope.collect.collectors.bitcoin.transactions.signatures import signatures_in
from anyascope.ports import HealthStatus
from support.bitcoin_room import BitcoinRoom, joined, node_options, watching
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
    async with asyncio.timeout(150):
        while not room.events("bitcoin.block.connected"):
            await mine(node)
            await asyncio.sleep(0.1)
    await followed(room, node)


async def followed(room: BitcoinRoom, node: RegtestNode) -> None:
    """The newest block of this node was looked at."""
    height = await asyncio.to_thread(node.call, "getblockcount")
    await until(lambda: room.collect._nodes[0].transactions._tip[1] == height)


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
                "bitcoin.transaction.signatures": list(signatures_in(raw["decoded"]["vin"])),
                "bitcoin.transaction.in_block": False,
                "bitcoin.transaction.received_s": raw["timereceived"],
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
            await until(lambda: other.call("getconnectioncount") == 0)  # else the other would have the blocks
            txid = await pay(node)
            await mine(node, 2)
            await until(lambda: told(room, txid) == ["seen", "confirmed"])
            lost = event(room, "confirmed", txid).attributes["bitcoin.block.hash"]

            await asyncio.to_thread(other.call, "generatetodescriptor", 3, OTHER_BRANCH)
            node.call("setnetworkactive", True)
            await joined(node, other)
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
            cheap = (replaceable, deposit, final)
            await asyncio.to_thread(_meet, node, miner)
            await until(lambda: all(told(room, each) == ["seen"] for each in cheap))
            for _ in range(8):
                await pay(miner, "m", to=back, amount=0.1, fee_rate=60)
                await mine(miner)
                # Each block is looked at by itself: of several at once only the last says what the market takes.
                await followed(room, miner)
            await until(lambda: all(told(room, each) == ["seen", "stuck"] for each in cheap))
            await until(lambda: room.figures(SOURCE)["anya_bitcoin_wallet_stuck_transactions w"] == 3)
            assert room.figures(SOURCE)[f"anya_bitcoin_wallet_stuck_transaction_blocks {deposit} w"] >= 7

            await until(lambda: all(each.bump for each in room.collect.bitcoin_transactions() if each.txid in cheap))
            found = {each.txid: each for each in room.collect.bitcoin_transactions()}
            bumps = [found[txid].bump for txid in cheap]
            assert [bump.kind for bump in bumps if bump is not None] == ["rbf", "cpfp", "cpfp"]
            assert all(found[txid].market_sat_per_vb >= 50 for txid in cheap)
            made = [await asyncio.to_thread(_run, bump.command) for bump in bumps if bump is not None]
            for bump, txid in zip(bumps, made, strict=True):
                paid = round(node.call("getmempoolentry", txid)["fees"]["base"] * 1e8)
                assert abs(paid - bump.fee_sats) <= 0.05 * bump.fee_sats  # sizes of signatures differ
            await asyncio.to_thread(_meet, node, miner)
            await mine(miner)
            await until(lambda: all(told(room, each)[-1:] == ["confirmed"] for each in made))
            await until(lambda: told(room, deposit) == ["seen", "stuck", "confirmed", "unstuck"])
            await until(lambda: told(room, replaceable) == ["seen", "stuck", "replaced", "unstuck"])
            await until(lambda: room.figures(SOURCE)["anya_bitcoin_wallet_stuck_transactions w"] == 0)


@pytest.mark.long
async def test_litecoins_daemon_tells_of_its_payments(tmp_path):
    """An old dialect without messages, whose nodes replace nothing: what is stuck is freed by the child that is told."""
    with litecoin_node(tmp_path, FEW_KEYS, "-blockmintxfee=0.005") as node:
        await mine(node, 10, to=await asyncio.to_thread(node.funded_wallet, "w"))
        async with watching(node_options("one", node, interval_s=0.5)) as room:
            await until(lambda: UNCONFIRMED in room.figures(SOURCE))
            to = node.call("getnewaddress", wallet="w")
            low = await pay(node, to=to, fee_rate=20)
            for _ in range(8):
                high = await pay(node, to=to, amount=0.1, fee_rate=600)
                await until(lambda txid=high: told(room, txid) == ["seen"])
                await mine(node, to=to)
                await until(lambda txid=high: told(room, txid) == ["seen", "confirmed"])
            await until(lambda: told(room, low) == ["seen", "stuck"])
            await until(lambda: [each.bump is not None for each in room.collect.bitcoin_transactions()] == [True])
            [waits] = room.collect.bitcoin_transactions()
            assert waits.bump is not None
            assert (waits.bump.kind, waits.bump.fee_rate_sat_per_vb >= 500) == ("cpfp", True)
            child = await asyncio.to_thread(_run, waits.bump.command, client="litecoin-cli")
            assert round(node.call("getmempoolentry", child)["fees"]["base"] * 1e8) == waits.bump.fee_sats
            await mine(node, to=to)
            await until(lambda: told(room, low)[-2:] == ["confirmed", "unstuck"])
            assert room.health(f"collect.{SOURCE}").status is HealthStatus.HEALTHY


def _meet(*nodes: RegtestNode) -> None:
    """Wait until all have the same mempool."""
    deadline = time.monotonic() + 150
    while time.monotonic() < deadline:
        pools = [frozenset(node.call("getrawmempool")) for node in nodes]
        if len(set(pools)) == 1:
            return
        time.sleep(0.1)
    raise AssertionError("the nodes do not tell each other of their transactions")


def _run(command: str, *, client: str = "bitcoin-cli") -> str:
    """Paste it into a shell that knows the client and nothing of the node; the transaction that it made."""
    path = f"{component(client).parent}:{os.environ['PATH']}"
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


ODD_NAME = 'treasury/eu "A\'s" $HOME ünïcode'  # a shell, a path and a label see something else in each of these
FILLER_OUTPUTS = 2_900  # 90 kB of one transaction, near what is relayed; a mempool of 5 MB holds some fifty
FILLERS = 60


@pytest.mark.long
async def test_an_evicted_payment_is_told_and_brought_back(tmp_path, monkeypatch):
    """A full mempool throws a cheap payment out: event, figure, status, and a command that brings it into a block.

    The wallet has a name that a shell, an address and a label could break on.
    """
    monkeypatch.setattr(stuck, "ABSENT_S", 2.0)  # a minute otherwise
    monkeypatch.setattr(watch, "SELDOM_S", 2.0)
    with regtest_nodes(tmp_path, 1, FEW_KEYS, "-maxmempool=5") as [node]:
        await asyncio.to_thread(node.funded_wallet, "filler")
        node.call("createwallet", ODD_NAME)
        to = node.call("getnewaddress", wallet=ODD_NAME)
        for _ in range(3):
            node.call("sendtoaddress", to, 1, wallet="filler")
        coins = await asyncio.to_thread(_coins, node)
        async with watching(node_options("one", node, interval_s=1.0, wallets=(ODD_NAME,))) as room:
            label = f"{UNCONFIRMED.rpartition(' ')[0]} {ODD_NAME}"
            await until(lambda: label in room.figures(SOURCE))
            txid = await pay(node, ODD_NAME, amount=0.3, fee_rate=2)
            await until(lambda: told(room, txid) == ["seen"])
            await asyncio.to_thread(_fill, node, coins)
            assert txid not in node.call("getrawmempool")
            floor = node.call("getmempoolinfo")["mempoolminfee"] * 1e5
            assert floor > 2

            await until(lambda: told(room, txid) == ["seen", "stuck"])
            assert event(room, "stuck", txid).attributes["bitcoin.transaction.stuck_by"] == "eviction"
            figure = f"anya_bitcoin_wallet_evicted_transactions {ODD_NAME}"
            await until(lambda: room.figures(SOURCE)[figure] == 1)
            await until(lambda: bool(_waiting(room, txid).bump))
            waits = _waiting(room, txid)
            assert (waits.is_in_mempool, waits.is_evicted, waits.status) == (False, True, "open")
            assert waits.bump is not None
            assert (waits.bump.kind, waits.bump.note) == ("rbf", "")
            assert waits.bump.fee_rate_sat_per_vb >= floor

            bumped = await asyncio.to_thread(_run, waits.bump.command)
            paid = round(node.call("getmempoolentry", bumped)["fees"]["base"] * 1e8)
            assert abs(paid - waits.bump.fee_sats) <= 0.05 * waits.bump.fee_sats
            await until(lambda: told(room, txid) == ["seen", "stuck", "replaced", "unstuck"])
            await until(lambda: told(room, bumped)[:1] == ["seen"])
            for _ in range(5):
                if "confirmed" in told(room, bumped):
                    break
                await mine(node)
                await asyncio.sleep(0.5)
            await until(lambda: told(room, bumped)[-1] == "confirmed")
            await until(lambda: room.figures(SOURCE)[figure] == 0)


def _waiting(room: BitcoinRoom, txid: str):
    return next(each for each in room.collect.bitcoin_transactions() if each.txid == txid)


def _coins(node: RegtestNode) -> list[dict]:
    """As many confirmed coins as there are fillers."""
    outputs = {node.call("getnewaddress", wallet="filler"): 0.1 for _ in range(FILLERS)}
    txid = node.call("sendmany", "", outputs, wallet="filler")
    node.mine(1, to=ADDRESS)
    found = node.call("listunspent", 1, 9_999_999, list(outputs), wallet="filler")
    return [{"txid": each["txid"], "vout": each["vout"]} for each in found if each["txid"] == txid]


def _fill(node: RegtestNode, coins: list[dict]) -> None:
    """Transactions of 90 kB that pay more and more, until the mempool is full and has thrown out the cheap."""
    for number, coin in enumerate(coins):
        fee_sats = 31 * FILLER_OUTPUTS * (5 + number // 10)
        each_sats = (10_000_000 - fee_sats) // FILLER_OUTPUTS
        raw = _raw(coin, [(each_sats, f"0014{at:040x}") for at in range(FILLER_OUTPUTS)])
        signed = node.call("signrawtransactionwithwallet", raw, wallet="filler")["hex"]
        node.call("sendrawtransaction", signed, 0)


def _raw(coin: dict, outputs: list[tuple[int, str]]) -> str:
    """A transaction of one input without its signature, by hand: a node wants another address for each output."""
    spent = bytes.fromhex(coin["txid"])[::-1].hex() + coin["vout"].to_bytes(4, "little").hex() + "00" + "fdffffff"
    count = "fd" + len(outputs).to_bytes(2, "little").hex()
    paid = "".join(f"{sats.to_bytes(8, 'little').hex()}{len(script) // 2:02x}{script}" for sats, script in outputs)
    return f"0200000001{spent}{count}{paid}00000000"


async def test_who_pays_together_is_told_apart(tmp_path):
    """Two wallets put their coins into one transaction: each is told what it lost or gained, and that others paid, too."""
    with regtest_nodes(tmp_path, 1, FEW_KEYS) as [node]:
        await funded(node)
        node.call("createwallet", "x")
        node.call("sendtoaddress", node.call("getnewaddress", wallet="x"), 3, wallet="w")
        await mine(node)
        async with watching(node_options("one", node)) as room:
            await begun(room, node)
            # 3 of `x` and a coin of `w` come in; 2 go to a stranger, 1.9 back to `x`: it pays 1.1, `w` the rest and the fee.
            [coin] = node.call("listunspent", wallet="x")
            other = node.call("listunspent", 1, wallet="w")[0]
            inputs = [{"txid": each["txid"], "vout": each["vout"]} for each in (coin, other)]
            rest = round(other["amount"] - 0.9 - 0.0001, 8)
            outputs = [
                {ADDRESS: 2},
                {node.call("getnewaddress", wallet="x"): 1.9},
                {node.call("getnewaddress", wallet="w"): f"{rest:.8f}"},
            ]
            raw = node.call("createrawtransaction", inputs, outputs)
            for wallet in ("x", "w"):
                raw = node.call("signrawtransactionwithwallet", raw, wallet=wallet)["hex"]
            txid = node.call("sendrawtransaction", raw)
            await until(lambda: told(room, txid) == ["seen", "seen"])
            seen = {
                each.attributes["bitcoin.wallet"]: each.attributes
                for each in room.events("bitcoin.transaction.seen")
                if each.correlation_id == txid
            }
            assert {wallet: said["bitcoin.transaction.amount_sats"] for wallet, said in seen.items()} == {
                "x": 110_000_000,
                "w": 90_010_000,
            }
            for said in seen.values():
                assert said["bitcoin.transaction.direction"] == "withdrawal"
                assert said["bitcoin.transaction.spends_ours"] is True
                assert said["bitcoin.transaction.shares_inputs"] is True
                assert "bitcoin.transaction.fee_sats" not in said
