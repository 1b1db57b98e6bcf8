"""The pack `bitcoin` over two real nodes and a real server: what it says when one is cut off, disagrees, stops and starts."""

from __future__ import annotations

import contextlib
import json
import re
from pathlib import Path

import httpx
import pytest

from anyascope import packs
from support.older_node import OlderNode, older_node
from support.pack_data import asked, dashboard_of
from support.regtest import RegtestNode, RpcError, free_base, meet, regtest_node
from support.server import QUIET_CONFIG, ServerProcess, eventually, running_server

ADDRESS = "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080"  # of BIP 173; nobody here spends
OTHER_BRANCH = "raw(52)"  # blocks that pay to another script have other hashes
OLD_S = 3_600  # longer than a node needs to settle
SHORTENED = ("BitcoinNodeDown", "BitcoinNodeCutOff", "BitcoinNodesDisagree")
# Regtest has no spacing, so few blocks give no fee estimate, and no call fails.
SILENT = {"Tip age", "Chance of such a gap", "Fee estimates", "Calls that fail"}


def rules() -> str:
    """Three rules of the pack that fire within seconds instead of minutes, and are otherwise as they ship."""
    text = packs.pack("bitcoin").rules
    shortened = [
        re.sub(
            r"tip_lag_seconds > 600", "tip_lag_seconds > 2", re.sub(r"for: \w+", "for: 1s", packs.rule_text(text, name))
        )
        for name in SHORTENED
    ]
    body = "\n".join(shortened).replace("\n", "\n      ")
    return f"groups:\n  - name: shortened\n    rules:\n      {body}\n"


def config(doors: dict[str, OlderNode], nodes: dict[str, RegtestNode]) -> str:
    told = [
        {
            "name": name,
            "url": doors[name].url,
            "cookie_file": str(node.cookie_file),
            "chain": "regtest",
            "interval": "1s",
        }
        for name, node in nodes.items()
    ]
    return (
        QUIET_CONFIG
        + f"""
global: {{evaluation_interval: 1s}}
rules: {{default_pack: false}}
rule_files: [rules.yml]
collectors: {{bitcoin: {{nodes: {json.dumps(told)}}}}}
"""
    )


class Told:
    """What the server says now."""

    def __init__(self, server: ServerProcess) -> None:
        self._server = server

    def figure(self, expr: str) -> float | None:
        found = self._get("query", query=expr)["result"]
        return float(found[0]["value"][1]) if found else None

    def firing(self, name: str) -> dict[str, dict[str, str]]:
        """The annotations of an alert that fires, by node."""
        return {
            alert["labels"].get("node", ""): alert["annotations"]
            for alert in self._get("alerts")["alerts"]
            if alert["labels"]["alertname"] == name and alert["state"] == "firing"
        }

    def names(self) -> set[str]:
        return {alert["labels"]["alertname"] for alert in self._get("alerts")["alerts"] if alert["state"] == "firing"}

    def answers(self, expr: str) -> bool:
        return bool(self._get("query", query=expr)["result"])

    def _get(self, what: str, **params: str) -> dict:
        return httpx.get(f"{self._server.url}/api/v1/{what}", params=params).json()["data"]


def part(node: RegtestNode, peer: str) -> None:
    with contextlib.suppress(RpcError):  # it was added at the start only
        node.call("addnode", peer, "remove")

    def alone() -> bool:
        for each in node.call("getpeerinfo"):
            with contextlib.suppress(RpcError):  # gone meanwhile
                node.call("disconnectnode", "", each["id"])
        return bool(node.call("getconnectioncount") == 0)

    eventually(alone, what="no peers")


