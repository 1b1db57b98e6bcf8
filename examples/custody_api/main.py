"""Runs the custody service: `python examples/custody_api/main.py --help`.

By default one process serves, watches the chain and makes some load, with stand-ins for the node and the HSM. `--role api`
and `--role watcher` are the two processes of a real one, which share `--data`.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import logging
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from random import Random

import uvicorn
from api import create_app
from book import Book
from faults import Faults, FaultyNode, FaultySigner
from load import keep_busy
from node import Node
from service import Custody, Options
from signer import HsmSigner, Signer
from standins import BLOCK_EVERY_S, StandInNode, StandInSigner
from watcher import Watcher

import anyascope.sdk

STAND_IN_ADDRESS = "standin1customer"
STAND_IN_WALLETS = {"hot-1": "hot-1-key", "hot-2": "hot-2-key", "cold-1": "cold-1-key"}
PIN_VARIABLE, APPROVER_VARIABLE = "CUSTODY_PIN", "CUSTODY_APPROVER_TOKEN"


def parsed(arguments: list[str] | None = None) -> argparse.Namespace:
    """The options, checked against one another."""
    parser = argparse.ArgumentParser(description="A small custody service whose every signal is visible in anyascope.")
    parser.add_argument(
        "--role", choices=("all", "api", "watcher"), default="all", help="which part runs (default all)"
    )
    parser.add_argument("--port", type=int, default=8088, help="where it listens on 127.0.0.1 (default 8088)")
    parser.add_argument("--data", type=Path, help="folder of its book; a temporary one by default")
    parser.add_argument(
        "--endpoint", default="http://127.0.0.1:4318", help="OTLP/HTTP address of anyascope or a collector"
    )
    parser.add_argument("--alerts-to", default="", help="anyascope or an Alertmanager that takes alerts over")
    parser.add_argument("--load", type=float, default=5.0, help="requests a second that it sends itself; 0 for none")
    parser.add_argument("--seed", type=int, default=1, help="makes the load repeatable")
    parser.add_argument(
        "--watch-every", type=float, default=2.0, metavar="SECONDS", help="how often the chain is looked at"
    )
    parser.add_argument(
        "--block-every", type=float, default=BLOCK_EVERY_S, metavar="SECONDS", help="of the stand-in chain"
    )
    parser.add_argument("--node", default="", metavar="URL", help="a real node's RPC, such as http://127.0.0.1:18443")
    parser.add_argument("--cookie", type=Path, help="the node's cookie file")
    parser.add_argument("--pay-to", default="", metavar="ADDRESS", help="where withdrawals without an address go")
    parser.add_argument(
        "--pkcs11-module", default="", metavar="PATH", help=f"a real HSM's library; PIN in {PIN_VARIABLE}"
    )
    parser.add_argument("--token-label", default="", help="the HSM's token")
    parser.add_argument("--wallet", action="append", metavar="ID=KEY", help="a wallet and its key's label; may repeat")
    options = parser.parse_args(arguments)
    if bool(options.node) != (options.cookie is not None):
        parser.error("--node and --cookie belong together")
    if options.pkcs11_module and not (options.token_label and os.environ.get(PIN_VARIABLE)):
        parser.error(f"--pkcs11-module needs --token-label, and the PIN in the variable {PIN_VARIABLE}")
    if options.node and not options.pkcs11_module:
        parser.error("--node needs --pkcs11-module: real money is not signed with a key in memory")
    if any("=" not in each for each in options.wallet or ()):
        parser.error("--wallet is ID=KEY, such as hot-1=ec")
    if options.node and options.load > 0 and not options.pay_to:
        parser.error("--load on a real node needs --pay-to, or say --load 0")
    return options


def node_of(options: argparse.Namespace, data: Path) -> Node:
    """The real node that was named, or a stand-in."""
    if not options.node:
        return StandInNode(data / "standin-chain.sqlite", block_every_s=options.block_every)
    from bitcoin import BitcoinNode, Rpc  # noqa: PLC0415 -- needs the library embit, which stand-ins do not

    return BitcoinNode(Rpc(options.node, options.cookie))


def signer_of(options: argparse.Namespace) -> Signer:
    """The HSM that was named, or a stand-in."""
    if not options.pkcs11_module:
        return StandInSigner()
    return HsmSigner(options.pkcs11_module, token_label=options.token_label, pin=os.environ[PIN_VARIABLE])


def wallets_of(options: argparse.Namespace) -> dict[str, str]:
    """Wallet id -> key id."""
    if options.wallet:
        return dict(each.split("=", 1) for each in options.wallet)
    return {"hot-1": "ec"} if options.node else STAND_IN_WALLETS


async def run(options: argparse.Namespace, data: Path) -> None:
    """Serve and watch until interrupted."""
    random = Random(options.seed)
    book = Book(data / "book.sqlite")
    faults = Faults(book, random)
    node, signer = FaultyNode(node_of(options, data), faults), FaultySigner(signer_of(options), faults)
    alerts = anyascope.sdk.AlertManager(forward_to=options.alerts_to or ())
    token = os.environ.get(APPROVER_VARIABLE, "let-it-pass")
    chosen = Options(wallets_of(options), token)
    custody = Custody(chosen, node=node, signer=signer, book=book, alerts=alerts, faults=faults)
    async with contextlib.AsyncExitStack() as stack:
        stack.push_async_callback(node.close)
        stack.callback(signer.close)
        stack.callback(alerts.close)
        await custody.start(resumes=options.role != "watcher")
        background = set()
        if options.role != "api":
            watcher = Watcher(tuple(chosen.wallets), node=node, signer=signer, book=book, alerts=alerts)
            background.add(asyncio.create_task(watcher.watch(every_s=options.watch_every)))
        if options.role != "watcher":
            background.add(asyncio.create_task(_serve(options, custody)))
            if options.load > 0:
                busy = keep_busy(
                    f"http://127.0.0.1:{options.port}",
                    wallets=custody.wallets,
                    approver_token=token,
                    rate_per_s=options.load,
                    random=random,
                )
                background.add(asyncio.create_task(busy))
        done, _ = await asyncio.wait(background, return_when=asyncio.FIRST_COMPLETED)
        for task in background - done:
            task.cancel()
        for task in done:
            task.result()


async def _serve(options: argparse.Namespace, custody: Custody) -> None:
    pay_to = options.pay_to or ("" if options.node else STAND_IN_ADDRESS)
    config = uvicorn.Config(create_app(custody, pay_to=pay_to), host="127.0.0.1", port=options.port, log_config=None)
    await uvicorn.Server(config).serve()


def main() -> None:
    """Read the options, set the telemetry up, run."""
    options = parsed()
    service = "custody-watcher" if options.role == "watcher" else "custody"
    logging.getLogger("httpx").setLevel(logging.WARNING)  # the load's own requests
    with (
        _folder(options.data) as data,
        # What is on record must outlive this process: the spool keeps audit events and alerts that were not sent yet.
        anyascope.sdk.init(
            service, endpoint=options.endpoint, environment="example", version="1.0.0", spool=data / "spool"
        ),
        contextlib.suppress(KeyboardInterrupt),
    ):
        asyncio.run(run(options, data))


@contextlib.contextmanager
def _folder(chosen: Path | None) -> Iterator[Path]:
    """Where everything is kept: the chosen folder, made where it is not there, or one that ends with the program."""
    if chosen is not None:
        chosen.mkdir(parents=True, exist_ok=True)
        yield chosen
        return
    with tempfile.TemporaryDirectory(prefix="custody-") as temporary:
        yield Path(temporary)


if __name__ == "__main__":
    main()
