"""Remote write 1.0 in, beside Prometheus and VictoriaMetrics in the same run: 10,000 series, 2,000 samples a request, one a series.

Prints samples a second and CPU seconds a million of each, after how long all samples were readable, and the decoders alone. Our
server has its kernels ready, as it has some seconds after the first large request.
"""

from __future__ import annotations

import http.client
import os
import struct
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import cramjam
import httpx
import psutil

from anyascope.compiled import build_all
from anyascope.wire.prompb import schema
from anyascope.wire.prompb.decoded import SeriesBook
from anyascope.wire.prompb.write_v1 import WriteV1Decoder
from anyascope.wire.prompb.write_v2 import WriteV2Decoder
from figures import show
from support.prometheus import RealPrometheus, find_prometheus
from support.remote_write import remote_write
from support.victoria import RealVictoria

SENDERS, SERIES_A_REQUEST, ROUNDS = 5, 2_000, 100  # a sender owns its series, so that each stays in order
STEP_MS = 1_000
DECODE_ROUNDS = 50
RATIO_BAR, CPU_BAR_S = 0.8, 4.0
READABLE_S_MAX = 30.0
OURS = "anyascope"
HEADERS = {
    "content-type": "application/x-protobuf",
    "content-encoding": "snappy",
    "x-prometheus-remote-write-version": "0.1.0",
}


