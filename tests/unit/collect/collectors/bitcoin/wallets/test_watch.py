"""Unit tests of watching the wallets of a node that is played."""

from __future__ import annotations

import msgspec
import pytest
from structlog.testing import capture_logs

from anyascope.clock import ManualClock
from anyascope.collect.collectors.bitcoin.wallets import watch
from anyascope.collect.collectors.bitcoin.wallets.fees import HOURS_MIN
from anyascope.collect.collectors.bitcoin.wallets.watch import WalletsWatch
from anyascope.collect.options import BitcoinNodeOptions
from anyascope.store.documents import MemoryDocuments
from anyascope.wire.bitcoin.rpc import Refusal

MISSING = Refusal("method_not_found", "Method not found")
COIN = {"amount": 0.001, "scriptPubKey": "0014" + "00" * 20}


class PlayedNode:
    """Answers as it is told to; `took_s` is how long a call takes, `asked` what was asked of which wallet."""

    def __init__(self, clock: ManualClock) -> None:
        self.clock = clock
        self.asked: list[str] = []
        self.took_s: dict[str, float] = {}
        self.coins: dict[str, list[dict[str, object]]] = {"hot": [COIN] * 20}
        self.says: dict[str, object] = {
            "getblockchaininfo": {"chain": "main"},
            "estimatesmartfee": {"feerate": 0.0001, "blocks": 6},
            "getmempoolinfo": {"mempoolminfee": 0.00001},
            "getwalletinfo": {"txcount": 1, "keypoolsize": 1000},
            "getbalances": {"mine": {"trusted": 0.02, "untrusted_pending": 0.0, "immature": 0.0}},
            "listlockunspent": [],
        }

    def for_wallet(self, name: str) -> PlayedWallet:
        return PlayedWallet(self, name)

    async def call(self, method, *params):
        return await self.answer(method, "")

    async def answer(self, method: str, wallet: str) -> object:
        self.asked.append(f"{wallet}.{method}" if wallet else method)
        await self.clock.advance(self.took_s.get(method, 0.0))
        if method == "listwallets":
            return self.says.get(method, list(self.coins))
        told = self.says.get(f"{wallet}.{method}", self.says.get(method, MISSING))
        if isinstance(told, Exception):
            raise told
        return told

    async def close(self):
        pass


class PlayedWallet:
    def __init__(self, node: PlayedNode, name: str) -> None:
        self.node, self.name = node, name

    async def call(self, method, *params):
        return await self.node.answer(method, self.name)

    async def call_as(self, shape, method, *params):
        told = await self.node.answer(method, self.name)
        return told if told is not MISSING else msgspec.convert(self.node.coins[self.name], shape)


class Scene:
    """A watch on a manual clock; a new watch is a restart of the server."""

    def __init__(self, *, wallets: tuple[str, ...] | None = None, chain: str = "") -> None:
        self.clock = ManualClock()
        self.documents = MemoryDocuments(clock=self.clock)
        self.node = PlayedNode(self.clock)
        self.options = BitcoinNodeOptions("n", "http://127.0.0.1:8332", wallets=wallets, chain=chain)
        self.restart()

    def restart(self) -> None:
        self.watch = WalletsWatch(self.options, documents=self.documents, clock=self.clock, client=self.node)

    async def look(self, after_s: float = 15.0):
        """One round, and its points by metric and the labels beside chain."""
        await self.clock.advance(after_s)
        self.node.asked.clear()
        self.round = await self.watch.gather()
        return {
            " ".join([family.name, *(value for _, value in labels[1:])]): point
            for family in self.round.families
            for labels, point in family.points
        }


