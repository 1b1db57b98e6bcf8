"""Entries on their way out, encoded on the thread that exports them: the caller pays for a place in a queue only."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, Protocol

from opentelemetry.sdk._logs import LoggerProvider, LogRecordProcessor, ReadableLogRecord, ReadWriteLogRecord
from opentelemetry.sdk._logs.export import LogRecordExporter, LogRecordExportResult
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

from anyascope.sdk.delivery import flush
from anyascope.sdk.guard import guarded
from anyascope.sdk.logs.entry import Entry
from anyascope.sdk.logs.otlp import encode_entries
from anyascope.sdk.redaction import redacting

SCOPES_MAX = 4_096  # logger names whose scope is remembered
FLUSH_WITHIN_MS = 30_000  # OpenTelemetry's default


class Queue(Protocol):
    """A batch processor that takes entries too; see `anyascope.sdk.delivery.batch_log_processor`."""

    def put(self, record: Any) -> None:
        """Take an entry or a readable record."""

    def on_emit(self, log_record: ReadWriteLogRecord) -> None:
        """Take a record of OpenTelemetry's own loggers."""

    def shutdown(self) -> None:
        """Send what waits, and nothing more."""


class Way(Protocol):
    """What sends; see `anyascope.sdk.delivery.door_log_exporter`."""

    def export(self, batch: Sequence[ReadableLogRecord]) -> LogRecordExportResult:
        """Send OpenTelemetry's records."""

    def export_encoded(
        self, batch: Sequence[PendingEntry], encode: Callable[[Sequence[PendingEntry]], bytes]
    ) -> LogRecordExportResult:
        """Send what `encode` turns into requests."""

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
    """Hands entries on with what encodes them; records of OpenTelemetry's own loggers lose their secrets on the way.

    Args:
        wrapped: sends.
        provider: whose resource the entries have, also after a fork.
    """

    def __init__(self, wrapped: Way, provider: LoggerProvider) -> None:
        self.wrapped = wrapped
        self._careful = redacting(wrapped)
        self._provider = provider

    @property
    def is_durable(self) -> bool:
        """Whether an audit event that was handed on survives the process."""
        return bool(getattr(self.wrapped, "is_durable", False))

    def export(self, batch: Sequence[Any]) -> LogRecordExportResult:
        own = [item for item in batch if isinstance(item, PendingEntry)]
        others = [item for item in batch if not isinstance(item, PendingEntry)]
        results = []
        if own:
            results.append(self.wrapped.export_encoded(own, self._encode))
        if others:
            results.append(self._careful.export(others))
        is_sent = all(result is LogRecordExportResult.SUCCESS for result in results)
        return LogRecordExportResult.SUCCESS if is_sent else LogRecordExportResult.FAILURE

    def _encode(self, entries: Sequence[PendingEntry]) -> bytes:
        return encode_entries(entries, self._provider.resource)

    def shutdown(self) -> None:
        self.wrapped.shutdown()

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


@lru_cache(maxsize=SCOPES_MAX)
def _scope(name: str) -> InstrumentationScope:
    return InstrumentationScope(name)