def labels(number: int) -> tuple[tuple[str, str], ...]:
    return (
        ("__name__", f"node_metric_{number % 200}_total"),
        ("cluster", "prod-eu-1"),
        ("cpu", str(number // 200)),
        ("instance", f"10.0.{number % 7}.{number % 50}:9100"),
        ("job", "node"),
        ("mode", ("idle", "system", "user")[number % 3]),
    )


def heads(sender: int) -> list[bytes]:
    """The encoded series of a sender, without their samples and outer length."""
    numbers = range(sender * SERIES_A_REQUEST, (sender + 1) * SERIES_A_REQUEST)
    body = cramjam.snappy.decompress_raw(remote_write([(labels(number), ()) for number in numbers]))
    return list(schema.WriteRequest.FromString(bytes(body)).timeseries)


def varint(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*out, number])


def body(series: list[bytes], time_ms: int, first: float) -> bytes:
    stamp, pack = b"\x10" + varint(time_ms), struct.Struct("<d").pack
    parts: list[bytes] = []
    for place, head in enumerate(series):
        one = head + b"\x12\x10\x09" + pack(first + place * 0.25) + stamp
        parts += (b"\x0a", varint(len(one)), one)
    return b"".join(parts)


def send_all(url: str, bodies: list[list[bytes]]) -> float:
    """Seconds until every body was answered, each sender on a connection of its own."""

    def work(own: list[bytes]) -> None:
        connection = http.client.HTTPConnection(urlsplit(url).netloc)
        for each in own:
            while True:
                connection.request("POST", "/api/v1/write", each, HEADERS)
                answer = connection.getresponse()
                text = answer.read()
                if answer.status not in (429, 503):
                    break
                time.sleep(float(answer.headers["retry-after"]))
            assert answer.status in (200, 204), (answer.status, text[:200])

    threads = [threading.Thread(target=work, args=(own,)) for own in bodies]
    began = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return time.perf_counter() - began


@dataclass(frozen=True)
class Measured:
    """Of one server: samples a second, CPU seconds a million, and after how long all was readable (or how much was not)."""

    rate: float
    cpu_s: float
    readable_s: float
    unreadable: int


def measured(
    url: str, pid: int, bodies: list[list[bytes]], *, count: Callable[[], int], settle: Callable[[], object] = int
) -> Measured:
    """After one round that makes the series known; the work that `settle` waits for is counted, its time is not."""
    process = psutil.Process(pid)
    send_all(url, [own[:1] for own in bodies])
    before_s = sum(process.cpu_times()[:2])
    seconds = send_all(url, [own[1:] for own in bodies])
    settle()
    used_s = sum(process.cpu_times()[:2]) - before_s
    samples = SENDERS * SERIES_A_REQUEST * (len(bodies[0]) - 1)
    began, expected = time.perf_counter(), SENDERS * SERIES_A_REQUEST * len(bodies[0])
    while (found := count()) < expected and time.perf_counter() - began < READABLE_S_MAX:
        time.sleep(0.05)
    return Measured(samples / seconds, used_s / samples * 1e6, time.perf_counter() - began, expected - found)


def tell(name: str, found: Measured) -> None:
    show(name, found.rate, "samples/s")
    show(f"{name}, CPU of a million samples", found.cpu_s, "s", bar=CPU_BAR_S if name == OURS else None, is_most=True)
    show(f"{name}, all readable after", found.readable_s, "s")
    show(f"{name}, unreadable", found.unreadable, "samples", bar=0.5 if name == OURS else None, is_most=True)


def counted(url: str, end_ms: int) -> int:
    """How many samples a peer finds."""
    query = f'sum(count_over_time({{__name__=~"node_metric_.+"}}[{ROUNDS * STEP_MS // 1000 + 60}s]))'
    answer = httpx.get(f"{url}/api/v1/query", params={"query": query, "time": end_ms / 1000}, timeout=60).json()
    result = answer["data"]["result"]
    return int(result[0]["value"][1]) if result else 0


def version_2(series: list[bytes], time_ms: int) -> bytes:
    request, places = schema.WriteRequestV2(symbols=[""]), {"": 0}
    for head in series:
        message = schema.SeriesV2()
        for label in schema.Series.FromString(head).labels:
            for text in (label.name, label.value):
                if text not in places:
                    places[text] = len(places)
                    request.symbols.append(text)
                message.labels_refs.append(places[text])
        message.samples.add(value=1.5, timestamp=time_ms)
        request.timeseries.append(message.SerializeToString())
    return bytes(request.SerializeToString())


def decoders(series: list[bytes], time_ms: int) -> None:
    """Microseconds of CPU a sample of each way to decode, series known."""
    first, second = body(series, time_ms, 0.5), version_2(series, time_ms)

    def whole() -> None:
        for part in schema.WriteRequest.FromString(first).timeseries:
            message = schema.Series.FromString(part)
            tuple((label.name, label.value) for label in message.labels)
            for sample in message.samples:
                _ = sample.timestamp, sample.value

    v1, v2 = WriteV1Decoder(SeriesBook()), WriteV2Decoder(SeriesBook())
    works: dict[str, Callable[[], object]] = {
        "decode 1.0, known by their bytes": lambda: v1.decode(first),
        "decode 1.0, every field by upb": whole,
        "decode 2.0": lambda: v2.decode(second),
    }
    for name, work in works.items():
        time_of(name, work, len(series))
    build_all(None)
    time_of("decode 1.0, by a compiled walk", works["decode 1.0, known by their bytes"], len(series))
    time_of("decode 2.0, by a compiled walk", works["decode 2.0"], len(series))


def time_of(name: str, work: Callable[[], object], samples: int) -> None:
    for _ in range(2):  # the first makes the series known
        work()
    began = time.process_time()
    for _ in range(DECODE_ROUNDS):
        work()
    show(name, (time.process_time() - began) / DECODE_ROUNDS / samples * 1e6, "µs")


def main() -> int:
    start_ms = int(time.time() * 1000) - ROUNDS * STEP_MS
    sets = [heads(sender) for sender in range(SENDERS)]
    decoders(sets[0], start_ms)
    bodies = [
        [
            bytes(cramjam.snappy.compress_raw(body(series, start_ms + step * STEP_MS, step * 1.5)))
            for step in range(ROUNDS)
        ]
        for series in sets
    ]
    ours = measured_here(bodies)
    tell(OURS, ours)
    end_ms = start_ms + ROUNDS * STEP_MS
    program = find_prometheus()
    if program is None:
        print("prometheus is not installed: no comparison")
        return 0
    with tempfile.TemporaryDirectory() as folder, RealPrometheus(program, Path(folder)) as prometheus:
        theirs = measured(
            prometheus.url, prometheus.pid, bodies, count=lambda: counted(prometheus.url, end_ms)
        )  # fmt: skip
    tell("Prometheus", theirs)
    victoria_program = program.parent / "victoria-metrics"
    if victoria_program.exists():
        with tempfile.TemporaryDirectory() as folder, RealVictoria(victoria_program, Path(folder)) as victoria:
            pid = next(each.pid for each in psutil.Process().children() if "victoria" in each.name())
            others = measured(victoria.url, pid, bodies, count=lambda: counted(victoria.url, end_ms))
        tell("VictoriaMetrics", others)
        show("samples/s, ours ÷ VictoriaMetrics'", ours.rate / others.rate, "")
    show("samples/s, ours ÷ Prometheus'", ours.rate / theirs.rate, "", bar=RATIO_BAR)
    show("CPU, ours ÷ Prometheus'", ours.cpu_s / theirs.cpu_s, "")
    return 0


def measured_here(bodies: list[list[bytes]]) -> Measured:
    with tempfile.TemporaryDirectory() as folder:
        here = Path(__file__).resolve().parent
        server = subprocess.Popen(
            [sys.executable, str(here / "ingest_server.py"), f"{folder}/ours"], stdout=subprocess.PIPE, env=os.environ
        )
        try:
            assert server.stdout is not None
            url = f"http://127.0.0.1:{int(server.stdout.readline())}"

            def count() -> int:
                return int(httpx.get(f"{url}/count", params={"metric": "node_metric_"}, timeout=60).text)

            return measured(
                url, server.pid, bodies, count=count, settle=lambda: httpx.get(f"{url}/flush", timeout=60)
            )  # fmt: skip
        finally:
            server.terminate()
            server.wait()


if __name__ == "__main__":
    raise SystemExit(main())
