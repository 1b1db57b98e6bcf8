"""Remote write out, to a far end that takes everything and does nothing: 10,000 series, 2,000 samples a request.

Ours: a queue alone catches up on a journal of a million samples, by 1.0 and by 2.0. A real Prometheus, with the same samples
written into it as they come, once with and once without `remote_write`: the difference is what sending on costs.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import cramjam
import httpx
import numpy as np
import psutil
import structlog
import uvloop
from prometheus_client import CollectorRegistry

from anyascope.clock import SystemClock
from anyascope.forward.forward import Forward
from anyascope.forward.journal import JournalLog
from anyascope.forward.options import ForwardOptions, Protobuf, RemoteWrite
from anyascope.model.labels import Labels, labels_of, series_id
from anyascope.model.metrics import MetricMetadata
from anyascope.model.secret import Secret
from anyascope.store.journal.files import Journal, JournalOptions
from anyascope.store.journal.payloads import Samples, pack_samples
from anyascope.store.journal.records import Kind
from anyascope.wire.prompb.encode_v1 import WriteV1Encoder
from anyascope.wire.prompb.outgoing import Outgoing, WireSeries
from figures import show
from support.prometheus import RealPrometheus, find_prometheus

SERIES, ROUNDS, SERIES_A_REQUEST = 10_000, 100, 2_000
SAMPLES = SERIES * ROUNDS
STEP_MS = 1_000
AHEAD_MS = 300_000  # Prometheus sends on only what is newer than its own start; it takes up to 10 minutes ahead
SINK = """
import asyncio, re
class Sink(asyncio.Protocol):
    def connection_made(self, transport): self.transport, self.data = transport, b""
    def data_received(self, data):
        self.data += data
        while (end := self.data.find(b"\\r\\n\\r\\n")) >= 0:
            head = self.data[:end].lower()
            size = int(re.search(rb"content-length: *(\\d+)", head)[1]) + end + 4
            if len(self.data) < size: return
            self.data = self.data[size:]
            self.transport.write(b"HTTP/1.1 204 No Content\\r\\nX-Prometheus-Remote-Write-Samples-Written: 2000\\r\\n\\r\\n")
async def main():
    server = await asyncio.get_running_loop().create_server(Sink, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()
asyncio.run(main())
"""


def labels(number: int) -> Labels:
    return labels_of(
        {
            "__name__": f"node_metric_{number % 200}_total",
            "cluster": "prod-eu-1",
            "cpu": str(number // 200),
            "instance": f"10.0.{number % 7}.{number % 50}:9100",
            "job": "node",
            "mode": ("idle", "system", "user")[number % 3],
        }
    )


async def nothing() -> Sequence[MetricMetadata]:
    return ()


class Nobody:
    """Tells of no arrivals: the journal is full already."""

    def on_metrics(self, _: object) -> object:
        return None


async def ours(folder: Path, port: int, protobuf: Protobuf) -> tuple[float, float]:
    """Samples a second and CPU seconds a million of a queue that catches up."""
    by_id = {series_id(labels(number)): labels(number) for number in range(SERIES)}
    ids = np.array(list(by_id), np.uint64)
    clock, registry = SystemClock(), CollectorRegistry()
    journal = Journal(folder, options=JournalOptions(), clock=clock)
    source = JournalLog(journal)
    await source.position("remote_write:far")
    start_ms = int(time.time() * 1000)
    for round_number in range(ROUNDS):
        for first in range(0, SERIES, SERIES_A_REQUEST):
            some = ids[first : first + SERIES_A_REQUEST]
            times = np.full(len(some), start_ms + round_number * STEP_MS)
            values = np.arange(len(some)) * 0.25 + round_number * 1.5
            journal.append(Kind.SAMPLES, pack_samples(Samples(some, times, values)))
    url = f"http://127.0.0.1:{port}/api/v1/write"
    room = Forward(
        source,
        Nobody(),  # type: ignore[arg-type]
        options=ForwardOptions((RemoteWrite("far", Secret(url), url, protobuf=protobuf),)),
        labels_of_ids=lambda numbers: [by_id.get(number) for number in numbers],
        metadata=nothing,
        clock=clock,
        registry=registry,
    )
    wall, cpu = time.perf_counter(), time.process_time()
    await room.start()
    while (registry.get_sample_value("prometheus_remote_storage_samples_total", key(url)) or 0) < SAMPLES:
        await clock.sleep(0.05)
    seconds, used_s = time.perf_counter() - wall, time.process_time() - cpu
    await room.drain()
    journal.close()
    return SAMPLES / seconds, used_s / SAMPLES * 1e6


def key(url: str) -> dict[str, str]:
    return {"remote_name": "far", "url": url}


def theirs(program: Path, folder: Path, bodies: list[bytes], port: int | None) -> float:
    """CPU seconds a million samples of a Prometheus that takes these, and sends them on where there is a port."""
    remote = f"remote_write: [{{url: 'http://127.0.0.1:{port}/api/v1/write', metadata_config: {{send: false}}}}]\n"
    folder.mkdir()
    with RealPrometheus(program, folder, settings=remote if port else "global: {}\n") as prometheus:
        process = psutil.Process(prometheus.pid)
        before_s = sum(process.cpu_times()[:2])
        for body in bodies:
            prometheus.write(body)
        while port and sent(prometheus.url) < SAMPLES:
            time.sleep(0.2)
        return (sum(process.cpu_times()[:2]) - before_s) / SAMPLES * 1e6


def sent(url: str) -> float:
    found = re.search(
        r"^prometheus_remote_storage_samples_total\{.*\} (\S+)$", httpx.get(f"{url}/metrics").text, re.MULTILINE
    )
    return float(found[1]) if found else 0.0


def requests() -> list[bytes]:
    encoder, series = WriteV1Encoder(), [WireSeries(labels(number)) for number in range(SERIES)]
    start_ms = int(time.time() * 1000) + AHEAD_MS
    found = []
    for round_number in range(ROUNDS):
        for first in range(0, SERIES, SERIES_A_REQUEST):
            some = series[first : first + SERIES_A_REQUEST]
            times = np.full(len(some), start_ms + round_number * STEP_MS)
            body = encoder.encode(Outgoing(some, times, np.arange(len(some)) * 0.25 + round_number * 1.5))
            found.append(bytes(cramjam.snappy.compress_raw(body)))
    return found


def main() -> int:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))
    sink = subprocess.Popen([sys.executable, "-c", SINK], stdout=subprocess.PIPE)
    try:
        assert sink.stdout is not None
        port = int(sink.stdout.readline())
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            for version, protobuf in (("1.0", Protobuf.V1), ("2.0", Protobuf.V2)):
                rate, used_s = uvloop.run(ours(folder / version, port, protobuf))
                show(f"anyascope, {version}", rate, "samples/s")
                show(f"anyascope, {version}, CPU of a million", used_s, "s")
            program = find_prometheus()
            if program is None:
                print("prometheus is not installed: no comparison")
                return 0
            bodies = requests()
            alone_s = theirs(program, folder / "alone", bodies, None)
            with_s = theirs(program, folder / "with", bodies, port)
            show("Prometheus, sending on, CPU of a million", with_s - alone_s, "s")
    finally:
        sink.terminate()
        sink.wait()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