async def test_a_wallet_is_told_whole():
    """Funds, coins by size, cost of spending at today's fee; each series carries chain and wallet."""
    scene = Scene()
    figures = await scene.look()
    assert figures["anya_bitcoin_wallet_loaded hot"] == 1
    assert figures["anya_bitcoin_wallet_funds_sats hot trusted"] == 2_000_000
    assert figures["anya_bitcoin_wallet_utxos hot"] == 20
    assert figures["anya_bitcoin_wallet_utxo_sats_bucket hot 10000"] == 0
    assert figures["anya_bitcoin_wallet_utxo_sats_bucket hot 100000"] == 20
    assert figures["anya_bitcoin_wallet_utxo_sats_sum hot"] == 2_000_000
    assert figures["anya_bitcoin_wallet_fee_rate_sat_per_vb hot"] == 10
    assert figures["anya_bitcoin_wallet_spend_vbytes hot"] == 1397  # 166 + 20 * 271 weight units
    assert figures["anya_bitcoin_wallet_spend_cost_sats hot"] == 13_970
    assert figures["anya_bitcoin_wallet_dust_utxos hot"] == 0
    assert figures["anya_bitcoin_wallet_keypool_size hot"] == 1000
    assert figures["anya_bitcoin_wallet_consolidation_advised hot"] == 0
    assert "anya_bitcoin_wallet_consolidation_saving_sats hot" not in figures  # fees of the last days are not known
    assert scene.round.detail == "wallets: 1, coins: 20"
    [sight] = scene.watch.sights
    assert (sight.node, sight.chain, sight.name, sight.coins.count) == ("n", "main", "hot", 20)
    for family in scene.round.families:
        assert all(labels[0] == ("chain", "main") for labels, _ in family.points)


async def test_coins_are_listed_again_only_where_something_changed():
    """Another fee is reckoned without asking; a transaction, a balance, a locked coin or an hour asks."""
    scene = Scene()
    await scene.look()
    scene.node.says["estimatesmartfee"] = {"feerate": 0.0002}
    assert (await scene.look())["anya_bitcoin_wallet_spend_cost_sats hot"] == 27_940
    assert "hot.listunspent" not in scene.node.asked
    for change in ({"getwalletinfo": {"txcount": 2}}, {"listlockunspent": [{"txid": "a", "vout": 0}]}):
        scene.node.says.update(change)
        await scene.look()
        assert "hot.listunspent" in scene.node.asked
        await scene.look()
        assert "hot.listunspent" not in scene.node.asked
    await scene.look(3_600)
    assert "hot.listunspent" in scene.node.asked


async def test_a_slow_call_is_made_rarely_and_that_is_said():
    """0.5 s of the node, twice: not again within 250 s, however often the wallet changes; funds go on."""
    scene = Scene()
    scene.node.took_s["listunspent"] = 0.5
    await scene.look()
    scene.node.says["getwalletinfo"] = {"txcount": 3}
    await scene.look()
    assert "listunspent of hot took 0.50 s: at most every 250 s" in scene.round.detail
    scene.node.says["getwalletinfo"] = {"txcount": 2}
    scene.node.says["getbalances"] = {"mine": {"trusted": 0.03}}
    figures = await scene.look()
    assert "hot.listunspent" not in scene.node.asked
    assert figures["anya_bitcoin_wallet_funds_sats hot trusted"] == 3_000_000
    assert figures["anya_bitcoin_wallet_call_rest_seconds hot listunspent"] == 250
    await scene.look(250)
    assert "hot.listunspent" in scene.node.asked


async def test_large_wallets_take_turns():
    """Funds of all are told at once; coins are listed two seconds a round, the longest waiting first."""
    scene = Scene()
    scene.node.took_s["listunspent"] = 3.0
    scene.node.coins = {"a": [COIN], "b": [COIN], "c": [COIN]}
    for count in (1, 2, 3):
        figures = await scene.look()
        assert sum(name.startswith("anya_bitcoin_wallet_funds_sats") for name in figures) == 9
        assert sum(name.startswith("anya_bitcoin_wallet_utxos ") for name in figures) == count
    assert "not listed" not in scene.round.detail


async def test_a_configured_wallet_that_is_not_loaded_is_said():
    """0 for it, figures for the others, and what to do; once it is loaded all is well."""
    scene = Scene(wallets=("hot", "vault"))
    figures = await scene.look()
    assert (figures["anya_bitcoin_wallet_loaded hot"], figures["anya_bitcoin_wallet_loaded vault"]) == (1, 0)
    assert scene.round.faults == ("wallet vault is not loaded",)
    assert "loadwallet" in scene.round.advice
    assert not scene.round.is_down
    scene.node.coins["vault"] = []
    assert (await scene.look())["anya_bitcoin_wallet_loaded vault"] == 1
    assert scene.round.faults == ()


async def test_a_wallet_that_goes_between_two_calls():
    """It was listed, and is not there when it is asked: no figures of it, the others stay."""
    scene = Scene()
    scene.node.coins["warm"] = [COIN]
    scene.node.says["warm.getwalletinfo"] = Refusal("wallet_not_found", "not loaded")
    figures = await scene.look()
    assert figures["anya_bitcoin_wallet_loaded warm"] == 0
    assert "anya_bitcoin_wallet_funds_sats warm trusted" not in figures
    assert figures["anya_bitcoin_wallet_utxos hot"] == 20
    assert scene.round.faults == ("warm: wallet_not_found: getwalletinfo: not loaded",)


