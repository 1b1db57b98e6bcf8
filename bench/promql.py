"""Range and instant queries over 10,000 series, beside a real Prometheus where one is installed.

Data: 10,000 series of 240 samples at 15 s. Each figure is the median of some repetitions: ours evaluated in this process
over the memory store (`engine`), and through HTTP with the encoded answer (`api`); Prometheus' through its HTTP API. The
ratio is ours (`api`) to Prometheus'. ANYASCOPE_BENCH_REPETITIONS sets how often (default 5).
"""

from __future__ import annotations

import asyncio
import os
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import httpx
import numpy as np
from prometheus_client import CollectorRegistry
from starlette.applications import Starlette

from anyascope.api.prometheus.query import query_routes
from anyascope.clock import SystemClock
from anyascope.model.labels import Labels, labels_of, series_id
from anyascope.model.metrics import MetricBatch, SampleBatch
from anyascope.promql.engine import Engine
from anyascope.store.memory.metrics import MemoryMetrics
from support.prometheus import RealPrometheus, find_prometheus
from support.remote_write import remote_write

REPETITIONS = int(os.environ.get("ANYASCOPE_BENCH_REPETITIONS", "5"))
SAMPLES = 240
SPACING_MS = 15_000
NODES = 50
STEP_S = 60
WRITE_SERIES = 1_000
LE = ["0.005", "0.01", "0.025", "0.05", "0.1", "0.25", "0.5", "1", "2.5", "5", "10", "+Inf"]

QUERIES: list[tuple[str, str, str]] = [
    ("one_series_instant", "instant", 'bench_requests_total{node="n1",path="/p1",code="200"}'),
    ("one_series_range", "range", 'bench_requests_total{node="n1",path="/p1",code="200"}'),
    ("rate_100_range", "range", 'rate(bench_requests_total{node="n1"}[5m])'),
    ("sum_1k_range", "range", 'sum(rate(bench_requests_total{node=~"n1.?"}[5m]))'),
    ("sum_5k_instant", "instant", "sum by (code) (rate(bench_requests_total[5m]))"),
    ("sum_5k_range", "range", "sum by (code) (rate(bench_requests_total[5m]))"),
    ("count_10k_instant", "instant", 'count({__name__=~"bench_.*"})'),
    ("max_10k_range", "range", 'max by (__name__) ({__name__=~"bench_.*"})'),
    ("quantile_3k_range", "range", "histogram_quantile(0.99, sum by (le) (rate(bench_latency_bucket[5m])))"),
    ("quantile_by_node", "instant", "histogram_quantile(0.9, sum by (node, le) (rate(bench_latency_bucket[5m])))"),
    ("topk_5k_instant", "instant", "topk(10, rate(bench_requests_total[5m]))"),
    ("regex_range", "range", 'sum by (node) (bench_requests_total{path=~"/p[1-4]",code=~"2.."})'),
    ("subquery", "instant", 'max_over_time(sum(rate(bench_requests_total{node="n2"}[1m]))[30m:1m])'),
    ("join_range", "range", "bench_gauge * on (node) group_left (zone) bench_info"),
    (
        "error_ratio_range",
        "range",
        'sum by (node) (rate(bench_requests_total{code="500"}[5m])) / sum by (node) (rate(bench_requests_total[5m]))',
    ),
    ("raw_1900_range", "range", "bench_gauge"),
    ("quantile_over_time", "range", 'quantile_over_time(0.9, bench_gauge{slot=~"1.?"}[10m])'),
    ("resets_5k_instant", "instant", "sum(resets(bench_requests_total[1h]))"),
    ("increase_by_step", "range", 'sum by (path) (increase(bench_requests_total{node=~"n[1-9]"}[1m]))'),
]


def all_series() -> list[Labels]:
    """5,000 counters, 3,000 histogram buckets, 1,900 gauges and the rest for joins: 10,000 in all."""
    found = [
        labels_of({"__name__": "bench_requests_total", "node": f"n{node}", "path": f"/p{path}", "code": code})
        for node in range(NODES)
        for path in range(20)
        for code in ("200", "201", "404", "500", "503")
    ]
    found += [
        labels_of({"__name__": "bench_latency_bucket", "node": f"n{node}", "path": f"/p{path}", "le": le})
        for node in range(NODES)
        for path in range(5)
        for le in LE
    ]
    found += [
        labels_of({"__name__": "bench_gauge", "node": f"n{node}", "slot": str(slot)})
        for node in range(NODES)
        for slot in range(38)
    ]
    found += [labels_of({"__name__": "bench_info", "node": f"n{n}", "zone": f"z{n % 3}"}) for n in range(NODES)]
    found += [labels_of({"__name__": "bench_spare", "n": str(n)}) for n in range(10_000 - len(found))]
    return found


