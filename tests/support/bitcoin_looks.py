"""Own transactions and wallets of a real node, looked at when the test says so: nothing runs between two looks, so nothing depends on time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from anyascope.clock import Clock, SystemClock
from anyascope.collect.collectors.bitcoin.client import RpcClient
from anyascope.collect.collectors.bitcoin.node import NodeWatch
from anyascope.collect.collectors.bitcoin.transactions.watch import TransactionsWatch
from anyascope.collect.collectors.bitcoin.verdict import NodeView
from anyascope.collect.collectors.bitcoin.wallets.watch import WalletsWatch
from anyascope.collect.runner import Round
from anyascope.model.logs import LogRecord
from anyascope.store.api.documents import DocumentStore
from anyascope.store.documents import MemoryDocuments
from support.bitcoin_room import node_options
from support.collecting import RecordingIntake
from support.regtest import RegtestNode, RpcError

PREFIX = "anya_bitcoin_wallet_"
NETWORK = ("chain", "coin")


class TransactionLooks:
    """The watch over a node's transactions; given the documents of another, it goes on where that one stopped.

    Attributes:
        round: what the last look brought.
    """

    def __init__(
        self, node: RegtestNode, *, name: str = "one", documents: DocumentStore | None = None, **options: object
    ) -> None:
        clock = SystemClock()
        known = node_options(name, node, **options)
        self._node = node
        self.intake = RecordingIntake()
        self.documents = documents or MemoryDocuments(clock=clock)
        self.watch = TransactionsWatch(
            known,
            client=RpcClient(known, clock=clock),
            intake=self.intake,
            documents=self.documents,
            clock=clock,
            configured=(name,),
        )

    async def look(self) -> dict[str, float]:
        """Look at everything once, as after a block."""
        await asyncio.to_thread(
            self._node.call, "syncwithvalidationinterfacequeue"
        )  # wallets hear of the mempool by it
        self.watch.on_block()
        self.round = await self.watch.gather()
        return figures_of(self.round)

    def told(self, txid: str, wallet: str) -> list[str]:
        """What was told of a wallet's transaction, in its order: the last words of the events' names."""
        return [each.event_name.rpartition(".")[2] for each in self._events(txid, wallet)]

    def last(self, txid: str, wallet: str) -> dict[str, object]:
        """The attributes of the last event of a transaction, without their prefix."""
        events = self._events(txid, wallet)
        return {key.removeprefix("bitcoin."): value for key, value in events[-1].attributes.items()}

    def _events(self, txid: str, wallet: str) -> list[LogRecord]:
        events = self.intake.log_records
        return [each for each in events if (each.correlation_id, each.attributes["bitcoin.wallet"]) == (txid, wallet)]


@asynccontextmanager
async def looking(
    node: RegtestNode, *, documents: DocumentStore | None = None, **options: object
) -> AsyncIterator[TransactionLooks]:
    """The looks at one node; its connections are closed at the end."""
    found = TransactionLooks(node, documents=documents, **options)
    try:
        yield found
    finally:
        await found.watch.close()


def figures_of(found: Round) -> dict[str, float]:
    """Metric without its prefix, and labels but the network's, to value."""
    return {
        " ".join([family.name.removeprefix(PREFIX), *(value for key, value in labels if key not in NETWORK)]): point
        for family in found.families
        for labels, point in family.points
    }


