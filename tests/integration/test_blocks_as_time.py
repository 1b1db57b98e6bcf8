"""A real node on regtest is the clock of a real server's rules."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime

import httpx
import pytest

from support.regtest import RegtestNode, litecoin_node, regtest_nodes
from support.server import QUIET_CONFIG, ServerProcess, eventually, running_server

ADDRESS = "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080"  # of BIP 173; nobody here spends
OTHER_BRANCH = "raw(52)"  # blocks that pay to another script have other hashes
RULES = """
groups:
- name: blocks
  interval: 1h
  rules:
  - {alert: Held, expr: vector(1), for: 3 blocks}
"""
CONFIG = """
rules: {{default_pack: false}}
rule_files: [rules.yml]
collectors:
  bitcoin:
    nodes: [{{name: one, url: "{url}", cookie_file: "{cookie}", chain: regtest, interval: 1s}}]
"""


SLO = """
slos:
- name: calls
  objective: 99
  window: 144 blocks
  total: anya_bitcoin_rpc_calls_total
  bad: anya_bitcoin_rpc_calls_total{code!~"ok|method_not_found"}
  interval: 1s
"""


def rule_of(server: ServerProcess) -> dict:
    """As Prometheus' API shows it."""
    return rules_of(server)[0]


def rules_of(server: ServerProcess) -> list[dict]:
    """Those of our file: the packs judge the node, too."""
    groups = httpx.get(f"{server.url}/api/v1/rules").json()["data"]["groups"]
    return next(group["rules"] for group in groups if group["file"].endswith("/rules.yml"))


def last_evaluation(rule: dict) -> datetime:
    return datetime.fromisoformat(rule["lastEvaluation"])


def alerts_of(server: ServerProcess) -> list[str]:
    """The names of our alerts at alerting."""
    found = httpx.get(f"{server.url}/api/v2/alerts").json()
    return [alert["labels"]["alertname"] for alert in found if alert["labels"]["alertname"] == "Held"]


def height_of(server: ServerProcess) -> int:
    found = httpx.get(f"{server.url}/api/v1/query", params={"query": "bitcoin_blocks"}).json()["data"]["result"]
    return int(found[0]["value"][1])


def judged(server: ServerProcess, node: RegtestNode, change: Callable[[], object]) -> tuple[int, str]:
    """Height and state, once the rule was judged after the change, and the server has seen what came of it."""
    began = datetime.now(UTC)
    change()
    height = node.call("getblockcount")

    def later() -> dict | None:
        rule = rule_of(server)
        is_later = last_evaluation(rule) > began
        return rule if is_later and height_of(server) == height else None

    return height, eventually(later, what=f"judged at {height}")["state"]


@pytest.mark.long
def test_the_third_mined_block_changes_the_state_and_none_before(tmp_path):
    """By the block's arrival alone: the group's interval is an hour, and the expression reads nothing.

    A reorg at the same height and a `kill -9` of the server in between change nothing of it.
    """
    (tmp_path / "rules.yml").write_text(RULES)
    with regtest_nodes(tmp_path / "nodes") as [node]:
        node.mine(5, to=ADDRESS)
        config = QUIET_CONFIG + CONFIG.format(url=node.url, cookie=node.cookie_file)
        with running_server(tmp_path, config=config) as server:

            def pending() -> dict | None:
                rule = rule_of(server)
                assert rule["alerts"][0]["activeAtHeight"] == 5  # known once the node was looked at
                return rule if rule["state"] == "pending" else None

            rule = eventually(pending, what="pending")
            assert (rule["duration"], rule["durationBlocks"]) == (0, "3 blocks")

            assert judged(server, node, lambda: node.mine(1, to=ADDRESS)) == (6, "pending")
            [second] = node.mine(1, to=ADDRESS)
            eventually(lambda: height_of(server) == 7, what="the second block")

            def reorg() -> None:
                node.call("invalidateblock", second)
                eventually(lambda: height_of(server) == 6, what="the second block is gone")
                node.call("generatetodescriptor", 1, OTHER_BRANCH)

            assert judged(server, node, reorg) == (7, "pending")

            server.kill()
            assert judged(server, node, server.start) == (7, "pending")
            assert rule_of(server)["alerts"][0]["activeAtHeight"] == 5
            assert alerts_of(server) == []

            node.mine(1, to=ADDRESS)
            eventually(lambda: rule_of(server)["state"] == "firing", what="firing by the third block")
            eventually(lambda: alerts_of(server) == ["Held"], what="handed on")


