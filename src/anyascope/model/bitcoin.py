"""A watched Bitcoin node, as people look at it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class SeenBlock:
    """A block of the best chain; `seen_ns` is when it was first seen in it, 0 where it was there before we looked."""

    height: int
    hash: str
    seen_ns: int = 0


@dataclass(frozen=True, slots=True)
class SeenReorg:
    """Blocks that left the best chain: how many, above which height, and when that was seen."""

    depth_blocks: int
    fork_height: int
    seen_ns: int


@dataclass(frozen=True, slots=True)
class NodeZmq:
    """A node's messages.

    Attributes:
        addresses: that are listened to; 0 is polling alone.
        messages, lost: since watching began.
        silent_tip: a block that came without a message; empty where none did.
    """

    addresses: int = 0
    messages: int = 0
    lost: int = 0
    silent_tip: str = ""


@dataclass(frozen=True, slots=True)
class NodeSight:
    """A node at the last look, without what is said of its health.

    Attributes:
        chain: `main`, `test`, `testnet4`, `signet`, `regtest`; empty where it was never told.
        coin: whose relative of Bitcoin it is, `litecoin`; empty for Bitcoin, and where that is not known.
        looked_ns: when that was; 0 before the first look.
        is_up: whether it answered, on the chain that the settings name.
        figures: what it told, by metric name and labels; the metrics of the same look.
        blocks: the newest of its best chain, the newest first; still known of a node that is down.
        others: watched nodes of the same network on another branch.
        reorg: the last one since watching began.
    """

    name: str
    chain: str = ""
    coin: str = ""
    looked_ns: int = 0
    is_up: bool = False
    program: str = ""
    figures: Mapping[tuple[str, tuple[tuple[str, str], ...]], float] = field(default_factory=dict)
    blocks: tuple[SeenBlock, ...] = ()
    others: tuple[str, ...] = ()
    reorg: SeenReorg | None = None
    zmq: NodeZmq = field(default_factory=NodeZmq)

    def figure(self, name: str, *labels: tuple[str, str]) -> float | None:
        """A figure by its metric's name, and its labels beside chain and node; None where the node did not tell it."""
        return self.figures.get((name, labels))


@dataclass(frozen=True, slots=True)
class WatchedNode:
    """A node with the health that is told of it; `status` is a health status, `since_ns` 0 where it is not known."""

    sight: NodeSight
    status: str
    message: str = ""
    advice: str = ""
    since_ns: int = 0
