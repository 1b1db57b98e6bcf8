"""What a test sees of the telemetry of the code under it."""

from __future__ import annotations

import asyncio
import logging
import subprocess
import sys
import threading
import uuid

import pytest
import structlog
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from prometheus_client import REGISTRY, Counter

import anyascope.sdk
from anyascope.sdk.guard import is_strict, report_misuse
from anyascope.sdk.metrics import AnyaMetrics
from anyascope.sdk.testing import CountedIds, ManualClock, NotCapturedError, capture

EARLY = trace.get_tracer("early")  # got at import, as services do
OWN = Counter("test_capture_own", "Of a service.", ["kind"])


@pytest.fixture
def structlog_plain():
    """Structlog as nobody has set it up."""
    before = structlog.get_config()
    structlog.reset_defaults()
    yield
    structlog.configure(**before)


def spend(amount: int = 5) -> None:
    data = anyascope.sdk.BitcoinTransactionData(txid=None, amount_sats=amount, fee_rate_sat_per_vb=1.0)
    with anyascope.sdk.trace_bitcoin_operation("send", "w1", data) as operation:
        operation.set_result("ab" * 32)


def test_sees_spans_of_tracers_that_were_got_before():
    """A tracer that a module got at import leads here, and nowhere afterwards."""
    with capture() as telemetry, EARLY.start_as_current_span("s"):
        pass
    with EARLY.start_as_current_span("later") as later:
        assert not later.is_recording() or trace._TRACER_PROVIDER is not None
    assert [span.name for span in telemetry.spans()] == ["s"]


def test_a_tracer_got_inside_follows_later_captures():
    """Code that keeps its tracer works in every test, not in the first alone."""
    with capture():
        kept = trace.get_tracer("kept")
        kept.start_span("first").end()
    with capture() as second:
        kept.start_span("second").end()
    assert [span.name for span in second.spans()] == ["second"]


def test_takes_the_spans_of_a_provider_that_the_host_set(monkeypatch):
    """Tracers of a real provider are captured too, and what they would send is not sent meanwhile."""
    sent = InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(sent))
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", provider)
    tracer = provider.get_tracer("host")
    with capture() as telemetry:
        tracer.start_span("inside").end()
        trace.get_tracer("new").start_span("also").end()
    tracer.start_span("outside").end()
    assert [span.name for span in telemetry.spans()] == ["inside", "also"]
    assert [span.name for span in sent.get_finished_spans()] == ["outside"]
    assert trace.get_tracer_provider() is provider


def test_a_service_that_sets_itself_up_in_a_test_stays_captured():
    """`set_tracer_provider` in the code under test changes nothing that lasts."""
    before = trace._TRACER_PROVIDER
    with capture() as telemetry:
        trace.set_tracer_provider(TracerProvider(shutdown_on_exit=False))
        trace.get_tracer("t").start_span("s").end()
    telemetry.span("s")
    assert trace._TRACER_PROVIDER is before


def test_everything_is_as_it_was():
    """Globals, levels, handlers and registries come back, also when the block fails."""
    root = logging.getLogger()
    before = (
        trace._TRACER_PROVIDER,
        trace._TRACER_PROVIDER_SET_ONCE._done,
        root.level,
        tuple(root.handlers),
        AnyaMetrics._global,
        is_strict(),
        uuid.uuid4,
        list(structlog.get_config()["processors"]),
    )
    with pytest.raises(RuntimeError, match="mine"), capture(clock=ManualClock(), ids=CountedIds()):
        raise RuntimeError("mine")
    after = (
        trace._TRACER_PROVIDER,
        trace._TRACER_PROVIDER_SET_ONCE._done,
        root.level,
        tuple(root.handlers),
        AnyaMetrics._global,
        is_strict(),
        uuid.uuid4,
        list(structlog.get_config()["processors"]),
    )
    assert before == after


def test_sees_logging_and_structlog(structlog_plain):
    """Both roads, with fields, ids and levels."""
    with capture() as telemetry:
        with anyascope.sdk.correlation("c-1"), EARLY.start_as_current_span("s"):
            structlog.get_logger("a").info("signed", key_id="k1")
            logging.getLogger("b").warning("slow", extra={"took_ms": 9})
        logging.getLogger("b").debug("too fine")
    signed, slow = telemetry.log("signed", key_id="k1"), telemetry.log("slow", took_ms=9, level="warning", logger="b")
    assert signed.trace_id == slow.trace_id == telemetry.span("s").trace_id
    assert signed.correlation_id == "c-1"
    assert len(telemetry.logs()) == 2


def test_a_structlog_that_writes_to_logging_is_seen_once():
    """No record comes twice."""
    before = structlog.get_config()
    structlog.configure(
        processors=[structlog.stdlib.render_to_log_kwargs],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
    )
    try:
        with capture() as telemetry:
            structlog.get_logger("a").info("once", n=1)
    finally:
        structlog.configure(**before)
    assert telemetry.log("once").own["n"] == 1


def test_hears_the_sdks_own_records_whatever_the_host_has_set():
    """Levels and propagation of the host do not hide what an operation says."""
    own = logging.getLogger("anyascope")
    level, propagate = own.level, own.propagate
    own.setLevel(logging.ERROR)
    own.propagate = False
    try:
        with capture() as telemetry:
            spend()
    finally:
        own.setLevel(level)
        own.propagate = propagate
    telemetry.log("bitcoin_operation_succeeded", wallet_id="w1")


