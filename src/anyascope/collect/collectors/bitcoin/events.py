"""Blocks and reorgs as log records, joined by the block's hash as correlation id; pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from anyascope.collect.collectors.bitcoin.branches import Change
from anyascope.model.attributes import AttributeValue, Resource
from anyascope.model.logs import LogRecord, Severity
from anyascope.semconv.coins import network_text

STREAM = "bitcoin"


def records_of(change: Change, *, node: str, chain: str, coin: str, now_ns: int) -> Iterator[LogRecord]:
    """One record a block that came or went, and one of the reorg; the reorg first, then in the order of events."""
    common: dict[str, AttributeValue] = {"bitcoin.node": node, "bitcoin.chain": chain}
    if coin:
        common["bitcoin.coin"] = coin
    chain = network_text(coin, chain)
    if change.depth:
        depth = f"{change.depth} or more" if change.is_cut else str(change.depth)
        yield LogRecord(
            body=f"reorg on {chain} at {node}: {depth} blocks above {change.fork_height} gone, "
            f"{len(change.come)} came instead",
            event_name="bitcoin.reorg",
            attributes={
                **common,
                "bitcoin.reorg.depth_blocks": change.depth,
                "bitcoin.reorg.fork_height": change.fork_height,
                "bitcoin.reorg.gone": [block for _, block in change.gone],
                "bitcoin.reorg.come": [block for _, block in change.come],
            },
            correlation_id=change.gone[0][1],
            **_envelope(now_ns, Severity.WARN),
        )
    for height, block in reversed(change.gone):
        yield LogRecord(
            body=f"block {height} of {chain} left the best chain of {node}: {block}",
            event_name="bitcoin.block.disconnected",
            attributes={**common, "bitcoin.block.height": height, "bitcoin.block.hash": block},
            correlation_id=block,
            **_envelope(now_ns, Severity.WARN),
        )
    for height, block in change.come:
        yield LogRecord(
            body=f"block {height} of {chain} at {node}: {block}",
            event_name="bitcoin.block.connected",
            attributes={**common, "bitcoin.block.height": height, "bitcoin.block.hash": block},
            correlation_id=block,
            **_envelope(now_ns, Severity.INFO),
        )


def _envelope(now_ns: int, severity: Severity) -> dict[str, Any]:
    """What all records of one look share."""
    return {
        "time_ns": now_ns,
        "observed_ns": now_ns,
        "severity_number": int(severity),
        "severity_text": severity.name,
        "resource": Resource({"service.name": "bitcoin"}),
        "stream": STREAM,
    }
