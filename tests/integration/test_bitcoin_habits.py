"""What is usual for a wallet, by real nodes: movements out of line, and fees that move until putting coins together pays."""

from __future__ import annotations

import asyncio
import time

import pytest

from anyascope.clock import NS_PER_S, SystemClock
from support.bitcoin_looks import looking, looking_at_wallets
from support.bitcoin_room import NOBODY
from support.regtest import RegtestNode, regtest_nodes

SETTINGS = ("-keypool=10", "-unsafesqlitesync=1")
DAY_S, HOUR_S = 86_400, 3_600
COINS = 40
INPUT_VBYTES = 67.75  # of P2WPKH


def pay(node: RegtestNode, wallet: str, bitcoins: float, *, to: str = NOBODY, sat_per_vb: float = 10) -> str:
    """A payment at a fee rate; its id."""
    return node.call("sendtoaddress", to, bitcoins, "", "", False, True, None, "unset", None, sat_per_vb, wallet=wallet)


@pytest.mark.long
async def test_a_movement_out_of_line_is_told(tmp_path):
    """Two wallets that pay a bitcoin or so twice a day: one more is usual; thirty at once are not, nor are nine in an hour.

    The node's clock is set back for their history. A third wallet got all that it has forty days ago, and never paid.
    """
    with regtest_nodes(tmp_path, 1, *SETTINGS) as [node]:
        await asyncio.to_thread(_live_for_weeks, node)
        wallets = ("hot", "drained", "cold")
        async with looking(node, wallets=wallets) as looks:
            figures = await looks.look()
            assert [figures[f"movement_score {name} withdrawal"] for name in wallets] == [0, 0, 0]
            for name in ("hot", "drained"):
                pay(node, name, 1.2)
            figures = await looks.look()
            for name in ("hot", "drained"):
                assert 0 <= figures[f"movement_score {name} withdrawal"] < 3.5
                assert figures[f"unusual_movement {name} withdrawal"] == 0

            pay(node, "hot", 30)
            for _ in range(8):
                pay(node, "drained", 1.2)
            pay(node, "cold", 0.01)
            figures = await looks.look()
            for name in wallets:
                assert figures[f"movement_score {name} withdrawal"] > 3.5
                assert figures[f"unusual_movement {name} withdrawal"] == 1
                assert figures[f"unusual_movement {name} deposit"] == 0
            documents = looks.documents
        async with looking(node, documents=documents, wallets=wallets) as again:  # the server started again
            figures = await again.look()
            assert [figures[f"unusual_movement {name} withdrawal"] for name in wallets] == [1, 1, 1]


def _live_for_weeks(node: RegtestNode) -> None:
    now_s = round(time.time())
    node.call("setmocktime", now_s - 40 * DAY_S)
    node.mine(30, to=node.funded_wallet("treasury"))
    for name, coins in (("hot", 60), ("drained", 60), ("cold", 2)):
        node.call("createwallet", name)
        fill(node, name, coins=coins)
    for number in range(30):
        node.call("setmocktime", now_s - 15 * DAY_S + number * DAY_S // 2 + HOUR_S * (number % 3))
        for name in ("hot", "drained"):
            pay(node, name, 1 + number % 5 / 10)
        if number % 10 == 9:
            node.mine(1, to=NOBODY)
    node.call("setmocktime", 0)


def fill(node: RegtestNode, wallet: str, *, coins: int) -> None:
    """Coins of two bitcoins each, in a block; the wallet has heard of them, by the node's clock of now."""
    to = [node.call("getnewaddress", "", "bech32", wallet=wallet) for _ in range(coins)]
    node.call("sendmany", "", dict.fromkeys(to, 2), wallet="treasury")
    node.mine(1, to=NOBODY)
    node.call("syncwithvalidationinterfacequeue")


class Days(SystemClock):
    """The machine's clock, some hours ahead."""

    ahead_ns = 0

    def now_ns(self) -> int:
        return super().now_ns() + self.ahead_ns

    def monotonic_ns(self) -> int:
        return super().monotonic_ns() + self.ahead_ns

    def pass_hours(self, hours: int) -> None:
        self.ahead_ns += hours * HOUR_S * NS_PER_S


@pytest.mark.long
async def test_putting_coins_together_is_advised_in_a_cheap_hour(tmp_path):
    """By the node's own estimates, which blocks of dear and then of cheap payments move; the cost is what such a transaction pays.

    Before there are any the least that the node takes is the fee, it says so, and nothing is advised.
    """
    with regtest_nodes(tmp_path, 1, *SETTINGS) as [node]:
        node.mine(30, to=node.funded_wallet("treasury"))
        for name in ("hot", "payer"):
            node.call("createwallet", name)
        fill(node, "hot", coins=COINS)
        for _ in range(2):
            fill(node, "payer", coins=60)
        clock = Days()
        async with looking_at_wallets(node, clock=clock, wallets=("hot",)) as wallets:
            figures = await wallets.look()
            assert "no fee estimate" in wallets.round.detail
            assert figures["consolidation_advised hot"] == 0
            assert "consolidation_saving_sats hot" not in figures

            await asyncio.to_thread(blocks, node, 8, sat_per_vb=60)
            for _ in range(50):  # hours: two days are known then
                figures = await wallets.look()
                clock.pass_hours(1)
            dear = estimate(node)
            assert figures["fee_rate_sat_per_vb hot"] == dear / 1_000 >= 55
            assert figures["consolidation_advised hot"] == 0
            assert figures["consolidation_saving_sats hot"] < 0  # dear now, and no dearer later

            await asyncio.to_thread(blocks, node, 8, sat_per_vb=3)
            figures = await wallets.look()
            cheap = estimate(node)
            assert figures["fee_rate_sat_per_vb hot"] == cheap / 1_000 <= 5
            assert figures["consolidation_advised hot"] == 1
        told = _put_together(node, sat_per_vb=cheap / 1_000)
        assert figures["consolidation_cost_sats hot"] == figures["spend_cost_sats hot"] == told["fee_sats"]
        assert (
            told["vsize"] <= figures["spend_vbytes hot"] <= told["vsize"] + COINS / 4
        )  # signatures may be a byte shorter
        one_by_one, rest = (round(inputs * INPUT_VBYTES * 4) * dear // 4_000 for inputs in (COINS, 1))
        assert figures["consolidation_saving_sats hot"] == one_by_one - told["fee_sats"] - rest


def estimate(node: RegtestNode) -> int:
    """The node's own, for six blocks: sats a thousand virtual bytes."""
    return round(node.call("estimatesmartfee", 6)["feerate"] * 1e8)


def _put_together(node: RegtestNode, *, sat_per_vb: float) -> dict[str, int]:
    """What a transaction pays and takes that spends all of the wallet into one output; it is signed, and sent."""
    to = node.call("getnewaddress", "", "bech32", wallet="hot")
    txid = node.call("sendall", [to], None, "unset", sat_per_vb, wallet="hot")["txid"]
    entry = node.call("getmempoolentry", txid)
    return {"vsize": entry["vsize"], "fee_sats": round(entry["fees"]["base"] * 1e8)}


def blocks(node: RegtestNode, count: int, *, sat_per_vb: float) -> None:
    """Blocks with payments at this fee rate, which the node's estimates follow."""
    for _ in range(count):
        for _ in range(5):
            pay(node, "payer", 0.1, sat_per_vb=sat_per_vb)
        node.mine(1, to=NOBODY)
    node.call("syncwithvalidationinterfacequeue")
