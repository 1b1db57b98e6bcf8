"""What a traced operation costs the caller's thread, beside the bare libraries doing the same by hand.

Both sides make the same span with the same attributes, the same metrics with the same exemplars and the same JSON lines with
the same ids, into the same kind of batch processor and sink. The peer is what a careful person writes: OpenTelemetry's
`start_as_current_span`, `prometheus_client` children looked up by labels, structlog with a JSON renderer and its own recipe
for trace ids. It removes no secrets; ours does, and that is in the figure. Rounds of both take turns; the figure is the median
of the rounds' ratios. What is counted is the processor time of the caller's thread.
"""

from __future__ import annotations

import functools
import gc
import statistics
import tempfile
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import structlog
from opentelemetry import trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.trace import Status, StatusCode
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from anyascope.sdk.delivery import use_spool
from anyascope.sdk.logs import initialize_logs, shutdown_logs
from anyascope.sdk.metrics import AnyaMetrics
from anyascope.sdk.operations import BitcoinTransactionData, trace_bitcoin_operation, trace_hsm_operation
from anyascope.sdk.tracing import initialize_tracing
from figures import quantile, show
from support.ports import free_port

CALLS = 500  # a round
ROUNDS = 61
QUIET = 0.1  # of the rounds' means the one that is told: neighbours on the machine only ever add
TXID = "f4184fc596403b9d638783cf57adfe4c75c605f6356fbc91338530e9831e9e16"
DATA = BitcoinTransactionData(TXID, 50_000, 12.5)


class Nowhere(SpanExporter):
    """Takes every batch and does nothing: what is measured is the caller's thread."""

    def export(self, _spans):
        return SpanExportResult.SUCCESS

    def shutdown(self):
        pass


def provider() -> TracerProvider:
    made = TracerProvider(resource=Resource.create({"service.name": "custody"}))
    made.add_span_processor(BatchSpanProcessor(Nowhere()))
    return made


def set_provider_up() -> None:
    """As a service does; only where spans go is exchanged."""
    made = initialize_tracing("custody", "off")
    made.road.lead_to(BatchSpanProcessor(Nowhere()))


def with_trace_ids(_logger: Any, _method: str, event: dict[str, Any]) -> dict[str, Any]:
    """Structlog's own recipe."""
    context = trace.get_current_span().get_span_context()
    if context.is_valid:
        event["trace_id"] = format(context.trace_id, "032x")
        event["span_id"] = format(context.span_id, "016x")
    return event


class ByHand:
    """The same operation with the bare libraries."""

    def __init__(self, sink: Any) -> None:
        self.tracer = provider().get_tracer("by-hand")
        self.log = structlog.wrap_logger(
            structlog.WriteLogger(sink),
            processors=[
                structlog.contextvars.merge_contextvars,
                structlog.processors.add_log_level,
                structlog.processors.TimeStamper(fmt="iso", utc=True),
                with_trace_ids,
                structlog.processors.format_exc_info,
                structlog.processors.JSONRenderer(),
            ],
            wrapper_class=structlog.make_filtering_bound_logger(20),
            cache_logger_on_first_use=True,
        ).bind(logger="custody.operations", service="custody", environment="production")
        registry = CollectorRegistry()
        self.total = Counter("total", "t", ["operation_type", "status", "wallet_id"], registry=registry)
        self.duration = Histogram(
            "duration", "d", ["operation_type"], buckets=(0.01, 0.05, 0.1, 0.5, 1, 2.5, 5, 10), registry=registry
        )
        self.balance = Gauge("balance", "b", ["wallet_id", "wallet_type"], registry=registry)
        self.hsm_total = Counter("hsm", "t", ["operation_type", "provider", "status"], registry=registry)
        self.hsm_duration = Histogram(
            "hsm_duration",
            "d",
            ["operation_type", "provider"],
            buckets=(0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1),
            registry=registry,
        )

    def exemplar(self, span: trace.Span, name: str, value: str) -> dict[str, str]:
        context = span.get_span_context()
        return {
            "trace_id": format(context.trace_id, "032x"),
            "span_id": format(context.span_id, "016x"),
            name: value,
        }

    def bitcoin(self, function: Callable[..., str], data: BitcoinTransactionData) -> Callable[..., str]:
        @functools.wraps(function)
        def call(*args: Any, **kwargs: Any) -> str:
            correlation_id = str(uuid.uuid4())
            known = {
                "operation": "send",
                "wallet_id": "hot-1",
                "transaction_id": data.txid,
                "amount_sats": data.amount_sats,
                "fee_rate": data.fee_rate_sat_per_vb,
            }
            attributes = {
                **known,
                "security_level": "high",
                "security.classification": "restricted",
                "compliance.level": "high",
                "anya.correlation_id": correlation_id,
            }
            status, started_ns = "success", time.monotonic_ns()
            with (
                structlog.contextvars.bound_contextvars(correlation_id=correlation_id),
                self.tracer.start_as_current_span("bitcoin_operation", attributes=attributes) as span,
            ):
                self.log.info("bitcoin_operation_started", **known)
                try:
                    txid = function(*args, **kwargs)
                    span.set_attribute("transaction_id", txid)
                except BaseException as error:
                    status = "error"
                    span.set_attribute("error.message", str(error))
                    raise
                else:
                    span.set_status(Status(StatusCode.OK))
                finally:
                    duration_ns = time.monotonic_ns() - started_ns
                    span.set_attribute("operation.status", status)
                    exemplar = self.exemplar(span, "correlation_id", correlation_id)
                    self.total.labels("send", status, "hot-1").inc(exemplar=exemplar)
                    self.duration.labels("send").observe(duration_ns / 1e9, exemplar)
                    if status == "success":
                        self.balance.labels("hot-1", "main").dec(data.amount_sats)
                    self.log.info("bitcoin_operation_succeeded", **known, duration_ms=duration_ns / 1e6)
                return txid

        return call

    def hsm(self, function: Callable[..., bytes]) -> Callable[..., bytes]:
        @functools.wraps(function)
        def call(*args: Any, **kwargs: Any) -> bytes:
            audit_id = str(uuid.uuid4())
            known = {
                "operation": "sign",
                "key_id": "withdrawals",
                "hsm_provider": "softhsm",
                "audit.correlation_id": audit_id,
            }
            attributes = {
                **known,
                "security_level": "critical",
                "security.classification": "top_secret",
                "audit.required": "true",
                "compliance.level": "critical",
                "anya.correlation_id": audit_id,
            }
            status, started_ns = "success", time.monotonic_ns()
            with (
                structlog.contextvars.bound_contextvars(correlation_id=audit_id),
                self.tracer.start_as_current_span("hsm_operation", attributes=attributes) as span,
            ):
                self.audit("intent", audit_id)
                self.log.info("hsm_operation_started", **known)
                try:
                    signature = function(*args, **kwargs)
                except BaseException as error:
                    status = "error"
                    span.set_attribute("error.message", str(error))
                    raise
                else:
                    span.set_status(Status(StatusCode.OK))
                finally:
                    duration_ns = time.monotonic_ns() - started_ns
                    span.set_attribute("operation.status", status)
                    exemplar = self.exemplar(span, "audit_correlation_id", audit_id)
                    self.hsm_total.labels("sign", "softhsm", status).inc(exemplar=exemplar)
                    self.hsm_duration.labels("sign", "softhsm").observe(duration_ns / 1e9, exemplar)
                    self.audit("outcome", audit_id, **{"audit.outcome": status})
                    self.log.info("hsm_operation_succeeded", **known, duration_ms=duration_ns / 1e6)
                return signature

        return call

    def audit(self, phase: str, audit_id: str, **more: str) -> None:
        fields = {
            "event.name": f"audit.hsm_operation.{phase}",
            "audit.action": "hsm_operation",
            "audit.phase": phase,
            "audit.correlation_id": audit_id,
            "audit.resource": "withdrawals",
            "operation": "sign",
            "hsm_provider": "softhsm",
            **more,
        }
        self.log.info(fields["event.name"], **fields)


