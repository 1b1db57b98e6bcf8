"""Range and instant queries over 10,000 series, ours and a real Prometheus' over HTTP in the same run, on the same samples.

Data: 10,000 series of 240 samples at 15 s, twice: the last hour, which our server has in memory, and an hour of yesterday,
which it reads from disk, and remembers once it has read it. Each query is asked of both in turns; the figures are medians, and the CPU of the server's process
a query. The ratio is ours to Prometheus'. Without Prometheus ours stands alone. ANYASCOPE_BENCH_REPETITIONS sets how often
(default 7), ANYASCOPE_BENCH_QUERIES which (names, separated by commas).
"""

from __future__ import annotations

import http.client
import json
import os
import statistics
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode, urlsplit

import numpy as np
import psutil

from anyascope.model.labels import Labels, labels_of
from figures import show
from support.prometheus import RealPrometheus, find_prometheus
from support.remote_write import remote_write
from support.server import eventually, running_server

REPETITIONS = int(os.environ.get("ANYASCOPE_BENCH_REPETITIONS", "7"))
SAMPLES = 240
SPACING_MS = 15_000
NODES = 50
STEP_S = 60
WRITE_SERIES = 500
YESTERDAY_MS = 26 * 3_600_000
WARM_CPU_S = 0.08  # the query takes 30 ms compiled and 100 ms otherwise
MEAN_BAR, MEAN_AIM, WORST_BAR = 1.5, 0.5, 4.0
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
    ("rate_10k_range", "range", 'sum by (node) (rate({__name__=~"bench_.*"}[5m]))'),
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


@dataclass
class Server:
    """One of the two, and what it took."""

    url: str
    pid: int

    def __post_init__(self) -> None:
        self._connection = http.client.HTTPConnection(urlsplit(self.url).netloc, timeout=300)
        self._process = psutil.Process(self.pid)

    def write(self, series: list[Labels], values: np.ndarray, times_ms: np.ndarray) -> None:
        headers = {"content-encoding": "snappy", "content-type": "application/x-protobuf"}
        for begin in range(0, len(series), WRITE_SERIES):
            part = slice(begin, begin + WRITE_SERIES)
            pairs = (zip(times_ms.tolist(), row, strict=True) for row in values[part].tolist())
            body = remote_write(zip(series[part], pairs, strict=True))
            self._connection.request("POST", "/api/v1/write", body, headers)
            answer = self._connection.getresponse()
            text = answer.read()
            assert answer.status < 300, text

    def ask(self, path: str, form: dict[str, str]) -> bytes:
        headers = {"content-type": "application/x-www-form-urlencoded"}
        self._connection.request("POST", path, urlencode(form), headers)
        answer = self._connection.getresponse()
        body = answer.read()
        assert answer.status == 200, body[:500]
        return body

    def cpu_s(self) -> float:
        times = self._process.cpu_times()
        return times.user + times.system


@dataclass(frozen=True)
class Figures:
    """Of one query to one server: the first time it is asked, median and CPU of the times after, in milliseconds."""

    first_ms: float
    median_ms: float
    cpu_ms: float


def request_of(kind: str, query: str, start_ms: int, end_ms: int) -> tuple[str, dict[str, str]]:
    if kind == "instant":
        return "/api/v1/query", {"query": query, "time": str(end_ms / 1000)}
    window = {"start": str(start_ms / 1000), "end": str(end_ms / 1000), "step": str(STEP_S)}
    return "/api/v1/query_range", {"query": query, **window}


def timed(servers: list[Server], path: str, form: dict[str, str]) -> list[Figures]:
    """Ask them in turns, so that what else the machine does meets all of them."""
    firsts = []
    for server in servers:
        began = time.perf_counter()
        server.ask(path, form)
        firsts.append((time.perf_counter() - began) * 1000)
    taken: list[list[float]] = [[] for _ in servers]
    cpu = [0.0] * len(servers)
    for _ in range(REPETITIONS):
        for number, server in enumerate(servers):
            before, began = server.cpu_s(), time.perf_counter()
            server.ask(path, form)
            taken[number].append(time.perf_counter() - began)
            cpu[number] += server.cpu_s() - before
    return [
        Figures(first_ms, statistics.median(seconds) * 1000, spent / REPETITIONS * 1000)
        for first_ms, seconds, spent in zip(firsts, taken, cpu, strict=True)
    ]


