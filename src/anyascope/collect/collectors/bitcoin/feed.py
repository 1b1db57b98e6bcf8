"""Hears a node's ZMQ messages: when a block comes or goes, a transaction enters or leaves the mempool, and what was lost."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeAlias
from urllib.parse import urlsplit

import structlog
import zmq
import zmq.asyncio

from anyascope.collect.collectors.bitcoin.sheet import Facts, Sheet
from anyascope.model.bitcoin import NodeZmq
from anyascope.wire.bitcoin.zmq import HASHBLOCK, SEQUENCE, decode_notice, lost_between

log = structlog.get_logger("anyascope.collect")

TOPICS = (HASHBLOCK, SEQUENCE)
ANNOUNCED_MAX = 400  # two messages a block, and twice the blocks that one look can bring
_ANYWHERE = frozenset(("0.0.0.0", "::", "*"))  # noqa: S104  # what a node listens on, never what is bound here


BlockListener: TypeAlias = Callable[[], None]
"""A block came or went, or messages were lost, so that one may have."""

TransactionListener: TypeAlias = Callable[[str, bool], None]
"""A transaction, by its id, entered the mempool, or left it without a block."""


class BlockFeed:
    """One node's messages. A node without ZMQ, or one that is down, is waited for; nothing is ever raised.

    Listeners are called on the event loop, message by message: be quick, never raise.
    """

    def __init__(self, node: str, on_block: BlockListener) -> None:
        self._node = node
        self._on_block: list[BlockListener] = [on_block]
        self._on_transaction: list[TransactionListener] = []
        self._context = zmq.asyncio.Context()
        self._socket: zmq.asyncio.Socket | None = None
        self._addresses: frozenset[str] = frozenset()
        self._last: dict[str, int] = {}
        self._counts = dict.fromkeys(TOPICS, 0)
        self._lost = dict.fromkeys(TOPICS, 0)
        self._announced: deque[str] = deque(maxlen=ANNOUNCED_MAX)

    def tell_also(self, on_block: BlockListener, on_transaction: TransactionListener) -> None:
        """Call these, too."""
        self._on_block.append(on_block)
        self._on_transaction.append(on_transaction)

    def listen_to(self, addresses: Iterable[str]) -> None:
        """Listen there, and nowhere else."""
        wanted = frozenset(addresses)
        if self._socket is None or wanted == self._addresses:
            return
        for address in self._addresses - wanted:
            self._socket.disconnect(address)
        for address in wanted - self._addresses:
            try:
                self._socket.connect(address)
            except zmq.ZMQError as error:
                log.warning("bitcoin_zmq_refused", node=self._node, address=address, error=str(error))
        self._addresses = wanted

    @property
    def is_listening(self) -> bool:
        """Whether there is an address to listen to."""
        return bool(self._addresses)

    def has_announced(self, block: str) -> bool:
        """Whether a message said that this block came, of late."""
        return block in self._announced

    async def run(self) -> None:
        """Hear until cancelled."""
        try:
            self._socket = self._context.socket(zmq.SUB)
            for topic in TOPICS:
                self._socket.subscribe(topic)
            while True:
                self.hear(await self._socket.recv_multipart())
        finally:
            self._context.destroy(linger=0)

    def hear(self, frames: list[bytes]) -> None:
        """Take one message."""
        notice = decode_notice(frames)
        if notice is None:
            return
        lost = lost_between(self._last.get(notice.topic), notice.number)
        self._last[notice.topic] = notice.number
        self._counts[notice.topic] += 1
        self._lost[notice.topic] += lost
        if lost:
            log.warning("bitcoin_zmq_lost", node=self._node, topic=notice.topic, messages=lost)
        if notice.is_block and notice.is_connected:
            self._announced.append(notice.hash)
        if lost or notice.is_block:
            for on_block in self._on_block:
                on_block()
        elif notice.hash:
            for on_transaction in self._on_transaction:
                on_transaction(notice.hash, notice.is_connected)

    def state(self, silent_tip: str) -> NodeZmq:
        """How hearing goes; `silent_tip` is a block that came without a message."""
        return NodeZmq(len(self._addresses), sum(self._counts.values()), sum(self._lost.values()), silent_tip)

    def tell(self, sheet: Sheet) -> None:
        """What was heard so far, as points."""
        sheet.gauge("anya_bitcoin_zmq_addresses", "Addresses whose ZMQ messages are listened to.", len(self._addresses))
        for topic in TOPICS if self._addresses else ():
            label = ("topic", topic)
            text = "ZMQ messages that came."
            sheet.counter("anya_bitcoin_zmq_messages_total", text, self._counts[topic], label)
            text = "ZMQ messages that were lost, by their sequence numbers."
            sheet.counter("anya_bitcoin_zmq_lost_total", text, self._lost[topic], label)


def addresses_of(notifications: Iterable[Mapping[str, Any] | Facts], url: str) -> frozenset[str]:
    """Where to hear a node, from `getzmqnotifications`; an address that means all of the node's is sought at its RPC's."""
    found = set()
    for entry in notifications:
        if str(entry.get("type", "")).removeprefix("pub") not in TOPICS:
            continue
        address = str(entry.get("address", ""))
        if not address.startswith("tcp://"):
            found.add(address)
            continue
        host, _, port = address.removeprefix("tcp://").rpartition(":")
        if host.strip("[]") in _ANYWHERE:
            host = urlsplit(url).netloc.rpartition(":")[0]
        found.add(f"tcp://{host}:{port}")
    return frozenset(found)
