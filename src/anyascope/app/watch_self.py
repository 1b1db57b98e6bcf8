"""The server's own logs and spans on their way into its own store, without feeding on themselves.

What is said while a batch of our own is being stored must not become the next batch: lines of the rooms that store are
kept only from warnings on, and repeats of one event are counted and told once a second.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections import deque
from collections.abc import Mapping, MutableMapping, Sequence
from typing import Any

import structlog
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor
from opentelemetry.trace import StatusCode
from prometheus_client import CollectorRegistry, Counter

from anyascope import __version__
from anyascope.clock import Clock
from anyascope.errors import AnyascopeError
from anyascope.model.attributes import AttributeValue, Resource, Scope
from anyascope.model.logs import LogBatch, LogRecord, Severity
from anyascope.model.traces import Span, SpanBatch, SpanEvent, SpanKind, SpanLink, SpanStatus
from anyascope.ports import Intake

QUEUE_ROWS_MAX = 10_000  # 10 s of the worst storm seen of our own lines; more says nothing new
FLUSH_EVERY_S = 1.0
SLOW_SPAN_NS = 250_000_000  # from here on a request of our own is worth a look
ORDINARY_SPAN_EVERY = 20  # of quick, successful ones: an open page asks some questions a second, all alike
STORING_ROOMS = ("anyascope.ingest", "anyascope.store")

log = structlog.get_logger("anyascope.app")

_SEVERITIES = {
    "debug": Severity.DEBUG,
    "info": Severity.INFO,
    "warning": Severity.WARN,
    "error": Severity.ERROR,
    "critical": Severity.FATAL,
}
_RESERVED = frozenset(("event", "level", "logger", "timestamp", "correlation_id"))


def own_resource() -> Resource:
    """Who we are, in OpenTelemetry's words."""
    return Resource(
        {
            "service.name": "anyascope",
            "service.version": __version__,
            "service.instance.id": f"{socket.gethostname()}:{os.getpid()}",
            "host.name": socket.gethostname(),
            "process.pid": os.getpid(),
        }
    )