def round_us(call: Callable[[], object]) -> float:
    """Mean microseconds of a call, in one round."""
    started = time.thread_time_ns()
    for _ in range(CALLS):
        call()
    return (time.thread_time_ns() - started) / CALLS / 1_000


def compare(name: str, ours: Callable[[], object], peer: Callable[[], object], bare: Callable[[], object]) -> None:
    for call in (ours, peer):
        round_us(call)
    pairs = [(round_us(ours), round_us(peer)) for _ in range(ROUNDS)]
    idle_us = round_us(bare)
    show(f"{name}, by hand", quantile([peer for _, peer in pairs], QUIET) - idle_us, "µs")
    show(f"{name}", quantile([own for own, _ in pairs], QUIET) - idle_us, "µs", bar=100, is_most=True)
    show(f"{name} ÷ by hand", statistics.median(own / peer for own, peer in pairs), "", bar=1.3, is_most=True)


def slowest(name: str, ours: Callable[[], object], peer: Callable[[], object]) -> None:
    """The slowest of a hundred calls; the peer's tells what of it is the machine's."""
    show(f"{name} by hand, slowest of 100", quantile(call_us(peer), 0.99), "µs")
    show(f"{name}, slowest of 100", quantile(call_us(ours), 0.99), "µs", bar=100, is_most=True)


def call_us(call: Callable[[], object]) -> list[float]:
    took = []
    for _ in range(CALLS * 5):
        started = time.thread_time_ns()
        call()
        took.append((time.thread_time_ns() - started) / 1_000)
    return took


def main() -> None:
    gc.freeze()  # what importing left behind is nobody's cost
    sink = Path("/dev/null").open("w")  # noqa: SIM115  # until the process ends
    hand = ByHand(sink)
    set_provider_up()
    AnyaMetrics.init(CollectorRegistry())
    initialize_logs("custody", "off", stream=sink)

    def send() -> str:
        return TXID

    def sign() -> bytes:
        return b"signature"

    def block() -> None:
        with trace_bitcoin_operation("send", "hot-1", DATA) as operation:
            operation.set_result(send())

    own_send = trace_bitcoin_operation("send", "hot-1", DATA)(send)
    own_sign = trace_hsm_operation("sign", "withdrawals", "softhsm")(sign)
    compare("a Bitcoin operation, decorated", own_send, hand.bitcoin(send, DATA), send)
    compare("a Bitcoin operation, as a block", block, hand.bitcoin(send, DATA), send)
    compare("an HSM operation with its audit", own_sign, hand.hsm(sign), sign)
    slowest("a Bitcoin operation", own_send, hand.bitcoin(send, DATA))
    slowest("an HSM operation", own_sign, hand.hsm(sign))
    with tempfile.TemporaryDirectory() as folder:
        use_spool(folder)
        initialize_logs("custody", f"http://127.0.0.1:{free_port()}", stream=sink)
        # By hand nothing is on disk; what is compared is how little of the caller's time it takes to be sure.
        compare("an HSM operation, its audit on disk", own_sign, hand.hsm(sign), sign)
        shutdown_logs()


if __name__ == "__main__":
    main()
