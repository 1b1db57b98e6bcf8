"""Hostile queries to a server with 10,000 series of 240 samples: each ends within its limit, and harms nobody else.

Prints a line a query: how it ended, how long it took, what others waited meanwhile, and the memory that is kept.
"""

from __future__ import annotations

import http.client
import json
import statistics
import tempfile
import threading
import time
from pathlib import Path
from urllib.parse import urlencode, urlsplit

import numpy as np
import psutil

from figures import quantile, show
from promql import SAMPLES, SPACING_MS, Server, all_series, all_values
from support.hostile import HOSTILE
from support.server import running_server

CONFIG = """
receive: {otlp_grpc: 127.0.0.1:0, otlp_http: 127.0.0.1:0}
limits: {query_timeout: 20s}
"""
OTHER = 'sum(rate(bench_requests_total{node="n1"}[5m]))'
QUIET_S, CALM_S, PAUSE_S = 5.0, 1.0, 0.02
ENOUGH = 10  # waits of others during a query, to say anything about them
LATENCY_BAR, MEMORY_BAR_MIB, ENDS_BAR_S = 2.0, 200.0, 21.0


class Others(threading.Thread):
    """Somebody else, who asks something small again and again."""

    def __init__(self, url: str) -> None:
        super().__init__(daemon=True)
        self._url = url
        self.seconds: list[float] = []
        self.is_over = False

    def run(self) -> None:
        connection = http.client.HTTPConnection(urlsplit(self._url).netloc, timeout=60)
        while not self.is_over:
            began = time.perf_counter()
            connection.request("GET", f"/api/v1/query?{urlencode({'query': OTHER})}")
            answer = connection.getresponse()
            answer.read()
            assert answer.status == 200
            self.seconds.append(time.perf_counter() - began)
            time.sleep(PAUSE_S)


def main() -> None:
    end_ms = int(time.time() * 1000) // 60_000 * 60_000
    times_ms = end_ms - np.arange(SAMPLES - 1, -1, -1, dtype=np.int64) * SPACING_MS
    series = all_series()
    with tempfile.TemporaryDirectory() as folder, running_server(Path(folder), config=CONFIG) as process:
        server = Server(process.url, process.pid)
        server.write(series, all_values(series), times_ms)
        others = Others(process.url)
        others.start()
        time.sleep(QUIET_S)
        resident = psutil.Process(process.pid).memory_info
        before = resident().rss
        print(f"{'query':<26} {'answer':<22} {'s':>6} {'others p50':>10} {'p99 ms':>8} {'MiB':>6}")
        longest, ratios, waits = 0.0, [], []
        for hostile in HOSTILE:
            others.seconds.clear()
            time.sleep(CALM_S)
            calm_ms = statistics.median(others.seconds or [0.0]) * 1000
            others.seconds.clear()
            began = time.perf_counter()
            status, answer = ask(process.url, hostile.path, hostile.form(end_ms / 1000))
            took_s = time.perf_counter() - began
            longest, seconds = max(longest, took_s), list(others.seconds)
            waits += seconds
            if len(seconds) >= ENOUGH and calm_ms:
                ratios.append(statistics.median(seconds) * 1000 / calm_ms)
            seconds = seconds or [0.0]
            ended = "success" if status == 200 else f"{status} {answer.get('errorType')}"
            print(
                f"{hostile.name:<26} {ended:<22} {took_s:>6.2f} {statistics.median(seconds) * 1000:>10.1f}"
                f" {quantile(seconds, 0.99) * 1000:>8.1f} {(resident().rss - before) / 2**20:>6.0f}",
                flush=True,
            )
        time.sleep(QUIET_S)
        show("longest", longest, "s", bar=ENDS_BAR_S, is_most=True)
        show(
            "others' median ÷ that of the calm before",
            statistics.median(ratios),
            "ratio",
            bar=LATENCY_BAR,
            is_most=True,
        )
        show("others' p99", quantile(waits, 0.99) * 1000, "ms")
        show("memory kept", (resident().rss - before) / 2**20, "MiB", bar=MEMORY_BAR_MIB, is_most=True)
        others.is_over = True
        others.join()


def ask(url: str, path: str, form: dict[str, str]) -> tuple[int, dict]:
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=120)
    headers = {"content-type": "application/x-www-form-urlencoded"}
    connection.request("POST", path, urlencode(form), headers)
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    return answer.status, json.loads(body) if answer.status != 200 else {}


if __name__ == "__main__":
    main()
