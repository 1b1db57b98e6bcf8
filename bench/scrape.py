"""Scraping: known and new pages, over a real socket, into an intake that keeps nothing; the client beside httpx."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

import httpx
from prometheus_client import CollectorRegistry

from anyascope.clock import NS_PER_S, SystemClock
from anyascope.collect.http import FetchBounds, HttpFetcher
from anyascope.collect.scrape import TargetScraper
from anyascope.collect.scrape_config import ScrapeConfig
from anyascope.collect.tally import ScrapeTally
from anyascope.collect.targets import Target
from anyascope.collect.tls import TlsContexts
from anyascope.model.http import HttpOptions, TlsOptions
from anyascope.model.labels import labels_of
from anyascope.model.metrics import MetricBatch
from anyascope.ports import Admission
from figures import show
from support.collecting import RecordingIntake
from support.protobuf_pages import COUNTER, HISTOGRAM, family, metric, protobuf_page

SAMPLES = 100_000
ROUNDS = 10
SMALL_ROUNDS = 300
HISTOGRAMS, BUCKETS = 5_000, 40
KNOWN_PER_S_MIN = 200_000  # the bar
TEXT = "Content-Type: text/plain; version=0.0.4\r\n"
BINARY = "Content-Type: application/vnd.google.protobuf; encoding=delimited\r\n"
OPEN = "Content-Type: application/openmetrics-text; version=1.0.0\r\n"


class Sink(RecordingIntake):
    """Takes everything and keeps nothing."""

    async def metrics(self, batch: MetricBatch, *, source: str) -> Admission:  # noqa: ARG002
        return Admission(batch.rows)


def text_page(number: int, *, samples: int = SAMPLES, churn: int = 0) -> bytes:
    """A page as a large exporter has it: four labels, values that change; `churn` of its series are new each time."""
    lines = ["# HELP http_request_duration_seconds Latency.", "# TYPE http_request_duration_seconds histogram"]
    for row in range(samples):
        handler = f"/api/v1/{row}" if row >= churn else f"/new/{number}/{row}"
        lines.append(
            f'http_request_duration_seconds_bucket{{method="GET",handler="{handler}",code="200",le="0.5"}} '
            f"{row * 0.5 + number}"
        )
    return ("\n".join(lines) + "\n").encode()


def exemplar_page(number: int) -> bytes:
    """An OpenMetrics page on which every tenth sample has an exemplar."""
    lines = ["# TYPE h histogram"]
    for row in range(SAMPLES):
        exemplar = f' # {{trace_id="{row:032x}"}} 0.3' if row % 10 == 0 else ""
        lines.append(f'h_bucket{{handler="/{row}",le="1.0"}} {row + number}{exemplar}')
    return ("\n".join([*lines, "# EOF"]) + "\n").encode()


def counter_page(number: int) -> bytes:
    """The text page's series as counters in protobuf."""
    rows = (
        metric(method="GET", handler=f"/api/v1/{row}", code="200", le="0.5", counter={"value": row * 0.5 + number})
        for row in range(SAMPLES)
    )
    return protobuf_page(family("http_requests_total", COUNTER, *rows))


def native_page(number: int) -> bytes:
    """Native histograms of 40 buckets each, as a busy service has them."""
    shape = {"schema": 3, "zero_threshold": 1e-9, "positive_span": [{"offset": -20, "length": BUCKETS}]}
    counts = {"sample_count": BUCKETS * number, "sample_sum": 1.0, "positive_delta": [number, *[0] * (BUCKETS - 1)]}
    rows = (metric(handler=f"/api/v1/{row}", histogram=shape | counts) for row in range(HISTOGRAMS))
    return protobuf_page(family("http_request_duration_seconds", HISTOGRAM, *rows))


