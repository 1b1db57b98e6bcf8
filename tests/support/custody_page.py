"""A server beside a real node, a real token and the example's service: everything that the page of custody shows."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from support import page_server
from support.custody import APPROVER_TOKEN, CustodyProcess
from support.regtest import RegtestNode, regtest_nodes
from support.server import eventually
from support.softhsm import SoftHsm, softhsm

WALLET = "hot-1"  # of the example; its key is in the token, the node only watches its address
COLD = "custody-cold"  # of the node's own keys: what it spends nobody has asked for
MINER = "miner"  # pays itself what it mines; nobody reconciles it
STRANGER = "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080"  # of BIP 173; nobody here spends
AMOUNT_SAT = 12_000_000  # above what the policy of the example lets pass without a second person
# Only what pays 5 sats a virtual byte is mined here (the example pays 10): a transaction that pays less stays where it is.
MINED_SAT_PER_VB = 5
HELD_SATS = 1_000_000  # more than any transaction here pays
NODE_ARGUMENTS = ("-keypool=10", "-blockmintxfee=0.00005")

CONFIG = """
collectors:
  bitcoin:
    nodes: [{nodes}]
  hsm:
  - name: core
    provider: softhsm
    module: {module}
    token: {token}
    pin: "{pin}"
    environment: {{SOFTHSM2_CONF: "{token_config}"}}
    interval: 5s
    canary: {{sign: ec}}
# A grace that each of these programs may be held up for: what was asked for is matched, however slow the machine.
custody: {{wallets: ["custody-*"], grace: 10s}}
"""
NODE = (
    '{{name: core-{number}, url: "{url}", cookie_file: "{cookie}", chain: regtest, interval: 2s, block_spacing: 10m, '
    # A minute old, and meant to be spoken of.
    "settled_after: 0s, "
    "wallets: {wallets}}}"
)


@dataclass(frozen=True)
class CustodyPage:
    """What runs."""

    server: page_server.Server
    node: RegtestNode
    token: SoftHsm
    service: CustodyProcess
    miner: str

    def mine(self, blocks: int = 1) -> list[str]:
        return self.node.mine(blocks, to=self.miner)

    def api(self, path: str, **query: str) -> Any:
        """What the server's own API answers."""
        answer = httpx.get(f"{self.server.address}/api/anyascope/v1{path}", params=query, timeout=60)
        return answer.raise_for_status().json()

    def withdraw(self) -> str:
        """Ask for a withdrawal, approve it, have it signed and sent; its transaction's id."""
        url = self.service.url
        asked = httpx.post(f"{url}/withdrawals", json={"wallet_id": WALLET, "amount_sat": AMOUNT_SAT}, timeout=60)
        token = {"x-approver-token": APPROVER_TOKEN}
        approved = httpx.post(f"{url}/withdrawals/{asked.json()['id']}/approval", headers=token, timeout=60)
        assert approved.status_code == httpx.codes.OK, approval_of(approved)
        return str(approved.json()["txid"])

    def bury(self, blocks: int = 1) -> None:
        """Mine blocks that take dear payments: what they took is the market."""
        for _ in range(blocks):
            self.pay(self.miner, 0.01, sat_per_vb=20 * MINED_SAT_PER_VB)
            self.mine()

    def hold_back(self, txid: str, *, held: bool = True) -> None:
        """No block takes this transaction, whatever it pays; or any may again."""
        self.node.call("prioritisetransaction", txid, 0, -HELD_SATS if held else HELD_SATS)

    def fund(self, amount_btc: float) -> None:
        """Pay the service's wallet, and wait until it knows."""
        address = httpx.get(f"{self.service.url}/wallets/{WALLET}", timeout=60).json()["address"]
        self.pay(address, amount_btc, sat_per_vb=20 * MINED_SAT_PER_VB)
        self.mine()
        eventually(
            lambda: httpx.get(f"{self.service.url}/wallets/{WALLET}", timeout=60).json()["balance_sat"] > 0,
            what="the deposit",
        )

    def pay(self, address: str, amount_btc: float, *, sat_per_vb: float, wallet: str = MINER) -> str:
        """A payment that can be replaced; its id."""
        return str(
            self.node.call(
                *("sendtoaddress", address, amount_btc, None, None, None, True, None, None, None, sat_per_vb),
                wallet=wallet,
            )
        )


def _node_settings(number: int, node: RegtestNode) -> str:
    """The first has the wallets."""
    wallets = f'["{MINER}", "{COLD}", "custody-{WALLET}"]' if number == 1 else "[]"
    return NODE.format(number=number, url=node.url, cookie=node.cookie_file, wallets=wallets)


def approval_of(answer: httpx.Response) -> str:
    """Why it was not given, for a failing test."""
    return f"{answer.status_code}: {answer.text}"


@contextlib.contextmanager
def custody_page(folder: Path, *, nodes: int = 1) -> Iterator[CustodyPage]:
    """All of it, started and stopped. Skips where the node or the token is not installed."""
    token = softhsm(folder / "hsm")
    with contextlib.ExitStack() as stack:
        running = stack.enter_context(regtest_nodes(folder / "nodes", nodes, *NODE_ARGUMENTS))
        node = running[0]
        miner = node.funded_wallet(MINER)
        # Before the server's first look: what a wallet did before it was looked at is history.
        node.call("createwallet", COLD)
        node.call("sendtoaddress", node.call("getnewaddress", wallet=COLD), 0.5, wallet=MINER)
        node.mine(1, to=miner)
        config = folder / "anyascope.yml"
        config.write_text(
            CONFIG.format(
                nodes=", ".join(_node_settings(number, each) for number, each in enumerate(running, 1)),
                module=token.module,
                token=token.label,
                pin=token.pin,
                token_config=token.config,
            )
        )
        server = stack.enter_context(page_server.running(folder, "--config", str(config)))
        service = CustodyProcess(
            "all",
            folder / "service",
            server.address,
            (
                *("--node", node.url, "--cookie", str(node.cookie_file), "--pay-to", STRANGER, "--load", "0"),
                *("--pkcs11-module", str(token.module), "--token-label", token.label, "--wallet", f"{WALLET}=ec"),
                *("--watch-every", "0.2"),
            ),
            {"SOFTHSM2_CONF": str(token.config), "CUSTODY_PIN": token.pin},
        )
        stack.callback(service.kill)
        service.start()
        page = CustodyPage(server, node, token, service, miner)
        page.fund(1.0)
        yield page