def test_measures_in_a_registry_of_its_own():
    """The SDK's metrics begin at 0 in each capture; a service's own count from where they stood."""
    OWN.labels("a").inc(7)
    before = sent_by_this_process()
    for _ in range(2):
        with capture() as telemetry:
            spend(3)
            OWN.labels("a").inc(2)
        assert telemetry.metric("anya_bitcoin_transactions_total", operation_type="send") == 1
        assert telemetry.metric("test_capture_own_total", kind="a") == 2
        assert telemetry.metric("anya_bitcoin_wallet_balance_sats", wallet_id="w1") == -3
    assert sent_by_this_process() == before


def sent_by_this_process() -> float:
    """What the process's own registry counts, whatever tests before this one did in it."""
    samples = [sample for metric in REGISTRY.collect() for sample in metric.samples]
    return sum(sample.value for sample in samples if sample.name == "anya_bitcoin_transactions_total")


def test_a_metric_sums_what_is_not_asked_about():
    """Counters add up over other labels; several gauges are asked about more closely."""
    with capture() as telemetry:
        metrics = AnyaMetrics.global_()
        metrics.http_requests_total.labels("GET", "/a", "200").inc()
        metrics.http_requests_total.labels("GET", "/b", "200").inc(2)
        metrics.component_health.labels("node", "1").set(1)
        metrics.component_health.labels("node", "2").set(0)
        assert telemetry.metric("anya_http_requests_total", method="GET") == 3
        assert telemetry.metric("anya_http_active_connections") == 0
        with pytest.raises(NotCapturedError, match=r"2 metrics are 'anya_component_health' with component='node'"):
            telemetry.metric("anya_component_health", component="node")


def test_audit_events_security_events_and_alerts():
    """Each has its finder, with short names for fields."""
    with capture() as telemetry:
        anyascope.sdk.audit_event("withdrawal", phase="intent", correlation_id="c-9", actor="ann", resource="wd-1")
        anyascope.sdk.security_event("failed_login", "high", "api", user="eve")
        manager = anyascope.sdk.AlertManager()
        manager.send_alert(anyascope.sdk.AlertBuilders.bitcoin_low_balance("w1", 10, 100))
    assert telemetry.audit("withdrawal", phase="intent", actor="ann").fields["correlation_id"] == "c-9"
    telemetry.security_event("failed_login", severity="high", source="api")
    assert telemetry.alert(severity="medium", wallet_id="w1").alert.source_component == "bitcoin-wallet"


def test_times_and_ids_are_given():
    """With a clock and ids two runs are the same to the last digit."""

    def run():
        with capture(clock=ManualClock(), ids=CountedIds()) as telemetry:
            spend()
            anyascope.sdk.security_event("failed_login", "high", "api")
        spans = [
            (s.name, s.trace_id, s.span_id, s.start_ns, s.end_ns, sorted(s.attributes.items()))
            for s in telemetry.spans()
        ]
        return spans, [(log.event, log.time_ns, log.correlation_id, str(log.own)) for log in telemetry.logs()]

    first = run()
    assert first == run()
    assert int(first[0][0][1], 16) < 10


def test_wrong_use_raises_unless_it_is_wanted_otherwise():
    """Strict by default."""
    with capture(), pytest.raises(anyascope.sdk.MisuseError):
        report_misuse("x must be y")
    with capture(is_strict=False):
        report_misuse("x must be y")


def test_secrets_are_gone_as_they_would_be():
    """What a test sees is what would leave the process."""
    with capture() as telemetry:
        with EARLY.start_as_current_span("s") as span:
            span.set_attribute("note", "password=hunter2hunter2")
        logging.getLogger("a").info("login with %s", "password=hunter2hunter2")
    assert "hunter2" not in str(telemetry.spans() + telemetry.logs())


async def test_works_around_asynchronous_code():
    """As an asynchronous context manager, with tasks."""

    async def work(number):
        with EARLY.start_as_current_span(f"s{number}"):
            await asyncio.sleep(0)

    async with capture() as telemetry:
        await asyncio.gather(*(work(number) for number in range(5)))
    assert {span.name for span in telemetry.spans()} == {f"s{number}" for number in range(5)}


def test_sees_other_threads():
    """Spans and records of every thread, none lost."""

    def work(number):
        for _ in range(50):
            EARLY.start_span(f"s{number}").end()
            logging.getLogger("t").info("worked")

    with capture() as telemetry:
        threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)
    assert (len(telemetry.spans()), len(telemetry.logs("worked"))) == (200, 200)


def test_captures_nest():
    """An inner capture has its own spans and metrics, the outer one goes on afterwards."""
    with capture() as outer:
        EARLY.start_span("before").end()
        with capture() as inner:
            EARLY.start_span("inside").end()
            spend()
        EARLY.start_span("after").end()
    assert [span.name for span in outer.spans()] == ["before", "after"]
    inner.span("inside")
    assert inner.metric("anya_bitcoin_transactions_total") == 1
    assert outer.metrics("anya_bitcoin_transactions_total", changed=True) == []


def test_clear_forgets_what_was_before():
    """For tests with a long preparation."""
    with capture() as telemetry:
        EARLY.start_span("preparation").end()
        telemetry.clear()
        EARLY.start_span("s").end()
    assert [span.name for span in telemetry.spans()] == ["s"]


def test_capture_is_a_function_whatever_was_imported_before():
    """No module of its name takes its place: `from anyascope.sdk.testing import capture` gives what can be called."""
    program = "import anyascope.sdk.testing.plugin, anyascope.sdk.testing.capturing\nfrom anyascope.sdk.testing import capture\ncapture()"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)

    assert done.returncode == 0, done.stderr
