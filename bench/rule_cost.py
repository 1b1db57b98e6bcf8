"""What one evaluation of a rule costs over up to 100 series in the hot window: CPU of this process, medians.

An alerting rule with nothing to say, one whose 100 series all fire, and recording rules; each through the real store.
"""

from __future__ import annotations

import asyncio
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import numpy as np
from prometheus_client import CollectorRegistry

from anyascope.clock import NS_PER_MS, SystemClock
from anyascope.model.labels import labels_of, series_id
from anyascope.model.metrics import MetricBatch, SampleBatch
from anyascope.promql.engine import Engine
from anyascope.rules.definition import AlertingRule, RecordingRule
from anyascope.rules.evaluate import Moment, find, record
from anyascope.rules.expand import parse_rule_template
from anyascope.store.chdb.store import ChdbStore, StoreOptions
from anyascope.wire.gotemplate import Template
from figures import show

SERIES, SAMPLES, SPACING_MS = 100, 60, 15_000
ROUNDS, EACH = 15, 40  # the clock of CPU time ticks in steps of some microseconds: many evaluations a figure
BAR_MS = 1.0
HUMANIZED = "{{ $labels.node }} of {{ $labels.path }} is at {{ $value | humanize }}"
QUERIES = {
    "threshold, silent": "bench_total > 1e12",
    "threshold, 100 firing": "bench_total >= 0",
    "threshold, 100 firing, humanized": "bench_total > -1",
    "rate": "rate(bench_total[5m]) > 1e12",
    "sum of rates": "sum by (node) (rate(bench_total[5m]))",
    "ratio": 'sum(rate(bench_total{code="500"}[5m])) / sum(rate(bench_total[5m])) > 0.9',
    "quantile": "histogram_quantile(0.99, sum by (le) (rate(bench_bucket[5m])))",
    "avg_over_time": "avg_over_time(bench_total[10m]) > 1e12",
    "absent": "absent(bench_total)",
}


def all_series() -> list:
    counters = [
        labels_of(
            {"__name__": "bench_total", "node": f"n{n % 10}", "path": f"/p{n // 10}", "code": ("200", "500")[n % 2]}
        )
        for n in range(SERIES)
    ]
    buckets = [
        labels_of(
            {
                "__name__": "bench_bucket",
                "node": f"n{n % 10}",
                "le": ("0.1", "0.2", "0.5", "1", "2", "5", "10", "20", "50", "+Inf")[n // 10],
            }
        )
        for n in range(SERIES)
    ]
    return counters + buckets


def templates(**texts: str) -> dict[str, Template]:
    return {name: parse_rule_template("bench", text) for name, text in texts.items()}


async def cost_ms(evaluate: Callable[[], Awaitable[object]]) -> float:
    await evaluate()
    found = []
    for _ in range(ROUNDS):
        began = time.process_time()
        for _ in range(EACH):
            await evaluate()
        found.append((time.process_time() - began) / EACH * 1000)
    return statistics.median(found)


async def main() -> None:
    clock = SystemClock()
    now_ms = clock.now_ns() // NS_PER_MS
    series = all_series()
    ids = np.fromiter((series_id(labels) for labels in series), np.uint64, len(series))
    times_ms = now_ms - np.arange(SAMPLES - 1, -1, -1, dtype=np.int64) * SPACING_MS
    rows = np.repeat(np.arange(len(series), dtype=np.uint32), SAMPLES)
    values = np.tile(np.arange(SAMPLES, dtype=np.float64), len(series)) * (rows + 1)
    with tempfile.TemporaryDirectory() as folder:
        store = await ChdbStore.open(Path(folder), options=StoreOptions(), clock=clock, registry=CollectorRegistry())
        batch = SampleBatch(series, ids, rows, np.tile(times_ms, len(series)), values)
        await store.metrics.write_metrics(MetricBatch(samples=batch))
        engine = Engine(store.metrics, clock=clock, registry=CollectorRegistry())
        moment = Moment(now_ms * NS_PER_MS)
        for name, query in QUERIES.items():
            alerting = AlertingRule(
                name,
                query,
                labels=templates(severity="page"),
                annotations=templates(summary=HUMANIZED if "humanized" in name else "{{ $labels.node }}"),
            )
            recording = RecordingRule("bench:rule", query)
            is_alerting = ">" in query or "absent" in query

            async def evaluate(a=alerting, r=recording, is_alerting=is_alerting) -> object:
                if is_alerting:
                    return await find(a, engine, moment)
                return await record(r, engine, moment, limit=0)

            show(f"rule over 100 series: {name}", await cost_ms(evaluate), "ms CPU", bar=BAR_MS, is_most=True)
        engine.close()
        await store.close()


if __name__ == "__main__":
    asyncio.run(main())
