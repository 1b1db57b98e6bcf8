"""A real Bitcoin node and a real Litecoin node on one server, each with a wallet of the same name."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import httpx
import pytest

from support.regtest import RegtestNode, litecoin_node, regtest_nodes
from support.server import QUIET_CONFIG, ServerProcess, eventually, running_server

FEW_KEYS = "-keypool=10"  # thousands take seconds to make
V1 = "/api/anyascope/v1"
SENT_SATS = {"bitcoin": 1_000_000, "litecoin": 2_000_000}


def own(server: ServerProcess, path: str, field: str) -> dict[str, list[dict[str, Any]]]:
    """What a resource lists, by coin."""
    found: dict[str, list[dict[str, Any]]] = {}
    for each in httpx.get(f"{server.url}{V1}{path}").raise_for_status().json()[field]:
        found.setdefault(each["coin"] or "bitcoin", []).append(each)
    return found


def figures(server: ServerProcess, query: str) -> dict[str, float]:
    """The series of a query by coin, `bitcoin` where they carry none; a coin with two is an error."""
    answer = httpx.get(f"{server.url}/api/v1/query", params={"query": query}).raise_for_status().json()
    pairs = [(one["metric"].get("coin", "bitcoin"), float(one["value"][1])) for one in answer["data"]["result"]]
    assert len(dict(pairs)) == len(pairs), pairs
    return dict(pairs)


def pages(server: ServerProcess) -> dict[str, dict[str, Any]]:
    """Alerts about spends that nobody asked for, by coin."""
    alerts = httpx.get(f"{server.url}/api/v2/alerts").raise_for_status().json()
    ours = [each for each in alerts if each["labels"]["alertname"] == "CustodySpendUnmatched"]
    return {each["labels"].get("coin", "bitcoin"): each for each in ours}


def configured(nodes: Mapping[str, RegtestNode]) -> str:
    """Both nodes; every wallet `hot` must reconcile."""
    watched = [
        {"name": name, "url": node.url, "cookie_file": str(node.cookie_file), "interval": "1s", "wallets": ["hot"]}
        for name, node in nodes.items()
    ]
    return f"{QUIET_CONFIG}\ncustody: {{}}\ncollectors: {json.dumps({'bitcoin': {'nodes': watched}})}\n"


@pytest.mark.long
def test_wallets_of_one_name_on_two_coins_never_add_up(tmp_path):
    """Figures, spends, transactions, pages: each has its coin and its unit, before and after a restart."""
    with regtest_nodes(tmp_path / "b", 1, FEW_KEYS) as [bitcoin], litecoin_node(tmp_path / "l", FEW_KEYS) as litecoin:
        nodes = {"bitcoin": bitcoin, "litecoin": litecoin}
        for node in nodes.values():
            node.funded_wallet("hot")
            node.call("createwallet", "elsewhere")
        with running_server(tmp_path, config=configured(nodes)) as server:
            both = {"bitcoin", "litecoin"}
            eventually(lambda: set(own(server, "/bitcoin/wallets", "wallets")) == both, what="both wallets")
            # From here on what a wallet sends is no history.
            eventually(
                lambda: set(figures(server, 'anya_bitcoin_wallet_stuck_transactions{wallet="hot"}')) == both,
                what="transactions of both are watched",
            )
            txids = {}
            for coin, node in nodes.items():
                to = node.call("getnewaddress", wallet="elsewhere")
                txids[coin] = node.call("sendtoaddress", to, SENT_SATS[coin] / 1e8, wallet="hot")

            def judged() -> bool:
                found = own(server, "/custody/spends?state=unmatched", "spends")
                return {coin: [one["txid"] for one in told] for coin, told in found.items()} == {
                    coin: [txid] for coin, txid in txids.items()
                }

            eventually(judged, what="each spend is told under its coin")
            for name in ("anya_custody_unmatched_spends", 'anya_custody_spends_total{result="unmatched"}'):
                eventually(lambda name=name: figures(server, name) == {"bitcoin": 1, "litecoin": 1}, what=name)
            eventually(lambda: figures(server, "anya_custody_unmatched_spend_sats") == SENT_SATS, what="amounts")
            found = eventually(lambda: told if set(told := pages(server)) == both else None, what="a page each")
            assert "1000000 sats of hot are moved" in found["bitcoin"]["annotations"]["description"]
            assert "(regtest)" in found["bitcoin"]["annotations"]["summary"]
            assert "2000000 litoshis of hot are moved" in found["litecoin"]["annotations"]["description"]
            assert "(litecoin regtest)" in found["litecoin"]["annotations"]["summary"]

            def waiting() -> dict[str, list[str]]:
                told = own(server, "/bitcoin/transactions", "transactions")
                return {coin: [one["txid"] for one in each] for coin, each in told.items()}

            eventually(lambda: waiting() == {coin: [txid] for coin, txid in txids.items()}, what="both wait")

            server.kill()
            server.start()
            eventually(judged, what="each is known again under its coin")
            eventually(lambda: figures(server, "anya_custody_unmatched_spend_sats") == SENT_SATS, what="amounts again")
            assert set(pages(server)) <= both
