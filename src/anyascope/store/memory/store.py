"""`MemoryStore`: all doors in one object."""

from __future__ import annotations

from prometheus_client import CollectorRegistry

from anyascope.clock import Clock
from anyascope.store.memory.keeper import MemoryKeeper
from anyascope.store.memory.logs import MemoryLogs
from anyascope.store.memory.metrics import MemoryMetrics
from anyascope.store.memory.spans import MemorySpans


class MemoryStore:
    """Metrics, logs and spans in memory, for tests and for `--store memory`.

    Attributes:
        metrics, logs, spans: each is writer and reader of its signal.
        keeper: usage and retention.
        found_at_start: always empty; there is nothing to recover.
    """

    def __init__(self, *, clock: Clock, registry: CollectorRegistry | None = None) -> None:
        self.metrics = MemoryMetrics(registry=registry)
        self.logs = MemoryLogs(clock=clock)
        self.spans = MemorySpans()
        self.keeper = MemoryKeeper(self.metrics, self.logs, self.spans, clock=clock)
        self.found_at_start: list[str] = []

    async def close(self) -> None:
        """Nothing to do: everything goes with the process."""
