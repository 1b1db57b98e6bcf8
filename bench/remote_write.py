"""Remote write 1.0 in, beside a real Prometheus in the same run: 10,000 series, 2,000 samples a request, one a series.

Prints samples a second and CPU seconds a million of both, their ratio, and the decoders alone.
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
from pathlib import Path
from urllib.parse import urlsplit

import cramjam
import psutil

from anyascope.wire.prompb import schema
from anyascope.wire.prompb.decoded import SeriesBook
from anyascope.wire.prompb.write_v1 import WriteV1Decoder
from anyascope.wire.prompb.write_v2 import WriteV2Decoder
from figures import show
from support.prometheus import RealPrometheus, find_prometheus
from support.remote_write import remote_write

SENDERS, SERIES_A_REQUEST, ROUNDS = 5, 2_000, 100  # a sender owns its series, so that each stays in order
STEP_MS = 1_000
DECODE_ROUNDS = 50
RATIO_BAR, CPU_BAR_S = 0.8, 4.0
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


def measured(name: str, url: str, pid: int, bodies: list[list[bytes]]) -> tuple[float, float]:
    """Samples a second and CPU seconds a million, after one round that makes the series known."""
    process = psutil.Process(pid)
    send_all(url, [own[:1] for own in bodies])
    before_s = sum(process.cpu_times()[:2])
    seconds = send_all(url, [own[1:] for own in bodies])
    used_s = sum(process.cpu_times()[:2]) - before_s
    samples = SENDERS * SERIES_A_REQUEST * (len(bodies[0]) - 1)
    show(name, samples / seconds, "samples/s")
    return samples / seconds, used_s / samples * 1e6


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
    """Microseconds of CPU a sample of each decoder, series known; and of upb's classes for all, as the alternative."""
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
        work()
        began = time.process_time()
        for _ in range(DECODE_ROUNDS):
            work()
        used_s = time.process_time() - began
        show(name, used_s / DECODE_ROUNDS / len(series) * 1e6, "µs")


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
    with tempfile.TemporaryDirectory() as folder:
        here = Path(__file__).resolve().parent
        server = subprocess.Popen(
            [sys.executable, str(here / "ingest_server.py"), f"{folder}/ours"], stdout=subprocess.PIPE, env=os.environ
        )
        try:
            assert server.stdout is not None
            port = int(server.stdout.readline())
            rate, cpu_s = measured("anyascope", f"http://127.0.0.1:{port}", server.pid, bodies)
        finally:
            server.terminate()
            server.wait()
        show("anyascope, CPU of a million samples", cpu_s, "s", bar=CPU_BAR_S, is_most=True)
        program = find_prometheus()
        if program is None:
            print("prometheus is not installed: no comparison")
            return 0
        with RealPrometheus(program, Path(folder)) as prometheus:
            other_rate, other_cpu_s = measured("Prometheus", prometheus.url, prometheus.pid, bodies)
        show("Prometheus, CPU of a million samples", other_cpu_s, "s")
        show("samples/s, ours ÷ Prometheus'", rate / other_rate, "", bar=RATIO_BAR)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
