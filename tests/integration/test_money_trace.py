"""One withdrawal with a real node and a real token: one trace, over two processes that are both killed on the way."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from anyascope.client.client import Client
from support.custody import APPROVER_TOKEN, CustodyProcess
from support.regtest import RegtestNode, regtest_nodes
from support.server import ServerProcess, eventually, running_server
from support.softhsm import SoftHsm, softhsm

AMOUNT_SAT = 12_000_000  # above what the policy lets pass without a second person
SAT_PER_BTC = 100_000_000
STAGES = {"custody.policy", "custody.approval", "custody.signing", "custody.broadcast"}
OPERATIONS = {"POST /withdrawals", "custody_operation", "hsm_operation", "bitcoin_operation"}
LAST = "custody_operation.lifetime"
REQUESTED = {"custody_operation_started", "withdrawal_requested", "audit.withdrawal.intent"}


@contextlib.contextmanager
def custody(
    directory: Path, *, node: RegtestNode, token: SoftHsm, endpoint: str, pay_to: str
) -> Iterator[tuple[CustodyProcess, CustodyProcess]]:
    """The service and the watcher, which share a folder, started."""
    arguments = (
        *("--node", node.url, "--cookie", str(node.cookie_file), "--pay-to", pay_to, "--load", "0"),
        *("--pkcs11-module", str(token.module), "--token-label", token.label, "--wallet", "hot-1=ec"),
        *("--watch-every", "0.2"),
    )
    environment = {"SOFTHSM2_CONF": str(token.config), "CUSTODY_PIN": token.pin}
    parts = [CustodyProcess(role, directory, endpoint, arguments, environment) for role in ("api", "watcher")]
    with contextlib.ExitStack() as stack:
        for part in parts:
            stack.callback(part.kill)
            part.start()
        yield parts[0], parts[1]


def funded(api: CustodyProcess, node: RegtestNode, miner: str) -> None:
    """Give the wallet money to spend."""
    address = httpx.get(f"{api.url}/wallets/hot-1").json()["address"]
    node.call("sendtoaddress", address, 1.0, wallet="miner")
    node.mine(1, to=miner)
    eventually(lambda: httpx.get(f"{api.url}/wallets/hot-1").json()["balance_sat"] == SAT_PER_BTC, what="the deposit")


def confirmations(api: CustodyProcess, withdrawal_id: str) -> int:
    found: int = httpx.get(f"{api.url}/withdrawals/{withdrawal_id}").json()["confirmations"]
    return found


def spans_of(server: ServerProcess, name: str) -> list[Any]:
    """The spans of the one trace that has a span of this name of the withdrawal."""
    with Client(server.url) as client:
        found = client.search_traces(tags=["operation=withdrawal"], operation=name).traces
        assert len(found) == 1, found
        return client.trace(found[0].trace_id).spans


def request_ended(server: ServerProcess) -> bool:
    """Whether the outermost span of the request has come, which its process sends after all that are within it."""
    return any(not span.parent_id for span in spans_of(server, "custody.policy"))


def request_is_told(server: ServerProcess) -> bool:
    """Whether its log records and its audit event have come, too: they go by another way than spans, at their own pace."""
    (correlation_id,) = {span.correlation_id for span in spans_of(server, "custody.policy")}
    return events_of(server, f'correlation_id:"{correlation_id}"') >= REQUESTED


def events_of(server: ServerProcess, query: str) -> set[str]:
    with Client(server.url) as client:
        rows = client.search_logs(query, limit=500).rows
    return {row.attributes.get("event.name") or row.body for row in rows}


def without_gap(spans: list[Any]) -> list[Any]:
    """These spans, each of whose parents is among them: a parent ends, and is sent, after its children."""
    known = {span.span_id for span in spans}
    assert [span.name for span in spans if span.parent_id and span.parent_id not in known] == []
    return spans


def whole_trace(server: ServerProcess) -> list[Any]:
    """The trace with every stage: two processes send its spans, each at its own pace."""
    spans = without_gap(spans_of(server, LAST))
    names = [span.name for span in spans]
    assert set(names) >= OPERATIONS | STAGES
    assert names.count("custody.confirmation") == 3
    return spans


@pytest.mark.long
def test_a_withdrawal_is_one_trace_from_request_to_third_confirmation(tmp_path: Path) -> None:
    """Request, policy, approval, signing in the token, broadcast and three confirmations share one trace and one id."""
    token = softhsm(tmp_path / "hsm")
    with contextlib.ExitStack() as stack:
        (node,) = stack.enter_context(regtest_nodes(tmp_path / "nodes"))
        miner = node.funded_wallet("miner")
        server = stack.enter_context(running_server(tmp_path))
        endpoint = f"http://{server.face('otlp_http')}"
        api, watcher = stack.enter_context(
            custody(tmp_path / "custody", node=node, token=token, endpoint=endpoint, pay_to=miner)
        )
        funded(api, node, miner)

        asked = httpx.post(f"{api.url}/withdrawals", json={"wallet_id": "hot-1", "amount_sat": AMOUNT_SAT})
        assert asked.status_code == httpx.codes.ACCEPTED, asked.text
        withdrawal_id = asked.json()["id"]
        eventually(
            lambda: request_ended(server), what="the request's spans are sent, also its outermost, which ends last"
        )
        eventually(lambda: request_is_told(server), what="what it logged is sent, too")
        api.kill()
        api.start()
        approval = httpx.post(
            f"{api.url}/withdrawals/{withdrawal_id}/approval", headers={"x-approver-token": APPROVER_TOKEN}
        )
        assert approval.status_code == httpx.codes.OK, approval.text
        txid = approval.json()["txid"]
        assert txid in node.call("getrawmempool")

        node.mine(1, to=miner)
        eventually(lambda: confirmations(api, withdrawal_id) == 1, what="the first confirmation")
        eventually(
            lambda: without_gap(spans_of(server, "custody.confirmation")), what="its span is sent, and those above"
        )
        watcher.kill()
        node.mine(1, to=miner)
        watcher.start()
        eventually(lambda: confirmations(api, withdrawal_id) == 2, what="the second, by another process")
        node.mine(1, to=miner)
        eventually(lambda: confirmations(api, withdrawal_id) == 3, what="the third confirmation")
        spans = eventually(lambda: whole_trace(server), what="the whole trace")

        assert {span.service for span in spans} == {"custody", "custody-watcher"}
        assert [span.name for span in spans if not span.parent_id] == ["POST /withdrawals"]
        (correlation_id,) = {span.correlation_id for span in spans}

        (lifetime,) = [span for span in spans if span.name == LAST]
        assert lifetime.attributes["transaction_id"] == txid
        assert lifetime.attributes["operation.status"] == "success"
        (signing,) = [span for span in spans if span.name == "hsm_operation"]
        assert (signing.attributes["hsm_provider"], signing.attributes["key_id"]) == ("softhsm", "ec")
        check_joined(server, spans[0], correlation_id, signing.attributes["audit.correlation_id"])


def check_joined(server: ServerProcess, request: Any, correlation_id: str, signing_id: str) -> None:
    """Logs, audit events and metric exemplars lead to the same withdrawal."""
    with Client(server.url) as client:

        def logged() -> bool:
            rows = client.search_logs(f'correlation_id:"{correlation_id}"', limit=500).rows
            events = {row.attributes.get("event.name") or row.body for row in rows}
            assert REQUESTED | {"withdrawal_broadcast", "audit.withdrawal.outcome"} <= events
            assert {row.service for row in rows} == {"custody", "custody-watcher"}
            return True

        def audited() -> bool:
            rows = client.search_logs(f'audit.correlation_id:"{signing_id}"', limit=50).rows
            assert {"intent", "outcome"} <= {row.attributes.get("audit.phase") for row in rows}
            return True

        eventually(logged, what="its log records")
        eventually(audited, what="its audit records")

    def measured() -> bool:
        found = httpx.get(
            f"{server.url}/api/v1/query_exemplars",
            params={"query": "anya_bitcoin_transaction_duration_seconds_bucket", "start": request.start, "end": 4e9},
        ).json()
        exemplars = [each["labels"] for series in found["data"] for each in series["exemplars"]]
        return correlation_id in {labels.get("correlation_id") for labels in exemplars}

    eventually(measured, what="an exemplar that leads to it")
