"""Wallets of real nodes on regtest: what is told of them is what the node itself says and would pay."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import Any

import pytest

from anyascope.clock import SystemClock
from anyascope.collect.collectors.bitcoin import patience
from anyascope.collect.collectors.bitcoin.client import RpcClient
from anyascope.collect.collectors.bitcoin.wallets import listing
from anyascope.collect.collectors.bitcoin.wallets.watch import WalletsWatch
from anyascope.collect.options import BitcoinNodeOptions
from anyascope.store.documents import MemoryDocuments
from support.bitcoin_room import CALL_WITHIN_S
from support.regtest import RegtestNode, litecoin_node, regtest_nodes

RATE_SAT_PER_VB = 10
# No estimate on regtest: today's fee is the least that the node takes.
FEES = (f"-minrelaytxfee={RATE_SAT_PER_VB / 100_000:.8f}", f"-fallbackfee={RATE_SAT_PER_VB / 100_000:.8f}")
DUST_SATS = (
    550,
    555,
    560,
    565,
)  # of each kind; above what nodes refuse to relay, below what the smallest input costs at 10 sat/vB
FEW_KEYS = "-keypool=10"  # of each kind: making a thousand takes seconds
UNSYNCED = "-unsafesqlitesync=1"  # a wallet writes to disk for each output that pays to it
KINDS = ("wpkh(", "pkh(", "sh(wpkh(", "tr(")


@pytest.fixture(autouse=True)
def _every_call_is_quick_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a busy machine two in a row may be slow, and would be made rarely from then on."""
    monkeypatch.setattr(patience, "SLOW_S", 60.0)


class Wallets:
    """The wallets of a node, looked at when the test says so."""

    def __init__(self, node: RegtestNode, chain: str, wallets: tuple[str, ...] | None) -> None:
        known = {"cookie_file": node.cookie_file, "chain": chain, "wallets": wallets, "timeout_s": CALL_WITHIN_S}
        options = BitcoinNodeOptions("one", node.url, **known)
        clock = SystemClock()
        self.client = RpcClient(options, clock=clock)
        self.watch = WalletsWatch(options, documents=MemoryDocuments(clock=clock), clock=clock, client=self.client)

    async def look(self) -> dict[str, float]:
        """One round: metric, wallet and other labels to value."""
        self.round = await self.watch.gather()
        return {
            " ".join(
                [
                    family.name.removeprefix("anya_bitcoin_wallet_"),
                    *(value for key, value in labels if key not in ("chain", "coin")),
                ]
            ): point
            for family in self.round.families
            for labels, point in family.points
        }


@asynccontextmanager
async def watching(node: RegtestNode, *, chain: str = "regtest", wallets: tuple[str, ...] | None = None):
    found = Wallets(node, chain, wallets)
    try:
        yield found
    finally:
        await found.watch.close()


def addresses(node: RegtestNode, wallet: str, kind: str, count: int) -> list[str]:
    """The first addresses of one kind, in one call: a wallet makes them one by one in 50 ms each."""
    told = node.call("listdescriptors", wallet=wallet)["descriptors"]
    external = next(each["desc"] for each in told if each["desc"].startswith(kind) and not each["internal"])
    return node.call("deriveaddresses", external, [0, count - 1])


def fund(node: RegtestNode, wallet: str, amounts: dict[str, float]) -> None:
    """Pay from the miner's wallet, and mine a block that confirms it."""
    node.call("sendmany", "", amounts, wallet=wallet)
    node.mine(1, to=node.call("getrawchangeaddress", wallet=wallet))


def sweep_fee_sats(node: RegtestNode, wallet: str, to: str) -> int:
    """What the node itself would pay to send all of a wallet away at today's fee; nothing is sent."""
    told = node.call("sendall", [to], None, "unset", RATE_SAT_PER_VB, {"add_to_wallet": False}, wallet=wallet)
    [out] = node.call("decoderawtransaction", told["hex"])["vout"]
    return sum(round(coin["amount"] * 1e8) for coin in node.call("listunspent", wallet=wallet)) - round(
        out["value"] * 1e8
    )