TWO_COINS = """
groups:
- name: blocks
  interval: 1h
  rules:
  - {alert: EachByItsOwn, expr: bitcoin_blocks > 0, for: 2 blocks}
  - {alert: ByLitecoin, expr: vector(1), for: 2 blocks of litecoin/regtest}
  - {alert: Ambiguous, expr: vector(1), for: 2 blocks}
"""


@pytest.mark.long
def test_two_coins_have_two_clocks(tmp_path):
    """Bitcoin's and Litecoin's daemons call their chains alike: blocks of one do nothing for alerts of the other."""
    (tmp_path / "rules.yml").write_text(TWO_COINS)
    with regtest_nodes(tmp_path / "nodes") as [bitcoin], litecoin_node(tmp_path / "litecoin") as litecoin:
        bitcoin.mine(5, to=ADDRESS)
        litecoin.call("generatetodescriptor", 9, OTHER_BRANCH)
        nodes = {"btc": bitcoin, "ltc": litecoin}
        watched = [
            {"name": name, "url": node.url, "cookie_file": str(node.cookie_file), "chain": "regtest", "interval": "1s"}
            for name, node in nodes.items()
        ]
        config = (
            f"{QUIET_CONFIG}\nrules: {{default_pack: false}}\nrule_files: [rules.yml]\n"
            f"collectors: {json.dumps({'bitcoin': {'nodes': watched}})}\n"
        )
        with running_server(tmp_path, config=config) as server:

            def heights() -> dict[str, int | None]:
                own = rules_of(server)[0]["alerts"]
                return {alert["labels"].get("coin", "bitcoin"): alert.get("activeAtHeight") for alert in own}

            def states() -> dict[str, str]:
                by_itself, by_litecoin, _ = rules_of(server)
                found = {alert["labels"].get("coin", "bitcoin"): alert["state"] for alert in by_itself["alerts"]}
                return {**found, "named": by_litecoin["state"]}

            eventually(lambda: heights() == {"bitcoin": 5, "litecoin": 9}, what="both chains at their heights")

            def begun() -> list[int | None]:
                return [alert.get("activeAtHeight") for alert in rules_of(server)[1]["alerts"]]

            eventually(lambda: begun() == [9], what="Litecoin's clock is known")
            bitcoin.mine(4, to=ADDRESS)
            fired = {"bitcoin": "firing", "litecoin": "pending", "named": "pending"}
            eventually(lambda: states() == fired, what="Bitcoin's alert by Bitcoin's blocks")
            litecoin.call("generatetodescriptor", 2, OTHER_BRANCH)
            eventually(lambda: set(states().values()) == {"firing"}, what="Litecoin's by Litecoin's")
            eventually(lambda: rules_of(server)[2]["health"] == "err", what="an ambiguous rule says so")
            assert "write '2 blocks of regtest'" in rules_of(server)[2]["lastError"]
            assert rules_of(server)[2]["state"] == "pending"


@pytest.mark.long
def test_an_objective_has_its_window_in_real_blocks(tmp_path):
    """Its window is as many blocks as the node was seen to find, up to those that are wanted; after `kill -9`, too."""
    (tmp_path / "rules.yml").write_text(SLO)

    def value_of(server: ServerProcess, name: str) -> float | None:
        found = httpx.get(f"{server.url}/api/v1/query", params={"query": name}).json()["data"]["result"]
        return float(found[0]["value"][1]) if found else None

    with regtest_nodes(tmp_path / "nodes") as [node]:
        node.mine(5, to=ADDRESS)
        config = QUIET_CONFIG + CONFIG.format(url=node.url, cookie=node.cookie_file)
        with running_server(tmp_path, config=config) as server:
            eventually(lambda: value_of(server, "anya_slo_window_blocks") == 0, what="no block was seen to come")
            node.mine(20, to=ADDRESS)
            eventually(lambda: value_of(server, "anya_slo_window_blocks") == 20, what="20 blocks")
            eventually(
                lambda: value_of(server, "anya_slo_error_budget_remaining_ratio") == 1, what="an untouched budget"
            )
            burns = 'anya_slo_burn_rate{window="144 blocks"}'  # recorded after the budget
            eventually(lambda: value_of(server, burns) == 0, what="nothing is burnt")

            server.kill()
            node.mine(200, to=ADDRESS)
            server.start()
            eventually(lambda: height_of(server) == 225, what="the node is looked at again")
            known = datetime.now(UTC)
            eventually(lambda: last_evaluation(rule_of(server)) > known, what="its height is read by the objective")
            node.mine(150, to=ADDRESS)
            eventually(lambda: value_of(server, "anya_slo_window_blocks") == 144, what="the whole window")
            faults = [rule for rule in rules_of(server) if rule["health"] == "err"]
            assert faults == []