async def test_a_refused_listing_leaves_what_was_known():
    """The coins of the last time stay, with their age; the health says why."""
    scene = Scene()
    await scene.look()
    scene.node.says["getwalletinfo"] = {"txcount": 2}
    scene.node.says["hot.listunspent"] = Refusal("wallet_error", "rescanning")
    figures = await scene.look()
    assert figures["anya_bitcoin_wallet_utxos hot"] == 20
    assert figures["anya_bitcoin_wallet_utxos_age_seconds hot"] == 15
    assert scene.round.faults == ("hot: listunspent: wallet_error: rescanning",)


@pytest.mark.parametrize("method", ["getwalletinfo", "getbalances", "listunspent"])
async def test_a_fault_about_one_wallet_costs_the_others_nothing(method):
    """It is told with the wallet's name, by log, health and figure; what is known of it besides stays."""
    scene = Scene()
    scene.node.coins |= {"bad": [COIN], "warm": [COIN]}
    scene.node.says[f"bad.{method}"] = ArithmeticError("odd")
    with capture_logs() as lines:
        figures = await scene.look()
    assert [figures[f"anya_bitcoin_wallet_utxos {name}"] for name in ("hot", "warm")] == [20, 1]
    assert ("anya_bitcoin_wallet_funds_sats bad trusted" in figures) is (method == "listunspent")
    assert [figures[f"anya_bitcoin_wallet_readable {name}"] for name in ("bad", "hot", "warm")] == [0, 1, 1]
    [fault] = scene.round.faults
    assert fault.startswith("bad: ")
    assert fault.endswith("a fault of the server: ArithmeticError: odd")
    assert (scene.round.advice, scene.round.is_down) == ("see the server's log", False)
    assert [(line["event"], line["wallet"]) for line in lines] == [("bitcoin_wallet_figures_failed", "bad")]
    del scene.node.says[f"bad.{method}"]
    assert (await scene.look())["anya_bitcoin_wallet_readable bad"] == 1
    assert scene.round.faults == ()


@pytest.mark.parametrize("part", ["coins_sight", "tell_wallet"])
async def test_a_fault_in_reckoning_costs_the_others_nothing(part, monkeypatch):
    """Also where the answers were fine, and what is made of them is not."""
    scene = Scene()
    scene.node.coins["large"] = [COIN] * 30
    real = getattr(watch, part)

    def odd(*args, **kwargs):
        if any(getattr(each, "count", 0) == 30 or getattr(each, "name", "") == "large" for each in args):
            raise ArithmeticError("odd")
        return real(*args, **kwargs)

    monkeypatch.setattr(watch, part, odd)
    figures = await scene.look()
    assert figures["anya_bitcoin_wallet_utxos hot"] == 20
    assert [figures[f"anya_bitcoin_wallet_readable {name}"] for name in ("hot", "large")] == [1, 0]
    assert scene.round.faults == ("large: a fault of the server: ArithmeticError: odd",)
    assert scene.watch.sights[1].fault == "a fault of the server: ArithmeticError: odd"


async def test_a_wallet_that_is_too_slow_costs_the_others_nothing():
    """It is asked last from then on; a node that answers nothing is left after two."""
    scene = Scene()
    scene.node.coins |= {"a": [COIN], "b": [COIN], "c": [COIN]}
    late = Refusal("timeout", "no answer within 10 s")
    scene.node.says |= {"a.getbalances": late, "b.getbalances": late}
    for _ in range(2):
        figures = await scene.look()
    assert [figures[f"anya_bitcoin_wallet_readable {name}"] for name in ("a", "b", "c", "hot")] == [0, 0, 1, 1]
    assert figures["anya_bitcoin_wallet_funds_sats c trusted"] == 2_000_000
    scene.node.says["getwalletinfo"] = late
    await scene.look()
    assert sum(call.endswith(".getwalletinfo") for call in scene.node.asked) == 2
    assert [sight.name for sight in scene.watch.sights if "not asked" in sight.fault] == ["a", "b"]


