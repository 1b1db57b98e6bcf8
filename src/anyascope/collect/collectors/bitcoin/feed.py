"""Hears a node's ZMQ messages: when a block comes or goes, a transaction enters or leaves the mempool, and what was lost."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeAlias
from urllib.parse import urlsplit

import structlog
import zmq
import zmq.asyncio
from zmq.utils.monitor import parse_monitor_message

from anyascope.collect.collectors.bitcoin.sheet import Facts, Sheet
from anyascope.model.bitcoin import NodeZmq
from anyascope.wire.bitcoin.zmq import HASHBLOCK, SEQUENCE, decode_notice, lost_between

log = structlog.get_logger("anyascope.collect")

TOPICS = (HASHBLOCK, SEQUENCE)
KEEPALIVE_S = 60  # firewalls forget a connection that is silent for some minutes, and blocks are minutes apart
ANNOUNCED_MAX = 400  # two messages a block, and twice the blocks that one look can bring
_LINKED = zmq.EVENT_HANDSHAKE_SUCCEEDED | zmq.EVENT_DISCONNECTED
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
        self._reached: set[str] = set()

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
            self._reached.discard(address)  # what is left by hand is not told by the socket
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

    @property
    def unreached(self) -> str:
        """The addresses, where somebody should publish and nobody does; empty where one is reached, or there is none."""
        is_known = self._socket is not None and not self._reached
        return ", ".join(sorted(self._addresses)) if is_known else ""

    def has_announced(self, block: str) -> bool:
        """Whether a message said that this block came, of late."""
        return block in self._announced

    async def run(self) -> None:
        """Hear until cancelled."""
        watching: asyncio.Task[None] | None = None
        try:
            self._socket = self._context.socket(zmq.SUB)
            self._socket.setsockopt(zmq.IPV6, 1)
            self._socket.setsockopt(zmq.TCP_KEEPALIVE, 1)  # else a way that a firewall forgot is silent for ever
            self._socket.setsockopt(zmq.TCP_KEEPALIVE_IDLE, KEEPALIVE_S)
            watching = asyncio.create_task(self._watch_links(self._socket.get_monitor_socket(_LINKED)))
            for topic in TOPICS:
                self._socket.subscribe(topic)
            while True:
                self.hear(await self._socket.recv_multipart())
        finally:
            if watching is not None:
                watching.cancel()
            self._context.destroy(linger=0)

    async def _watch_links(self, monitor: zmq.asyncio.Socket) -> None:
        """Know who publishes where: a socket that is told a wrong address waits for ever without a word."""
        while True:
            told = parse_monitor_message(await monitor.recv_multipart())
            endpoint = told["endpoint"].decode("ascii", "replace")
            if told["event"] == zmq.EVENT_HANDSHAKE_SUCCEEDED:
                self._reached.add(endpoint)
            else:
                self._reached.discard(endpoint)

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
        text = "Addresses of these where somebody publishes."
        reached = min(len(self._reached), len(self._addresses))  # not by name: the socket tells what a name resolved to
        sheet.gauge("anya_bitcoin_zmq_reached", text, reached)
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
