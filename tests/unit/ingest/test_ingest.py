"""The one way in, whole."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from anyascope.clock import SystemClock
from anyascope.errors import UnavailableError
from anyascope.ids import CountedIds
from anyascope.ingest import ingest as module
from anyascope.ingest.ingest import Ingest
from anyascope.ingest.options import IngestOptions
from anyascope.model.logs import LogBatch, LogRecord
from anyascope.model.metrics import MetricBatch, SampleBatch
from anyascope.model.traces import Span, SpanBatch
from anyascope.ports import Admission, HealthStatus

CLOCK = SystemClock()
UP = (("__name__", "up"),)


class Doors:
    """The store's three writers, in one."""

    def __init__(self) -> None:
        self.metrics: list[MetricBatch] = []
        self.logs: list[LogBatch] = []
        self.spans: list[SpanBatch] = []
        self.fault: Exception | None = None

    async def write_metrics(self, batch: MetricBatch, *, token: str = "") -> None:
        self._check(token)
        self.metrics.append(batch)

    async def write_logs(self, batches: Sequence[LogBatch], *, token: str = "") -> None:
        self._check(token)
        self.logs += batches

    async def write_spans(self, batches: Sequence[SpanBatch], *, token: str = "") -> None:
        self._check(token)
        self.spans += batches

    def _check(self, token: str) -> None:
        assert token
        if self.fault is not None:
            raise self.fault


@pytest.fixture
def doors() -> Doors:
    return Doors()


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture
async def ingest(doors: Doors, registry: CollectorRegistry) -> AsyncIterator[Ingest]:
    ingest = Ingest(doors, doors, doors, options=IngestOptions(), clock=CLOCK, ids=CountedIds(), registry=registry)
    await ingest.start()
    yield ingest
    await asyncio.wait_for(ingest.drain(), 60)