@pytest.mark.parametrize("wanted", [None, ("hot",)])
async def test_a_node_without_wallets(wanted):
    """By default that is well; a node that should have one has a fault."""
    scene = Scene(wallets=wanted)
    scene.node.says["listwallets"] = MISSING
    assert await scene.look() == {}
    assert bool(scene.round.faults) is (wanted is not None)
    assert scene.watch.sights == ()


async def test_a_node_that_is_gone_or_on_another_chain():
    """Nothing is told of its wallets; no call after the first."""
    scene = Scene(chain="main")
    scene.node.says["getblockchaininfo"] = {"chain": "regtest"}
    assert await scene.look() == {}
    assert scene.round.faults == ("wrong_chain: is on chain regtest, expected main",)
    scene.node.says["getblockchaininfo"] = Refusal("unreachable", "refused")
    assert await scene.look() == {}
    assert scene.node.asked == ["getblockchaininfo"]
    assert scene.round.faults == ("unreachable: refused",)


async def test_an_old_node_lacks_calls():
    """Before 0.19 the balances stand in getwalletinfo; nothing is missed that it cannot say."""
    scene = Scene()
    for method in ("getbalances", "listlockunspent", "estimatesmartfee", "getmempoolinfo"):
        scene.node.says[method] = MISSING
    scene.node.says["getwalletinfo"] = {"txcount": 1, "balance": 1.5, "unconfirmed_balance": 0.5, "unlocked_until": 0}
    figures = await scene.look()
    assert figures["anya_bitcoin_wallet_funds_sats hot trusted"] == 150_000_000
    assert figures["anya_bitcoin_wallet_funds_sats hot pending"] == 50_000_000
    assert figures["anya_bitcoin_wallet_spend_vbytes hot"] == 1397
    assert "anya_bitcoin_wallet_spend_cost_sats hot" not in figures
    assert "tells no fee" in scene.round.detail
    assert scene.watch.sights[0].is_locked is True
    await scene.look()
    assert "hot.getbalances" not in scene.node.asked


async def test_what_a_wallet_only_watches_is_its_own_too():
    """Watch-only and used coins are money; a wallet without keys has no key pool."""
    scene = Scene()
    parts = {"mine": {"trusted": 0.1, "used": 0.2}, "watchonly": {"trusted": 0.4, "immature": 0.8}}
    scene.node.says["getbalances"] = parts
    scene.node.says["getwalletinfo"] = {"txcount": 1, "keypoolsize": 0, "private_keys_enabled": False}
    figures = await scene.look()
    assert figures["anya_bitcoin_wallet_funds_sats hot trusted"] == 70_000_000
    assert figures["anya_bitcoin_wallet_funds_sats hot immature"] == 80_000_000
    assert "anya_bitcoin_wallet_keypool_size hot" not in figures


async def test_fees_of_days_outlive_a_restart():
    """Two days at 100 sat/vB, a restart, then a cheap hour: the saving is told, and the moment advised."""
    scene = Scene()
    scene.node.says["estimatesmartfee"] = {"feerate": 0.001}
    for _ in range(HOURS_MIN):
        await scene.look(3_600)
    scene.restart()
    scene.node.says["estimatesmartfee"] = {"feerate": 0.0001}
    figures = await scene.look(3_600)
    assert figures["anya_bitcoin_wallet_consolidation_advised hot"] == 1
    assert figures["anya_bitcoin_wallet_consolidation_cost_sats hot"] == 13_970
    assert figures["anya_bitcoin_wallet_consolidation_saving_sats hot"] == 135_500 - 13_970 - 6_775
    [sight] = scene.watch.sights
    assert (sight.fee.median_sat_per_vb, sight.fee.known_hours) == (100, HOURS_MIN + 1)

    scene.node.says["getblockchaininfo"] = {"chain": "signet"}
    assert "anya_bitcoin_wallet_consolidation_saving_sats hot" not in await scene.look(3_600)  # another chain's fees


async def test_the_least_fee_is_no_price():
    """Without an estimate the least that the node takes is used and said, and not remembered."""
    scene = Scene()
    scene.node.says["estimatesmartfee"] = {"errors": ["Insufficient data or no feerate found"]}
    assert (await scene.look())["anya_bitcoin_wallet_fee_rate_sat_per_vb hot"] == 1
    assert "no fee estimate: the least fee that the node takes, 1 sat/vB" in scene.round.detail
    assert scene.watch.sights[0].fee.source == "minimum"
    assert scene.watch.sights[0].fee.known_hours == 0
