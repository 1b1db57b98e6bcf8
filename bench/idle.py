"""What the server costs when nothing but its own machine is watched, and how soon it has data after a start."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import httpx
import psutil

from figures import show
from support.server import QUIET_CONFIG, eventually, running_server

SETTLE_S = 20
WATCH_S = 60


def has_data(url: str) -> bool:
    answer = httpx.get(f"{url}/api/v1/query", params={"query": "node_cpu_seconds_total"}).json()
    return bool(answer["data"]["result"])


def resident_mib(pid: int) -> dict[str, float]:
    """What Linux says of a process's memory, by its own names."""
    lines = (line.split() for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    return {words[0].rstrip(":"): int(words[1]) / 1024 for words in lines if words[-1] == "kB"}


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        with running_server(Path(folder), config=QUIET_CONFIG, arguments=()) as server:
            show("start until ready", time.perf_counter() - started, "s", bar=3, is_most=True)
            eventually(lambda: has_data(server.url), within_s=60, what="data")
            show("start until data of this machine", time.perf_counter() - started, "s", bar=30, is_most=True)
            time.sleep(SETTLE_S)
            process = psutil.Process(server.pid)
            before = sum(process.cpu_times()[:2])
            time.sleep(WATCH_S)
            used_s = sum(process.cpu_times()[:2]) - before
            show("CPU of one core, idle", 100 * used_s / WATCH_S, "%", bar=5, is_most=True)
            memory = resident_mib(server.pid)
            show("memory, resident", memory["VmRSS"], "MiB")
            # The unique set would not do: it holds the engine's program file as soon as no other process maps it.
            show("memory, of it anonymous", memory["RssAnon"], "MiB")
            show("memory, of it mapped files", memory["RssFile"], "MiB")


if __name__ == "__main__":
    main()
