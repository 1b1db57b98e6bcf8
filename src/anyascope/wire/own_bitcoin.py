"""Bitcoin nodes as the own API answers them: written by the server, read by the client. Null is what is not known.

Times are RFC 3339 in UTC with nanoseconds; fee rates are sats a virtual byte.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class MempoolView:
    """What waits at a node; `usage_bytes` is memory, of which it may take `max_bytes`."""

    transactions: int | None
    bytes: int | None
    usage_bytes: int | None
    max_bytes: int | None
    min_fee_sat_per_vb: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FeeEstimateView:
    """The fee rate to be confirmed within so many blocks."""

    target_blocks: int
    sat_per_vb: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ReorgView:
    """The last time that blocks left the best chain: how many, above which height."""

    depth_blocks: int
    fork_height: int
    seen_at: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ZmqView:
    """A node's messages: without addresses it is polled; `silent_tip` is a block that came without a message."""

    addresses: int
    messages: int
    lost: int
    silent_tip: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockView:
    """A block of a node's best chain; `seen_at` is null where it was there before the server looked."""

    height: int
    hash: str
    seen_at: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class BitcoinNodeView:
    """A node at the last look.

    Attributes:
        chain: empty where the node never told it.
        coin: `litecoin`; empty for Bitcoin. Chains of two coins have the same names: a network is both.
        status: of its health, with `message` and `advice`.
        looked_at: when it was looked at last.
        is_up: whether it answered, on the chain that the settings name.
        version: as the node counts, 290000 for 29.0.
        tip_age_s: from the time in the tip's header to `looked_at`.
        gap_probability: how likely a healthy network leaves a gap as long as that.
        block_spacing_s: the average gap that this is judged by.
        tip_lag_s: since when another watched node has a higher tip; 0 where none has.
        is_settled: not in initial download, not just started.
        progress: of the download, 0 to 1.
        behind_blocks: behind the highest watched node of the same network; null where there is no other.
        others_on_another_branch: names of watched nodes.
        reorgs: since watching began.
        blocks: the newest first.
    """

    name: str
    chain: str
    coin: str = ""
    status: Literal["healthy", "degraded", "unhealthy", "unknown"]
    message: str
    advice: str
    since: str | None
    looked_at: str | None
    is_up: bool
    program: str
    version: int | None
    height: int | None
    headers: int | None
    tip_hash: str
    tip_time: str | None
    tip_age_s: float | None
    gap_probability: float | None
    block_spacing_s: float | None
    tip_lag_s: float | None
    is_settled: bool | None
    is_downloading: bool | None
    progress: float | None
    peers_in: int | None
    peers_out: int | None
    mempool: MempoolView
    fee_estimates: list[FeeEstimateView]
    behind_blocks: int | None
    others_on_another_branch: list[str]
    reorgs: int
    reorg: ReorgView | None
    zmq: ZmqView
    blocks: list[BlockView]


@dataclass(frozen=True, slots=True, kw_only=True)
class BitcoinNodesView:
    """All watched nodes, in the order of the settings."""

    nodes: list[BitcoinNodeView]
