"""Hostile remote-write bodies beside an honest sender: how long others wait, and whether memory returns.

One sender writes 200 samples twenty times a second; then another sends ten bombs, damaged bodies and label bombs a second.
Prints the honest sender's latency without and with them, and what memory they leave behind.
"""

from __future__ import annotations

import http.client
import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import cramjam
import psutil

from anyascope.wire.prompb import schema
from figures import quantile, show
from support.remote_write import remote_write

SECONDS, EVERY_S, HOSTILE_SENDERS, HOSTILE_EVERY_S = 8.0, 0.05, 1, 0.1
RATIO_BAR = 2.0
HEADERS = {"content-type": "application/x-protobuf", "content-encoding": "snappy"}


def hostile() -> list[bytes]:
    now_ms = int(time.time() * 1000)
    many = (("__name__", "bad"), *((f"l{n:05}", "x") for n in range(5_000)))
    long = (("__name__", "bad"), ("l", os.urandom(200_000).hex()))
    damaged = schema.WriteRequest(timeseries=[b"\x0a\xff"] * 1_000).SerializeToString()
    return [
        bytes(cramjam.snappy.compress_raw(bytes(34_000_000))),
        bytes(cramjam.snappy.compress_raw(b"\x0a\x00" * 8_000_000)),
        bytes(cramjam.snappy.compress_raw(damaged)),
        remote_write([(many, [(now_ms, 1.0)])]),
        remote_write([(long, [(now_ms, 1.0)])]),
        b"\xff" * 1_000,
        remote_write([((("__name__", "bad"), ("n", str(n))), [(2**62, 1.0)]) for n in range(2_000)]),
    ]


def post(connection: http.client.HTTPConnection, body: bytes) -> int:
    connection.request("POST", "/api/v1/write", body, HEADERS)
    answer = connection.getresponse()
    answer.read()
    return answer.status


def honest_ms(port: int) -> list[float]:
    connection = http.client.HTTPConnection("127.0.0.1", port)
    waited: list[float] = []
    until = time.perf_counter() + SECONDS
    while time.perf_counter() < until:
        now_ms = int(time.time() * 1000)
        body = remote_write([((("__name__", "good"), ("n", str(n))), [(now_ms, 1.0)]) for n in range(200)])
        began = time.perf_counter()
        assert post(connection, body) == 204
        waited.append((time.perf_counter() - began) * 1000)
        time.sleep(EVERY_S)
    return waited


def attack(port: int, stop: threading.Event, answers: list[int]) -> None:
    bodies = hostile()
    number = 0
    while not stop.is_set():
        connection = http.client.HTTPConnection("127.0.0.1", port)
        try:
            while not stop.is_set():
                answers.append(post(connection, bodies[number % len(bodies)]))
                number += 1
                time.sleep(HOSTILE_EVERY_S)
        except (http.client.HTTPException, OSError):
            number += 1  # an answer of 413 ends the connection


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        here = Path(__file__).resolve().parent
        server = subprocess.Popen(
            [sys.executable, str(here / "ingest_server.py"), f"{folder}/ours"], stdout=subprocess.PIPE, env=os.environ
        )
        try:
            assert server.stdout is not None
            port = int(server.stdout.readline())
            honest_ms(port)
            calm = honest_ms(port)
            before = psutil.Process(server.pid).memory_info().rss
            stop, answers = threading.Event(), list[int]()
            others = [threading.Thread(target=attack, args=(port, stop, answers)) for _ in range(HOSTILE_SENDERS)]
            for other in others:
                other.start()
            beset = honest_ms(port)
            stop.set()
            for other in others:
                other.join()
            honest_ms(port)
            after = psutil.Process(server.pid).memory_info().rss
        finally:
            server.terminate()
            server.wait()
    show("hostile bodies answered", len(answers) / SECONDS, "/s")
    show("of them taken", sum(status < 400 for status in answers), "")
    for share in (0.5, 0.99):
        alone_ms, beset_ms = quantile(calm, share), quantile(beset, share)
        show(f"honest sender, p{share * 100:.0f}, alone", alone_ms, "ms")
        show(f"honest sender, p{share * 100:.0f}, beset", beset_ms, "ms")
        show(f"beset ÷ alone, p{share * 100:.0f}", beset_ms / alone_ms, "", bar=RATIO_BAR, is_most=True)
    show("memory left behind", (after - before) / 1e6, "MB")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
