"""A process that writes to a store for ever and says what was acknowledged; its parent kills it.

Usage: python store_writer.py DIRECTORY FIRST. Each line on standard output is the number of a batch that is durable.
"""

from __future__ import annotations

import asyncio
import itertools
import sys
from pathlib import Path

import numpy as np
from prometheus_client import CollectorRegistry

from anyascope.clock import SystemClock
from anyascope.model.labels import labels_of, series_id
from anyascope.model.logs import LogBatch, LogRecord
from anyascope.model.metrics import MetricBatch, SampleBatch
from anyascope.model.traces import Span, SpanBatch
from anyascope.store.chdb import ChdbStore, StoreOptions

ROWS = 50  # a batch and signal
START_MS = 1_700_000_000_000


def metric_batch(number):
    # Half of the series are new in every batch, so that a kill may fall between labels and samples.
    series = [labels_of({"__name__": "kept", "row": str(row)}) for row in range(ROWS // 2)]
    series += [labels_of({"__name__": "fresh", "batch": str(number), "row": str(row)}) for row in range(ROWS // 2)]
    return MetricBatch(
        samples=SampleBatch(
            series,
            np.array([series_id(each) for each in series], np.uint64),
            np.arange(ROWS, dtype=np.uint32),
            np.full(ROWS, START_MS + number, np.int64),
            np.full(ROWS, float(number)),
        )
    )


def log_batch(number):
    batch = LogBatch("otlp")
    for row in range(ROWS):
        batch.add(LogRecord(START_MS * 1_000_000 + number, f"batch {number} row {row}", attributes={"batch": number}))
    return batch


def span_batch(number):
    batch = SpanBatch()
    for row in range(ROWS):
        batch.add(
            Span(number.to_bytes(16, "big"), (row + 1).to_bytes(8, "big"), "write", START_MS * 1_000_000 + number, 1)
        )
    return batch


async def main(directory, first):
    store = await ChdbStore.open(
        Path(directory), options=StoreOptions(), clock=SystemClock(), registry=CollectorRegistry()
    )
    flushes = set()
    for number in itertools.count(first):
        token = f"b{number}"
        if number % 4 == 0:
            # So that a kill may also fall between journal and tables, and between tables and the journal's position.
            flushes.add(asyncio.create_task(store.metrics.flush()))
        await asyncio.gather(
            store.metrics.write_metrics(metric_batch(number), token=token),
            store.logs.write_logs([log_batch(number)], token=token),
            store.spans.write_spans([span_batch(number)], token=token),
        )
        sys.stdout.write(f"{number}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2])))
