"""The server's own logs and spans are stored without feeding on themselves."""

from __future__ import annotations

from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace import StatusCode
from prometheus_client import CollectorRegistry

from anyascope.app.watch_self import ORDINARY_SPAN_EVERY, QUEUE_ROWS_MAX, SLOW_SPAN_NS, OwnTelemetry
from anyascope.clock import ManualClock
from anyascope.errors import UnavailableError
from anyascope.ports import Admission


class Keeps:
    """An intake that keeps what it is given, or refuses."""

    def __init__(self) -> None:
        self.bodies: list[str] = []
        self.spans_seen: list[str] = []
        self.is_full = False
        self.fault: Exception | None = None

    async def logs(self, batches, *, source):
        assert source == "self"
        if self.fault is not None:
            raise self.fault
        if self.is_full:
            raise UnavailableError("full", retry_after_s=1.0)
        self.bodies += [body for batch in batches for body in batch.bodies]
        return Admission(sum(map(len, batches)))

    async def spans(self, batches, *, source):
        assert source == "self"
        self.spans_seen += [name for batch in batches for name in batch.names]
        return Admission(sum(map(len, batches)))


def event(text: str, logger: str = "anyascope.rules", level: str = "info"):
    return {"event": text, "logger": logger, "level": level}


def test_what_is_dropped_is_counted_from_zero():
    """Both signals stand at 0 from the start, so that a rule sees the first loss as an increase."""
    registry = CollectorRegistry()
    OwnTelemetry(clock=ManualClock(), registry=registry)
    counts = [
        registry.get_sample_value("anyascope_self_telemetry_dropped_total", {"signal": signal})
        for signal in ("logs", "traces")
    ]
    assert counts == [0, 0]


async def test_lines_and_spans_are_stored_every_second():
    """What was said is stored at the next second, body and spans."""
    clock, intake = ManualClock(), Keeps()
    own = OwnTelemetry(clock=clock, registry=CollectorRegistry())
    own.start(intake)
    own.log_event(None, "info", event("started"))
    provider = TracerProvider()
    provider.add_span_processor(own)
    with provider.get_tracer("t").start_as_current_span("evaluate"):
        pass
    await clock.advance(1.5)
    assert intake.bodies == ["started"]
    assert intake.spans_seen == ["evaluate"]
    await own.stop()


async def test_a_fault_of_one_round_ends_nothing():
    """Lines that come after a fault of ours are stored as before."""
    clock, intake = ManualClock(), Keeps()
    own = OwnTelemetry(clock=clock, registry=CollectorRegistry())
    own.start(intake)
    intake.fault = RuntimeError("odd")
    own.log_event(None, "info", event("lost"))
    await clock.advance(1.5)
    intake.fault = None
    own.log_event(None, "info", event("kept"))
    await clock.advance(1.5)
    assert "kept" in intake.bodies
    await own.stop()


async def test_what_storing_says_is_not_stored():
    """Information of the rooms that store is left out; their warnings are kept."""
    intake = Keeps()
    own = OwnTelemetry(clock=ManualClock(), registry=CollectorRegistry())
    own.start(intake)
    own.log_event(None, "info", event("batch_stored", "anyascope.ingest"))
    own.log_event(None, "warning", event("disk_filling", "anyascope.store.chdb", "warning"))
    await own.stop()
    assert intake.bodies == ["disk_filling"]


async def test_ordinary_spans_are_sampled_and_failures_kept():
    """Of quick, successful spans one in twenty is kept; each that failed or was slow is."""
    clock, intake = ManualClock(), Keeps()
    own = OwnTelemetry(clock=clock, registry=CollectorRegistry())
    own.start(intake)
    provider = TracerProvider()
    provider.add_span_processor(own)
    tracer = provider.get_tracer("t")
    for _ in range(ORDINARY_SPAN_EVERY + 1):
        tracer.start_span("quick", start_time=0).end(SLOW_SPAN_NS - 1)
    tracer.start_span("slow", start_time=0).end(SLOW_SPAN_NS)
    for _ in range(3):
        with tracer.start_as_current_span("failed") as span:
            span.set_status(StatusCode.ERROR)
    await own.stop()
    assert intake.spans_seen == ["quick", "quick", "slow", "failed", "failed", "failed"]


async def test_a_full_store_and_a_full_queue_are_counted():
    """Nothing waits and nothing grows: what could not be kept is counted."""
    registry, intake = CollectorRegistry(), Keeps()
    own = OwnTelemetry(clock=ManualClock(), registry=registry)
    own.start(intake)
    intake.is_full = True
    for _ in range(QUEUE_ROWS_MAX + 5):
        own.log_event(None, "info", event("x"))
    await own.stop()
    dropped = registry.get_sample_value("anyascope_self_telemetry_dropped_total", {"signal": "logs"})
    assert dropped == QUEUE_ROWS_MAX + 5
