"""A real web service under load, with the SDK and a far end that behaves badly, against the same service without the SDK.

For each far end: median and 99th percentile of the service's latency as a ratio to the service without the SDK and to the one
whose far end is well, what its memory grew by, and what was sent and dropped. The states take turns in rounds, so that a busy
machine slows all of them alike.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from figures import quantile, show
from support.far_end import closed_port, far_end

ROUNDS = 3
SECONDS = 6.0  # of load a round
RATE = 150  # requests a second, about a third of what one core serves: latency, not throughput, is asked for
CONNECTIONS = 8
STATES = ("no_sdk", "well", "refused", "black_hole", "syn_dropped", "trickle", "busy_503")
GROWTH_MIB_MAX = 32.0  # queues of 2,048 and outboxes of 4 MiB for three signals, and what the allocator keeps
RATIO_MAX = 1.1


@dataclass
class Result:
    p50_ms: list[float] = field(default_factory=list)
    p99_ms: list[float] = field(default_factory=list)
    growth_mib: list[float] = field(default_factory=list)
    exported: int = 0
    dropped: int = 0
    queued_most: int = 0


def host(endpoint: str) -> None:
    """The service: one route that traces, measures, logs and audits, as a withdrawal does."""
    import uvicorn  # noqa: PLC0415  # only the service's process needs it
    from fastapi import FastAPI  # noqa: PLC0415  # as above

    app = FastAPI()
    with_sdk = endpoint != "no_sdk"
    if with_sdk:
        import anyascope.sdk  # noqa: PLC0415  # the bare service must not load it

        anyascope.sdk.init("bench", endpoint=endpoint, logs="export_only")

    @app.get("/withdraw/{wallet}")
    async def withdraw(wallet: str) -> dict[str, str]:
        if with_sdk:
            with anyascope.sdk.trace_bitcoin_operation("send", wallet):
                await asyncio.sleep(0.002)
        else:
            await asyncio.sleep(0.002)
        return {"wallet": wallet}

    @app.get("/account")
    async def account() -> dict[str, dict[str, int]]:
        if not with_sdk:
            return {}
        stats = anyascope.sdk.delivery_stats().signals
        return {
            name: {"exported": one.exported, "dropped": sum(one.dropped.values()), "queued": one.queued}
            for name, one in stats.items()
        }

    if with_sdk:
        app.add_middleware(anyascope.sdk.TelemetryMiddleware)
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    print(listener.getsockname()[1], flush=True)
    uvicorn.Server(uvicorn.Config(app, log_level="warning", access_log=False)).run(sockets=[listener])


@contextlib.contextmanager
def serving(endpoint: str) -> Iterator[tuple[str, int]]:
    """The service's address and process id."""
    process = subprocess.Popen(
        [sys.executable, __file__, "--host", endpoint], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    assert process.stdout is not None
    try:
        url = f"http://127.0.0.1:{int(process.stdout.readline())}"
        with httpx.Client(transport=httpx.HTTPTransport(retries=50)) as client:
            client.get(f"{url}/account", timeout=20)
        yield url, process.pid
    finally:
        process.terminate()
        process.wait(20)
        process.stdout.close()


@contextlib.contextmanager
def far_side(state: str) -> Iterator[str]:
    """The endpoint of a far end in this state."""
    if state == "no_sdk":
        yield "no_sdk"
    elif state == "refused":
        yield f"http://127.0.0.1:{closed_port()}"
    elif state == "syn_dropped":
        with full_backlog() as port:
            yield f"http://127.0.0.1:{port}"
    else:
        modes = {"well": "ok", "busy_503": "503"}
        with far_end(modes.get(state, state)) as end:
            if state == "busy_503":
                end.headers = {"retry-after": "2"}
            yield end.url


@contextlib.contextmanager
def full_backlog() -> Iterator[int]:
    """A port whose queue of connections is full: the kernel drops what comes, as a firewall does."""
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(4):
            one = stack.enter_context(socket.socket())
            one.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                one.connect(listener.getsockname())
        time.sleep(0.1)
        yield listener.getsockname()[1]


async def load(url: str, seconds: float) -> list[float]:
    """Latencies in milliseconds at a steady rate, each from when its request was due: a stall counts for all it delays."""
    latencies: list[float] = []
    due: asyncio.Queue[float | None] = asyncio.Queue()

    async def work(client: httpx.AsyncClient) -> None:
        while (at_s := await due.get()) is not None:
            await client.get(f"{url}/withdraw/w1", timeout=30)
            latencies.append((time.perf_counter() - at_s) * 1000)

    async with httpx.AsyncClient() as client:
        workers = [asyncio.create_task(work(client)) for _ in range(CONNECTIONS)]
        begin_s = time.perf_counter()
        for number in range(int(seconds * RATE)):
            at_s = begin_s + number / RATE
            await asyncio.sleep(max(at_s - time.perf_counter(), 0))
            due.put_nowait(at_s)
        for _ in workers:
            due.put_nowait(None)
        await asyncio.gather(*workers)
    return latencies


def rss_mib(pid: int) -> float:
    text = Path(f"/proc/{pid}/status").read_text()
    return next(int(line.split()[1]) for line in text.splitlines() if line.startswith("VmRSS")) / 1024


def measure(state: str, result: Result) -> None:
    with far_side(state) as endpoint, serving(endpoint) as (url, pid):
        asyncio.run(load(url, 1.5))
        before = rss_mib(pid)
        latencies = asyncio.run(load(url, SECONDS))
        result.growth_mib.append(rss_mib(pid) - before)
        result.p50_ms.append(quantile(latencies, 0.5))
        result.p99_ms.append(quantile(latencies, 0.99))
        account = httpx.get(f"{url}/account", timeout=20).json()
        result.exported += sum(one["exported"] for one in account.values())
        result.dropped += sum(one["dropped"] for one in account.values())
        result.queued_most = max([result.queued_most, *(one["queued"] for one in account.values())])


def main() -> int:
    results = {state: Result() for state in STATES}
    for number in range(ROUNDS):
        for state in STATES if number % 2 == 0 else STATES[::-1]:
            measure(state, results[state])
    bare, well = results["no_sdk"], results["well"]
    show("no SDK, p50", statistics.median(bare.p50_ms), "ms")
    show("no SDK, p99", statistics.median(bare.p99_ms), "ms")
    for state in STATES[1:]:
        one = results[state]
        for name, own, others, healthy in (
            ("p50", one.p50_ms, bare.p50_ms, well.p50_ms),
            ("p99", one.p99_ms, bare.p99_ms, well.p99_ms),
        ):
            # Rounds are compared with the round of the other state beside which they ran.
            to_bare = statistics.median(mine / theirs for mine, theirs in zip(own, others, strict=True))
            to_well = statistics.median(mine / theirs for mine, theirs in zip(own, healthy, strict=True))
            show(f"{state}, {name} to no SDK", to_bare, "x")
            if state != "well":
                show(f"{state}, {name} to a far end that is well", to_well, "x", bar=RATIO_MAX, is_most=True)
        show(f"{state}, memory grew by", max(one.growth_mib), "MiB", bar=GROWTH_MIB_MAX, is_most=True)
        show(f"{state}, exported", one.exported, "items")
        show(f"{state}, dropped and counted", one.dropped, "items")
        show(f"{state}, longest queue seen", one.queued_most, "items", bar=2048, is_most=True)
    print(json.dumps({state: {"p99_ms": [round(v, 2) for v in one.p99_ms]} for state, one in results.items()}))
    return 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--host", default="")
    chosen = parser.parse_args()
    if chosen.host:
        host(chosen.host)
        os._exit(0)
    raise SystemExit(main())
