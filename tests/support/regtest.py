"""Real Bitcoin nodes on regtest, on ports of loopback that were free, in a folder of the test."""

from __future__ import annotations

import contextlib
import hmac
import json
import subprocess
import time
import urllib.error
import urllib.request
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from support.components import component
from support.ports import free_ports

START_WITHIN_S = 300.0
CALL_WITHIN_S = 120.0
STOP_WITHIN_S = 120.0
MATURE_BLOCKS = 101  # Bitcoin: what a miner earns can be spent after a hundred more blocks
_NEWER = ("-fixedseeds=0", "-natpmp=0")  # what Core 0.21 refuses to start with


class RpcError(Exception):
    """The node answered with an error; `code` is Bitcoin Core's."""

    def __init__(self, error: dict[str, Any]) -> None:
        super().__init__(f"{error['message']} ({error['code']})")
        self.error = error
        self.code = error["code"]


@dataclass(frozen=True)
class RegtestNode:
    """A running node. `url` is of the node, `wallet_url(name)` of one of its wallets; `process` where we started it."""

    url: str
    cookie_file: Path
    zmq: str
    data: Path
    process: subprocess.Popen[bytes] | None = None

    @property
    def credentials(self) -> tuple[str, str]:
        """User and password of this start of the node."""
        user, _, password = self.cookie_file.read_text().strip().partition(":")
        return user, password

    def wallet_url(self, wallet: str) -> str:
        return f"{self.url}/wallet/{quote(wallet, safe='')}"

    def call(self, method: str, *params: Any, wallet: str = "") -> Any:
        """The result of one call; `RpcError` where the node refuses it."""
        request = urllib.request.Request(
            self.wallet_url(wallet) if wallet else self.url,
            data=json.dumps({"jsonrpc": "1.0", "id": 1, "method": method, "params": params}).encode(),
            headers={
                "content-type": "application/json",
                "authorization": "Basic " + b64encode(":".join(self.credentials).encode()).decode(),
            },
        )
        try:
            with urllib.request.urlopen(request, timeout=CALL_WITHIN_S) as answer:
                told = json.load(answer)
        except urllib.error.HTTPError as refused:
            told = json.loads(refused.read() or b'{"error": {"code": 0, "message": "no body"}}')
        if told.get("error"):
            raise RpcError(told["error"])
        return told["result"]

    def mine(self, blocks: int, *, to: str) -> list[str]:
        """The hashes of new blocks, whose reward goes to this address."""
        return self.call("generatetoaddress", blocks, to)

    def stop(self) -> None:
        """Ask it to stop, and wait until its process has: it keeps its folder locked to its last moment."""
        assert self.process is not None
        self.call("stop")
        self.process.wait(STOP_WITHIN_S)

    def funded_wallet(self, name: str) -> str:
        """Make a wallet with spendable coins; its first address."""
        self.call("createwallet", name)
        address = self.call("getnewaddress", wallet=name)
        self.mine(MATURE_BLOCKS, to=address)
        return address


def meet(node: RegtestNode, other: RegtestNode) -> bool:
    """Whether both are on one chain by now; where they have not found each other, `node` is told once more where the other is."""
    peer = f"127.0.0.1:{int(other.url.rpartition(':')[2]) - 1}"
    with contextlib.suppress(RpcError):
        node.call("addnode", peer, "onetry")
    return bool(node.call("getbestblockhash") == other.call("getbestblockhash"))


def rpcauth(user: str, password: str) -> str:
    """As `share/rpcauth/rpcauth.py` of Bitcoin Core makes it."""
    salt = "0123456789abcdef"
    return f"-rpcauth={user}:{salt}${hmac.new(salt.encode(), password.encode(), 'sha256').hexdigest()}"


@contextlib.contextmanager
def regtest_nodes(directory: Path, count: int = 1, *arguments: str) -> Iterator[list[RegtestNode]]:
    """Running nodes, connected to the first; they are stopped at the end. Skips where `bitcoind` is not installed."""
    program = component("bitcoind")
    base = free_base(count)
    with contextlib.ExitStack() as stack:
        nodes = []
        for number in range(count):
            first = base + 3 * number
            peer = [f"-addnode=127.0.0.1:{base}"] if number else []
            data = directory / f"node{number + 1}"
            nodes.append(stack.enter_context(_running(program, data, first, [*_NEWER, *peer, *arguments])))
        yield nodes


@contextlib.contextmanager
def regtest_node(directory: Path, port: int, *arguments: str) -> Iterator[RegtestNode]:
    """A running node at this port and the two above; entered again with the same folder, the same node starts again."""
    with _running(component("bitcoind"), directory, port, [*_NEWER, *arguments]) as node:
        yield node


@contextlib.contextmanager
def litecoin_node(directory: Path, *arguments: str) -> Iterator[RegtestNode]:
    """A running node of Litecoin Core 0.21, which speaks an old dialect. Skips where `litecoind` is not installed."""
    with _running(component("litecoind"), directory, free_base(1), list(arguments)) as node:
        yield node


@contextlib.contextmanager
def _running(program: Path, data: Path, port: int, more: list[str]) -> Iterator[RegtestNode]:
    data.mkdir(parents=True, exist_ok=True)
    zmq = f"tcp://127.0.0.1:{port + 2}"
    topics = ("hashblock", "hashtx", "rawblock", "rawtx", "sequence")
    process = subprocess.Popen(
        [
            *(str(program), "-regtest", f"-datadir={data}", "-printtoconsole=0", "-server=1", "-listen=1", "-rest=1"),
            *(f"-bind=127.0.0.1:{port}", f"-rpcport={port + 1}", "-rpcbind=127.0.0.1", "-rpcallowip=127.0.0.1"),
            *("-dnsseed=0", "-listenonion=0", "-discover=0", "-txindex=1"),
            *("-fallbackfee=0.0001", "-dbcache=16", "-maxmempool=16"),
            *(f"-zmqpub{topic}={zmq}" for topic in topics),
            *more,
        ],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    node = RegtestNode(f"http://127.0.0.1:{port + 1}", data / "regtest" / ".cookie", zmq, data, process)
    try:
        _await_answer(node, process)
        yield node
    finally:
        process.terminate()
        try:
            process.wait(STOP_WITHIN_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _await_answer(node: RegtestNode, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_WITHIN_S
    while time.monotonic() < deadline:
        try:
            node.call("getblockcount")
        except (OSError, RpcError, ValueError):
            if process.poll() is not None:
                break
            time.sleep(0.1)
        else:
            return
    log = node.data / "regtest" / "debug.log"
    raise AssertionError(f"the node did not start: {log.read_text()[-2000:] if log.exists() else process.returncode}")


def free_base(count: int) -> int:
    """The first of three ports a node, which no other test has."""
    return free_ports(3 * count)
