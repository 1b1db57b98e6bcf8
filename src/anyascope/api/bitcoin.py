"""Watched Bitcoin nodes out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from fastapi import APIRouter
from starlette.responses import Response

from anyascope.api.encode import json_response
from anyascope.api.params import answers
from anyascope.api.render import time_or_none
from anyascope.clock import NS_PER_S
from anyascope.model.bitcoin import NodeSight, WatchedNode
from anyascope.wire.own_bitcoin import (
    BitcoinNodesView,
    BitcoinNodeView,
    BlockView,
    FeeEstimateView,
    MempoolView,
    ReorgView,
    ZmqView,
)

_STATUSES = {"healthy": "healthy", "degraded": "degraded", "unhealthy": "unhealthy"}
_ESTIMATE = "anya_bitcoin_fee_estimate_sat_per_vb"


class NodesSource(Protocol):
    """Who watches nodes."""

    def bitcoin_nodes(self) -> Sequence[WatchedNode]:
        """All of them, in the order of the settings; quick, never raises."""


def bitcoin_router(nodes: NodesSource) -> APIRouter:
    """The route `/bitcoin/nodes`."""
    router = APIRouter(tags=["bitcoin"])

    @router.get(
        "/bitcoin/nodes",
        operation_id="listBitcoinNodes",
        summary="Each watched node: its health, its tip, its peers, what waits, what it costs",
        response_model=BitcoinNodesView,
        responses=answers(problems=()),
    )
    async def list_nodes() -> Response:
        """As the last look found them: once an interval, and at each block that a node announces."""
        return json_response(nodes_view(nodes.bitcoin_nodes()))

    return router


def nodes_view(nodes: Sequence[WatchedNode]) -> BitcoinNodesView:
    """Nodes as the API shows them."""
    return BitcoinNodesView(nodes=[_node_view(node) for node in nodes])


def _node_view(node: WatchedNode) -> BitcoinNodeView:
    sight = node.sight
    tip = sight.blocks[0] if sight.blocks else None
    return BitcoinNodeView(
        name=sight.name,
        chain=sight.chain,
        coin=sight.coin,
        status=_STATUSES.get(node.status, "unknown"),  # type: ignore[arg-type]
        message=node.message,
        advice=node.advice,
        since=time_or_none(node.since_ns),
        looked_at=time_or_none(sight.looked_ns),
        is_up=sight.is_up,
        program=sight.program,
        version=_whole(sight, "bitcoin_server_version"),
        height=tip.height if tip is not None else _whole(sight, "bitcoin_blocks"),
        headers=_whole(sight, "anya_bitcoin_headers"),
        tip_hash=tip.hash if tip is not None else "",
        tip_time=time_or_none((_whole(sight, "anya_bitcoin_tip_timestamp_seconds") or 0) * NS_PER_S),
        tip_age_s=sight.figure("anya_bitcoin_tip_age_seconds"),
        gap_probability=sight.figure("anya_bitcoin_tip_gap_probability"),
        block_spacing_s=sight.figure("anya_bitcoin_block_spacing_seconds"),
        tip_lag_s=sight.figure("anya_bitcoin_tip_lag_seconds"),
        is_settled=_truth(sight, "anya_bitcoin_settled"),
        is_downloading=_truth(sight, "anya_bitcoin_initial_download"),
        progress=sight.figure("bitcoin_verification_progress"),
        peers_in=_whole(sight, "bitcoin_conn_in"),
        peers_out=_whole(sight, "bitcoin_conn_out"),
        mempool=_mempool_view(sight),
        fee_estimates=_estimates(sight),
        behind_blocks=_whole(sight, "anya_bitcoin_behind_blocks"),
        others_on_another_branch=list(sight.others),
        reorgs=_whole(sight, "anya_bitcoin_reorgs_total") or 0,
        reorg=_reorg_view(sight),
        zmq=ZmqView(
            addresses=sight.zmq.addresses,
            messages=sight.zmq.messages,
            lost=sight.zmq.lost,
            silent_tip=sight.zmq.silent_tip,
        ),
        blocks=[
            BlockView(height=block.height, hash=block.hash, seen_at=time_or_none(block.seen_ns))
            for block in sight.blocks
        ],
    )


def _mempool_view(sight: NodeSight) -> MempoolView:
    return MempoolView(
        transactions=_whole(sight, "bitcoin_mempool_size"),
        bytes=_whole(sight, "bitcoin_mempool_bytes"),
        usage_bytes=_whole(sight, "bitcoin_mempool_usage"),
        max_bytes=_whole(sight, "anya_bitcoin_mempool_max_bytes"),
        min_fee_sat_per_vb=sight.figure("anya_bitcoin_fee_min_sat_per_vb", ("kind", "mempool")),
    )


def _estimates(sight: NodeSight) -> list[FeeEstimateView]:
    found = [
        FeeEstimateView(target_blocks=int(labels[0][1]), sat_per_vb=rate)
        for (name, labels), rate in sight.figures.items()
        if name == _ESTIMATE
    ]
    return sorted(found, key=lambda estimate: estimate.target_blocks)


def _reorg_view(sight: NodeSight) -> ReorgView | None:
    reorg = sight.reorg
    if reorg is None:
        return None
    return ReorgView(
        depth_blocks=reorg.depth_blocks, fork_height=reorg.fork_height, seen_at=time_or_none(reorg.seen_ns)
    )


def _whole(sight: NodeSight, name: str) -> int | None:
    value = sight.figure(name)
    return None if value is None else int(value)


def _truth(sight: NodeSight, name: str) -> bool | None:
    value = sight.figure(name)
    return None if value is None else value != 0
