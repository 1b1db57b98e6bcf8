"""What delivery costs the caller: a span handed over, an audit event on disk, against OpenTelemetry's own processor.

Ratios are to OpenTelemetry's BatchSpanProcessor in the same run, with an exporter that takes everything.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable, Sequence

from opentelemetry._logs import LogRecord
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor, InMemoryLogRecordExporter
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult

from anyascope.sdk import delivery
from anyascope.sdk.delivery import Target, batch_log_processor, batch_span_processor, door_log_exporter
from figures import show
from support.ports import free_port

ROUNDS = 15
CALLS = 2_000  # fewer than a queue holds: the cost of a call, not of dropping
RATIO_MAX = 1.0
AUDIT_US_MAX = 100.0  # the caller's time, on disk included


class _Takes(SpanExporter):
    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        _ = spans
        return SpanExportResult.SUCCESS


def per_call_us(call: Callable[[], object], calls: int = CALLS) -> float:
    """The calling thread's own time: what other threads and other programs do meanwhile does not count."""
    begin = time.thread_time()
    for _ in range(calls):
        call()
    return (time.thread_time() - begin) / calls * 1e6


def main() -> int:
    theirs = BatchSpanProcessor(_Takes(), schedule_delay_millis=60_000, max_export_batch_size=2_048)
    ours = batch_span_processor(_Takes(), delay_ms=60_000, batch_max=2_048)
    span = TracerProvider(shutdown_on_exit=False).get_tracer("t").start_span("s")
    span.end()
    figures: dict[str, list[float]] = {"theirs": [], "ours": [], "audit": [], "queue": []}

    port = free_port()
    with tempfile.TemporaryDirectory() as directory:
        provider = LoggerProvider(shutdown_on_exit=False)
        provider.add_log_record_processor(BatchLogRecordProcessor(InMemoryLogRecordExporter()))
        queued = provider.get_logger("anyascope.audit")
        delivery.use_spool(directory)
        doors = [delivery.open_door(name, Target(f"http://127.0.0.1:{port}/v1/logs")) for name in ("logs", "audit")]
        durable = LoggerProvider(shutdown_on_exit=False)
        durable.add_log_record_processor(batch_log_processor(door_log_exporter(*doors)))
        trail = durable.get_logger("anyascope.audit")
        record = LogRecord(timestamp=1, body="audit.withdrawal.intent", attributes={"audit.resource": "wd-1"})
        for _ in range(ROUNDS):
            figures["theirs"].append(per_call_us(lambda: theirs.on_end(span)))
            figures["ours"].append(per_call_us(lambda: ours.on_end(span)))
            figures["queue"].append(per_call_us(lambda: queued.emit(record), 500))
            figures["audit"].append(per_call_us(lambda: trail.emit(record), 500))
            theirs.force_flush()
            ours.force_flush()
        for door in doors:
            door.close(0)
    median = {name: statistics.median(values) for name, values in figures.items()}
    show("OpenTelemetry's processor, a span", median["theirs"], "us")
    show("ours, a span", median["ours"], "us")
    show("ours to OpenTelemetry's", median["ours"] / median["theirs"], "x", bar=RATIO_MAX, is_most=True)
    show("OpenTelemetry's, a record in a queue", median["queue"], "us")
    show("ours, an audit event on disk when it returns", median["audit"], "us", bar=AUDIT_US_MAX, is_most=True)
    theirs.shutdown()
    ours.shutdown()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
