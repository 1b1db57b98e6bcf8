"""The money trace with real parts: a node on regtest, a SoftHSM token, the server, and processes that die on the way."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from anyascope.client.client import Client
from anyascope.wire.own_traces import TraceView
from support.components import REPOSITORY
from support.regtest import RegtestNode, regtest_nodes
from support.server import ServerProcess, eventually, running_server
from support.softhsm import SoftHsm, softhsm

RUN_WITHIN_S = 90.0
WANTED = 3

# The API: a request comes in, the policy looks at it, and the context is stored beside the withdrawal.
REQUEST = """
import sys
import anyascope.sdk as sdk
from opentelemetry import trace
telemetry = sdk.init("custody-api", endpoint=sys.argv[1], push_metrics=False)
with sdk.correlation(), trace.get_tracer("api").start_as_current_span("POST /withdrawals"):
    with sdk.custody_operation(
        "withdrawal", wallet_id="hot", amount_sats=50_000, reference="wd-17", actor="alice", confirmations_wanted=3
    ) as operation:
        with operation.step("policy"):
            pass
assert telemetry.flush(60)
print("CONTEXT", operation.context)
"""

# The signer: the token signs the withdrawal's digest, the node sends it; then the process dies without a word.
SIGN = """
import hashlib, os, signal, sys, time
import pkcs11
import anyascope.sdk as sdk
from support.regtest import RegtestNode
from pathlib import Path
module, label, pin, endpoint, stored, url, cookie, address = sys.argv[1:]
telemetry = sdk.init("custody-signer", endpoint=endpoint, push_metrics=False)
token = pkcs11.lib(module).get_token(token_label=label)
node = RegtestNode(url, Path(cookie), "", Path("."))

@sdk.trace_hsm_operation("sign", key_id=lambda key, digest: key.label, hsm_provider="softhsm")
def sign(key, digest):
    return key.sign(digest, mechanism=pkcs11.Mechanism.ECDSA)

with sdk.resume_custody_operation(stored) as operation:
    with operation.step("approval", actor="bob"), token.open(user_pin=pin) as session:
        key = session.get_key(label="ec", object_class=pkcs11.ObjectClass.PRIVATE_KEY)
        with operation.step("signing"):
            assert len(sign(key, hashlib.sha256(stored.encode()).digest())) == 64
    with operation.step("broadcast"):
        data = sdk.BitcoinTransactionData(amount_sats=50_000)
        with sdk.trace_bitcoin_operation("send", "hot", data) as sending:
            txid = node.call("sendtoaddress", address, 0.0005, wallet="hot")
            sending.set_result(txid)
        operation.set_transaction(txid)
