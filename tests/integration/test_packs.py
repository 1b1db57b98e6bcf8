"""The packs on a real server that watches real nodes, a real wallet and a real SoftHSM."""

from __future__ import annotations

import json

import httpx
import pytest

from anyascope import packs
from anyascope.rules.packs import load_pack_rules
from support.pack_data import asked, dashboard_of, metrics_in
from support.regtest import regtest_nodes
from support.server import QUIET_CONFIG, eventually, running_server
from support.softhsm import softhsm

pytest.importorskip("pkcs11")

ADDRESS = "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080"  # of BIP 173; nobody here spends
# What is told only where something is wrong, or by a component that has it.
NOT_HERE = {
    # SoftHSM knows neither sessions nor memory, and holds no certificate here
    "anya_hsm_sessions",
    "anya_hsm_sessions_max",
    "anya_hsm_sessions_exhausted_in_seconds",
    "anya_hsm_session_leak_suspect",
    "anya_hsm_token_memory_bytes",
    "anya_hsm_token_memory_free_bytes",
    "anya_hsm_certificate_expiry_timestamp_seconds",
    "anya_hsm_mechanism_lost",
    "anya_hsm_mechanism_gained",
    "anya_bitcoin_wallet_stuck_transaction_blocks",  # nothing is stuck
    "anya_bitcoin_wallet_reopened_transaction_sats",  # nothing lost its confirmations
    "anya_bitcoin_wallet_ended_transaction_sats",  # nothing was replaced, conflicted or abandoned
    "anya_bitcoin_wallet_unusual_transaction_score",  # nothing is unusual
    "anya_bitcoin_wallet_consolidation_saving_sats",  # needs two days of fees
    "anya_bitcoin_fee_estimate_sat_per_vb",  # a young chain has no estimates
    "anya_bitcoin_wrong_chain",  # the chain is the right one
    "anya_bitcoin_reorg_depth_blocks",  # there was none
    "anya_bitcoin_reorg_timestamp_seconds",
    "anya_bitcoin_tip_gap_probability",  # nobody expects blocks of regtest
    "anya_bitcoin_block_spacing_seconds",
}


def config(nodes, token):
    watched = [
        {
            "name": f"n{number}",
            "url": node.url,
            "cookie_file": str(node.cookie_file),
            "zmq": node.zmq,
            "debug_log": str(node.data / "regtest/debug.log"),
            "interval": "1s",
        }
        for number, node in enumerate(nodes)
    ]
    hsm = {
        "name": "core",
        "provider": "softhsm",
        "module": str(token.module),
        "token": token.label,
        "pin": token.pin,
        "environment": {"SOFTHSM2_CONF": str(token.config)},
        "key_labels": ["ec"],
        "canary": {"sign": "ec"},
    }
    collectors = json.dumps({"bitcoin": {"nodes": watched}, "hsm": [hsm]})
    return f"{QUIET_CONFIG}\ncollectors: {collectors}\ncustody: {{}}\nescalation: {{shipped_policies: true}}\n"


@pytest.mark.long
def test_packs_find_what_they_read(tmp_path):
    """Every metric that rules and dashboards read is told by a real component, every expression answers, no rule fails."""
    token = softhsm(tmp_path)
    with (
        token.client(),  # whose open files are a figure
        regtest_nodes(tmp_path, 2, "-keypool=10") as nodes,
        running_server(tmp_path, config=config(nodes, token)) as server,
        httpx.Client(base_url=server.url, timeout=60) as client,
    ):
        nodes[0].funded_wallet("hot")

        def names():
            found = client.get("/api/v1/label/__name__/values").json()["data"]
            return set().union(*map(metrics_in, found))

        # What a wallet did before its first look is history.
        eventually(lambda: "anya_bitcoin_wallet_transactions_total" in names())
        nodes[0].call("sendtoaddress", ADDRESS, 1, wallet="hot")
        read = set().union(
            *(
                metrics_in(rule.expr)
                for name in packs.names()
                for group in load_pack_rules(name)
                for rule in group.rules
            ),
            *(metrics_in(expr) for name in packs.names() for _, expr in asked(dashboard_of(name))),
        )

        def all_are_told():
            missing = read - NOT_HERE - names()
            assert not missing, sorted(missing)
            return True

        eventually(all_are_told)
        for name in packs.names():
            for title, expr in asked(dashboard_of(name)):
                answer = client.get("/api/v1/query", params={"query": expr})
                assert answer.status_code == 200, (name, title, answer.text)
        groups = client.get("/api/v1/rules").json()["data"]["groups"]
        assert [rule["name"] for group in groups for rule in group["rules"] if rule.get("lastError")] == []
        shown = client.get("/api/anyascope/v1/packs").json()["packs"]
        assert [(pack["name"], pack["is_on"], pack["left_out"]) for pack in shown] == [
            (name, True, []) for name in packs.names()
        ]
        # What was sent by hand has no request: it is told, with the page that says what to do.
        [spend] = eventually(
            lambda: [
                a for a in client.get("/api/v2/alerts").json() if a["labels"]["alertname"] == "CustodySpendUnmatched"
            ]
        )
        assert spend["annotations"]["runbook_url"] == f"{server.url}/runbooks/CustodySpendUnmatched"
        assert "100000000 sats" in spend["annotations"]["description"]
