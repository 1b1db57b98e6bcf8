"""What counting costs a service: through `anyascope.sdk.metrics` beside the same by hand on `prometheus_client`.

`make bench ARGS=sdk_metrics`. Both sides run in turns within the same seconds; a figure is the median of the rounds' ratios.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

from opentelemetry import trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from anyascope.sdk.metrics import AnyaMetrics, BitcoinMetricsCollector
from anyascope.sdk.metrics.catalogue import BITCOIN_BUCKETS_S
from anyascope.sdk.metrics.otlp import Moment, encode_families
from anyascope.sdk.metrics.reading import read_own
from figures import show

ROUNDS = 100
CALLS = 1_000
COUNTER_MOST = 1.1  # the bar
OPERATION_MOST = 1.3  # the bar for a whole operation with its spans and logs
SERIES = 10_000


def took_s(call: Callable[[], object]) -> float:
    began_s = time.thread_time()
    for _ in range(CALLS):
        call()
    return time.thread_time() - began_s


def ratio(ours: Callable[[], object], by_hand: Callable[[], object]) -> tuple[float, float, float]:
    """Median ratio, and the best microseconds a call of each side."""
    rounds = []
    for number in range(ROUNDS):
        first, second = (ours, by_hand) if number % 2 else (by_hand, ours)
        pair = took_s(first), took_s(second)
        rounds.append(pair if number % 2 else pair[::-1])
    best = [min(side) / CALLS * 1e6 for side in zip(*rounds, strict=True)]
    return statistics.median(a / b for a, b in rounds), best[0], best[1]


def compare(name: str, ours: Callable[[], object], by_hand: Callable[[], object], *, bar: float) -> None:
    found, ours_us, by_hand_us = ratio(ours, by_hand)
    show(f"{name}: ours / by hand", found, "times", bar=bar, is_most=True)
    print(f"    {ours_us:.2f} µs against {by_hand_us:.2f} µs")


class ByHand:
    """What somebody writes who has `prometheus_client` alone."""

    def __init__(self) -> None:
        registry = CollectorRegistry()
        self.transactions = Counter(
            "transactions_total", "h", ["operation_type", "status", "wallet_id"], registry=registry
        )
        self.duration = Histogram(
            "duration_seconds", "h", ["operation_type"], buckets=BITCOIN_BUCKETS_S, registry=registry
        )
        self.balance = Gauge("balance_sats", "h", ["wallet_id", "wallet_type"], registry=registry)

    def count(self) -> None:
        self.transactions.labels("send", "success", "hot-1").inc()

    def record(self) -> None:
        context, exemplar = trace.get_current_span().get_span_context(), None
        if context.is_valid:
            exemplar = {"trace_id": f"{context.trace_id:032x}", "span_id": f"{context.span_id:016x}"}
        self.transactions.labels("send", "success", "hot-1").inc(exemplar=exemplar)
        self.duration.labels("send").observe(0.2, exemplar)
        self.balance.labels("hot-1", "main").dec(500)


def push_cost() -> None:
    """Reading and encoding a large registry, as the background thread does every 5 seconds."""
    metrics = AnyaMetrics(CollectorRegistry(), label_limits={"wallet_id": SERIES})
    for number in range(SERIES):
        metrics.bitcoin_transactions_total.labels("send", "success", f"wallet-{number}").inc()
    began_s = time.thread_time()
    bodies = list(encode_families(read_own(metrics.registry), Resource({}), Moment(start_ns=1, now_ns=2)))
    spent_s = time.thread_time() - began_s
    show(f"a push of {SERIES:,} series", spent_s * 1000, "ms of CPU")
    show("of a core, pushed every 5 s", spent_s / 5 * 100, "percent")
    show("bodies", len(bodies), "bodies")


def main() -> None:
    metrics, hand = AnyaMetrics(CollectorRegistry()), ByHand()
    collector = BitcoinMetricsCollector(metrics)
    counter, guard = metrics.bitcoin_transactions_total, metrics.label_guard
    compare("a counter", lambda: counter.labels("send", "success", "hot-1").inc(), hand.count, bar=COUNTER_MOST)
    record = collector.record_transaction
    compare("a transaction", lambda: record("send", "hot-1", "success", 0.2, 500), hand.record, bar=OPERATION_MOST)
    with TracerProvider().get_tracer("bench").start_as_current_span("s"):
        compare(
            "a transaction in a trace",
            lambda: record("send", "hot-1", "success", 0.2, 500),
            hand.record,
            bar=OPERATION_MOST,
        )
    show("a known label value", took_s(lambda: guard.bounded("wallet_id", "hot-1")) / CALLS * 1e9, "ns")
    push_cost()


if __name__ == "__main__":
    main()
