"""The machine's clock jumps by hours, back and forth, while a service works."""

from __future__ import annotations

import io
import json
import logging
import time

import pytest
import structlog
from opentelemetry.sdk import trace as otel_trace
from prometheus_client import CollectorRegistry

from anyascope.sdk.custody import custody_operation
from anyascope.sdk.guard import forget_told, tell_once
from anyascope.sdk.logs import initialize_logs
from anyascope.sdk.metrics import AnyaMetrics, MetricsTimer
from anyascope.sdk.operations import trace_bitcoin_operation, trace_health_check, trace_hsm_operation
from anyascope.sdk.tracing import initialize_tracing
from anyascope.sdk.tracing import provider as providers
from support.logs import bare_logging
from support.tracing import untouched_globals

HOUR_NS = 3_600 * 1_000_000_000
BACK, FORTH, EPOCH = -5 * HOUR_NS, 5 * HOUR_NS, None


class Jumping:
    """The machine's clock, moved by another amount at each jump."""

    def __init__(self, monkeypatch) -> None:
        self._shift_ns = 0
        self._real_ns = time.time_ns
        monkeypatch.setattr(time, "time_ns", self.now_ns)
        monkeypatch.setattr(time, "time", lambda: self.now_ns() / 1e9)
        monkeypatch.setattr(otel_trace, "time_ns", self.now_ns)

    def now_ns(self) -> int:
        return self._real_ns() + self._shift_ns

    def jump(self, by_ns: int | None) -> None:
        """Move by some hours, or to the first second of 1970, as machines without a battery do."""
        self._shift_ns = -self._real_ns() if by_ns is None else self._shift_ns + by_ns


class Kept(otel_trace.SpanProcessor):
    def __init__(self) -> None:
        self.spans = []

    def on_end(self, span) -> None:
        self.spans.append(span)


@pytest.fixture
def clock(monkeypatch):
    forget_told()
    return Jumping(monkeypatch)


@pytest.fixture
def measured():
    """The metrics of this test, in the place of the process's."""
    registry = CollectorRegistry()
    before = AnyaMetrics.swap_global(AnyaMetrics(registry))
    yield registry
    AnyaMetrics.swap_global(before)


@pytest.mark.parametrize("by_ns", [BACK, FORTH, EPOCH])
def test_no_duration_is_negative_or_hours_long(clock, measured, by_ns):
    """Operations, health checks and timers measure what passed, whatever the clock says; no span ends before it began."""
    with untouched_globals():
        kept = Kept()
        provider = initialize_tracing("custody", "off")
        providers.trace.get_tracer_provider().road.lead_to(kept)
        with trace_bitcoin_operation("send", "w1"):
            clock.jump(by_ns)
        with trace_hsm_operation("sign", "k1", "softhsm"):
            clock.jump(by_ns)
        with trace_health_check("node"):
            clock.jump(by_ns)
        with custody_operation("withdrawal", wallet_id="w1") as operation, operation.step("policy"):
            clock.jump(by_ns)
        timer = MetricsTimer.bitcoin_operation("send", "w1")
        clock.jump(by_ns)
        timer.complete_bitcoin("success")
        assert provider is not None
    sums = [s for family in measured.collect() for s in family.samples if s.name.endswith("_sum")]
    assert sums
    assert [s for s in sums if s.value < 0] == []
    # A stage of a money trace may begin in one process and end in another, hours later: only the machine's clock knows both.
    assert [s for s in sums if s.value >= 60 and "custody_stage" not in s.name] == []
    assert len(kept.spans) >= 4
    assert [s.name for s in kept.spans if s.end_time < s.start_time] == []
    (health,) = [s for s in kept.spans if s.name == "health_check"]
    assert 0 <= health.attributes["health.duration_ms"] < 60_000


@pytest.mark.parametrize("by_ns", [BACK, FORTH, EPOCH])
def test_a_line_tells_the_time_that_the_machine_told(clock, by_ns):
    """Each line carries the clock's time of its own moment, and is sound before and after a jump."""
    stream = io.StringIO()
    with bare_logging():
        initialize_logs("custody", stream=stream)
        structlog.get_logger("a").info("before")
        clock.jump(by_ns)
        structlog.get_logger("a").info("after")
        logging.getLogger("a").info("after")
    before, *after = [json.loads(line)["timestamp"] for line in stream.getvalue().splitlines()]
    assert all((time_text < before) == (by_ns is not FORTH) for time_text in after)
    assert after[0][:16] == after[1][:16]


def test_a_fault_is_told_once_whatever_the_clock_says(clock, caplog):
    """How often a fault was told does not hang on the machine's clock."""
    with caplog.at_level(logging.WARNING, logger="anyascope.sdk"):
        for by_ns in (FORTH, BACK, FORTH, EPOCH):
            clock.jump(by_ns)
            tell_once("sending", OSError("down"))
    assert len(caplog.records) == 1
