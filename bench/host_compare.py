"""What one collection of this machine costs, whole and by collector, beside a real node_exporter where it is installed."""

from __future__ import annotations

import contextlib
import os
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import psutil

from anyascope.clock import SystemClock
from anyascope.collect.collectors.host.collector import HostCollector
from anyascope.collect.collectors.host.files import HostFiles
from anyascope.collect.points import PointBook
from anyascope.model.labels import labels_of
from figures import quantile, show
from support.components import REPOSITORY
from support.ports import free_port
from support.server import eventually

ROUNDS = 200
CPU_MS_MAX = 15.0  # 0.1% of one core at a collection every 15 s
SLOWEST = 5
PEER_ROUNDS = 100
START_S = 10.0


def main() -> None:
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
    program = Path(os.environ.get("ANYASCOPE_COMPONENTS", REPOSITORY / ".components")) / "bin/prometheus-node-exporter"
    if not program.exists():
        print("node_exporter is not installed: ours alone")
        return
    with running_exporter(program) as (url, process):
        time_exporter(url, process)


@contextlib.contextmanager
def running_exporter(program: Path) -> Iterator[tuple[str, psutil.Process]]:
    """The address of its page, and its process."""
    port = free_port()
    process = subprocess.Popen(
        [program, f"--web.listen-address=127.0.0.1:{port}"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    url = f"http://127.0.0.1:{port}/metrics"
    try:
        eventually(lambda: read_page(url), within_s=START_S, what="node_exporter's page")
        yield url, psutil.Process(process.pid)
    finally:
        process.terminate()
        process.wait(timeout=10)


def read_page(url: str) -> bytes:
    """Its page; nothing while it does not listen yet."""
    with contextlib.suppress(urllib.error.URLError), urllib.request.urlopen(url, timeout=10) as answer:
        return answer.read()
    return b""


def time_exporter(url: str, process: psutil.Process) -> None:
    before_s, started = sum(process.cpu_times()[:2]), time.perf_counter()
    for _ in range(PEER_ROUNDS):
        page = read_page(url)
    used_s, took_s = sum(process.cpu_times()[:2]) - before_s, time.perf_counter() - started
    lines = sum(not line.startswith(b"#") for line in page.splitlines())
    show("node_exporter: series", lines, "series")
    show("node_exporter: processor time of one scrape", used_s / PEER_ROUNDS * 1000, "ms")
    show("node_exporter: one scrape, wall", took_s / PEER_ROUNDS * 1000, "ms")


if __name__ == "__main__":
    main()
