"""What the tests of collecting share: an intake that remembers, and targets that misbehave by script."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Self

import numpy as np

from anyascope.errors import UnavailableError
from anyascope.model.labels import Labels, metric_of
from anyascope.model.logs import LogBatch, LogRecord
from anyascope.model.metrics import MetricBatch, MetricMetadata, is_stale
from anyascope.ports import Admission


@dataclass
class RecordingIntake:
    """Remembers what it was given; says no as often as `refusals` tells."""

    refusals: int = 0
    batches: list[tuple[str, MetricBatch]] = field(default_factory=list)
    log_records: list[LogRecord] = field(default_factory=list)
    arrived: asyncio.Event = field(default_factory=asyncio.Event)

    async def metrics(self, batch: MetricBatch, *, source: str) -> Admission:
        self._refuse()
        self.batches.append((source, batch))
        self.arrived.set()
        return Admission(batch.rows)

    async def logs(self, batches: Sequence[LogBatch], *, source: str) -> Admission:
        self._refuse()
        for batch in batches:
            self.log_records += [batch.record(row) for row in range(len(batch))]
        self.arrived.set()
        return Admission(sum(len(batch) for batch in batches))

    async def spans(self, batches, *, source: str) -> Admission:
        raise AssertionError("nothing here has spans")

    def _refuse(self) -> None:
        if self.refusals > 0:
            self.refusals -= 1
            raise UnavailableError("the queue is full", retry_after_s=1.0)

    # --- what tests ask -----------------------------------------------------------------------------------------------

    def last(self) -> dict[Labels, float]:
        """Series -> value of the last batch, without what ended."""
        return values_of(self.batches[-1][1])

    def ended(self) -> set[Labels]:
        """The series that the last batch marks as ended."""
        return ended_in(self.batches[-1][1])

    def metadata(self) -> dict[str, MetricMetadata]:
        """What was said of families so far."""
        return {entry.metric: entry for _, batch in self.batches for entry in batch.metadata}


def values_of(batch: MetricBatch) -> dict[Labels, float]:
    samples = batch.samples
    kept = ~is_stale(samples.values)
    return {
        samples.series[row]: value
        for row, value in zip(samples.rows[kept].tolist(), samples.values[kept].tolist(), strict=True)
    }


def ended_in(batch: MetricBatch) -> set[Labels]:
    samples = batch.samples
    return {samples.series[row] for row in samples.rows[is_stale(samples.values)].tolist()}


def times_of(batch: MetricBatch) -> set[int]:
    return set(np.unique(batch.samples.times_ms).tolist())


def named(series: dict[Labels, float], name: str) -> list[float]:
    """The values of one metric."""
    return [value for labels, value in series.items() if metric_of(labels) == name]


Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter, "Request"], Awaitable[None]]


@dataclass
class Request:
    """What a target was asked."""

    line: str
    headers: dict[str, str]

    @property
    def path(self) -> str:
        return self.line.split()[1]


class ScriptedTarget:
    """A loopback server that answers every request by one handler and counts connections."""

    def __init__(self, handler: Handler, *, tls: ssl.SSLContext | None = None) -> None:
        self.handler = handler
        self.requests: list[Request] = []
        self.connections = 0
        self.port = 0
        self._tls = tls
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self._tls)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        for writer in list(self._writers):
            writer.transport.abort()
        await self._server.wait_closed()

    @property
    def url(self) -> str:
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self.port}/metrics"

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._writers.add(writer)
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            while head := await reader.readuntil(b"\r\n\r\n"):
                line, *rest = head.decode().strip().split("\r\n")
                headers = {name.lower(): value.strip() for name, _, value in (item.partition(":") for item in rest)}
                request = Request(line, headers)
                self.requests.append(request)
                await self.handler(reader, writer, request)
                await writer.drain()
                if writer.transport.is_closing():
                    break
        self._writers.discard(writer)
        writer.close()


def answers(body: bytes, *, status: str = "200 OK", headers: str = "Content-Type: text/plain\r\n") -> Handler:
    """A handler that always gives this page."""

    async def handle(_: asyncio.StreamReader, writer: asyncio.StreamWriter, __: Request) -> None:
        writer.write(f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n{headers}\r\n".encode() + body)

    return handle


async def until(condition: Callable[[], object], *, deadline_s: float = 150.0) -> None:
    """Wait for a condition, at most so long; while an entry that it looks for is not there, it is not true."""
    async with asyncio.timeout(deadline_s):
        while not _holds(condition):  # noqa: ASYNC110  # what is waited for has no event
            await asyncio.sleep(0.005)


def _holds(condition: Callable[[], object]) -> bool:
    try:
        return bool(condition())
    except (LookupError, StopIteration, ValueError):
        return False
