"""Entries as OpenTelemetry's records, made on the thread that exports them: the caller pays for a place in a queue only."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, Protocol

from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.context import Context
from opentelemetry.sdk._logs import LoggerProvider, LogRecordProcessor, ReadableLogRecord, ReadWriteLogRecord
from opentelemetry.sdk._logs.export import LogRecordExporter, LogRecordExportResult
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import TraceFlags

from anyascope.sdk.correlation import SPAN_ATTRIBUTE
from anyascope.sdk.delivery import flush
from anyascope.sdk.guard import guarded, text_of
from anyascope.sdk.logs.entry import Entry, level_name
from anyascope.sdk.redaction import redacting

SCOPES_MAX = 4_096  # logger names whose scope is remembered
FLUSH_WITHIN_MS = 30_000  # OpenTelemetry's default
_INT64 = range(-(2**63), 2**63)  # what OTLP's integers hold
_SEVERITY_TEXTS = {"WARNING": "WARN", "CRITICAL": "FATAL"}  # OpenTelemetry's words
_CONTEXT = Context()


class Queue(Protocol):
    """A batch processor that takes entries too; see `anyascope.sdk.delivery.batch_log_processor`."""

    def put(self, record: Any) -> None:
        """Take an entry or a readable record."""

    def on_emit(self, log_record: ReadWriteLogRecord) -> None:
        """Take a record of OpenTelemetry's own loggers."""

    def shutdown(self) -> None:
        """Send what waits, and nothing more."""


class PendingEntry:
    """An entry in the queue of the batch processor, which asks for its scope only."""

    __slots__ = ("entry", "observed_ns")

    def __init__(self, entry: Entry) -> None:
        self.entry = entry
        self.observed_ns = time.time_ns()

    @property
    def instrumentation_scope(self) -> InstrumentationScope:
        """The logger, as OpenTelemetry calls it."""
        return _scope(self.entry.logger)


class EntryExport:
    """Puts entries into the batch processor's queue."""

    def __init__(self, queue: Queue) -> None:
        self.queue = queue

    def put(self, entry: Entry) -> None:
        """Take one."""
        self.queue.put(PendingEntry(entry))


class EntryExporter(LogRecordExporter):
    """Turns entries into records and hands them on; records of OpenTelemetry's own loggers lose their secrets on the way.

    Args:
        wrapped: sends.
        provider: whose resource the entries have, also after a fork.
    """

    def __init__(self, wrapped: LogRecordExporter, provider: LoggerProvider) -> None:
        self.wrapped = wrapped
        self._careful = redacting(wrapped)
        self._provider = provider

    @property
    def is_durable(self) -> bool:
        """Whether an audit event that was handed on survives the process."""
        return bool(getattr(self.wrapped, "is_durable", False))

    def export(self, batch: Sequence[Any]) -> LogRecordExportResult:
        own = [_readable(item, self._provider) for item in batch if isinstance(item, PendingEntry)]
        others = [item for item in batch if not isinstance(item, PendingEntry)]
        results = []
        if own:
            results.append(self.wrapped.export(own))
        if others:
            results.append(self._careful.export(others))
        is_sent = all(result is LogRecordExportResult.SUCCESS for result in results)
        return LogRecordExportResult.SUCCESS if is_sent else LogRecordExportResult.FAILURE

    def shutdown(self) -> None:
        self.wrapped.shutdown()  # type: ignore[no-untyped-call]  # OpenTelemetry left it so

    def force_flush(self, timeout_millis: int = FLUSH_WITHIN_MS) -> bool:
        """Nothing is kept here."""
        _ = timeout_millis
        return True


class Road(LogRecordProcessor):
    """Our whole part in a logger provider; where records go can be exchanged while they flow."""

    def __init__(self) -> None:
        self.queue: Queue | None = None

    @guarded(None)
    def on_emit(self, log_record: ReadWriteLogRecord) -> None:
        if self.queue is not None:
            self.queue.on_emit(log_record)

    @guarded(None)
    def shutdown(self) -> None:
        """Send what waits, and nothing more until the next road is laid."""
        former, self.queue = self.queue, None
        if former is not None:
            former.shutdown()

    @guarded(False)
    def force_flush(self, timeout_millis: int = FLUSH_WITHIN_MS) -> bool:
        """Whether everything that waits, here and behind the queue, reached the far end in time."""
        return self.queue is None or flush(timeout_millis / 1000)


def severity_number(level: int) -> SeverityNumber:
    """OpenTelemetry's number of a level: 10 is DEBUG (5), 20 INFO (9) … 50 FATAL (21), those between in steps up to three.

    Source: OpenTelemetry logs data model, "Mapping of SeverityNumber".
    """
    if level <= 0:
        return SeverityNumber.UNSPECIFIED
    decade = min(level // 10, 5)
    return SeverityNumber(decade * 4 + 1 + min(level - decade * 10, 3))


def _readable(pending: PendingEntry, provider: LoggerProvider) -> ReadableLogRecord:
    entry = pending.entry
    text = level_name(entry.level).upper()
    record = LogRecord(
        timestamp=entry.time_ns,
        observed_timestamp=pending.observed_ns,
        context=_CONTEXT,
        severity_text=_SEVERITY_TEXTS.get(text, text),
        severity_number=severity_number(entry.level),
        body=_sendable(entry.event),
        attributes=_attributes(entry),
        event_name=entry.event_name or None,
    )
    record.trace_id, record.span_id, record.trace_flags = (
        entry.ids.trace_id,
        entry.ids.span_id,
        TraceFlags(entry.ids.flags),
    )
    return ReadableLogRecord(record, provider.resource, pending.instrumentation_scope)


def _attributes(entry: Entry) -> dict[str, Any]:
    attributes = {_sendable(name): _sendable(value) for name, value in entry.fields.items()}
    if entry.ids.correlation_id:
        attributes[SPAN_ATTRIBUTE] = entry.ids.correlation_id
    if entry.fault is not None:
        attributes["exception.type"] = entry.fault.type
        attributes["exception.message"] = _sendable(entry.fault.message)
        attributes["exception.stacktrace"] = _sendable(entry.fault.stack)
    if entry.code is not None:
        path, function, line = entry.code
        attributes["code.file.path"], attributes["code.function.name"] = _sendable(path), _sendable(function)
        attributes["code.line.number"] = line
    return attributes


def _sendable(value: Any) -> Any:
    """A cleaned value as OTLP has a kind for it."""
    if isinstance(value, str):
        return value if value.isascii() else value.encode("utf-8", "replace").decode()
    if value is None or isinstance(value, bool | float | bytes):
        return value
    if isinstance(value, int):
        return value if value in _INT64 else str(value)
    if isinstance(value, Mapping):
        return {_sendable(text_of(key)): _sendable(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_sendable(item) for item in value]
    return _sendable(text_of(value))


@lru_cache(maxsize=SCOPES_MAX)
def _scope(name: str) -> InstrumentationScope:
    return InstrumentationScope(name)
