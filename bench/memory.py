"""Memory of 100,000 active series: every one a sample each 15 s for 15 minutes, in the hot window, the engine running.

Prints the growth by part and the whole; the process is this one, with what a store alone needs.
"""

from __future__ import annotations

import asyncio
import gc
import tempfile
from pathlib import Path

import numpy as np
import psutil
from prometheus_client import CollectorRegistry

from anyascope.clock import NS_PER_MS, SystemClock
from anyascope.model.labels import labels_of, series_id
from anyascope.model.metrics import MetricBatch, SampleBatch
from anyascope.store.chdb.store import ChdbStore, StoreOptions
from figures import show

SERIES, STEPS, STEP_MS = 100_000, 60, 15_000
WHOLE_BAR_MB = 1_500
MEGABYTE = 1_000_000


def rss_mb() -> float:
    gc.collect()
    return float(psutil.Process().memory_info().rss) / MEGABYTE


async def main() -> None:
    clock = SystemClock()
    with tempfile.TemporaryDirectory() as folder:
        store = await ChdbStore.open(
            Path(folder), options=StoreOptions(), clock=clock, registry=CollectorRegistry()
        )  # fmt: skip
        opened_mb = rss_mb()
        show("store open, empty", opened_mb, "MB")
        series = [
            labels_of(
                {
                    "__name__": f"node_metric_{n % 500}_total",
                    "cluster": "prod-eu-1",
                    "cpu": str(n // 500),
                    "instance": f"10.0.{n % 7}.{n % 50}:9100",
                    "job": "node",
                }
            )
            for n in range(SERIES)
        ]
        ids = np.fromiter(map(series_id, series), np.uint64, SERIES)
        rows, values = np.arange(SERIES, dtype=np.uint32), np.random.default_rng(1).random(SERIES)
        start_ms = clock.now_ns() // NS_PER_MS - (STEPS - 1) * STEP_MS
        for step in range(STEPS):
            times_ms = np.full(SERIES, start_ms + step * STEP_MS, np.int64)
            await store.metrics.write_metrics(MetricBatch(SampleBatch(series, ids, rows, times_ms, values + step)))
            if not step:
                show("100,000 series, one sample each", rss_mb() - opened_mb, "MB more")
        await store.metrics.flush()
        whole_mb = rss_mb()
        show("hot window", (await store.metrics.cardinality()).samples_in_memory * 16 / MEGABYTE, "MB")
        show("100,000 series, 60 samples each, the whole", whole_mb, "MB", bar=WHOLE_BAR_MB, is_most=True)
        await store.close()


if __name__ == "__main__":
    asyncio.run(main())