class OwnTelemetry(SpanProcessor):
    """Takes our own log events and spans, from any thread, and stores them once a second."""

    def __init__(self, *, clock: Clock, registry: CollectorRegistry) -> None:
        self._clock = clock
        self._resource = own_resource()
        self._lines: deque[LogRecord] = deque(maxlen=QUEUE_ROWS_MAX)
        self._spans: deque[Span] = deque(maxlen=QUEUE_ROWS_MAX)
        self._task: asyncio.Task[None] | None = None
        self._intake: Intake | None = None
        self._ordinary = 0
        self._is_broken = False
        self._dropped = Counter(
            "anyascope_self_telemetry_dropped",
            "Own log lines and spans that were not stored.",
            ["signal"],
            registry=registry,
        )
        for signal in ("logs", "traces"):
            # At 0 from the start: a rule's increase() sees the first event only of a series that was there before it.
            self._dropped.labels(signal)

    def start(self, intake: Intake) -> None:
        """Store from now on what was and will be said."""
        self._intake = intake
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Store what is left, then take no more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            await self.flush()
        self._intake = None

    def log_event(self, _logger: object, method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        """A structlog processor: remember the event and pass it on."""
        if not _feeds_on_itself(str(event.get("logger", "")), method):
            if len(self._lines) == QUEUE_ROWS_MAX:
                self._dropped.labels("logs").inc()
            self._lines.append(_record(event, now_ns=self._clock.now_ns(), resource=self._resource))
        return event

    def on_end(self, span: ReadableSpan) -> None:
        """Remember a finished span: each that failed or was slow, and one in `ORDINARY_SPAN_EVERY` of the others."""
        if self._is_ordinary(span):
            self._ordinary += 1
            if self._ordinary % ORDINARY_SPAN_EVERY != 1:
                return
        if len(self._spans) == QUEUE_ROWS_MAX:
            self._dropped.labels("traces").inc()
        self._spans.append(_span(span, resource=self._resource))

    @staticmethod
    def _is_ordinary(span: ReadableSpan) -> bool:
        duration_ns = (span.end_time or 0) - (span.start_time or 0)
        return span.status.status_code is not StatusCode.ERROR and duration_ns < SLOW_SPAN_NS

    async def flush(self) -> None:
        """Store what has come together; what cannot be stored now is counted and given up."""
        lines, spans = _take(self._lines), _take(self._spans)
        if self._intake is None:
            return
        try:
            if lines:
                logs = LogBatch(stream="self")
                for line in lines:
                    logs.add(line)
                await self._intake.logs([logs], source="self")
            if spans:
                batch = SpanBatch()
                for span in spans:
                    batch.add(span)
                await self._intake.spans([batch], source="self")
        except AnyascopeError:
            # The store's own trouble is told by its health and on stderr; here it would only grow the queue.
            self._dropped.labels("logs").inc(len(lines))
            self._dropped.labels("traces").inc(len(spans))

    async def _run(self) -> None:
        while True:
            await self._clock.sleep(FLUSH_EVERY_S)
            await self._flush_or_say()

    async def _flush_or_say(self) -> None:
        try:
            await self.flush()
        except Exception:
            # A fault of ours in one round must not end the keeping of all later lines; told once, as its line is one of ours.
            if not self._is_broken:
                log.exception("own_telemetry_broke")
            self._is_broken = True


def _feeds_on_itself(logger: str, method: str) -> bool:
    return logger.startswith(STORING_ROOMS) and method in ("debug", "info")


def _take(queue: deque[Any]) -> list[Any]:
    return [queue.popleft() for _ in range(len(queue))]


def _record(event: Mapping[str, Any], *, now_ns: int, resource: Resource) -> LogRecord:
    severity = _SEVERITIES.get(str(event.get("level", "info")), Severity.INFO)
    attributes: dict[str, AttributeValue] = {
        key: value if isinstance(value, str | bool | int | float) else str(value)
        for key, value in event.items()
        if key not in _RESERVED
    }
    return LogRecord(
        time_ns=now_ns,
        observed_ns=now_ns,
        body=str(event.get("event", "")),
        severity_number=int(severity),
        severity_text=severity.name,
        attributes=attributes,
        resource=resource,
        scope=Scope(name=str(event.get("logger", "anyascope"))),
        correlation_id=str(event.get("correlation_id", "")),
        stream="self",
    )


def _span(span: ReadableSpan, *, resource: Resource) -> Span:
    context = span.get_span_context()
    assert context is not None  # the SDK ends only spans that it started
    scope = span.instrumentation_scope
    start_ns, end_ns = span.start_time or 0, span.end_time or 0
    return Span(
        trace_id=context.trace_id.to_bytes(16, "big"),
        span_id=context.span_id.to_bytes(8, "big"),
        parent_id=span.parent.span_id.to_bytes(8, "big") if span.parent is not None else b"",
        name=span.name,
        start_ns=start_ns,
        duration_ns=max(end_ns - start_ns, 0),
        kind=SpanKind(span.kind.value + 1),  # the API counts from internal = 0, OTLP from unspecified = 0
        status=SpanStatus(span.status.status_code.value),
        status_message=span.status.description or "",
        attributes=_plain(span.attributes or {}),
        events=tuple(SpanEvent(e.timestamp, e.name, _plain(e.attributes or {})) for e in span.events),
        links=tuple(
            SpanLink(link.context.trace_id.to_bytes(16, "big"), link.context.span_id.to_bytes(8, "big"))
            for link in span.links
        ),
        resource=resource,
        scope=Scope(name=scope.name, version=scope.version or "") if scope is not None else Scope(),
    )


def _plain(attributes: Mapping[str, Any]) -> dict[str, AttributeValue]:
    return {
        key: list(value) if isinstance(value, Sequence) and not isinstance(value, str | bytes) else value
        for key, value in attributes.items()
    }
