"""Encodes spans as the far end wants them, and puts them through a door: nothing here waits for a network."""

from __future__ import annotations

from collections.abc import Sequence

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from anyascope.sdk.delivery import Door, Format, Target, door_span_exporter, open_door
from anyascope.sdk.guard import guarded
from anyascope.sdk.tracing.jaeger import encode_batches


def span_exporter(target: Target) -> SpanExporter:
    """Sends spans to `target`."""
    door = open_door("traces", target)
    return JaegerExporter(door) if target.format is Format.JAEGER else door_span_exporter(door)


class JaegerExporter(SpanExporter):
    """Encodes spans as Jaeger's Thrift batches, one or more bodies a call, for `POST /api/traces`.

    Args:
        door: of the signal `traces`, to a target of the format `jaeger`.
    """

    def __init__(self, door: Door) -> None:
        self._door = door

    @property
    def is_durable(self) -> bool:
        """Whether what was taken survives the process."""
        return self._door.is_durable

    @guarded(SpanExportResult.FAILURE)
    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Put the spans on their way; what the door does not take is counted there."""
        for batch in encode_batches(spans):
            self._door.deliver(batch.body, items=batch.spans)
        return SpanExportResult.SUCCESS

    @guarded(None)
    def shutdown(self) -> None:
        """Send what can be sent, and take nothing more."""
        self._door.close()

    @guarded(False)
    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Whether everything was sent within the time."""
        return self._door.flush(timeout_millis / 1000)
