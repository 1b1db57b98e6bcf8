"""Builds what sends metrics on: over the store's journal, or in memory where the store keeps none."""

from __future__ import annotations

from anyascope.app.ground import Ground
from anyascope.app.stores import Stores
from anyascope.forward.forward import Forward
from anyascope.forward.journal import JournalLog
from anyascope.forward.log import MemoryLog
from anyascope.forward.options import ForwardOptions
from anyascope.ingest.ingest import Ingest

MEMORY_LOG_BYTES_MAX = 256 * 1024 * 1024  # 10 million samples, beside those that a store in memory holds anyway


def build_forward(options: ForwardOptions, stores: Stores, ingest: Ingest, ground: Ground) -> Forward:
    """The room; what it sends survives `kill -9` where the store does."""
    metrics = stores.telemetry.metrics
    if stores.journaled is not None:
        source: JournalLog | MemoryLog = JournalLog(stores.journaled.journal)
        labels_of = stores.journaled.labels_of
    else:
        memory = MemoryLog(bytes_max=min(options.spool_bytes_max, MEMORY_LOG_BYTES_MAX))
        ingest.on_metrics(memory.append)
        source, labels_of = memory, memory.labels_of
    return Forward(
        source,
        ingest,
        options=options,
        labels_of_ids=labels_of,
        metadata=metrics.metadata,
        clock=ground.clock,
        registry=ground.registry,
    )