@pytest.mark.long
async def test_500_dust_outputs_cost_what_the_node_would_pay(tmp_path, monkeypatch):
    """Count, sum, dust and cost to spend equal what `listunspent` and the fee say, and what `sendall` pays, to the sat."""
    monkeypatch.setattr(listing, "PART_COINS", 100)  # five parts at first, and again
    with regtest_nodes(tmp_path, 1, *FEES, UNSYNCED) as [node]:
        node.funded_wallet("miner")
        node.call("createwallet", "dusty")
        for kind, sats in zip(KINDS, DUST_SATS, strict=True):
            fund(node, "miner", dict.fromkeys(addresses(node, "dusty", kind, 125), sats / 1e8))
        [rich] = addresses(node, "dusty", "wpkh(", 126)[125:]
        fund(node, "miner", {rich: 0.1})
        async with watching(node, wallets=("dusty",)) as wallets:
            figures = await wallets.look()
            listed = node.call("listunspent", wallet="dusty")
            sats = [round(coin["amount"] * 1e8) for coin in listed]
            assert figures["utxos dusty"] == len(listed) == 501
            assert figures["utxo_sats_sum dusty"] == sum(sats)
            assert figures["utxo_sats_bucket dusty 1000"] == 500
            assert figures["fee_rate_sat_per_vb dusty"] == RATE_SAT_PER_VB
            cost = {"wpkh(": 678, "pkh(": 1_470, "sh(wpkh(": 908, "tr(": 578}  # of an input at 10 sat/vB, rounded up
            dust = [
                coin
                for coin in listed
                if round(coin["amount"] * 1e8) < next(cost[k] for k in KINDS if coin["desc"].startswith(k))
            ]
            assert figures["dust_utxos dusty"] == len(dust) == 500
            assert figures["dust_sats dusty"] == 125 * sum(DUST_SATS)

            destination = addresses(node, "miner", "wpkh(", 1)[0]
            assert figures["spend_cost_sats dusty"] == sweep_fee_sats(node, "dusty", destination)
            assert figures["spend_cost_sats dusty"] == figures["spend_vbytes dusty"] * RATE_SAT_PER_VB
            assert figures["consolidation_cost_sats dusty"] == 0  # of one coin that is no dust
            assert "no fee estimate" in wallets.round.detail

            node.mine(1, to=destination)
            node.call("sendtoaddress", rich, 0.1, wallet="miner")
            node.mine(1, to=destination)
            assert (await wallets.look())["utxos dusty"] == 502
            assert wallets.client.counts.outcomes["listunspent", "ok"] > 6


async def test_wallets_come_and_go(tmp_path):
    """Unloaded it is said, loaded again it is whole; a name that was never there; a locked one; the one without a name."""
    with regtest_nodes(tmp_path, 1, FEW_KEYS, UNSYNCED) as [node]:
        node.funded_wallet("hot")
        node.call("createwallet", "cold", False, False, "correct-horse-battery-9d1f")
        async with watching(node, wallets=("hot", "cold", "wrong")) as named, watching(node) as every:
            figures = await named.look()
            assert (figures["loaded hot"], figures["loaded cold"], figures["loaded wrong"]) == (1, 1, 0)
            assert figures["funds_sats hot trusted"] == 50 * 10**8
            assert figures["funds_sats hot immature"] == 100 * 50 * 10**8
            assert figures["keypool_size hot"] == node.call("getwalletinfo", wallet="hot")["keypoolsize"]
            assert named.round.faults == ("wallet wrong is not loaded",)
            assert {sight.name: sight.is_locked for sight in named.watch.sights} == {
                "cold": True,
                "hot": None,
                "wrong": None,
            }

            node.call("unloadwallet", "hot")
            figures = await named.look()
            assert (figures["loaded hot"], figures["loaded cold"]) == (0, 1)
            assert "funds_sats hot trusted" not in figures
            assert "loaded hot" not in await every.look()
            assert every.round.faults == ()

            node.call("loadwallet", "hot")
            node.call("createwallet", "")
            assert (await named.look())["utxos hot"] == 1
            figures = await every.look()
            assert {name for name in figures if name.startswith("loaded")} == {
                "loaded cold",
                "loaded default",
                "loaded hot",
            }
            assert figures["utxos default"] == 0
            assert figures["spend_cost_sats default"] == 0


