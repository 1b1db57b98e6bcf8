"""A queue on a manual clock that sends to a far end of our own making."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from prometheus_client import CollectorRegistry

from anyascope.clock import ManualClock
from anyascope.forward.courier import Courier
from anyascope.forward.log import MemoryLog
from anyascope.forward.options import Protobuf, QueueOptions, RemoteWrite
from anyascope.forward.places import LanePlaces
from anyascope.forward.queue import Queue, QueueParts
from anyascope.forward.send import Result, Verdict, encoder_of
from anyascope.forward.series import SeriesBook
from anyascope.forward.tally import Tally
from anyascope.model.labels import Labels, labels_of
from anyascope.model.metrics import MetricBatch, MetricMetadata, SampleBatch
from anyascope.model.secret import Secret
from anyascope.wire.prompb.decoded import SeriesBook as ReadBook
from anyascope.wire.prompb.write_v1 import WriteV1Decoder
from anyascope.wire.prompb.write_v2 import WriteV2Decoder

URL = "http://far.example/api/v1/write"
TAKEN = Result(Verdict.TAKEN)
AGAIN = Result(Verdict.AGAIN, "503 no", "503")
REFUSED = Result(Verdict.REFUSED, "400 bad", "400")
STEPS = 400
START_MS = 1_700_000_000_000

Row = tuple[Labels, int, float]


class FarEnd:
    """Stands where `Sender` does. `answers` decides by the request's number and rows; a taken request's rows are kept."""

    def __init__(self, answers: Callable[[int, Sequence[Row]], Result] = lambda number, rows: TAKEN) -> None:
        self.answers = answers
        self.rows: list[Row] = []
        self.requests: list[list[Row]] = []
        self.batches: list[MetricBatch] = []
        self.attempts: list[int] = []
        self.under_way = 0
        self.under_way_max = 0
        self.delay_s = 0.0
        self.clock: ManualClock | None = None
        self._readers = {"0.1.0": WriteV1Decoder(ReadBook()), "2.0.0": WriteV2Decoder(ReadBook())}

    async def send(self, body: bytes, *, content_type: str, version: str, attempt: int) -> Result:
        batch = self._readers[version].decode(body).batch
        rows = rows_of(batch.samples)
        self.requests.append(rows)
        self.attempts.append(attempt)
        self.under_way += 1
        self.under_way_max = max(self.under_way, self.under_way_max)
        try:
            if self.delay_s and self.clock is not None:
                await self.clock.sleep(self.delay_s)
            result = self.answers(len(self.requests), rows)
            if result.verdict is Verdict.TAKEN:
                self.rows += rows
                self.batches.append(batch)
            # Where an answer gets lost is the caller's to decide: it cancels us here.
            await asyncio.sleep(0)
        finally:
            self.under_way -= 1
        return result

    async def close(self) -> None:
        """Nothing to close."""


def rows_of(samples: SampleBatch) -> list[Row]:
    return [
        (samples.series[row], time_ms, value)
        for row, time_ms, value in zip(
            samples.rows.tolist(), samples.times_ms.tolist(), samples.values.tolist(), strict=True
        )
    ]


def bits(value: float) -> bytes:
    return struct.pack("<d", value)


def series(number: int) -> Labels:
    return labels_of({"__name__": f"m{number % 7}", "n": str(number)})


def scrape(round_number: int, numbers: Iterable[int]) -> MetricBatch:
    """One sample of each of these series."""
    return MetricBatch(
        SampleBatch.of([(series(n), START_MS + 1000 * round_number, float(round_number)) for n in numbers])
    )


async def no_metadata() -> Sequence[MetricMetadata]:
    return ()


class Life:
    """A queue from its start to its end; several lives may follow each other on the same log and file."""

    def __init__(
        self,
        source: MemoryLog,
        far_end: FarEnd,
        *,
        clock: ManualClock,
        path: Path | None = None,
        options: QueueOptions | None = None,
        protobuf: Protobuf = Protobuf.V1,
        registry: CollectorRegistry | None = None,
        **changes: object,
    ) -> None:
        self.registry = registry or CollectorRegistry()
        self.remote = RemoteWrite(
            "far", Secret(URL), URL, protobuf=protobuf, queue=options or QueueOptions(), **changes
        )
        tally = Tally(self.registry)
        encoder = encoder_of(self.remote)
        book = SeriesBook(
            self.remote,
            (("cluster", "eu"),) if changes.get("external") else (),
            labels_of_ids=source.labels_of,
            has_custom_buckets=encoder.has_custom_buckets,
            tally=tally,
        )
        far_end.clock = clock
        self.courier = Courier(self.remote, encoder=encoder, sender=far_end, clock=clock, tally=tally)
        parts = QueueParts(source, book, LanePlaces(path), self.courier, no_metadata, lambda: START_MS)
        self.queue = Queue("far", self.remote, parts=parts, clock=clock, tally=tally)

    def value(self, name: str, **labels: str) -> float:
        return (
            self.registry.get_sample_value(
                f"prometheus_remote_storage_{name}", {"remote_name": "far", "url": URL, **labels}
            )
            or 0.0
        )

    async def crash(self) -> None:
        """End as `kill -9` would: nothing is finished, nothing more is written."""
        for task in self.queue._tasks:
            task.cancel()
        await asyncio.gather(*self.queue._tasks, return_exceptions=True)
        self.queue._places.close()


async def until(condition: Callable[[], bool], clock: ManualClock, *, sockets: bool = False) -> None:
    """Turn the clock until something is true; with `sockets`, the operating system gets time to answer too."""
    for _ in range(STEPS):
        if condition():
            return
        await clock.advance(1.0)
        if sockets:
            await asyncio.sleep(0.02)
    raise AssertionError(f"did not come true within {STEPS} s of the manual clock")