def compare(servers: list[Server], where: str, end_ms: int) -> None:
    """Print a line a query, and the means."""
    start_ms = end_ms - (SAMPLES - 1) * SPACING_MS
    only = set(filter(None, os.environ.get("ANYASCOPE_BENCH_QUERIES", "").split(",")))
    print(f"\nfrom {where}, load {os.getloadavg()[0]:.0f}")
    print(f"{'query':<20} {'ours ms':>9} {'cpu ms':>8} {'prometheus ms':>14} {'cpu ms':>8} {'ratio':>6} {'cpu':>6}")
    found = []
    for name, kind, query in QUERIES:
        if only and name not in only:
            continue
        ours, *others = timed(servers, *request_of(kind, query, start_ms, end_ms))
        line = f"{name:<20} {ours.median_ms:>9.2f} {ours.cpu_ms:>8.2f}"
        for other in others:
            found.append((ours, other))
            ratio = ours.median_ms / other.median_ms
            line += f" {other.median_ms:>14.2f} {other.cpu_ms:>8.2f} {ratio:>6.2f} {ours.cpu_ms / max(other.cpu_ms, 0.1):>6.2f}"
            line += "" if ratio <= WORST_BAR else "  ABOVE 4"
        print(line, flush=True)
    if found:
        ratios = [ours.median_ms / other.median_ms for ours, other in found]
        cpu = sum(ours.cpu_ms for ours, _ in found) / sum(other.cpu_ms for _, other in found)
        show(
            f"{where}: geometric mean, aim {MEAN_AIM}",
            statistics.geometric_mean(ratios),
            "ratio",
            bar=MEAN_BAR,
            is_most=True,
        )
        firsts = [ours.first_ms / other.first_ms for ours, other in found]
        show(f"{where}: geometric mean, asked for the first time", statistics.geometric_mean(firsts), "ratio")
        show(f"{where}: worst query", max(ratios), "ratio", bar=WORST_BAR, is_most=True)
        show(f"{where}: CPU of all queries", cpu, "ratio")


def warm(server: Server, end_ms: int) -> None:
    """Ask for enough to have the loops compiled, and wait until they are."""
    path, form = request_of("range", QUERIES[5][2], end_ms - 3_600_000, end_ms)

    def is_fast() -> bool:
        before = server.cpu_s()
        server.ask(path, form)
        return server.cpu_s() - before < WARM_CPU_S

    eventually(is_fast, within_s=120, what="compiled loops")


def main() -> None:
    end_ms = int(time.time() * 1000) // 60_000 * 60_000
    times_ms = end_ms - np.arange(SAMPLES - 1, -1, -1, dtype=np.int64) * SPACING_MS
    series = all_series()
    values = all_values(series)
    program = find_prometheus()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        ours = stack.enter_context(running_server(folder))
        servers = [Server(ours.url, ours.pid)]
        if program is None:
            print("prometheus is not installed: ours alone")
        else:
            real = stack.enter_context(RealPrometheus(program, folder))
            servers.append(Server(real.url, real.pid))
        for server in servers:
            server.write(series, values, times_ms - YESTERDAY_MS)
            server.write(series, values, times_ms)
        warm(servers[0], end_ms)
        count = json.loads(
            servers[0].ask("/api/v1/query", {"query": 'count({__name__=~"bench_.*"})', "time": str(end_ms / 1000)})
        )
        assert count["data"]["result"][0]["value"][1] == str(len(series))
        compare(servers, "memory", end_ms)
        compare(servers, "disk", end_ms - YESTERDAY_MS)
        memory = psutil.Process(ours.pid).memory_full_info()
        show("memory of ours, resident", memory.rss / 2**20, "MiB")
        show("memory of ours, its own", memory.uss / 2**20, "MiB")


if __name__ == "__main__":
    main()
