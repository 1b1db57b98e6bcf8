"""Whether samples come from memory, from disk or from both, a query answers the same."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from prometheus_client import CollectorRegistry

from anyascope.api.prometheus.encode import encode_result
from anyascope.clock import NS_PER_MS, ManualClock
from anyascope.model.labels import labels_of
from anyascope.model.metrics import STALE_NAN, HistogramSample, MetricBatch, SampleBatch
from anyascope.promql.engine import Engine
from anyascope.store.chdb import ChdbStore, StoreOptions
from anyascope.store.chdb.metrics import HotOptions

SPACING_MS, SAMPLES = 15_000, 120
QUERIES = [
    "requests_total",
    "requests_total offset 10m",
    "rate(requests_total[5m])",
    "increase(requests_total[20m])",
    "sum by (code) (rate(requests_total[3m]))",
    "avg_over_time(temperature[29m])",
    "stddev_over_time(temperature[10m])",
    "quantile_over_time(0.3, temperature[17m])",
    "max_over_time(rate(requests_total[2m])[20m:1m])",
    "temperature @ start() - temperature @ end()",
    "last_over_time(ended[20m])",
    "ended",
    "resets(requests_total[25m])",
    "latency",
    "rate(latency[10m])",
    "histogram_quantile(0.9, sum(rate(latency[5m])))",
    "histogram_count(latency)",
    "sum_over_time(latency[15m])",
]


def batch_of(now_ms: int) -> MetricBatch:
    rows = []
    for step in range(SAMPLES):
        at_ms = now_ms - (SAMPLES - 1 - step) * SPACING_MS
        for code in ("200", "500"):
            count = float(step * 7 % 90 if code == "500" else step * 3)  # the one falls now and then
            rows.append((labels_of({"__name__": "requests_total", "code": code}), at_ms, count))
        rows.append((labels_of({"__name__": "temperature"}), at_ms, 20 + (step * 37 % 101) / 10))
        if step <= SAMPLES // 2:
            value = STALE_NAN if step == SAMPLES // 2 else float(step)
            rows.append((labels_of({"__name__": "ended"}), at_ms, value))
    histograms = [
        HistogramSample(
            labels=labels_of({"__name__": "latency"}),
            time_ms=now_ms - (SAMPLES - 1 - step) * SPACING_MS,
            count=3.0 * step,
            sum=2.5 * step,
            schema=0,
            zero_threshold=0.001,
            zero_count=float(step),
            positive_spans=((0, 2),),
            positive_counts=(float(step), float(step)),
            negative_spans=(),
            negative_counts=(),
        )
        for step in range(SAMPLES)
    ]
    return MetricBatch(samples=SampleBatch.of(rows), histograms=histograms)


async def answers_of(folder: Path, *, window_s: float) -> tuple[list[bytes], int]:
    """The answers to all queries, instant and range, and how many samples came from disk."""
    clock = ManualClock()
    now_ms = clock.now_ns() // NS_PER_MS
    options = StoreOptions(hot=HotOptions(window_s=window_s))
    store = await ChdbStore.open(folder, options=options, clock=clock, registry=CollectorRegistry())
    try:
        await store.metrics.write_metrics(batch_of(now_ms))
        await store.metrics.flush()
        engine = Engine(store.metrics, clock=clock, registry=CollectorRegistry())
        found, disk_samples = [], 0
        for query in QUERIES:
            begin_ms = now_ms - (SAMPLES - 1) * SPACING_MS
            for result in (
                await engine.instant(query, now_ms),
                await engine.instant(query, now_ms - SAMPLES // 2 * SPACING_MS + 1),
                await engine.range(query, begin_ms, now_ms, 60_000),
            ):
                found.append(encode_result(result))
                disk_samples += result.stats.disk_samples
        engine.close()
        return found, disk_samples
    finally:
        await store.close()


@pytest.mark.slow
async def test_memory_and_disk_answer_the_same(tmp_path: Path) -> None:
    """All samples in memory, half of them, none: the same answers, to the last digit and annotation."""
    everything, none_read = await answers_of(tmp_path / "all", window_s=3_600)
    half, some_read = await answers_of(tmp_path / "half", window_s=SAMPLES // 2 * SPACING_MS / 1000)
    nothing, all_read = await answers_of(tmp_path / "none", window_s=0.001)
    assert none_read == 0 < some_read < all_read
    numbered = [(query, kind) for query in QUERIES for kind in ("now", "at the seam", "range")]
    for name, *answers in zip(numbered, everything, half, nothing, strict=True):
        first = msgspec.json.decode(answers[0])
        assert first["data"]["result"] or name[1] == "now", name  # only what ended may have nothing to say
        assert answers[1] == answers[0], name
        assert answers[2] == answers[0], name
