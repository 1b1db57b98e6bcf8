"""OTLP over HTTP into the store on disk: rows a second that are accepted, redacted, indexed and durable; and the stages.

The server runs in a process of its own, this one sends. A row counts once its request was answered with 200.
"""

from __future__ import annotations

import asyncio
import http.client
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import psutil
from prometheus_client import CollectorRegistry

from anyascope.clock import SystemClock
from anyascope.ingest.admit import LogAdmission, SpanAdmission
from anyascope.ingest.admit_metrics import MetricAdmission
from anyascope.ingest.options import AdmitOptions
from anyascope.ingest.tally import Tally
from anyascope.redact.api import Redactor
from anyascope.store.chdb.store import ChdbStore, StoreOptions
from anyascope.wire.otlp.messages import Encoding
from anyascope.wire.otlp.metrics import MetricDecoder
from anyascope.wire.otlp.records import RecordDecoder
from figures import quantile, show
from ingest_bodies import ROWS_A_BODY, SAMPLES_A_BODY, log_bodies, metric_bodies, span_bodies

PATHS = {"logs": "/v1/logs", "spans": "/v1/traces", "samples": "/v1/metrics"}
CONNECTIONS = 32
LOG_BODIES = 800
METRIC_BODIES = 160
BAR_ROWS_PER_S = 40_000
BAR_SAMPLES_PER_S = 60_000
STAGE_BODIES = 40  # for the table of stages, one thread, nothing beside


def send_all(port: int, path: str, bodies: list[bytes]) -> tuple[float, list[float]]:
    """Seconds for all, and each request's own."""
    waiting = iter(bodies)
    lock = threading.Lock()
    latencies: list[float] = []

    def work() -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port)
        while True:
            with lock:
                body = next(waiting, None)
            if body is None:
                return
            began = time.perf_counter()
            while True:
                connection.request("POST", path, body, {"content-type": "application/x-protobuf"})
                answer = connection.getresponse()
                content = answer.read()
                if answer.status not in (429, 503):
                    break
                time.sleep(float(answer.headers["retry-after"]))
            assert (answer.status, content) == (200, b""), (answer.status, content[:200])
            latencies.append(time.perf_counter() - began)

    threads = [threading.Thread(target=work) for _ in range(CONNECTIONS)]
    began = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return time.perf_counter() - began, latencies


def run(server: psutil.Process, port: int, name: str, bodies: list[bytes], *, rows: int, bar: float) -> None:
    before_s = sum(server.cpu_times()[:2])
    seconds, latencies = send_all(port, PATHS[name], bodies)
    used_s = sum(server.cpu_times()[:2]) - before_s
    show(f"{name}, OTLP/protobuf over HTTP", rows * len(bodies) / seconds, "rows/s", bar=bar)
    show(f"{name}, of a CPU second of the server", rows * len(bodies) / used_s, "rows")
    show(f"{name}, cores that the server got", used_s / seconds, "cores")
    show(f"{name}, p50 of a request", quantile(latencies, 0.5) * 1000, "ms")
    show(f"{name}, p99 of a request", quantile(latencies, 0.99) * 1000, "ms")