class NodeLooks:
    """The watch over nodes by name, likewise: their blocks, and how they stand to each other."""

    def __init__(self, documents: DocumentStore | None = None, **nodes: RegtestNode) -> None:
        clock = SystemClock()
        self.intake = RecordingIntake()
        self.documents = documents or MemoryDocuments(clock=clock)
        views: dict[str, NodeView] = {}
        self.watches = {
            name: NodeWatch(
                node_options(name, node),
                views=views,
                intake=self.intake,
                documents=self.documents,
                clock=clock,
                configured=frozenset(nodes),
            )
            for name, node in nodes.items()
        }
        self.rounds: dict[str, Round] = {}

    async def look(self) -> None:
        """At each node once, in their order."""
        for name, watch in self.watches.items():
            watch.info.outdate()
            self.rounds[name] = await watch.gather()

    def figure(self, node: str, metric: str) -> float | None:
        found = (each for each in self.rounds[node].families if each.name == metric)
        return next((value for each in found for _, value in each.points), None)

    def events(self, node: str, kind: str) -> list[dict[str, Any]]:
        """The attributes of a node's events, such as `reorg`."""
        return [
            dict(each.attributes)
            for each in self.intake.log_records
            if (each.event_name, each.attributes["bitcoin.node"]) == (f"bitcoin.{kind}", node)
        ]


@asynccontextmanager
async def looking_at_nodes(documents: DocumentStore | None = None, **nodes: RegtestNode) -> AsyncIterator[NodeLooks]:
    """The looks at nodes; their connections are closed at the end."""
    found = NodeLooks(documents, **nodes)
    try:
        yield found
    finally:
        for watch in found.watches.values():
            await watch.close()


class WalletLooks:
    """The watch over a node's wallets, likewise."""

    def __init__(self, node: RegtestNode, *, clock: Clock | None = None, **options: object) -> None:
        clock = clock or SystemClock()
        known = node_options("one", node, **options)
        self.client = RpcClient(known, clock=clock)
        self.watch = WalletsWatch(known, documents=MemoryDocuments(clock=clock), clock=clock, client=self.client)

    async def look(self) -> dict[str, float]:
        self.round = await self.watch.gather()
        return figures_of(self.round)


@asynccontextmanager
async def looking_at_wallets(
    node: RegtestNode, *, clock: Clock | None = None, **options: object
) -> AsyncIterator[WalletLooks]:
    """The looks at the wallets of one node; its connections are closed at the end."""
    found = WalletLooks(node, clock=clock, **options)
    try:
        yield found
    finally:
        await found.watch.close()


def hand_over(giver: RegtestNode, taker: RegtestNode) -> None:
    """The blocks of one node that the other lacks, as a peer would send them; nodes that do not know each other are apart until then."""
    height = giver.call("getblockcount")
    missing: list[str] = []
    while height > 0:
        block = giver.call("getblockhash", height)
        try:
            taker.call("getblockheader", block)
        except RpcError:
            missing.append(block)
            height -= 1
        else:
            break
    for block in reversed(missing):
        told = taker.call("submitblock", giver.call("getblock", block, 0))
        assert told in (None, "inconclusive"), told  # `inconclusive`: valid, and not of the best chain yet


def copy_wallet(node: RegtestNode, other: RegtestNode, name: str) -> None:
    """A wallet with the same keys on another node."""
    told = node.call("listdescriptors", True, wallet=name)["descriptors"]
    other.call("createwallet", name, False, True)
    asked = [
        {"desc": each["desc"], "active": True, "internal": each["internal"], "range": [0, 20], "timestamp": 0}
        for each in told
        if each["active"]
    ]
    assert all(each["success"] for each in other.call("importdescriptors", asked, wallet=name))


def spend_coin(
    node: RegtestNode, wallet: str, coin: dict[str, Any], to: str, *, fee_sats: int = 10_000, send: bool = True
) -> tuple[str, str]:
    """All of a coin to an address, by a transaction that may be replaced: its hex and its id."""
    inputs = [{"txid": coin["txid"], "vout": coin["vout"], "sequence": 0xFFFFFFFD}]
    raw = node.call("createrawtransaction", inputs, [{to: f"{coin['amount'] - fee_sats / 1e8:.8f}"}])
    signed = node.call("signrawtransactionwithwallet", raw, wallet=wallet)
    assert signed["complete"], signed
    if send:
        node.call("sendrawtransaction", signed["hex"])
    return signed["hex"], node.call("decoderawtransaction", signed["hex"])["txid"]
