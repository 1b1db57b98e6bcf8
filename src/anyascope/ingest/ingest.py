"""The one way in: admit, store in groups, answer after the commit, tell the listeners."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TypeVar

import structlog
from prometheus_client import CollectorRegistry

from anyascope.clock import Clock
from anyascope.ids import Ids
from anyascope.ingest.admit import Admitted, LogAdmission, SpanAdmission
from anyascope.ingest.admit_metrics import MetricAdmission
from anyascope.ingest.batcher import Lane
from anyascope.ingest.merge import merge_metrics
from anyascope.ingest.options import IngestOptions
from anyascope.ingest.tally import Signal, Tally, sentences
from anyascope.model.logs import LogBatch
from anyascope.model.metrics import MetricBatch
from anyascope.model.traces import SpanBatch
from anyascope.ports import Admission, ComponentHealth, LogsListener, MetricsListener, SpansListener
from anyascope.redact.api import Redactor
from anyascope.store.api.logs import LogWriter
from anyascope.store.api.metrics import MetricWriter
from anyascope.store.api.spans import SpanWriter

T = TypeVar("T")

THREAD_ROWS_MIN = 500  # smaller batches take under 5 ms, which the event loop bears; a thread would cost more

log = structlog.get_logger("anyascope.ingest")


class Ingest:
    """Implements `ports.Intake`, `ports.Arrivals` and `ports.HealthSource`.

    Args:
        metrics, logs, spans: where admitted batches are stored.
        redactor: shared with other rooms where they redact too; its own where it is left out.
    """

    def __init__(
        self,
        metrics: MetricWriter,
        logs: LogWriter,
        spans: SpanWriter,
        *,
        options: IngestOptions,
        clock: Clock,
        ids: Ids,
        registry: CollectorRegistry,
        redactor: Redactor | None = None,
    ) -> None:
        self._clock = clock
        self._tally = Tally(registry=registry)
        redactor = redactor or Redactor(registry=registry)
        self._admit_metrics = MetricAdmission(options.admit, redactor=redactor, tally=self._tally, clock=clock)
        self._admit_logs = LogAdmission(options.admit, redactor=redactor, tally=self._tally, clock=clock)
        self._admit_spans = SpanAdmission(options.admit, redactor=redactor, tally=self._tally, clock=clock)
        self._metrics_listeners: list[MetricsListener] = []
        self._logs_listeners: list[LogsListener] = []
        self._spans_listeners: list[SpansListener] = []

        async def write_metrics(items: Sequence[MetricBatch], token: str) -> None:
            await metrics.write_metrics(merge_metrics(items), token=token)

        async def write_logs(items: Sequence[Sequence[LogBatch]], token: str) -> None:
            await logs.write_logs([batch for item in items for batch in item], token=token)

        async def write_spans(items: Sequence[Sequence[SpanBatch]], token: str) -> None:
            await spans.write_spans([batch for item in items for batch in item], token=token)

        self._metrics: Lane[MetricBatch] = Lane(
            Signal.METRICS,
            write=write_metrics,
            stored=self._tell_metrics,
            options=options.metrics,
            clock=clock,
            ids=ids,
            tally=self._tally,
        )
        self._logs: Lane[Sequence[LogBatch]] = Lane(
            Signal.LOGS,
            write=write_logs,
            stored=self._tell_logs,
            options=options.logs,
            clock=clock,
            ids=ids,
            tally=self._tally,
        )
        self._spans: Lane[Sequence[SpanBatch]] = Lane(
            Signal.TRACES,
            write=write_spans,
            stored=self._tell_spans,
            options=options.spans,
            clock=clock,
            ids=ids,
            tally=self._tally,
        )

    async def start(self) -> None:
        """Store from now on what is put in."""
        self._metrics.start()
        self._logs.start()
        self._spans.start()

    async def drain(self) -> None:
        """Take nothing more; return once everything that waits is stored or refused by the store."""
        await asyncio.gather(self._metrics.drain(), self._logs.drain(), self._spans.drain())

    def health(self) -> Sequence[ComponentHealth]:
        return (self._metrics.health(), self._logs.health(), self._spans.health())

    def series(self) -> dict[str, int]:
        """How many series count against the limits, by source."""
        return self._admit_metrics.series()

    async def metrics(self, batch: MetricBatch, *, source: str) -> Admission:
        admitted = self._admit_metrics.admit(batch, source=source)
        await self._put(self._metrics, admitted)
        answer = self._answer(Signal.METRICS, admitted, source=source, noun="samples")
        return replace(answer, histograms=len(admitted.item.histograms), exemplars=len(admitted.item.exemplars))

    async def logs(self, batches: Sequence[LogBatch], *, source: str) -> Admission:
        admitted = await _beside(self._admit_logs.admit, batches, rows=sum(map(len, batches)))
        await self._put(self._logs, admitted)
        return self._answer(Signal.LOGS, admitted, source=source, noun="log records")

    async def spans(self, batches: Sequence[SpanBatch], *, source: str) -> Admission:
        admitted = await _beside(self._admit_spans.admit, batches, rows=sum(map(len, batches)))
        await self._put(self._spans, admitted)
        return self._answer(Signal.TRACES, admitted, source=source, noun="spans")

    def on_metrics(self, listener: MetricsListener) -> Callable[[], None]:
        return _subscribe(self._metrics_listeners, listener)

    def on_logs(self, listener: LogsListener) -> Callable[[], None]:
        return _subscribe(self._logs_listeners, listener)

    def on_spans(self, listener: SpansListener) -> Callable[[], None]:
        return _subscribe(self._spans_listeners, listener)

    async def _put(self, lane: Lane[T], admitted: Admitted[T]) -> None:
        if admitted.rows or admitted.extras:
            await lane.put(admitted.item, rows=admitted.rows, size_bytes=admitted.size_bytes)

    def _answer(self, signal: Signal, admitted: Admitted[T], *, source: str, noun: str) -> Admission:
        self._tally.stored(signal, source=source, rows=admitted.rows)
        self._tally.refused(signal, source=source, reasons=admitted.refused)
        return Admission(
            accepted=admitted.rows,
            rejected=sum(admitted.refused.values()),
            reasons=sentences(admitted.refused, noun=noun),
        )

    def _tell_metrics(self, items: Sequence[MetricBatch]) -> None:
        for batch in items:
            for listener in tuple(self._metrics_listeners):
                _tell(listener, batch)

    def _tell_logs(self, items: Sequence[Sequence[LogBatch]]) -> None:
        for batches in items:
            for listener in tuple(self._logs_listeners):
                _tell(listener, batches)

    def _tell_spans(self, items: Sequence[Sequence[SpanBatch]]) -> None:
        for batches in items:
            for listener in tuple(self._spans_listeners):
                _tell(listener, batches)


async def _beside(
    admit: Callable[[Sequence[T]], Admitted[Sequence[T]]], batches: Sequence[T], *, rows: int
) -> Admitted[Sequence[T]]:
    """Admit in a thread where it takes long enough that others would notice."""
    return admit(batches) if rows < THREAD_ROWS_MIN else await asyncio.to_thread(admit, batches)


def _tell(listener: Callable[[T], None], stored: T) -> None:
    try:
        listener(stored)
    except Exception:
        # What is stored stays stored and its sender must hear so, whatever a listener makes of it.
        log.exception("listener_failed")


def _subscribe(listeners: list[T], listener: T) -> Callable[[], None]:
    listeners.append(listener)

    def end() -> None:
        if listener in listeners:
            listeners.remove(listener)

    return end
