"""How much memory holds, and for how long."""

from __future__ import annotations

from collections.abc import Mapping

from anyascope.clock import NS_PER_MS, NS_PER_S, Clock
from anyascope.errors import UnsupportedError
from anyascope.store.api.retention import RetentionPolicy, SignalUsage
from anyascope.store.memory.logs import MemoryLogs
from anyascope.store.memory.metrics import MemoryMetrics
from anyascope.store.memory.spans import MemorySpans

NS_PER_DAY = 86_400 * NS_PER_S


class MemoryKeeper:
    """Retention by age; memory takes no disk, so that a bound on bytes never bites."""

    def __init__(self, metrics: MemoryMetrics, logs: MemoryLogs, spans: MemorySpans, *, clock: Clock) -> None:
        self._metrics = metrics
        self._logs = logs
        self._spans = spans
        self._clock = clock

    async def usage(self) -> Mapping[str, SignalUsage]:
        oldest_ms, newest_ms = self._metrics.stretch_ms()
        return {
            "metrics": SignalUsage(self._metrics.rows(), 0, oldest_ms * NS_PER_MS, newest_ms * NS_PER_MS),
            "logs": SignalUsage(self._logs.rows(), 0, *self._logs.stretch_ns()),
            "traces": SignalUsage(self._spans.rows(), 0, *self._spans.stretch_ns()),
        }

    async def apply_retention(self, policies: Mapping[str, RetentionPolicy]) -> int:
        for signal, policy in policies.items():
            horizon_ns = self._clock.now_ns() - policy.age_days * NS_PER_DAY
            if signal == "metrics":
                self._metrics.drop_before(horizon_ns // NS_PER_MS)
            elif signal == "logs":
                self._logs.drop_before(horizon_ns)
            elif signal == "traces":
                self._spans.drop_before(horizon_ns)
        return 0

    async def faults(self) -> list[str]:
        return []

    def trouble(self) -> str:
        return ""

    async def clean(self) -> None:
        """Nothing is left of what was deleted."""

    async def snapshot(self, *, skips_head: bool = False) -> str:  # noqa: ARG002 -- there is nothing beside the head
        raise UnsupportedError("a store in memory has no snapshots: start with --store chdb")
