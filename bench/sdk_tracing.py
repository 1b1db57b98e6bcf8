"""What our part of tracing costs beside OpenTelemetry alone: a span, the headers of a request, a batch for Jaeger.

Each pair runs in turns in one process, the best of several rounds each: the ratio is what counts.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from typing import Any

from opentelemetry import context as otel_context
from opentelemetry import propagate, trace
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.trace import SpanLimits, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ParentBasedTraceIdRatio

from anyascope.sdk.correlation import correlation
from anyascope.sdk.tracing import carry, initialize_tracing, inject
from anyascope.sdk.tracing.jaeger import encode_batches
from figures import show

ROUNDS = 15
TIMES = 2_000
SPAN_RATIO_MAX = 1.3  # the bar for a whole operation; a span is a part of it
SPANS_A_BATCH = 512
ATTRIBUTES = {"operation": "send", "wallet_id": "cold-1", "amount_sats": 250_000, "fee_rate": 12.5}


class Nowhere(SpanExporter):
    def export(self, spans: Any) -> SpanExportResult:  # noqa: ARG002
        return SpanExportResult.SUCCESS


def best_us(*runs: Callable[[], None]) -> list[float]:
    """Microseconds a call, the best round of each; rounds take turns so that a busy moment hits all."""
    best = [float("inf")] * len(runs)
    gc.disable()
    for _ in range(ROUNDS):
        for index, run in enumerate(runs):
            begin = time.perf_counter_ns()
            for _ in range(TIMES):
                run()
            best[index] = min(best[index], (time.perf_counter_ns() - begin) / 1000 / TIMES)
    gc.enable()
    return best


def spans() -> None:
    bare = TracerProvider(
        sampler=ParentBasedTraceIdRatio(1.0), span_limits=SpanLimits(max_events=64, max_span_attributes=32)
    )
    ours: Any = initialize_tracing("bench", "off", set_global=False)
    tracers = []
    for provider in (bare, ours):
        provider.add_span_processor(SimpleSpanProcessor(Nowhere()))
        tracers.append(provider.get_tracer("bench"))

    def by_hand() -> None:
        with tracers[0].start_as_current_span("bitcoin_operation", attributes=ATTRIBUTES) as span:
            span.set_attribute("anya.correlation_id", "order-7")

    def by_us() -> None:
        with tracers[1].start_as_current_span("bitcoin_operation", attributes=ATTRIBUTES):
            pass

    with correlation("order-7"):
        hand_us, us_us = best_us(by_hand, by_us)
    show("span with a correlation id, by hand", hand_us, "µs")
    show("span with a correlation id, ours", us_us, "µs")
    show("span, ours ÷ by hand", us_us / hand_us, "", bar=SPAN_RATIO_MAX, is_most=True)


def headers() -> None:
    provider: Any = initialize_tracing("bench", "off", set_global=False)
    span = provider.get_tracer("bench").start_span("s")
    token = otel_context.attach(trace.set_span_in_context(span))

    def by_hand() -> None:
        carrier: dict[str, str] = {}
        propagate.inject(carrier)
        carrier["x-correlation-id"] = "order-7"

    with correlation("order-7"):
        hand_us, us_us, carried_us = best_us(by_hand, lambda: inject({}), carry(lambda: None))
    otel_context.detach(token)
    show("headers of a request, by hand", hand_us, "µs")
    show("headers of a request, inject", us_us, "µs")
    show("a carried call", carried_us, "µs")


def jaeger() -> None:
    memory = InMemorySpanExporter()
    provider: Any = initialize_tracing("bench", "off", set_global=False)
    provider.add_span_processor(SimpleSpanProcessor(memory))
    tracer = provider.get_tracer("bench")
    for _ in range(SPANS_A_BATCH):
        with tracer.start_as_current_span("bitcoin_operation", attributes=ATTRIBUTES) as span:
            span.add_event("broadcast", {"peer": "node-2"})
    batch = memory.get_finished_spans()
    times = {"otlp": float("inf"), "jaeger": float("inf")}
    for _ in range(ROUNDS):
        for name, encode in (
            ("otlp", lambda: encode_spans(batch).SerializeToString()),
            ("jaeger", lambda: list(encode_batches(batch))),
        ):
            begin = time.perf_counter_ns()
            encode()
            times[name] = min(times[name], (time.perf_counter_ns() - begin) / 1000 / SPANS_A_BATCH)
    show("a span as OTLP, OpenTelemetry's encoder", times["otlp"], "µs")
    show("a span as Jaeger's Thrift, ours", times["jaeger"], "µs")
    show("encoding, Jaeger ÷ OTLP", times["jaeger"] / times["otlp"], "", bar=1.0, is_most=True)


if __name__ == "__main__":
    spans()
    headers()
    jaeger()
