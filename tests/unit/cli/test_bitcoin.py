"""`anyascope nodes`, `wallets` and `transactions`."""

from __future__ import annotations

import copy
import json
from typing import Any

import httpx
import pytest

from anyascope.api import examples
from anyascope.cli import main
from anyascope.client import client as client_module

NODE: dict[str, Any] = examples.BITCOIN_NODES["nodes"][0]
WALLET: dict[str, Any] = examples.BITCOIN_WALLETS["wallets"][0]
TRANSACTION: dict[str, Any] = examples.BITCOIN_TRANSACTIONS["transactions"][0]


@pytest.fixture
def server(monkeypatch):
    """What the server of the test answers; a test changes it."""
    answers: dict[str, dict[str, Any]] = copy.deepcopy(
        {
            "nodes": examples.BITCOIN_NODES,
            "wallets": examples.BITCOIN_WALLETS,
            "transactions": examples.BITCOIN_TRANSACTIONS,
        }
    )

    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json=answers[request.url.path.rpartition("/")[2]])

    original, transport = httpx.Client, httpx.MockTransport(answer)
    monkeypatch.setattr(
        client_module.httpx, "Client", lambda **options: original(**(options | {"transport": transport}))
    )
    return answers


def test_nodes_are_a_line_each(server, capsys):
    """With the tip's height, its peers and how blocks are seen; nothing more where all is well."""
    assert main.run(["nodes"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2
    for told in ("925,000", "41", "ZMQ", NODE["name"]):
        assert told in lines[1]


def test_what_is_wrong_with_a_node_stands_below_with_advice(server, capsys):
    """A long gap with how likely it is, another branch with the other node's name."""
    change = {
        "status": "unhealthy",
        "message": "unreachable",
        "advice": "see whether it runs",
        "tip_age_s": 5_400.0,
        "gap_probability": 0.00012,
        "others_on_another_branch": ["core-2"],
        "zmq": NODE["zmq"] | {"addresses": 0},
    }
    server["nodes"]["nodes"] = [NODE | change]
    assert main.run(["nodes"]) == 0
    out = capsys.readouterr().out
    assert "1 h 30 m (chance 0.00012)" in out
    assert "branch differs from core-2" in out
    assert "polling" in out
    assert out.endswith("core-1  unreachable\n    see whether it runs\n")


def test_a_node_that_never_answered_has_dashes(server, capsys):
    """Null is what is not known."""
    nothing: dict[str, Any] = dict.fromkeys(
        ("height", "tip_age_s", "gap_probability", "behind_blocks", "peers_in", "peers_out", "looked_at"), None
    )
    mempool = dict.fromkeys(NODE["mempool"])
    server["nodes"]["nodes"] = [NODE | nothing | {"chain": "", "mempool": mempool, "is_up": False}]
    assert main.run(["nodes"]) == 0
    assert capsys.readouterr().out.splitlines()[1].split()[3:] == ["-"] * 6


def test_wallets_say_what_matters_most(server, capsys):
    """That coins should be put together; else what is wrong, or nothing."""
    server["wallets"]["wallets"] += [
        WALLET | {"name": "warm", "is_loaded": False, "funds": None, "coins": None, "fee": None},
        WALLET | {"name": "cold", "fault": "listunspent: no answer in time"},
        WALLET | {"name": "old", "is_scanning": True},
        WALLET | {"name": "vault", "coins": None, "is_locked": True},
    ]
    assert main.run(["wallets"]) == 0
    lines = capsys.readouterr().out.splitlines()[1:]
    says = ("saves 241,239", "not loaded", "no answer in time", "goes through old blocks", "locked")
    assert [told in line for told, line in zip(says, lines, strict=True)] == [True] * 5
    assert "812,000,000" in lines[0]


def test_only_one_nodes_wallets_and_transactions(server, capsys):
    """By its name; where there is none of it, that is said with what to do."""
    assert main.run(["wallets", "--node", "core-9"]) == 0
    assert capsys.readouterr().out.startswith("no wallet of node core-9 is watched: load one")
    assert main.run(["transactions", "--node", "core-1", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["transactions"][0]["txid"] == TRANSACTION["txid"]


def test_a_stuck_transaction_has_its_command(server, capsys):
    """With what it costs, and what the market pays."""
    assert main.run(["transactions"]) == 0
    out = capsys.readouterr().out
    assert "replace it (2,220 sats more, 12 sat/vB); the market pays 12 sat/vB:" in out
    assert TRANSACTION["bump"]["command"] in out


def test_litecoin_has_its_own_units(server, capsys):
    """Amounts and fee rates of another coin are never told as Bitcoin's."""
    server["wallets"]["wallets"][:] = [WALLET | {"coin": "litecoin"}]
    server["transactions"]["transactions"][:] = [TRANSACTION | {"coin": "litecoin"}]
    assert main.run(["wallets"]) == 0
    assert f"{WALLET['fee']['sat_per_vb']:g} litoshi/vB" in capsys.readouterr().out
    assert main.run(["transactions"]) == 0
    out = capsys.readouterr().out
    assert "replace it (2,220 litoshis more, 12 litoshi/vB); the market pays 12 litoshi/vB:" in out


def test_a_transaction_of_two_wallets_is_explained_once(server, capsys):
    """By the wallet that can free it."""
    server["transactions"]["transactions"].insert(
        0, TRANSACTION | {"wallet": "cold", "bump": None, "lacks": "no output"}
    )
    assert main.run(["transactions"]) == 0
    out = capsys.readouterr().out
    assert "it cannot be bumped itself" not in out
    assert out.count(TRANSACTION["bump"]["command"]) == 1


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"bump": None, "lacks": "it does not signal"}, "it cannot be bumped itself: it does not signal"),
        ({"is_stuck": False, "is_reopened": True}, "not confirmed any longer"),
        ({"is_stuck": False, "status": "conflicted"}, "another transaction has its inputs"),
        ({"is_stuck": False, "is_in_mempool": False, "rate_sat_per_vb": None}, "not in the mempool"),
        ({"is_stuck": False}, "waiting"),
    ],
)
def test_each_state_is_told(server, capsys, change, told):
    """Reopened, conflicted, lost from the mempool or just waiting."""
    server["transactions"]["transactions"] = [TRANSACTION | change]
    assert main.run(["transactions"]) == 0
    assert told in capsys.readouterr().out


@pytest.mark.parametrize(
    ("command", "told"),
    [
        ("nodes", "no Bitcoin node is watched: name one in collectors.bitcoin.nodes"),
        ("wallets", "no Bitcoin node is watched"),
        ("transactions", "no Bitcoin node is watched"),
    ],
)
def test_nothing_is_watched(server, capsys, command, told):
    """The answer says what to write where."""
    server.update({"nodes": {"nodes": []}, "wallets": {"wallets": []}, "transactions": {"transactions": []}})
    assert main.run([command]) == 0
    assert told in capsys.readouterr().out


def test_nothing_waits(server, capsys):
    """Which is well."""
    server["transactions"]["transactions"] = []
    assert main.run(["transactions"]) == 0
    assert capsys.readouterr().out == "no transaction of a watched wallet waits for a block\n"
