"""Runs the benchmarks one after another and prints their figures: `make bench`, or `make bench ARGS="scrape promql"`.

Each bench is a script beside this one that prints a line a figure: name, value, unit, the bar, and value ÷ bar.
"""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
BENCHES = (
    "store_insert",
    "ingest_otlp",
    "scrape",
    "forward",
    "remote_write",
    "hostile_writes",
    "disk",
    "memory",
    "promql",
    "hostile",
    "rule_cost",
    "slo_cost",
    "alert_latency",
    "hsm_latency",
    "stale_tip",
    "bitcoin_wallets",
    "reconciliation_latency",
    "page_latency",
    "storm",
    "kill_storm",
    "timers",
    "idle",
    "kill_rounds",
    "host_compare",
    "sdk_import",
    "sdk_logs",
    "sdk_tracing",
    "sdk_http",
    "sdk_operations",
    "sdk_metrics",
    "gunicorn_rounds",
    "sdk_forks",
    "sdk_delivery",
    "redaction",
    "sdk_far_end",
    "sdk_alerting",
)


def machine() -> str:
    memory_gib = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    load = os.getloadavg()[0]
    return f"{os.cpu_count()} cores, {memory_gib:.0f} GiB, Python {platform.python_version()}, load {load:.1f}"


def main() -> int:
    wanted = sys.argv[1:] or [name for name in BENCHES if (HERE / f"{name}.py").exists()]
    print(f"machine: {machine()}", flush=True)
    failed = []
    for name in wanted:
        print(f"\n== {name}", flush=True)
        path = os.pathsep.join([str(HERE.parent / "src"), str(HERE.parent / "tests"), str(HERE)])
        done = subprocess.run(
            [sys.executable, str(HERE / f"{name}.py")], env={**os.environ, "PYTHONPATH": path}, check=False
        )
        if done.returncode:
            failed.append(name)
    if failed:
        print(f"\nfailed: {', '.join(failed)}")
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main())
