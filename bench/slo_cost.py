"""What an objective costs: one evaluation of its rules over a month of recorded minutes, in days and in blocks; CPU and wall.

Through the real store. The first evaluation in blocks asks once when the chain was how high.
"""

from __future__ import annotations

import asyncio
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
from prometheus_client import CollectorRegistry

from anyascope.clock import NS_PER_MS, SystemClock
from anyascope.model.labels import labels_of, series_id
from anyascope.model.metrics import MetricBatch, SampleBatch
from anyascope.promql.engine import Engine
from anyascope.rules.group import GroupEvaluation
from anyascope.rules.load import load_rules
from anyascope.rules.metrics import RuleMetrics
from anyascope.rules.options import House, RulesOptions
from anyascope.rules.persist import GroupState
from anyascope.rules.triggers import reads_of_rule
from anyascope.store.chdb.store import ChdbStore, StoreOptions
from figures import show
from support.rules_house import MemoryDocuments, Sink

MINUTES = 30 * 1_440
BLOCK_MINUTES = 10
ROUNDS = 10
SLOS = """
slos:
- {{name: {name}, objective: 99.9, window: {window}, total: asked_total, bad: failed_total}}
"""
WINDOWS = {"days": "30d", "blocks": "4320 blocks"}


class Written:
    """An intake that stores what it is given."""

    def __init__(self, store) -> None:
        self._store = store

    async def metrics(self, batch, *, source):  # noqa: ARG002 - the name is the protocol's
        await self._store.write_metrics(batch)


async def fill(store, now_ms: int) -> None:
    """A month by the minute: heights, and what each objective has recorded."""
    times_ms = now_ms - np.arange(MINUTES, 0, -1, dtype=np.int64) * 60_000
    minutes = np.arange(MINUTES, dtype=np.float64)
    columns = {
        labels_of({"__name__": "bitcoin_blocks", "chain": "main", "node": "a"}): 800_000 + minutes // BLOCK_MINUTES,
    }
    for name in WINDOWS:
        columns[labels_of({"__name__": "anya_slo_events_per_second", "slo": name})] = np.full(MINUTES, 20.0)
        columns[labels_of({"__name__": "anya_slo_bad_events_per_second", "slo": name})] = np.full(MINUTES, 0.01)
    series = list(columns)
    ids = np.fromiter((series_id(labels) for labels in series), np.uint64, len(series))
    rows = np.repeat(np.arange(len(series), dtype=np.uint32), MINUTES)
    batch = SampleBatch(series, ids, rows, np.tile(times_ms, len(series)), np.concatenate(list(columns.values())))
    await store.write_metrics(MetricBatch(samples=batch))


async def main() -> None:
    clock = SystemClock()
    now_ns = clock.now_ns()
    with tempfile.TemporaryDirectory() as folder:
        store = await ChdbStore.open(Path(folder), options=StoreOptions(), clock=clock, registry=CollectorRegistry())
        await fill(store.metrics, now_ns // NS_PER_MS)
        registry = CollectorRegistry()
        engine = Engine(store.metrics, clock=clock, registry=registry)
        house = House(
            engine, Written(store.metrics), Sink(), MemoryDocuments(), clock, RulesOptions(), RuleMetrics(registry)
        )
        for name, window in WINDOWS.items():
            [group] = load_rules(SLOS.format(name=name, window=window), file="bench.yml")
            reads = [reads_of_rule(rule) for rule in group.rules]
            evaluation = GroupEvaluation(group, reads, house=house, known=GroupState())
            cpu_ms, wall_ms = [], []
            for each in range(ROUNDS):
                began, began_s = time.process_time(), time.perf_counter()
                at_ns = now_ns + each * 60_000 * NS_PER_MS
                await evaluation.evaluate(at_ns, range(len(group.rules)), slot_ns=at_ns)
                await evaluation.settle()
                cpu_ms.append((time.process_time() - began) * 1000)
                wall_ms.append((time.perf_counter() - began_s) * 1000)
            assert not [state.error for state in evaluation.rules if state.error]
            show(f"objective over a month, in {name}: the first evaluation", wall_ms[0], "ms")
            show(f"objective over a month, in {name}: each further one", statistics.median(cpu_ms[1:]), "ms CPU")
            show(f"objective over a month, in {name}: each further one", statistics.median(wall_ms[1:]), "ms")
        engine.close()
        await store.close()


if __name__ == "__main__":
    asyncio.run(main())