assert telemetry.flush(60)
print("CONTEXT", operation.context, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""

# The watcher: asks the node until the operation is done; may be killed and started again at any time.
WATCH = """
import sys, time
from pathlib import Path
import anyascope.sdk as sdk
from support.regtest import RegtestNode
endpoint, stored, url, cookie, txid = sys.argv[1:]
telemetry = sdk.init("custody-watcher", endpoint=endpoint, push_metrics=False)
node = RegtestNode(url, Path(cookie), "", Path("."))
operation = sdk.resume_custody_operation(stored)
while operation.outcome is None:
    found = node.call("gettransaction", txid, wallet="hot")
    before = operation.confirmations
    if "blockhash" in found:
        operation.confirmed(found["confirmations"], block_height=found["blockheight"], block_hash=found["blockhash"])
    if operation.confirmations != before:
        assert telemetry.flush(60)
        print("CONTEXT", operation.context, flush=True)
    time.sleep(0.05)
assert telemetry.flush(60)
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory) -> Iterator[ServerProcess]:
    arguments = ("--no-collect", "--store", "memory")
    with running_server(tmp_path_factory.mktemp("server"), arguments=arguments) as found:
        yield found


@pytest.fixture(scope="module")
def node(tmp_path_factory) -> Iterator[RegtestNode]:
    with regtest_nodes(tmp_path_factory.mktemp("node")) as [found]:
        yield found


@pytest.fixture(scope="module")
def token(tmp_path_factory) -> SoftHsm:
    return softhsm(tmp_path_factory.mktemp("token"))


class Program:
    """One of the service's processes."""

    def __init__(self, code: str, *arguments: str, environment: dict[str, str] | None = None) -> None:
        path = os.pathsep.join(str(REPOSITORY / part) for part in ("src", "tests"))
        self._process = subprocess.Popen(
            [sys.executable, "-c", code, *arguments],
            env={**os.environ, "PYTHONPATH": path, **(environment or {})},
            stdout=subprocess.PIPE,
            text=True,
        )

    def context(self) -> str:
        """The next context that it stores."""
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if line.startswith("CONTEXT "):
                return line.removeprefix("CONTEXT ").strip()
        raise AssertionError(f"ended with {self._process.wait(RUN_WITHIN_S)}")

    def ends(self, code: int) -> None:
        assert self._process.wait(RUN_WITHIN_S) == code
        self._close()

    def kill(self) -> None:
        self._process.kill()
        self._process.wait(RUN_WITHIN_S)
        self._close()

    def _close(self) -> None:
        assert self._process.stdout is not None
        self._process.stdout.close()


def test_a_withdrawal_is_one_trace_from_request_to_third_confirmation(
    server: ServerProcess, node: RegtestNode, token: SoftHsm
) -> None:
    """Four processes, one of them killed after sending and one while watching; the server shows one trace, without a gap."""
    endpoint = f"http://{server.face('otlp_http')}"
    address = node.funded_wallet("hot")
    request = Program(REQUEST, endpoint)
    stored = request.context()
    request.ends(0)

    signer_arguments = (str(token.module), token.label, token.pin, endpoint, stored, node.url, str(node.cookie_file))
    signer = Program(SIGN, *signer_arguments, address, environment=token.environment)
    stored = signer.context()
    signer.ends(-signal.SIGKILL)

    txid = stored.partition(";x=")[2].partition(";")[0]
    watcher = Program(WATCH, endpoint, stored, node.url, str(node.cookie_file), txid)
    node.mine(1, to=address)
    stored = watcher.context()
    watcher.kill()
    watcher = Program(WATCH, endpoint, stored, node.url, str(node.cookie_file), txid)
    for _ in range(WANTED - 1):
        node.mine(1, to=address)
        stored = watcher.context()
    watcher.ends(0)

    assert_one_trace(server, stored, txid)


def assert_one_trace(server: ServerProcess, stored: str, txid: str) -> None:
    trace_id = stored.partition("tp=00-")[2][:32]
    with Client(server.url) as client:

        def whole() -> TraceView | None:
            found = client.trace(trace_id)
            return found if any(span.name == "custody_operation.lifetime" for span in found.spans) else None

        found = eventually(whole, what="the whole trace")
    names = {span.span_id: span.name for span in found.spans}
    parents = {span.name: names.get(span.parent_id or "", "") for span in found.spans}
    assert parents == {
        "POST /withdrawals": "",
        "custody_operation": "POST /withdrawals",
        "custody.policy": "custody_operation",
        "custody.approval": "custody_operation",
        "custody.signing": "custody.approval",
        "hsm_operation": "custody.signing",
        "custody.broadcast": "custody_operation",
        "bitcoin_operation": "custody.broadcast",
        "custody.confirmation": "custody_operation",
        "custody_operation.lifetime": "custody_operation",
    }
    assert [span.name for span in found.spans].count("custody.confirmation") == WANTED
    assert {span.resource["service.name"] for span in found.spans} == {
        "custody-api",
        "custody-signer",
        "custody-watcher",
    }
    assert [warning for span in found.spans for warning in span.warnings] == []
    assert len({span.correlation_id for span in found.spans}) == 1
    assert stored.partition(";c=")[2].partition(";")[0] in {span.correlation_id for span in found.spans}
    lifetime = next(span for span in found.spans if span.name == "custody_operation.lifetime")
    assert lifetime.attributes["operation.status"] == "success"
    assert lifetime.attributes["transaction_id"] == txid
    sent = next(span for span in found.spans if span.name == "bitcoin_operation")
    assert sent.attributes["transaction_id"] == txid


def test_a_reorganisation_reopens_what_was_done(server: ServerProcess, tmp_path: Path) -> None:
    """The node takes a block back: the trace says so, and the operation ends again in another block."""
    endpoint = f"http://{server.face('otlp_http')}"
    with regtest_nodes(tmp_path) as [node]:
        address = node.funded_wallet("hot")
        request = Program(REQUEST, endpoint)
        stored = request.context()
        request.ends(0)
        txid = node.call("sendtoaddress", address, 0.0005, wallet="hot")
        first = node.mine(WANTED, to=address)[0]
        stored = watched(endpoint, stored, node, txid)
        node.call("invalidateblock", first)
        # To another address: the same block again would be the invalid one.
        node.mine(WANTED + 1, to=node.call("getnewaddress", wallet="hot"))
        stored = watched(endpoint, stored, node, txid)

    trace_id = stored.partition("tp=00-")[2][:32]
    with Client(server.url) as client:
        eventually(
            lambda: (
                [span.name for span in client.trace(trace_id).spans].count("custody_operation.lifetime") == 2
                and "custody.confirmations_lost" in {span.name for span in client.trace(trace_id).spans}
            ),
            what="the loss and the second end",
        )


POLL = """
import sys
from pathlib import Path
import anyascope.sdk as sdk
from support.regtest import RegtestNode
endpoint, stored, url, cookie, txid = sys.argv[1:]
telemetry = sdk.init("custody-watcher", endpoint=endpoint, push_metrics=False)
found = RegtestNode(url, Path(cookie), "", Path(".")).call("gettransaction", txid, wallet="hot")
operation = sdk.resume_custody_operation(stored)
operation.confirmed(found["confirmations"], block_height=found["blockheight"], block_hash=found["blockhash"])
assert operation.outcome == "success"
assert telemetry.flush(60)
print("CONTEXT", operation.context)
"""


def watched(endpoint: str, stored: str, node: RegtestNode, txid: str) -> str:
    poll = Program(POLL, endpoint, stored, node.url, str(node.cookie_file), txid)
    stored = poll.context()
    poll.ends(0)
    return stored