def up(value: float = 1.0) -> MetricBatch:
    return MetricBatch(SampleBatch.of([(UP, CLOCK.now_ns() // 1_000_000, value)]))


def logs(*bodies: str, **changed: Any) -> LogBatch:
    batch = LogBatch(stream="otlp")
    for body in bodies:
        batch.add(LogRecord(**{"time_ns": CLOCK.now_ns(), "body": body, **changed}))
    return batch


def spans(*names: str) -> SpanBatch:
    batch = SpanBatch()
    for name in names:
        batch.add(Span(b"t" * 16, b"s" * 8, name, CLOCK.now_ns(), 5))
    return batch


async def test_what_is_accepted_is_stored(ingest: Ingest, doors: Doors) -> None:
    """Each signal reaches its door, and the answer says how much."""
    assert await ingest.metrics(up(), source="scrape") == Admission(1)
    assert await ingest.logs([logs("a", "b")], source="otlp") == Admission(2)
    assert await ingest.spans([spans("s")], source="otlp") == Admission(1)
    assert [len(batch.samples) for batch in doors.metrics] == [1]
    assert doors.logs[0].bodies == ["a", "b"]
    assert doors.spans[0].names == ["s"]


async def test_what_is_refused_is_told(ingest: Ingest, registry: CollectorRegistry) -> None:
    """The answer has the count and a sentence a reason; counters have them by reason."""
    batch = logs("good")
    batch.add(LogRecord(time_ns=-1, body="bad"))
    admission = await ingest.logs([batch], source="otlp")
    assert (admission.accepted, admission.rejected) == (1, 1)
    assert admission.reasons[0].startswith("1 log records refused: its time")
    labels = {"signal": "logs", "source": "otlp", "reason": "time_impossible"}
    assert registry.get_sample_value("anyascope_ingest_refused_rows_total", labels) == 1
    assert registry.get_sample_value("anyascope_ingest_rows_total", {"signal": "logs", "source": "otlp"}) == 1


async def test_refusals_are_counted_from_zero(ingest: Ingest, registry: CollectorRegistry) -> None:
    """A sender's first good request shows each reason at 0, so that a rule sees the first refusal as an increase."""
    await ingest.spans([spans("s")], source="otlp")
    labels = {"signal": "traces", "source": "otlp", "reason": "trace_id"}
    assert registry.get_sample_value("anyascope_ingest_refused_rows_total", labels) == 0
    assert registry.get_sample_value("anyascope_ingest_refused_rows_total", labels | {"reason": "delta_order"}) is None
    for signal in ("metrics", "logs", "traces"):
        assert registry.get_sample_value("anyascope_ingest_failed_flushes_total", {"signal": signal}) == 0
        assert registry.get_sample_value("anyascope_ingest_queue_full_total", {"signal": signal}) == 0


async def test_nothing_is_written_for_nothing(ingest: Ingest, doors: Doors) -> None:
    """Empty requests are answered without a look at the store."""
    doors.fault = UnavailableError("closed", retry_after_s=1)
    assert await ingest.metrics(MetricBatch(), source="otlp") == Admission(0)
    assert await ingest.logs([], source="otlp") == Admission(0)
    assert await ingest.spans([SpanBatch()], source="otlp") == Admission(0)


async def test_large_batches_are_admitted_beside_the_event_loop(
    ingest: Ingest, doors: Doors, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What takes long is done in a thread, with the same outcome."""
    threads = []

    async def to_thread(work: Any, *arguments: Any) -> Any:
        threads.append(work)
        return work(*arguments)

    monkeypatch.setattr(module.asyncio, "to_thread", to_thread)
    await ingest.logs([logs(*("x" for _ in range(module.THREAD_ROWS_MIN)))], source="otlp")
    await ingest.logs([logs("x")], source="otlp")
    assert len(threads) == 1
    assert sum(map(len, doors.logs)) == module.THREAD_ROWS_MIN + 1


async def test_secrets_never_reach_the_store(ingest: Ingest, doors: Doors) -> None:
    """Neither in bodies nor in attributes nor in the resource."""
    await ingest.logs([logs("password=hunter2", attributes={"pin": 1234})], source="otlp")
    assert doors.logs[0].bodies == ["password=<redacted:password>"]
    assert doors.logs[0].attributes == [{"pin": "<redacted:name>"}]


async def test_listeners_hear_what_was_stored_until_they_leave(ingest: Ingest) -> None:
    """Arrivals come after the commit, by signal; a subscription ends when asked to."""
    heard: list[str] = []
    ends = [
        ingest.on_metrics(lambda batch: heard.append(f"metrics {batch.rows}")),
        ingest.on_logs(lambda batches: heard.append(f"logs {sum(map(len, batches))}")),
        ingest.on_spans(lambda batches: heard.append(f"spans {sum(map(len, batches))}")),
    ]
    for _ in range(2):
        await ingest.metrics(up(), source="otlp")
        await ingest.logs([logs("a", "b")], source="otlp")
        await ingest.spans([spans("s")], source="otlp")
        for end in ends:
            end()
            end()
    assert heard == ["metrics 1", "logs 2", "spans 1"]


async def test_a_listener_that_fails_fails_alone(ingest: Ingest, doors: Doors) -> None:
    """The sender hears that its rows are stored, and other listeners hear of them."""
    heard: list[MetricBatch] = []
    ingest.on_metrics(lambda _: 1 / 0)
    ingest.on_metrics(heard.append)
    assert await ingest.metrics(up(), source="otlp") == Admission(1)
    assert len(heard) == 1


async def test_a_listener_that_refuses_fails_alone(ingest: Ingest, doors: Doors) -> None:
    """Also an error of our own kind stays with the listener: what came after it is stored as ever."""

    def refuses(_batch: MetricBatch) -> None:
        raise UnavailableError("not now", retry_after_s=1)

    ingest.on_metrics(refuses)
    assert await ingest.metrics(up(), source="otlp") == Admission(1)
    assert await ingest.metrics(up(), source="otlp") == Admission(1)


async def test_a_store_that_cannot_write_is_told_and_shown(ingest: Ingest, doors: Doors) -> None:
    """The sender is asked to come back; health says which signal suffers; it recovers by itself."""
    doors.fault = UnavailableError("disk full", retry_after_s=7)
    with pytest.raises(UnavailableError, match="disk full"):
        await ingest.logs([logs("a")], source="otlp")
    statuses = {health.component: health.status for health in ingest.health()}
    assert statuses["ingest.logs"] is HealthStatus.UNHEALTHY
    assert statuses["ingest.metrics"] is HealthStatus.HEALTHY
    doors.fault = None
    assert await ingest.logs([logs("a")], source="otlp") == Admission(1)
    assert all(health.status is HealthStatus.HEALTHY for health in ingest.health())


async def test_many_senders_share_inserts(ingest: Ingest, doors: Doors) -> None:
    """A hundred requests at once take a handful of inserts, and each is answered for itself."""
    admissions = await asyncio.gather(*(ingest.metrics(up(float(n)), source="otlp") for n in range(100)))
    assert admissions == [Admission(1)] * 100
    assert len(doors.metrics) <= 3
    assert sum(len(batch.samples) for batch in doors.metrics) == 100


async def test_draining_answers_everybody(doors: Doors, registry: CollectorRegistry) -> None:
    """What was put in before the stop is stored; what comes after is sent back."""
    ingest = Ingest(doors, doors, doors, options=IngestOptions(), clock=CLOCK, ids=CountedIds(), registry=registry)
    await ingest.start()
    waiting = [asyncio.create_task(ingest.logs([logs(str(n))], source="otlp")) for n in range(5)]
    await asyncio.sleep(0)
    await asyncio.wait_for(ingest.drain(), 60)
    assert await asyncio.gather(*waiting) == [Admission(1)] * 5
    with pytest.raises(UnavailableError):
        await ingest.logs([logs("late")], source="otlp")
