"""What the store alone can do: rows a second for building and inserting, and how long questions take."""

from __future__ import annotations

import asyncio
import random
import tempfile
import time
from pathlib import Path

import numpy as np
from prometheus_client import CollectorRegistry

from anyascope.clock import SystemClock
from anyascope.model.attributes import Resource, Scope
from anyascope.model.documents import Delete, Put
from anyascope.model.labels import Matcher, MatchOp, labels_of, series_id
from anyascope.model.logs import LogBatch
from anyascope.model.metrics import MetricBatch, SampleBatch
from anyascope.model.traces import SpanBatch
from anyascope.store.api.logs import FieldEquals, LogQuery, Words
from anyascope.store.api.metrics import Selection
from anyascope.store.api.spans import TraceQuery
from anyascope.store.chdb import ChdbStore, StoreOptions
from anyascope.store.chdb.rows import log_block, span_block
from anyascope.store.documents import open_documents
from figures import quantile, show

ROWS = 20_000  # a batch of logs or spans
BATCHES = 10
SERIES = 10_000  # of a scrape
SCRAPES = 40
LARGE = 1_000_000  # samples of one large batch

chance = random.Random(1)
WORDS = [f"word{number}" for number in range(5000)]
RESOURCES = [
    Resource(
        {
            "service.name": f"service{number}",
            "host.name": "host1",
            "service.version": "1.2.3",
            "deployment.environment": "prod",
            "telemetry.sdk.language": "python",
            "process.pid": 4242,
        }
    )
    for number in range(3)
]


def attributes():
    return {
        "http.method": "GET",
        "http.status_code": chance.choice([200, 404]),
        "user.id": f"u{chance.randrange(10**6)}",
        "duration": chance.random(),
    }


def logs(rows):
    batch = LogBatch("otlp", resources=list(RESOURCES), scopes=[Scope("lib", "1")])
    now_ns = time.time_ns()
    batch.resource_rows = [row % 3 for row in range(rows)]
    batch.scope_rows = [0] * rows
    batch.times_ns = batch.observed_ns = [now_ns + row for row in range(rows)]
    batch.severity_numbers = [9] * rows
    batch.severity_texts = ["INFO"] * rows
    batch.bodies = [" ".join(chance.choices(WORDS, k=12)) + f" order={chance.getrandbits(40)}" for _ in range(rows)]
    batch.attributes = [attributes() for _ in range(rows)]
    batch.trace_ids = [chance.randbytes(16) for _ in range(rows)]
    batch.span_ids = [chance.randbytes(8) for _ in range(rows)]
    batch.correlation_ids = [f"{chance.getrandbits(64):016x}" for _ in range(rows)]
    batch.event_names = [""] * rows
    batch.flags = [1] * rows
    return batch


def spans(rows):
    batch = SpanBatch(resources=list(RESOURCES), scopes=[Scope("lib", "1")])
    now_ns = time.time_ns()
    batch.resource_rows = [row % 3 for row in range(rows)]
    batch.scope_rows = batch.statuses = [0] * rows
    batch.kinds = [2] * rows
    batch.starts_ns = [now_ns + row for row in range(rows)]
    batch.durations_ns = [chance.randrange(10**9) for _ in range(rows)]
    batch.names = [f"operation{chance.randrange(30)}" for _ in range(rows)]
    batch.status_messages = batch.trace_states = batch.correlation_ids = [""] * rows
    batch.flags = [1] * rows
    batch.attributes = [attributes() for _ in range(rows)]
    batch.trace_ids = [chance.randbytes(16) for _ in range(rows)]
    batch.span_ids = [chance.randbytes(8) for _ in range(rows)]
    batch.parent_ids = [chance.randbytes(8) for _ in range(rows)]
    return batch


async def timed(work):
    begun = time.perf_counter()
    answer = await work
    return time.perf_counter() - begun, answer


async def rows_a_second(name, make, build, write):
    batches = [make(ROWS) for _ in range(BATCHES)]
    begun = time.perf_counter()
    for batch in batches:
        build([batch])
    show(f"{name}: blocks built", ROWS * BATCHES / (time.perf_counter() - begun), "rows/s", bar=100_000)
    cpu, begun = time.process_time(), time.perf_counter()
    for number, batch in enumerate(batches):
        await write([batch], token=f"bench-{number}")
    show(f"{name}: built, indexed and durable", ROWS * BATCHES / (time.perf_counter() - begun), "rows/s", bar=40_000)
    show(f"{name}: processor time", (time.process_time() - cpu) / (ROWS * BATCHES) * 1e6, "µs/row")


