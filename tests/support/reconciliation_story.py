"""A custody service with a real node and a real token, watched: honest withdrawals, and spends that nobody asked for."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from support.custody import APPROVER_TOKEN, CustodyProcess
from support.ports import free_port
from support.regtest import RegtestNode, regtest_nodes
from support.server import QUIET_CONFIG, ServerProcess, eventually, running_server
from support.sinks import Sink, http_sink
from support.softhsm import SoftHsm, softhsm

ALERT = "CustodySpendUnmatched"  # of the pack `wallets`
SAT_PER_BTC = 100_000_000
REQUESTED = {"audit.withdrawal.intent", "audit.withdrawal.policy.event"}
COINS = 25  # that the treasury gets: one a spend, so that none spends another's change
COIN_BTC = 0.1


@dataclass
class Story:
    """What runs."""

    node: RegtestNode
    miner: str
    token: SoftHsm
    server: ServerProcess
    slack: Sink
    api: CustodyProcess

    def ask(self, amount_sat: int) -> dict[str, Any]:
        """Ask the service for a withdrawal: as it stands then."""
        asked = httpx.post(f"{self.api.url}/withdrawals", json={"wallet_id": "hot-1", "amount_sat": amount_sat})
        assert asked.is_success, asked.text
        found: dict[str, Any] = asked.json()
        return found

    def approve(self, withdrawal_id: str) -> str:
        """A second person agrees; the txid."""
        url = f"{self.api.url}/withdrawals/{withdrawal_id}/approval"
        approved = httpx.post(url, headers={"x-approver-token": APPROVER_TOKEN})
        assert approved.is_success, approved.text
        return str(approved.json()["txid"])

    def withdraw(self, amount_sat: int) -> str:
        """Make the service carry out a withdrawal, with a second person where it wants one; its txid."""
        asked = self.ask(amount_sat)
        return str(asked["txid"]) if asked.get("txid") else self.approve(asked["id"])

    def steal(self, amount_sat: int) -> tuple[str, float]:
        """Send from the treasury by the node alone: the txid, and when the node had it."""
        txid = self.node.call("sendtoaddress", self.miner, amount_sat / SAT_PER_BTC, wallet="treasury")
        return txid, time.time()

    def page(self, txid: str) -> dict[str, Any]:
        """What Slack was told of this transaction."""
        return eventually(lambda: self.pages(txid), what=f"a page of {txid}")[0]

    def is_all_told(self) -> bool:
        """Whether all that Slack was told is on record as sent: a kill before that sends again, as it must."""
        known = httpx.get(f"{self.server.url}/api/anyascope/v1/notifications").json()["notifications"]
        return [one["status"] for one in known] == ["sent"] * len(self.slack.records())

    def is_on_record(self, withdrawal_id: str) -> bool:
        """Whether the server has what the service tells of a request up to its policy: log records, and audit events."""
        (requested,) = [row for row in self._logged('"withdrawal_requested"') if withdrawal_id in json.dumps(row)]
        rows = self._logged(f'correlation_id:"{requested["correlation_id"]}"')
        return {row["attributes"].get("event.name") for row in rows} >= REQUESTED

    def _logged(self, query: str) -> list[dict[str, Any]]:
        asked = {"query": query, "limit": "1000"}
        found: list[dict[str, Any]] = httpx.get(f"{self.server.url}/api/anyascope/v1/logs/search", params=asked).json()[
            "rows"
        ]
        return found

    def pages(self, text: str = ALERT) -> list[dict[str, Any]]:
        """All that Slack was told in which this text stands, oldest first."""
        return [record for record in self.slack.records() if text in json.dumps(record)]

    def spends(self, state: str = "") -> list[dict[str, Any]]:
        answer = httpx.get(
            f"{self.server.url}/api/anyascope/v1/custody/spends",
            params={"limit": 1_000} | ({"state": state} if state else {}),
        )
        found: list[dict[str, Any]] = answer.json()["spends"]
        return found


@contextlib.contextmanager
def playing(directory: Path, *, grace: str = "") -> Iterator[Story]:
    """Everything started: the service's wallet and the treasury are funded, and both are watched.

    Args:
        grace: of the reconciliation; the settings' default of 0.5 s where empty, which a busy machine may need for itself.
    """
    token = softhsm(directory / "hsm")
    with contextlib.ExitStack() as stack:
        (node,) = stack.enter_context(regtest_nodes(directory / "nodes"))
        miner = node.funded_wallet("miner")
        node.call("createwallet", "treasury")
        slack = stack.enter_context(http_sink(directory / "slack.jsonl"))
        server = stack.enter_context(running_server(directory, config=_config(node, slack, grace=grace)))
        api = _service(directory, node=node, token=token, server=server, pay_to=miner)
        stack.callback(api.kill)
        api.start()
        _fund(node, api, miner)
        eventually(lambda: _watches(server), what="the wallets are watched to the tip")
        yield Story(node, miner, token, server, slack, api)


def _fund(node: RegtestNode, api: CustodyProcess, miner: str) -> None:
    address = httpx.get(f"{api.url}/wallets/hot-1").json()["address"]
    node.call("sendmany", "", {address: 1.0, **_coins(node)}, wallet="miner")
    for _ in range(COINS // 5):
        node.call("sendtoaddress", address, 1.0, wallet="miner")
    node.mine(1, to=miner)


def _coins(node: RegtestNode) -> dict[str, float]:
    return {node.call("getnewaddress", wallet="treasury"): COIN_BTC for _ in range(COINS)}


def _watches(server: ServerProcess) -> bool:
    """Whether the three wallets are followed, and nothing of the funding waits for a block."""
    components = httpx.get(f"{server.url}/api/anyascope/v1/health").json()["components"]
    said = {one["component"]: one["message"] for one in components}
    found = said.get("collect.bitcoin.core.transactions")
    assert found == "3 wallets, 0 transactions wait for a block", found
    return True


def _service(
    directory: Path, *, node: RegtestNode, token: SoftHsm, server: ServerProcess, pay_to: str
) -> CustodyProcess:
    arguments = (
        *("--node", node.url, "--cookie", str(node.cookie_file), "--pay-to", pay_to, "--load", "0"),
        *("--pkcs11-module", str(token.module), "--token-label", token.label, "--wallet", "hot-1=ec"),
    )
    environment = {"SOFTHSM2_CONF": str(token.config), "CUSTODY_PIN": token.pin}
    return CustodyProcess("api", directory / "custody", f"http://{server.face('otlp_http')}", arguments, environment)


def _config(node: RegtestNode, slack: Sink, *, grace: str) -> str:
    custody = {"wallets": ["custody-*", "treasury"], **({"grace": grace} if grace else {})}
    watched = {"name": "core", "url": node.url, "cookie_file": str(node.cookie_file), "zmq": node.zmq}
    return (
        QUIET_CONFIG.replace(
            "otlp_http: 127.0.0.1:0", f"otlp_http: 127.0.0.1:{free_port()}"
        )  # the same after a restart
        + f"""
rules: {{default_pack: false}}
packs: {{bitcoin: false, wallets: true}}
collectors: {{bitcoin: {{nodes: [{json.dumps(watched)}]}}}}
custody: {json.dumps(custody)}
route: {{receiver: slack, group_by: ['...'], group_wait: 0s, group_interval: 1s}}
receivers:
- name: slack
  slack_configs: [{{api_url: "http://127.0.0.1:{slack.port}/slack", channel: "#custody", send_resolved: true}}]
"""
    )