def all_values(series: list[Labels]) -> np.ndarray:
    """float64[series, samples]: counters rise and sometimes restart, gauges wander, histograms are cumulative."""
    random = np.random.default_rng(7)
    steps = random.integers(0, 20, (len(series), SAMPLES)).astype(float)
    values = np.cumsum(steps, axis=1)
    for row, labels in enumerate(series):
        name = dict(labels)["__name__"]
        if name == "bench_gauge":
            values[row] = np.round(np.cumsum(random.normal(0, 1, SAMPLES)), 3)
        elif name == "bench_info":
            values[row] = 1.0
        elif name == "bench_latency_bucket":
            values[row] = (LE.index(dict(labels)["le"]) + 1) * np.arange(SAMPLES)
        elif row % 97 == 0:
            values[row, SAMPLES // 2 :] -= values[row, SAMPLES // 2]
    return values


async def load(store: MemoryMetrics, series: list[Labels], values: np.ndarray, times_ms: np.ndarray) -> None:
    rows = np.repeat(np.arange(len(series), dtype=np.uint32), SAMPLES)
    ids = np.fromiter((series_id(labels) for labels in series), np.uint64, len(series))
    batch = SampleBatch(series, ids, rows, np.tile(times_ms, len(series)), values.ravel())
    await store.write_metrics(MetricBatch(samples=batch))


def median_ms(seconds: list[float]) -> float:
    return statistics.median(seconds) * 1000


async def timed(action: Callable[[], Awaitable[object]]) -> float:
    await action()
    seconds = []
    for _ in range(REPETITIONS):
        began = time.perf_counter()
        await action()
        seconds.append(time.perf_counter() - began)
    return median_ms(seconds)


def request_of(kind: str, query: str, start_ms: int, end_ms: int) -> tuple[str, dict[str, str]]:
    if kind == "instant":
        return "/api/v1/query", {"query": query, "time": str(end_ms / 1000)}
    window = {"start": str(start_ms / 1000), "end": str(end_ms / 1000), "step": str(STEP_S)}
    return "/api/v1/query_range", {"query": query, **window}


async def main(real: RealPrometheus | None) -> None:
    end_ms = int(time.time() * 1000) // 60_000 * 60_000
    times_ms = end_ms - np.arange(SAMPLES - 1, -1, -1, dtype=np.int64) * SPACING_MS
    start_ms = int(times_ms[0])
    series = all_series()
    values = all_values(series)
    store = MemoryMetrics()
    await load(store, series, values, times_ms)
    engine = Engine(store, clock=SystemClock(), registry=CollectorRegistry())
    api = Starlette(routes=query_routes(engine, store, SystemClock()))
    if real is not None:
        for begin in range(0, len(series), WRITE_SERIES):
            part = slice(begin, begin + WRITE_SERIES)
            pairs = (zip(times_ms.tolist(), row, strict=True) for row in values[part].tolist())
            real.write(remote_write(zip(series[part], pairs, strict=True)))
    ratios = []
    print(f"{'query':<20} {'engine ms':>10} {'api ms':>10} {'prometheus ms':>14} {'ratio':>6}")
    transport = httpx.ASGITransport(api)
    async with (
        httpx.AsyncClient(transport=transport, base_url="http://api") as ours,
        httpx.AsyncClient(base_url=real.url if real else "http://api", timeout=60) as theirs,
    ):
        for name, kind, query in QUERIES:
            path, form = request_of(kind, query, start_ms, end_ms)

            async def evaluate(kind: str = kind, query: str = query) -> object:
                if kind == "instant":
                    return await engine.instant(query, end_ms)
                return await engine.range(query, start_ms, end_ms, STEP_S * 1000)

            async def ask(client: httpx.AsyncClient, path: str = path, form: dict[str, str] = form) -> object:
                answer = await client.post(path, data=form)
                answer.raise_for_status()
                return answer

            alone_ms = await timed(evaluate)
            api_ms = await timed(lambda ask=ask: ask(ours))
            line = f"{name:<20} {alone_ms:>10.2f} {api_ms:>10.2f}"
            if real is not None:
                real_ms = await timed(lambda ask=ask: ask(theirs))
                ratios.append(api_ms / real_ms)
                line += f" {real_ms:>14.2f} {api_ms / real_ms:>6.2f}"
            print(line, flush=True)
    if ratios:
        print(f"geometric mean of ratios: {statistics.geometric_mean(ratios):.2f}")
    engine.close()


if __name__ == "__main__":
    program = find_prometheus()
    with tempfile.TemporaryDirectory() as folder:
        if program is None:
            print("prometheus is not installed: ours alone")
            asyncio.run(main(None))
        else:
            with RealPrometheus(program, Path(folder)) as server:
                asyncio.run(main(server))
