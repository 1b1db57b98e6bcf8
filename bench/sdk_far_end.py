"""A real web service under load, with the SDK and a far end that behaves badly, against the same service without the SDK.

For each far end: median and 99th percentile of the service's latency as a ratio to the service without the SDK and to the one
whose far end is well, what its memory grew by, and what was sent and dropped. All three run side by side and are asked in turn,
so that whatever else the machine does slows them alike.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx

from figures import quantile, show
from support.far_end import far_end, full_backlog
from support.ports import free_port

SECONDS = 36.0  # of load a state
WARM_S = 3.0  # before anything is measured: imports, connections, the first batches
RATE = 30  # requests a second and service, a tenth of what one core serves: latency, not throughput, is asked for
CONNECTIONS = 8
STATES = ("refused", "black_hole", "syn_dropped", "trickle", "busy_503")
PARTS = 9
BUSY_MS = 15.0  # of the bare service's median, which sleeps for 2 ms
GROWTH_MIB_MAX = 32.0  # queues of 2,048 and outboxes of 4 MiB for three signals, and what the allocator keeps
RATIO_MAX = 1.1


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
    async def told() -> dict[str, dict[str, int]]:
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
        yield f"http://127.0.0.1:{free_port()}"
    elif state == "syn_dropped":
        with full_backlog() as url:
            yield url
    else:
        modes = {"well": "ok", "busy_503": "503"}
        with far_end(modes.get(state, state)) as end:
            if state == "busy_503":
                end.headers = {"retry-after": "2"}
            yield end.url


async def load(urls: dict[str, str], seconds: float) -> dict[str, list[float]]:
    """Latencies in milliseconds at a steady rate, each from when its request was due: a stall counts for all it delays.

    Each service has connections of its own, so that one that stalls delays no other.
    """
    latencies: dict[str, list[float]] = {name: [] for name in urls}
    due: dict[str, asyncio.Queue[float | None]] = {name: asyncio.Queue() for name in urls}

    async def work(client: httpx.AsyncClient, name: str) -> None:
        while (at_s := await due[name].get()) is not None:
            await client.get(f"{urls[name]}/withdraw/w1", timeout=30)
            latencies[name].append((time.perf_counter() - at_s) * 1000)

    async with httpx.AsyncClient() as client:
        workers = [asyncio.create_task(work(client, name)) for name in urls for _ in range(CONNECTIONS)]
        begin_s = time.perf_counter()
        for number in range(int(seconds * RATE * len(urls))):
            at_s = begin_s + number / (RATE * len(urls))
            await asyncio.sleep(max(at_s - time.perf_counter(), 0))
            due[tuple(urls)[number % len(urls)]].put_nowait(at_s)
        for queue in due.values():
            for _ in range(CONNECTIONS):
                queue.put_nowait(None)
        await asyncio.gather(*workers)
    return latencies


def rss_mib(pid: int) -> float:
    text = Path(f"/proc/{pid}/status").read_text()
    return next(int(line.split()[1]) for line in text.splitlines() if line.startswith("VmRSS")) / 1024


def account(url: str) -> tuple[int, int, int]:
    """Exported, dropped, and the longest queue now."""
    signals = httpx.get(f"{url}/account", timeout=20).json().values()
    return (
        sum(one["exported"] for one in signals),
        sum(one["dropped"] for one in signals),
        max((one["queued"] for one in signals), default=0),
    )


def in_parts(latencies: list[float], share: float) -> list[float]:
    """The quantile of each part of the run: a burst of other work on this machine is one part's, not all the run's."""
    size = len(latencies) // PARTS
    return [quantile(latencies[part * size : (part + 1) * size], share) for part in range(PARTS)]


def ratio(own: list[float], others: list[float]) -> float:
    """Of each part to the other's at the same time; the one in the middle."""
    return statistics.median(mine / theirs for mine, theirs in zip(own, others, strict=True))


def measure(state: str) -> None:
    with contextlib.ExitStack() as stack:
        services = {
            name: stack.enter_context(serving(stack.enter_context(far_side(name))))
            for name in ("no_sdk", "well", state)
        }
        urls = {name: url for name, (url, _) in services.items()}
        asyncio.run(load(urls, WARM_S))
        before = {name: rss_mib(pid) for name, (_, pid) in services.items()}
        latencies = asyncio.run(load(urls, SECONDS))
        growth = {name: rss_mib(pid) - before[name] for name, (_, pid) in services.items()}
        exported, dropped, queued = account(urls[state])
    if quantile(latencies["no_sdk"], 0.5) > BUSY_MS:
        print("the machine is too busy: even the bare service waits for a processor", flush=True)
    for name, share in (("p50", 0.5), ("p99", 0.99)):
        own, well, bare = (in_parts(latencies[one], share) for one in (state, "well", "no_sdk"))
        show(f"{state}, {name}", statistics.median(own), "ms")
        show(f"{state}, {name} to no SDK", ratio(own, bare), "x")
        show(f"{state}, {name} to a far end that is well", ratio(own, well), "x", bar=RATIO_MAX, is_most=True)
    show(f"{state}, memory grew by", growth[state], "MiB", bar=GROWTH_MIB_MAX, is_most=True)
    show(f"{state}, memory grew, far end well", growth["well"], "MiB")
    show(f"{state}, exported", exported, "items")
    show(f"{state}, dropped and counted", dropped, "items")
    show(f"{state}, queue at the end", queued, "items", bar=2048, is_most=True)


def main() -> int:
    for state in STATES:
        measure(state)
    return 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--host", default="")
    chosen = parser.parse_args()
    if chosen.host:
        host(chosen.host)
        os._exit(0)
    raise SystemExit(main())
