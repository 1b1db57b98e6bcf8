"""A room that watches nothing but Bitcoin nodes, and what it brought."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from prometheus_client import CollectorRegistry

from anyascope.clock import SystemClock
from anyascope.collect.collect import Collect
from anyascope.collect.options import (
    BitcoinNodeOptions,
    CollectOptions,
    HostOptions,
    JournalOptions,
    ProcessOptions,
    SelfOptions,
)
from anyascope.model.labels import metric_of
from anyascope.model.logs import LogRecord
from anyascope.ports import ComponentHealth
from anyascope.store.api.documents import DocumentStore
from anyascope.store.documents import MemoryDocuments
from support.collecting import RecordingIntake, until, values_of
from support.regtest import RegtestNode, meet

NOBODY = "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080"  # of BIP 173; nobody here spends what it gets
CALL_WITHIN_S = 60.0  # of a busy machine
SELDOM_S = 3600.0  # no polling within a test: what is seen at this interval was announced


class BitcoinRoom:
    """Watches nodes; given the documents of another, it goes on where that one stopped."""

    def __init__(self, *nodes: BitcoinNodeOptions, documents: DocumentStore | None = None) -> None:
        self.intake = RecordingIntake()
        clock = SystemClock()
        self.documents = documents or MemoryDocuments(clock=clock)
        self.collect = Collect(
            self.intake,
            options=CollectOptions(
                host=HostOptions(enabled=False),
                process=ProcessOptions(enabled=False),
                journal=JournalOptions(enabled=False),
                itself=SelfOptions(enabled=False),
                bitcoin=nodes,
            ),
            documents=self.documents,
            clock=clock,
            registry=CollectorRegistry(),
        )

    def figures(self, source: str) -> dict[str, float]:
        """Metric, and labels that are not the target's, to value, of the last round of a source such as `bitcoin.n.transactions`."""
        batch = next((b for name, b in reversed(self.intake.batches) if name == source), None)
        if batch is None:
            return {}
        found = {}
        for labels, value in values_of(batch).items():
            assert dict(labels)["chain"]
            rest = [each for key, each in labels if key not in ("__name__", "job", "instance", "node", "chain", "coin")]
            found[" ".join([metric_of(labels), *rest])] = value
        return found

    def health(self, component: str) -> ComponentHealth:
        return next(each for each in self.collect.health() if each.component == component)

    def events(self, prefix: str) -> list[LogRecord]:
        """The events whose names begin so, in the order in which they came."""
        return [record for record in self.intake.log_records if record.event_name.startswith(prefix)]


@asynccontextmanager
async def watching(*nodes: BitcoinNodeOptions, documents: DocumentStore | None = None) -> AsyncIterator[BitcoinRoom]:
    room = BitcoinRoom(*nodes, documents=documents)
    await room.collect.start()
    try:
        yield room
    finally:
        await room.collect.stop()


def node_options(name: str, node: RegtestNode, **more: object) -> BitcoinNodeOptions:
    known = {"cookie_file": node.cookie_file, "chain": "regtest", "interval_s": SELDOM_S, "timeout_s": CALL_WITHIN_S}
    return BitcoinNodeOptions(name=name, url=node.url, **{**known, **more})


async def joined(node: RegtestNode, other: RegtestNode) -> None:
    """Wait until two nodes that were parted are on one chain."""
    async with asyncio.timeout(150):
        while not await asyncio.to_thread(meet, node, other):  # noqa: ASYNC110  # nodes tell nobody
            await asyncio.sleep(0.1)


async def heard(room: BitcoinRoom, node: RegtestNode, name: str) -> None:
    """Wait until the node's messages of both kinds are heard, the newest block's included.

    A subscription counts some time after its connection, so blocks are mined.
    """

    def is_heard() -> bool:
        figures = room.figures(f"bitcoin.{name}")
        return all(figures.get(f"anya_bitcoin_zmq_messages_total {topic}") for topic in ("hashblock", "sequence"))

    async with asyncio.timeout(150):
        while not is_heard():
            await asyncio.to_thread(node.mine, 1, to=NOBODY)
            await asyncio.sleep(0.2)
    feed = next(each.node.feed for each in room.collect._nodes if each.name == f"bitcoin.{name}")
    newest = await asyncio.to_thread(node.call, "getbestblockhash")
    await until(lambda: feed.has_announced(newest))