async def test_a_change_is_seen_and_a_fee_is_reckoned_without_asking(tmp_path):
    """Coins are listed when a transaction comes, is confirmed, or a coin is locked, and not in between."""
    with regtest_nodes(tmp_path, 1, FEW_KEYS, UNSYNCED) as [node]:
        node.funded_wallet("miner")
        node.call("createwallet", "hot")
        address = addresses(node, "hot", "wpkh(", 1)[0]
        async with watching(node, wallets=("hot",)) as wallets:

            async def looked() -> tuple[float, float]:
                """Coins, and how often they were listed."""
                coins = (await wallets.look())["utxos hot"]
                return coins, wallets.client.counts.outcomes["listunspent", "ok"]

            assert await looked() == (0, 1)
            node.call("sendtoaddress", address, 0.5, wallet="miner")
            node.call("syncwithvalidationinterfacequeue")  # the other wallet hears of the mempool by it
            assert await looked() == (0, 2)  # in no block, and sent by others: pending
            assert (await wallets.look())["funds_sats hot pending"] == 50_000_000
            node.mine(1, to=address)
            assert await looked() == (1, 3)
            assert await looked() == (1, 3)
            [coin] = node.call("listunspent", wallet="hot")
            node.call("lockunspent", False, [{"txid": coin["txid"], "vout": coin["vout"]}], wallet="hot")
            assert await looked() == (0, 4)


async def test_a_shared_wallet_that_only_watches_is_reckoned_as_the_node_does(tmp_path):
    """Two of three in P2WSH without a key: its coins and their cost are those of `walletcreatefundedpsbt`."""
    with regtest_nodes(tmp_path, 1, *FEES, FEW_KEYS, UNSYNCED) as [node]:
        node.funded_wallet("miner")
        told = [each["desc"] for each in node.call("listdescriptors", wallet="miner")["descriptors"]]
        keys = [desc.partition("(")[2].partition(")")[0] for desc in told if desc.startswith(("wpkh(", "pkh("))][:3]
        checked = node.call("getdescriptorinfo", f"wsh(sortedmulti(2,{','.join(keys)}))")["descriptor"]
        node.call("createwallet", "vault", True, True)
        asked: list[dict[str, Any]] = [{"desc": checked, "timestamp": "now", "range": [0, 20]}]
        assert node.call("importdescriptors", asked, wallet="vault")[0]["success"]
        fund(node, "miner", dict.fromkeys(node.call("deriveaddresses", checked, [0, 19]), 0.001))
        async with watching(node, wallets=("vault",)) as wallets:
            figures = await wallets.look()
            listed = node.call("listunspent", wallet="vault")
            inputs = [{"txid": coin["txid"], "vout": coin["vout"]} for coin in listed]
            target = [{addresses(node, "miner", "wpkh(", 1)[0]: 0.02}]
            how = {"add_inputs": False, "fee_rate": RATE_SAT_PER_VB, "subtractFeeFromOutputs": [0]}
            fee = node.call("walletcreatefundedpsbt", inputs, target, 0, how, wallet="vault")["fee"]
            assert figures["utxos vault"] == 20
            assert figures["funds_sats vault trusted"] == 2_000_000
            assert figures["spend_cost_sats vault"] == round(fee * 1e8)
            assert "keypool_size vault" not in figures
            assert wallets.watch.sights[0].coins.assumed == 0


async def test_a_node_without_wallets_says_so(tmp_path):
    """By default that is well; where the settings name a wallet, it is not."""
    with regtest_nodes(tmp_path, 1, "-disablewallet") as [node]:
        async with watching(node) as every, watching(node, wallets=("hot",)) as named:
            assert await every.look() == {}
            assert (every.round.detail, every.round.faults) == ("the node has no wallets", ())
            await named.look()
            assert "the node has no wallets" in named.round.faults[0]


async def test_litecoins_wallet_speaks_an_older_dialect(tmp_path):
    """A wallet of Litecoin Core 0.21: funds, coins and their cost."""
    with litecoin_node(tmp_path, FEW_KEYS, "-minrelaytxfee=0.0001") as node:
        address = node.funded_wallet("hot")
        async with watching(node, wallets=("hot",)) as wallets:
            figures = await wallets.look()
            assert figures["funds_sats hot trusted"] == 50 * 10**8
            assert figures["utxos hot"] == 1
            assert figures["spend_vbytes hot"] == 110, address  # its own addresses are P2WPKH
            assert figures["spend_cost_sats hot"] == 1_100
            assert wallets.round.faults == ()
            assert "takes, 10 litoshi/vB" in wallets.round.detail