async def questions(store):
    now_ns = time.time_ns()
    some = logs(1)
    some.bodies, some.attributes = ["needle 4711"], [{"needle": "4711"}]
    await store.logs.write_logs([some])
    everything = {"start_ns": now_ns - 3_600_000_000_000, "end_ns": now_ns + 3_600_000_000_000}
    for name, condition in (
        ("log search, a rare word", Words("needle 4711")),
        ("log search, a rare attribute", FieldEquals("needle", "4711")),
        ("log search, a common word", Words(WORDS[7])),
    ):
        took = [(await timed(store.logs.search(LogQuery(condition, **everything))))[0] for _ in range(5)]
        show(name, quantile(took, 0.5) * 1e3, "ms")
    took = [
        (
            await timed(
                store.spans.find_traces(TraceQuery(service="service1", tags={"http.status_code": "404"}, **everything))
            )
        )[0]
        for _ in range(5)
    ]
    show("trace search, service and tag", quantile(took, 0.5) * 1e3, "ms")


async def metrics(store):
    series = tuple(
        labels_of({"__name__": f"metric{n % 100}", "instance": f"host{n // 100}", "job": "node", "device": f"d{n % 7}"})
        for n in range(SERIES)
    )
    ids = np.array([series_id(each) for each in series], np.uint64)
    rows = np.arange(SERIES, dtype=np.uint32)
    now_ms = time.time_ns() // 1_000_000
    took = []
    for scrape in range(SCRAPES):
        times = np.full(SERIES, now_ms - (SCRAPES - scrape) * 1000, np.int64)
        batch = MetricBatch(samples=SampleBatch(series, ids, rows, times, np.random.default_rng(1).random(SERIES)))
        took.append((await timed(store.metrics.write_metrics(batch)))[0])
    show("samples: first scrape of 10,000 new series", took[0] * 1e3, "ms")
    show("samples: a scrape of 10,000 known series", SERIES / quantile(took[1:], 0.5), "samples/s", bar=200_000)
    times = np.tile(np.arange(LARGE // SERIES, dtype=np.int64) * 1000 + now_ms - 7_200_000, SERIES)
    large = SampleBatch(series, ids, np.repeat(rows, LARGE // SERIES), times, np.random.default_rng(2).random(LARGE))
    seconds, _ = await timed(store.metrics.write_metrics(MetricBatch(samples=large)))
    show("samples: one batch of a million, out of order", LARGE / seconds, "samples/s", bar=1_000_000)

    one = (Matcher("__name__", MatchOp.EQUAL, "metric3"), Matcher("instance", MatchOp.EQUAL, "host7"))
    for name, matchers, back_ms, bar in (
        ("select: 1 series, 5 min, in memory", one, 300_000, 1.0),
        ("select: 100 series, 5 min, in memory", one[:1], 300_000, None),
        ("select: 100 series, 3 h, disk and memory", one[:1], 10_800_000, None),
    ):
        took = []
        for _ in range(20):
            now_ms = time.time_ns() // 1_000_000
            took.append((await timed(store.metrics.select(Selection(matchers, now_ms - back_ms, now_ms))))[0])
        show(name, quantile(took, 0.5) * 1e3, "ms", bar=bar, is_most=True)


async def documents(directory):
    opened = await open_documents(directory / "state.db", clock=SystemClock())
    begun = time.perf_counter()
    for number in range(500):
        await opened.commit([Put("a", str(number), {"n": number})])
    show("documents: commits, one after another", 500 / (time.perf_counter() - begun), "commits/s")
    begun = time.perf_counter()
    await asyncio.gather(
        *(opened.commit([Put("b", str(n), {"n": n}), Put("c", str(n), {}), Delete("a", str(n))]) for n in range(5000))
    )
    show("documents: commits, many at once", 5000 / (time.perf_counter() - begun), "commits/s", bar=1_000)
    await opened.close()


async def main():
    with tempfile.TemporaryDirectory(prefix="anyascope-bench-") as name:
        directory = Path(name)
        store = await ChdbStore.open(
            directory / "data", options=StoreOptions(), clock=SystemClock(), registry=CollectorRegistry()
        )
        await rows_a_second(
            "logs", logs, lambda batches: log_block(batches, first_sequence=1, now_ns=1), store.logs.write_logs
        )
        await rows_a_second("spans", spans, span_block, store.spans.write_spans)
        await questions(store)
        await metrics(store)
        await store.close()
        seconds, store = await timed(
            ChdbStore.open(
                directory / "data", options=StoreOptions(), clock=SystemClock(), registry=CollectorRegistry()
            )
        )
        show("open again, 10,000 series and a hot window", seconds * 1e3, "ms")
        await store.close()
        await documents(directory)


if __name__ == "__main__":
    asyncio.run(main())
