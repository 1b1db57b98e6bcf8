"""Bytes a sample on disk, merged: ours beside Prometheus (a snapshot, its head as a block) and VictoriaMetrics in the same run.

A generated set (counters, gauges, constants, noise in equal parts; 2,000 series, 240 samples each, 15 s apart), and the series
of a real node_exporter, read every quarter of a second and written as if every 15 s.
"""

from __future__ import annotations

import asyncio
import random
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path

import httpx
from prometheus_client import CollectorRegistry
from prometheus_client.parser import text_string_to_metric_families

from anyascope.clock import SystemClock
from anyascope.model.labels import Labels, labels_of
from anyascope.model.metrics import MetricBatch, SampleBatch
from anyascope.store.chdb.engine import Engine, EngineOptions
from anyascope.store.chdb.store import ChdbStore, StoreOptions
from figures import show
from support.ports import free_port
from support.prometheus import RealPrometheus, find_prometheus
from support.remote_write import remote_write
from support.victoria import RealVictoria

STEPS, STEP_MS, GENERATED_SERIES = 240, 15_000, 2_000
PAGES, PAGE_EVERY_S = 120, 0.25
RATIO_BAR = 1.5  # ours ÷ Prometheus'

Round = Sequence[tuple[Labels, float]]  # one sample of each series, at one time


def generated() -> Iterator[Round]:
    chance = random.Random(1)
    series = [
        labels_of({"__name__": f"{kind}_{n % 50}", "instance": f"10.0.0.{n % 40}:9100", "job": "node", "n": str(n)})
        for n in range(GENERATED_SERIES)
        for kind in (("counter", "gauge", "constant", "noise")[n % 4],)
    ]
    values = [float(chance.randrange(1000)) for _ in series]
    for _ in range(STEPS):
        for n in range(GENERATED_SERIES):
            if n % 4 == 0:
                values[n] += chance.randrange(50)
            elif n % 4 == 1:
                values[n] = round(values[n] + chance.uniform(-1, 1), 2)
            elif n % 4 == 3:
                values[n] = chance.random()
        yield list(zip(series, values, strict=True))


def of_node_exporter(program: Path) -> Iterator[Round]:
    port = free_port()
    exporter = subprocess.Popen([str(program), f"--web.listen-address=127.0.0.1:{port}"], stderr=subprocess.DEVNULL)
    try:
        for number in range(PAGES):
            time.sleep(PAGE_EVERY_S if number else 2.0)
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
                page = answer.read().decode()
            yield [
                (
                    labels_of({"__name__": sample.name, "instance": "here:9100", "job": "node"} | sample.labels),
                    sample.value,
                )
                for family in text_string_to_metric_families(page)
                for sample in family.samples
            ]
    finally:
        exporter.terminate()
        exporter.wait()


def folder_bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def in_prometheus(program: Path, rounds: Sequence[Round], start_ms: int) -> int:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with RealPrometheus(program, folder, arguments=("--web.enable-admin-api",)) as prometheus:
            for step, each in enumerate(rounds):
                prometheus.write(
                    remote_write([(labels, [(start_ms + step * STEP_MS, value)]) for labels, value in each])
                )
            answer = httpx.post(f"{prometheus.url}/api/v1/admin/tsdb/snapshot", timeout=60).json()
            return folder_bytes(folder / "tsdb" / "snapshots" / answer["data"]["name"])


def in_victoria(program: Path, rounds: Sequence[Round], start_ms: int) -> int:
    headers = {"content-type": "application/x-protobuf", "content-encoding": "snappy"}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with RealVictoria(program, folder) as victoria:
            for step, each in enumerate(rounds):
                body = remote_write([(labels, [(start_ms + step * STEP_MS, value)]) for labels, value in each])
                httpx.post(f"{victoria.url}/api/v1/write", content=body, headers=headers).raise_for_status()
            victoria.get("/internal/force_flush").raise_for_status()
            victoria.get("/internal/force_merge").raise_for_status()
            time.sleep(5)
        return folder_bytes(folder / "victoria" / "data") + folder_bytes(folder / "victoria" / "indexdb")


async def in_ours(rounds: Sequence[Round], start_ms: int) -> int:
    clock = SystemClock()
    with tempfile.TemporaryDirectory() as name:
        store = await ChdbStore.open(
            Path(name), options=StoreOptions(), clock=clock, registry=CollectorRegistry()
        )  # fmt: skip
        for step, each in enumerate(rounds):
            batch = SampleBatch.of([(labels, start_ms + step * STEP_MS, value) for labels, value in each])
            await store.metrics.write_metrics(MetricBatch(batch))
        await store.close()
        engine = await Engine.open(Path(name), options=EngineOptions(), clock=clock, registry=CollectorRegistry())
        for table in ("samples", "series", "series_seen"):
            await engine.command(f"OPTIMIZE TABLE {table} FINAL")
        found = await engine.question(
            "parts",
            "SELECT sum(bytes_on_disk) AS size FROM system.parts "
            "WHERE active AND table IN ('samples', 'series', 'series_seen')",
        )
        await engine.close()
        return int(found["size"][0].as_py())


def compare(name: str, rounds: Sequence[Round], program: Path | None) -> None:
    start_ms = int(time.time() * 1000) // STEP_MS * STEP_MS - len(rounds) * STEP_MS
    samples = sum(map(len, rounds))
    ours = asyncio.run(in_ours(rounds, start_ms)) / samples
    show(f"{name}: bytes a sample, anyascope", ours, "B")
    if program is None:
        print("prometheus is not installed: no comparison")
        return
    theirs = in_prometheus(program, rounds, start_ms) / samples
    show(f"{name}: bytes a sample, Prometheus", theirs, "B")
    victoria = program.parent / "victoria-metrics"
    if victoria.exists():
        show(f"{name}: bytes a sample, VictoriaMetrics", in_victoria(victoria, rounds, start_ms) / samples, "B")
    show(f"{name}: ours ÷ Prometheus'", ours / theirs, "", bar=RATIO_BAR, is_most=True)


def main() -> int:
    program = find_prometheus()
    compare("generated", list(generated()), program)
    exporter = program.parent / "prometheus-node-exporter" if program is not None else None
    if exporter is not None and exporter.exists():
        compare("node_exporter", list(of_node_exporter(exporter)), program)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