async def stages(directory: Path) -> None:
    """Microseconds of CPU a row of each stage, one after the other; what threads of the engine use is in it."""
    clock, registry = SystemClock(), CollectorRegistry()
    store = await ChdbStore.open(directory, options=StoreOptions(), clock=clock, registry=registry)
    redactor, tally = Redactor(registry=registry), Tally(registry=registry)
    shared = {"redactor": redactor, "tally": tally, "clock": clock}
    records, metrics = RecordDecoder(), MetricDecoder()
    log_admission = LogAdmission(AdmitOptions(), **shared)
    span_admission = SpanAdmission(AdmitOptions(), **shared)
    metric_admission = MetricAdmission(AdmitOptions(), **shared)

    logs = list(log_bodies(STAGE_BODIES, seed=11))
    spans = list(span_bodies(STAGE_BODIES, seed=12))
    points = list(metric_bodies(STAGE_BODIES, seed=13))
    print(
        f"{'stage':<14}{'logs':>10}{'spans':>10}{'samples':>10}   microseconds of CPU a row, and share of the bar's budget"
    )
    table: dict[str, list[float]] = {}

    def timed(stage: str, rows: int, work):
        began = time.process_time()
        result = work()
        table.setdefault(stage, []).append((time.process_time() - began) / rows * 1e6)
        return result

    async def stored(stage: str, rows: int, work):
        began = time.process_time()
        await work
        table.setdefault(stage, []).append((time.process_time() - began) / rows * 1e6)

    rows, samples = STAGE_BODIES * ROWS_A_BODY, STAGE_BODIES * SAMPLES_A_BODY
    log_batches = timed("decode", rows, lambda: [records.logs(b, encoding=Encoding.PROTOBUF) for b in logs])
    span_batches = timed("decode", rows, lambda: [records.spans(b, encoding=Encoding.PROTOBUF) for b in spans])
    decoded = timed("decode", samples, lambda: [metrics.metrics(b, encoding=Encoding.PROTOBUF).batch for b in points])
    # Redaction alone first: what it does to a clean batch, it does again within admission.
    timed("redact", rows, lambda: [redactor.logs(batch) for batch in log_batches])
    timed("redact", rows, lambda: [redactor.spans(batch) for batch in span_batches])
    timed("redact", samples, lambda: [redactor.labels(batch.samples.series) for batch in decoded[:8]])
    table["redact"][2] /= STAGE_BODIES / 8 or 1
    admitted_logs = timed("admit", rows, lambda: log_admission.admit(log_batches)).item
    admitted_spans = timed("admit", rows, lambda: span_admission.admit(span_batches)).item
    admitted = timed(
        "admit", samples, lambda: [metric_admission.admit(batch, source="bench").item for batch in decoded]
    )
    for place, redacting in enumerate(table["redact"]):
        table["admit"][place] = max(table["admit"][place] - redacting, 0.0)
    await stored("build, insert", rows, store.logs.write_logs(admitted_logs))
    await stored("build, insert", rows, store.spans.write_spans(admitted_spans))

    async def write_metrics() -> None:
        for batch in admitted:
            await store.metrics.write_metrics(batch)

    await stored("build, insert", samples, write_metrics())
    table["all"] = [sum(column) for column in zip(*table.values(), strict=True)]
    budgets = [1e6 / BAR_ROWS_PER_S, 1e6 / BAR_ROWS_PER_S, 1e6 / BAR_SAMPLES_PER_S]
    for stage, column in table.items():
        shares = "".join(f"{value / budget:>7.0%}" for value, budget in zip(column, budgets, strict=True))
        print(f"{stage:<14}" + "".join(f"{value:>10.2f}" for value in column) + "  " + shares)
    await store.close()


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(stages(Path(folder) / "stages"))
        bodies = {
            "logs": list(log_bodies(LOG_BODIES)),
            "spans": list(span_bodies(LOG_BODIES)),
            "samples": list(metric_bodies(METRIC_BODIES)),
        }
        server = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("ingest_server.py")), str(Path(folder) / "served")],
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            assert server.stdout is not None
            port = int(server.stdout.readline())
            # The first bodies teach the server its senders, as in a real life they do once.
            send_all(port, "/v1/metrics", list(metric_bodies(8, seed=4)))
            process = psutil.Process(server.pid)
            run(process, port, "logs", bodies["logs"], rows=ROWS_A_BODY, bar=BAR_ROWS_PER_S)
            run(process, port, "spans", bodies["spans"], rows=ROWS_A_BODY, bar=BAR_ROWS_PER_S)
            run(process, port, "samples", bodies["samples"], rows=SAMPLES_A_BODY, bar=BAR_SAMPLES_PER_S)
        finally:
            server.terminate()
            server.wait(30)


if __name__ == "__main__":
    main()