@pytest.mark.long
def test_two_nodes_and_what_is_said_of_them(tmp_path: Path):
    """The node that is cut off is named, both that disagree, the one that stops; a start mutes the node's own alarms, not others'."""
    (tmp_path / "rules.yml").write_text(rules())
    base = free_base(2)
    peer = f"127.0.0.1:{base}"
    with regtest_node(tmp_path / "a", base) as a, older_node(a.url, older_s=OLD_S) as door_a:
        a.mine(10, to=ADDRESS)
        with (
            regtest_node(tmp_path / "b", base + 3, f"-addnode={peer}") as b,
            older_node(b.url, older_s=OLD_S) as door_b,
        ):
            eventually(lambda: b.call("getblockcount") == 10, what="both at the tip")
            doors, nodes = {"a": door_a, "b": door_b}, {"a": a, "b": b}
            with running_server(tmp_path, config=config(doors, nodes), arguments=()) as server:
                told = Told(server)
                _settled(told)
                _cut_off(told, a, b, peer)
                _disagreeing(told, a, b, peer)
                _stopped_and_started(told, tmp_path, a=a, b=b, door=door_b)


def _settled(told: Told) -> None:
    """Two nodes that agree raise nothing; the dashboard shows data; regtest has no spacing, so nobody calls its tip stale."""
    eventually(lambda: told.figure("sum(anya_bitcoin_settled)") == 2, what="settled")
    assert told.names() == set()
    assert told.figure("anya_bitcoin_tip_gap_probability") is None
    board = list(asked(dashboard_of("bitcoin")))
    eventually(lambda: {title for title, expr in board if not told.answers(expr)} <= SILENT, what="the dashboard")


def _cut_off(told: Told, a: RegtestNode, b: RegtestNode, peer: str) -> None:
    part(b, peer)
    a.mine(1, to=ADDRESS)
    found = eventually(lambda: told.firing("BitcoinNodeCutOff"), what="cut off")
    assert list(found) == ["b"]
    assert "a is at block 11, b at 10. The network itself is well." in found["b"]["description"]
    eventually(lambda: meet(b, a), what="one chain")
    eventually(lambda: not told.firing("BitcoinNodeCutOff"), what="no longer cut off")


def _disagreeing(told: Told, a: RegtestNode, b: RegtestNode, peer: str) -> None:
    part(b, peer)
    b.mine(2, to=ADDRESS)
    a.call("generatetodescriptor", 1, OTHER_BRANCH)

    def both() -> bool:
        found = told.firing("BitcoinNodesDisagree")
        assert set(found) == {"a", "b"}
        return "b is at block 13. a is at block 12." in found["a"]["description"]

    eventually(both, what="both are told to disagree")
    # It lacks blocks, but for another reason: until its own block came it was told to be cut off, where that took long.
    eventually(lambda: not told.firing("BitcoinNodeCutOff"), what="a is not cut off")
    eventually(lambda: meet(b, a), what="one chain")
    eventually(lambda: not told.firing("BitcoinNodesDisagree"), what="agreed")
    reorg = eventually(lambda: told.firing("BitcoinReorg"), what="the reorg")
    assert list(reorg) == ["a"]
    assert reorg["a"]["summary"] == "Reorg on regtest at a, 1 deep"
    assert reorg["a"]["runbook_url"].endswith("/runbooks/BitcoinReorg")


def _stopped_and_started(told: Told, directory: Path, *, a: RegtestNode, b: RegtestNode, door: OlderNode) -> None:
    b.stop()
    found = eventually(lambda: told.firing("BitcoinNodeDown"), what="down")
    assert list(found) == ["b"]
    door.older_s = 0  # it has just been started
    port = int(b.url.rpartition(":")[2]) - 1
    a.mine(1, to=ADDRESS)
    with regtest_node(directory / "b", port) as again:  # without a peer: it lacks the newest block
        eventually(lambda: not told.firing("BitcoinNodeDown"), what="up again")
        eventually(lambda: told.firing("BitcoinNodeRestarted"), what="the restart is told")
        eventually(lambda: (told.figure('anya_bitcoin_tip_lag_seconds{node="b"}') or 0) > 4, what="b lags")
        assert told.figure('anya_bitcoin_settled{node="b"}') == 0
        assert not told.firing("BitcoinNodeCutOff")  # muted
        door.older_s = OLD_S
        eventually(lambda: list(told.firing("BitcoinNodeCutOff")) == ["b"], what="settled, and its alarm is told")
        assert again.call("getblockcount") == 13