async def serve(pages: Callable[[], tuple[bytes, str]]) -> asyncio.Server:
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while await reader.readuntil(b"\r\n\r\n"):
                body, headers = pages()
                writer.write(f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n{headers}\r\n".encode() + body)
                await writer.drain()
        except (asyncio.IncompleteReadError, asyncio.CancelledError, ConnectionError):
            writer.close()

    return await asyncio.start_server(handle, "127.0.0.1", 0)


async def scrape_pages(
    name: str, pages: list[bytes], headers: str, *, bar: float | None = None, samples: int = SAMPLES
) -> None:
    """Scrape each page once after a first one that teaches the lines; samples a second, fetching and drafting included."""
    left = list(pages)
    server = await serve(lambda: (left.pop(0), headers))
    port = server.sockets[0].getsockname()[1]
    config = ScrapeConfig("bench", has_natives=True)
    clock = SystemClock()
    scraper = TargetScraper(
        Target(labels_of({"job": "bench", "instance": "a:1"}), f"http://127.0.0.1:{port}/metrics", 15.0, 10.0),
        config,
        fetcher=HttpFetcher(config.http, TlsContexts(TlsOptions())),
        intake=Sink(),
        clock=clock,
        tally=ScrapeTally(CollectorRegistry()),
    )
    until_ns = clock.now_ns() + 3600 * NS_PER_S
    started = time.perf_counter()
    await scraper.scrape(clock.now_ns(), until_ns=until_ns)
    first_s = time.perf_counter() - started
    if bar is not None:
        show("scrape: a page never seen before", samples / first_s, "samples/s")
    took = []
    for _ in pages[1:]:
        started, cpu = time.perf_counter(), time.process_time()
        await scraper.scrape(clock.now_ns(), until_ns=until_ns)
        took.append((time.perf_counter() - started, time.process_time() - cpu))
    assert scraper.view().last_error == "", scraper.view().last_error
    wall = sorted(pair[0] for pair in took)[len(took) // 2]
    cpu = sorted(pair[1] for pair in took)[len(took) // 2]
    show(f"scrape: {name}", samples / wall, "samples/s", bar=bar)
    if bar is not None:
        show(f"scrape: {name}, of processor time (both ends)", samples / cpu, "samples/s")
    scraper.close()
    server.close()
    await asyncio.sleep(0)


async def compare_clients() -> None:
    """Milliseconds of processor time a small scrape, both ends: our client and httpx."""
    page = text_page(0, samples=500)
    server = await serve(lambda: (page, TEXT))
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/metrics"
    ours = HttpFetcher(HttpOptions(), TlsContexts(TlsOptions()))
    bounds = FetchBounds(10.0, 10_000_000)
    for _ in range(20):
        await ours.get(url, headers=(), bounds=bounds)
    started = time.process_time()
    for _ in range(SMALL_ROUNDS):
        await ours.get(url, headers=(), bounds=bounds)
    show("fetch of 500 lines: ours", (time.process_time() - started) / SMALL_ROUNDS * 1000, "ms CPU")
    ours.close()
    async with httpx.AsyncClient() as client:
        for _ in range(20):
            await client.get(url)
        started = time.process_time()
        for _ in range(SMALL_ROUNDS):
            await client.get(url)
        show("fetch of 500 lines: httpx", (time.process_time() - started) / SMALL_ROUNDS * 1000, "ms CPU")
    server.close()


async def main() -> None:
    await scrape_pages("known lines", [text_page(n) for n in range(ROUNDS)], TEXT, bar=KNOWN_PER_S_MIN)
    await scrape_pages(
        "1% of the lines new each time", [text_page(n, churn=SAMPLES // 100) for n in range(ROUNDS)], TEXT
    )
    await scrape_pages("OpenMetrics, 10% with exemplars", [exemplar_page(n) for n in range(ROUNDS)], OPEN)
    await scrape_pages("protobuf, known series", [counter_page(n) for n in range(ROUNDS)], BINARY)
    native = [native_page(n) for n in range(1, ROUNDS)]
    await scrape_pages("protobuf, native histograms of 40 buckets", native, BINARY, samples=HISTOGRAMS)
    await compare_clients()


if __name__ == "__main__":
    asyncio.run(main())
