"""What one collection of this machine costs, whole and by collector, beside a node_exporter that runs here."""

from __future__ import annotations

import sys
import time
import urllib.request

from anyascope.clock import SystemClock
from anyascope.collect.collectors.host.collector import HostCollector
from anyascope.collect.collectors.host.files import HostFiles
from anyascope.collect.points import PointBook
from anyascope.model.labels import labels_of
from figures import quantile, show

ROUNDS = 200
CPU_MS_MAX = 15.0  # 0.1% of one core at a collection every 15 s
SLOWEST = 5


def main(exporter_url: str = "") -> None:
    collector = HostCollector(HostFiles(), SystemClock())
    book = PointBook(labels_of({"job": "node", "instance": "bench"}))
    cpu_ms: list[float] = []
    by_collector: dict[str, list[float]] = {}
    points = 0
    for _ in range(ROUNDS):
        started = time.process_time()
        families = collector.collect()
        draft, batch = book.draft(families, time_ns=time.time_ns())
        book.commit(draft, batch)
        cpu_ms.append((time.process_time() - started) * 1000)
        points = len(batch.samples)
        for family in families:
            if family.name == "node_scrape_collector_duration_seconds":
                for labels, seconds in family.points:
                    by_collector.setdefault(dict(labels)["collector"], []).append(seconds * 1000)
    show("host collection: series", points, "series")
    show("host collection: processor time, median", quantile(cpu_ms, 0.5), "ms", bar=CPU_MS_MAX, is_most=True)
    show("host collection: processor time, p99", quantile(cpu_ms, 0.99), "ms", bar=CPU_MS_MAX, is_most=True)
    slowest = sorted(by_collector, key=lambda name: -quantile(by_collector[name], 0.5))[:SLOWEST]
    for name in slowest:
        show(f"host collection: of it {name}", quantile(by_collector[name], 0.5), "ms")
    if exporter_url:
        time_exporter(exporter_url)


def time_exporter(url: str) -> None:
    took = []
    for _ in range(20):
        started = time.perf_counter()
        with urllib.request.urlopen(url, timeout=10) as answer:
            answer.read()
        took.append((time.perf_counter() - started) * 1000)
    show("node_exporter: one scrape, wall", quantile(took, 0.5), "ms")


if __name__ == "__main__":
    main(*sys.argv[1:2])
