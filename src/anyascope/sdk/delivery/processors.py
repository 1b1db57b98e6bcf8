"""OpenTelemetry's processors and exporters on our queues and doors: nothing that a span or record does waits for a network."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from opentelemetry.context import Context
from opentelemetry.sdk._logs import LogRecordProcessor, ReadableLogRecord, ReadWriteLogRecord
from opentelemetry.sdk._logs.export import LogRecordExporter, LogRecordExportResult
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from anyascope.sdk.delivery.backlog import BODY_BYTES_MAX
from anyascope.sdk.delivery.doors import Door, tally, watch
from anyascope.sdk.delivery.queue import FLUSH_WITHIN_S, BatchQueue
from anyascope.sdk.delivery.tally import Reason
from anyascope.sdk.guard import as_number, guarded, quoted, report_misuse, tell_once

T = TypeVar("T")

SIZE_MAX = 10_000_000  # of a queue or a delay that somebody gives
QUEUE_MAX = 2_048  # spans or records, as OpenTelemetry's own; some 4 MB
DELAY_MS = 1_000  # visible within a second or two, without a request a span
BATCH_MAX = 512  # in one body, some 200 kB
SLICE_MAX = 8  # of a batch whose parts are joined later: half a millisecond of encoding without a rest
AUDIT_QUEUE_MAX = 2_048  # apart from the log's, so that no flood of lines pushes out an audit event
AUDIT_SCOPES = frozenset(("anyascope.audit", "anyascope.alerting"))  # loggers whose records must not be lost


def batch_span_processor(
    exporter: SpanExporter, *, queue_max: int = QUEUE_MAX, delay_ms: int = DELAY_MS, batch_max: int = BATCH_MAX
) -> SpanProcessor:
    """Hands ended spans to `exporter` from a thread of its own.

    Args:
        exporter: called with at most `batch_max` spans; what it does not take is counted as `export_failed`.
        queue_max: spans that wait at most; beyond it the oldest is dropped and counted.
        delay_ms: how long a span waits for others.
        batch_max: spans a call.
    """
    return _BatchSpans(exporter, **_sizes(queue_max, delay_ms, batch_max))


def batch_log_processor(
    exporter: LogRecordExporter, *, queue_max: int = QUEUE_MAX, delay_ms: int = DELAY_MS, batch_max: int = BATCH_MAX
) -> LogRecordProcessor:
    """Hands records to `exporter` from a thread of its own; arguments as of `batch_span_processor`.

    Audit and alert records (`AUDIT_SCOPES`) have a queue of their own, and with a spool none: they lie on disk when the call
    that wrote them returns.
    """
    return _BatchLogs(exporter, **_sizes(queue_max, delay_ms, batch_max))


def door_span_exporter(door: Door, encode: Callable[[Sequence[ReadableSpan]], bytes] | None = None) -> SpanExporter:
    """Encodes spans and puts them through a door.

    Args:
        door: of the signal `traces`.
        encode: spans to a body; OTLP by default.
    """
    if encode is None:
        from anyascope.sdk.delivery.encoding import encode_otlp_spans  # noqa: PLC0415  # protobuf is heavy

        encode = encode_otlp_spans
    return _DoorSpans(door, encode)


def door_log_exporter(door: Door, audit: Door | None = None) -> LogRecordExporter:
    """Encodes records as OTLP and puts them through a door; those of `AUDIT_SCOPES` through `audit`, where one is given."""
    from anyascope.sdk.delivery.encoding import encode_otlp_logs  # noqa: PLC0415  # protobuf is heavy

    return DoorLogs(door, door if audit is None else audit, encode_otlp_logs)


def _sizes(queue_max: object, delay_ms: object, batch_max: object) -> dict[str, int]:
    given = {"queue_max": (queue_max, QUEUE_MAX), "delay_ms": (delay_ms, DELAY_MS), "batch_max": (batch_max, BATCH_MAX)}
    return {name: _checked_size(name, value, default) for name, (value, default) in given.items()}


def _checked_size(name: str, value: object, default: int) -> int:
    number = as_number(value)
    if isinstance(number, int) and 0 < number <= SIZE_MAX:
        return number
    report_misuse(f"{name} must be a whole number above 0, got {quoted(value)}; {default} is used")
    return default


def is_audit(record: ReadableLogRecord | ReadWriteLogRecord) -> bool:
    """Whether this record is part of the trail that must not be lost."""
    scope = record.instrumentation_scope
    return scope is not None and scope.name in AUDIT_SCOPES


class _BatchSpans(SpanProcessor):
    def __init__(self, exporter: SpanExporter, *, queue_max: int, delay_ms: int, batch_max: int) -> None:
        self.span_exporter = exporter
        self._queue = BatchQueue(
            self._export,
            tally=tally(),
            signal="traces",
            queue_max=queue_max,
            delay_ms=delay_ms,
            batch_max=batch_max,
            slice_max=_slice_max(exporter),
        )
        watch(self._queue)

    def on_end(self, span: ReadableSpan) -> None:
        context = span.context
        if context is not None and context.trace_flags.sampled:
            self._queue.put(span)

    @guarded(False)
    def force_flush(self, timeout_millis: int | None = None) -> bool:
        deadline_s = _deadline_s(timeout_millis)
        return self._queue.flush(deadline_s - time.monotonic()) and _is_sent(self.span_exporter, deadline_s)

    @guarded(None)
    def shutdown(self) -> None:
        self._queue.close()
        self.span_exporter.shutdown()

    def _export(self, batch: list[ReadableSpan]) -> None:
        if self.span_exporter.export(batch) is not SpanExportResult.SUCCESS:
            tally().dropped("traces", Reason.EXPORT_FAILED, len(batch))


class _BatchLogs(LogRecordProcessor):
    def __init__(self, exporter: LogRecordExporter, *, queue_max: int, delay_ms: int, batch_max: int) -> None:
        self._exporter = exporter
        self._logs = BatchQueue(
            self._export,
            tally=tally(),
            signal="logs",
            queue_max=queue_max,
            delay_ms=delay_ms,
            batch_max=batch_max,
            slice_max=_slice_max(exporter),
        )
        self._audit = BatchQueue(
            self._export,
            tally=tally(),
            signal="audit",
            queue_max=AUDIT_QUEUE_MAX,
            delay_ms=delay_ms,
            batch_max=batch_max,
            slice_max=_slice_max(exporter),
            is_prompt=True,  # whoever reconciles or watches over the trail must not wait for a batch
        )
        watch(self._logs)
        watch(self._audit)

    def on_emit(self, log_record: ReadWriteLogRecord) -> None:
        self.put(_detached(log_record))

    def put(self, record: ReadableLogRecord) -> None:
        """Take a record, or whatever else the exporter turns into one; its scope says in which queue it waits."""
        if not is_audit(record):
            self._logs.put(record)
        elif getattr(self._exporter, "is_durable", False):
            self._export_now(record)
        else:
            self._audit.put(record)

    @guarded(False)
    def force_flush(self, timeout_millis: int | None = None) -> bool:
        deadline_s = _deadline_s(timeout_millis)
        is_trail_out = self._audit.flush(deadline_s - time.monotonic())
        is_rest_out = self._logs.flush(deadline_s - time.monotonic())
        return is_trail_out and is_rest_out and _is_sent(self._exporter, deadline_s)

    @guarded(None)
    def shutdown(self) -> None:
        self._audit.close()
        self._logs.close()
        self._exporter.shutdown()  # type: ignore[no-untyped-call]  # OpenTelemetry left it so

    def _export_now(self, record: ReadableLogRecord) -> None:
        try:
            self._export([record])
        except Exception as error:  # noqa: BLE001  # ours, never the host's
            tally().dropped("audit", Reason.EXPORT_FAILED)
            tell_once("spooling an audit event", error)

    def _export(self, batch: list[ReadableLogRecord]) -> None:
        if self._exporter.export(batch) is not LogRecordExportResult.SUCCESS:
            tally().dropped("audit" if is_audit(batch[0]) else "logs", Reason.EXPORT_FAILED, len(batch))


class _DoorSpans(SpanExporter):
    def __init__(self, door: Door, encode: Callable[[Sequence[ReadableSpan]], bytes]) -> None:
        self._door = door
        self._encode = encode

    @property
    def is_durable(self) -> bool:
        return self._door.is_durable

    @property
    def slice_max(self) -> int | None:
        return SLICE_MAX if self._door.joins else None

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        _put(self._door, spans, self._encode)
        return SpanExportResult.SUCCESS

    def shutdown(self) -> None:
        self._door.close()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        return self._door.flush(timeout_millis / 1000)


class DoorLogs(LogRecordExporter):
    """What `door_log_exporter` gives."""

    def __init__(self, door: Door, audit: Door, encode: Callable[[Sequence[ReadableLogRecord]], bytes]) -> None:
        self._door = door
        self._audit_door = audit
        self._encode = encode

    @property
    def is_durable(self) -> bool:
        return self._audit_door.is_durable

    @property
    def slice_max(self) -> int | None:
        return SLICE_MAX if self._door.joins else None

    def export(self, batch: Sequence[ReadableLogRecord]) -> LogRecordExportResult:
        return self.export_encoded(batch, self._encode)

    def export_encoded(self, batch: Sequence[Any], encode: Callable[[Sequence[Any]], bytes]) -> LogRecordExportResult:
        """Send records of any kind that have a scope, as `encode` makes requests of them."""
        trail = [record for record in batch if is_audit(record)]
        rest = [record for record in batch if not is_audit(record)] if trail else batch
        _put(self._audit_door, trail, encode)
        _put(self._door, rest, encode)
        return LogRecordExportResult.SUCCESS

    def shutdown(self) -> None:
        self._audit_door.close()
        self._door.close()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        return self._audit_door.flush(timeout_millis / 1000) and self._door.flush(timeout_millis / 1000)


def _slice_max(exporter: Any) -> int | None:
    """How few items this exporter, or the one that it wraps, takes at once without making more requests of them."""
    try:
        found = getattr(exporter, "slice_max", None) or getattr(getattr(exporter, "wrapped", None), "slice_max", None)
    except Exception:  # noqa: BLE001  # the host's own exporter, whose attributes may raise anything
        return None
    return found if type(found) is int else None


def _deadline_s(timeout_millis: int | None) -> float:
    return time.monotonic() + (FLUSH_WITHIN_S if timeout_millis is None else timeout_millis / 1000)


def _is_sent(exporter: Any, deadline_s: float) -> bool:
    """Whether the exporter has sent what it took: who flushes is about to end, or to ask the far end."""
    flush = getattr(exporter, "force_flush", None)  # OpenTelemetry's base classes have none, or one that says nothing
    left_ms = int(max(deadline_s - time.monotonic(), 0.0) * 1000)
    return not callable(flush) or flush(left_ms) is not False


def _put(door: Door, items: Sequence[T], encode: Callable[[Sequence[T]], bytes]) -> None:
    """Encode and deliver. What is too large for one body, or cannot be encoded, is halved: one bad item costs no other."""
    if not items:
        return
    try:
        body = encode(items)
    except Exception as error:  # noqa: BLE001  # protobuf refuses lone surrogates and integers of more than 64 bits
        body = b""
        if len(items) == 1:
            tally().dropped(door.signal, Reason.EXPORT_FAILED)
            tell_once(f"encoding {door.signal}", error)
            return
    if body and (len(body) <= BODY_BYTES_MAX or len(items) == 1):
        door.deliver(body, items=len(items))
    else:
        middle = len(items) // 2
        _put(door, items[:middle], encode)
        _put(door, items[middle:], encode)


def _detached(log_record: ReadWriteLogRecord) -> ReadableLogRecord:
    """The record without its context, which may hold much of the host's alive while the record waits."""
    record = copy.copy(log_record.log_record)
    record.context = Context()
    return ReadableLogRecord(
        log_record=record,
        resource=log_record.resource if log_record.resource is not None else Resource.get_empty(),
        instrumentation_scope=log_record.instrumentation_scope,
        limits=log_record.limits,
    )
