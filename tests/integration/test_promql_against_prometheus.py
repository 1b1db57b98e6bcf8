"""The same samples in a real Prometheus and in ours: the same queries must have the same answers, through the same API."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import numpy as np
import pytest

from anyascope.model.labels import Labels, labels_of
from anyascope.model.metrics import STALE_NAN, MetricBatch, SampleBatch
from anyascope.store.memory.metrics import MemoryMetrics
from support.components import component
from support.prometheus import RealPrometheus
from support.prometheus_api import client_of
from support.remote_write import remote_write

SPACING_MS = 15_000
SAMPLES = 120
LE = ["0.1", "0.5", "1", "5", "+Inf"]
DIGITS = 1e-12  # relative
LINE_DIGITS = 1e-9  # lines of least squares: Prometheus subtracts large sums, we do not

QUERIES = [
    "http_requests_total",
    'http_requests_total{code=~"5..",node!="n1"}',
    "rate(http_requests_total[1m])",
    "rate(http_requests_total[70s])",
    "increase(http_requests_total[5m])",
    "irate(http_requests_total[1m])",
    "delta(temperature[2m])",
    "idelta(temperature[2m])",
    "deriv(temperature[3m])",
    "predict_linear(temperature[3m], 600)",
    "changes(temperature[5m])",
    "resets(http_requests_total[10m])",
    "sum by (node) (rate(http_requests_total[1m]))",
    "avg without (code) (temperature)",
    "stddev(temperature)",
    "stdvar by (node) (temperature)",
    "quantile(0.3, temperature)",
    "min(temperature) or max(http_requests_total)",
    "count by (code) (http_requests_total)",
    "group(temperature)",
    'count_values("v", round(temperature))',
    "topk(2, http_requests_total)",
    "bottomk by (code) (1, http_requests_total)",
    "avg_over_time(temperature[2m])",
    "sum_over_time(temperature[2m])",
    "stddev_over_time(temperature[2m])",
    "quantile_over_time(0.9, temperature[2m])",
    "min_over_time(temperature[2m]) - max_over_time(temperature[2m])",
    "last_over_time(temperature[20s])",
    "present_over_time(temperature[20s])",
    "count_over_time(temperature[90s] offset 1m)",
    'absent(nothing{job="x"})',
    "absent_over_time(temperature[15s])",
    "histogram_quantile(0.9, sum by (le) (rate(latency_bucket[1m])))",
    "histogram_quantile(0.5, latency_bucket)",
    "http_requests_total / on (node) group_left (zone) node_info",
    'sum by (node) (rate(http_requests_total{code="500"}[1m])) / sum by (node) (rate(http_requests_total[1m])) > 0.01',
    "temperature > bool 20",
    "temperature and on (node) http_requests_total",
    'temperature unless on (node) node_info{zone="z1"}',
    "max_over_time(sum(rate(http_requests_total[1m]))[5m:30s])",
    "max_over_time(temperature[5m:45s] offset 30s)",
    "temperature @ end() - temperature @ start()",
    "clamp(temperature, 19, 21)",
    'label_replace(temperature, "room", "room-$1", "node", "n(.)")',
    'label_join(node_info, "all", "/", "node", "zone")',
    "timestamp(temperature)",
    "day_of_week() + hour() + minute(vector(time()))",
    "sgn(temperature - 20) * ln(abs(temperature))",
    "scalar(sum(temperature)) + vector(1)",
    "-temperature % 7 ^ 2 atan2 3",
    "mostly_absent",
]


def all_series() -> dict[Labels, np.ndarray]:
    """float64[SAMPLES] each: counters that restart, gauges with gaps, NaN and markers, a histogram."""
    random = np.random.default_rng(11)
    found: dict[Labels, np.ndarray] = {}
    for node in ("n1", "n2", "n3"):
        for code in ("200", "404", "500"):
            counter = np.cumsum(random.integers(0, 50, SAMPLES)).astype(float)
            restart = int(random.integers(30, 90))
            counter[restart:] -= counter[restart]
            found[labels_of({"__name__": "http_requests_total", "node": node, "code": code})] = counter
        for le in LE:
            rises = np.cumsum(random.integers(0, 5, SAMPLES)) * (LE.index(le) + 1)
            found[labels_of({"__name__": "latency_bucket", "node": node, "le": le})] = rises.astype(float)
        found[labels_of({"__name__": "node_info", "node": node, "zone": f"z{len(found) % 2}"})] = np.ones(SAMPLES)
        gauge = np.round(20 + np.cumsum(random.normal(0, 0.5, SAMPLES)), 4)
        found[labels_of({"__name__": "temperature", "node": node})] = gauge
    found[labels_of({"__name__": "temperature", "node": "n3"})][50:55] = math.nan
    found[labels_of({"__name__": "mostly_absent"})] = np.full(SAMPLES, 1.0)
    return found


def is_sent(labels: Labels, index: int) -> bool:
    """Gaps: one series is there for a while only, another misses every seventh sample."""
    metric = dict(labels)["__name__"]
    if metric == "mostly_absent":
        return 20 <= index < 30
    return not (metric == "temperature" and index % 7 == 0)


def value_at(labels: Labels, values: np.ndarray, index: int) -> float:
    is_end = dict(labels)["__name__"] == "mostly_absent" and index == 29
    return STALE_NAN if is_end else float(values[index])


@pytest.fixture(scope="module")
def end_ms() -> int:
    return int(time.time() * 1000) // 60_000 * 60_000


@pytest.fixture(scope="module")
def samples(end_ms: int) -> list[tuple[Labels, int, float]]:
    return [
        (labels, end_ms - (SAMPLES - 1 - index) * SPACING_MS, value_at(labels, values, index))
        for labels, values in all_series().items()
        for index in range(SAMPLES)
        if is_sent(labels, index)
    ]


@pytest.fixture(scope="module")
def prometheus(
    tmp_path_factory: pytest.TempPathFactory, samples: list[tuple[Labels, int, float]]
) -> Iterator[RealPrometheus]:
    folder: Path = tmp_path_factory.mktemp("prometheus")
    by_series: dict[Labels, list[tuple[int, float]]] = {}
    for labels, time_ms, value in samples:
        by_series.setdefault(labels, []).append((time_ms, value))
    with RealPrometheus(component("prometheus"), folder) as server:
        server.write(remote_write(by_series.items()))
        yield server


def rows_of(answer: httpx.Response) -> dict[str, list[tuple[float, float]]]:
    """Samples by series, whatever order they come in."""
    body = answer.json()
    assert body["status"] == "success", body
    data = body["data"]
    if data["resultType"] == "scalar":
        return {"": [(data["result"][0], float(data["result"][1]))]}
    return {
        json.dumps(row["metric"], sort_keys=True): [
            (at, float(value)) for at, value in row.get("values", [row.get("value")])
        ]
        for row in data["result"]
    }


def differences(ours: httpx.Response, theirs: httpx.Response, digits: float) -> list[str]:
    left, right = rows_of(ours), rows_of(theirs)
    found = [f"only ours: {key}" for key in left.keys() - right.keys()]
    found += [f"only theirs: {key}" for key in right.keys() - left.keys()]
    for key in left.keys() & right.keys():
        if [at for at, _ in left[key]] != [at for at, _ in right[key]]:
            found.append(f"{key}: other times")
            continue
        for (at, mine), (_, other) in zip(left[key], right[key], strict=True):
            both_nan = math.isnan(mine) and math.isnan(other)
            if not both_nan and not math.isclose(mine, other, rel_tol=digits):
                found.append(f"{key} at {at}: {mine!r}, theirs {other!r}")
    return found


@pytest.mark.parametrize("query", QUERIES)
async def test_a_query_has_prometheus_answer(
    query: str, prometheus: RealPrometheus, samples: list[tuple[Labels, int, float]], end_ms: int
) -> None:
    """As an instant query and as a range: the same series, the same times, the same numbers to twelve digits."""
    digits = LINE_DIGITS if "deriv" in query or "predict" in query else DIGITS
    store = MemoryMetrics()
    await store.write_metrics(MetricBatch(samples=SampleBatch.of(samples)))
    at = {"query": query, "time": str(end_ms / 1000 - 100)}
    window = {"query": query, "start": str(end_ms / 1000 - 1500), "end": str(end_ms / 1000), "step": "20"}

    async with client_of(store) as client:
        instant = await client.get("query", params=at)
        ranged = await client.get("query_range", params=window)

    assert differences(instant, prometheus.get("/api/v1/query", **at), digits) == []
    assert differences(ranged, prometheus.get("/api/v1/query_range", **window), digits) == []


@pytest.mark.parametrize(
    "query",
    [
        "http_requests_total * http_requests_total",
        "http_requests_total / on (node) node_info",
        "node_info * on () temperature",
        'label_replace(temperature, "a", "", "b", "(")',
        "topk(NaN, temperature)",
        "quantile(3, temperature)",
        "rate(temperature[1m])",
        "sum(",
        "rate(temperature)",
        "temperature[5m:]",
        '"text"',
        "1 > bool 2",
        'abs({__name__=~"temperature|node_info"})',
        "bogus(1)",
        "temperature + ",
    ],
)
async def test_an_answer_or_an_error_has_prometheus_shape(
    query: str, prometheus: RealPrometheus, samples: list[tuple[Labels, int, float]], end_ms: int
) -> None:
    """Status code, status, error type, kind of result, and whether there are warnings or infos."""
    store = MemoryMetrics()
    await store.write_metrics(MetricBatch(samples=SampleBatch.of(samples)))
    at = {"query": query, "time": str(end_ms / 1000)}

    async with client_of(store) as client:
        ours = await client.get("query", params=at)
    theirs = prometheus.get("/api/v1/query", **at)

    def shape(answer: httpx.Response) -> tuple[object, ...]:
        body = answer.json()
        kind = body["data"]["resultType"] if "data" in body else body["errorType"]
        return answer.status_code, body["status"], kind, body.get("warnings"), body.get("infos")

    assert shape(ours) == shape(theirs), (ours.text, theirs.text)
