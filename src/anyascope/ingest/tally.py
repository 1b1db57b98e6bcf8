"""Counts what came in, what was refused and why, and how long storing took."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

FLUSH_SECONDS_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
FLUSH_ROWS_BUCKETS = (1, 10, 100, 1_000, 10_000, 50_000, 100_000, 500_000)


class Signal(Enum):
    """What kind of telemetry; the names of the store's signals."""

    METRICS = "metrics"
    LOGS = "logs"
    TRACES = "traces"


class Reason(Enum):
    """Why a row was not taken: a code for the counter, a sentence for the sender."""

    TIME_FUTURE = ("time_future", "its time lies too far in the future")
    TIME_IMPOSSIBLE = ("time_impossible", "its time is missing or before 1970 or beyond what nanoseconds can say")
    TRACE_ID = ("trace_id", "its trace id is not 16 bytes, or all zero")
    SPAN_ID = ("span_id", "its span id is not 8 bytes, or all zero")
    LABELS_COUNT = ("labels_count", "its series has too many labels")
    LABEL_LENGTH = ("label_length", "a label name or value of its series is too long")
    LABEL_INVALID = ("label_invalid", "a label name of its series is empty or stands twice")
    SERIES_LIMIT = ("series_limit", "its source has too many series already")
    SERIES_TOTAL = ("series_total", "all sources together have too many series already")
    DELTA_ORDER = ("delta_order", "its increment is older than one that was already added")

    def __init__(self, code: str, sentence: str) -> None:
        self.code = code
        self.sentence = sentence


_IDS_AND_TIMES = (Reason.TIME_FUTURE, Reason.TIME_IMPOSSIBLE, Reason.TRACE_ID, Reason.SPAN_ID)
REASONS: Mapping[Signal, tuple[Reason, ...]] = {
    Signal.METRICS: tuple(reason for reason in Reason if reason not in (Reason.TRACE_ID, Reason.SPAN_ID)),
    Signal.LOGS: _IDS_AND_TIMES,
    Signal.TRACES: _IDS_AND_TIMES,
}  # why rows of each signal may be refused


def sentences(refused: Mapping[Reason, int], *, noun: str) -> tuple[str, ...]:
    """One sentence a reason: `3 log records refused: its time lies too far in the future`."""
    return tuple(f"{count} {noun} refused: {reason.sentence}" for reason, count in refused.items() if count)


class Tally:
    """The counters of `ingest`."""

    def __init__(self, *, registry: CollectorRegistry) -> None:
        self._stored = Counter("anyascope_ingest_rows", "Rows stored.", ["signal", "source"], registry=registry)
        self._refused = Counter(
            "anyascope_ingest_refused_rows", "Rows refused.", ["signal", "source", "reason"], registry=registry
        )
        self._cut = Counter(
            "anyascope_ingest_cut", "Values cut or mended on their way in.", ["signal", "what"], registry=registry
        )
        self._full = Counter(
            "anyascope_ingest_queue_full",
            "Requests turned away because the queue was full.",
            ["signal"],
            registry=registry,
        )
        self._failed = Counter(
            "anyascope_ingest_failed_flushes", "Flushes that the store did not take.", ["signal"], registry=registry
        )
        self._series = Gauge(
            "anyascope_ingest_series", "Series that count against a source's limit.", ["source"], registry=registry
        )
        self._series_limit = Gauge(
            "anyascope_ingest_series_limit",
            "How many series are let in: of one source, and in total.",
            ["scope"],
            registry=registry,
        )
        self._queue_rows = Gauge(
            "anyascope_ingest_queue_rows", "Rows that wait to be stored.", ["signal"], registry=registry
        )
        self._queue_bytes = Gauge(
            "anyascope_ingest_queue_bytes", "Bytes that wait to be stored.", ["signal"], registry=registry
        )
        self._flush_seconds = Histogram(
            "anyascope_ingest_flush_seconds",
            "How long the store took for one flush.",
            ["signal"],
            buckets=FLUSH_SECONDS_BUCKETS,
            registry=registry,
        )
        self._flush_rows = Histogram(
            "anyascope_ingest_flush_rows",
            "Rows of one flush.",
            ["signal"],
            buckets=FLUSH_ROWS_BUCKETS,
            registry=registry,
        )
        self._senders: set[tuple[Signal, str]] = set()
        for signal in Signal:
            # At 0 from the start: a rule's increase() sees the first event only of a series that was there before it.
            self._full.labels(signal.value)
            self._failed.labels(signal.value)

    def stored(self, signal: Signal, *, source: str, rows: int) -> None:
        """Rows of a request became durable."""
        self._stored.labels(signal.value, source).inc(rows)
        if (signal, source) not in self._senders:
            self._senders.add((signal, source))
            for reason in REASONS[signal]:
                self._refused.labels(signal.value, source, reason.code)  # at 0, as in the constructor

    def refused(self, signal: Signal, *, source: str, reasons: Mapping[Reason, int]) -> None:
        """Rows of a request were not taken."""
        for reason, rows in reasons.items():
            self._refused.labels(signal.value, source, reason.code).inc(rows)

    def cut(self, signal: Signal, *, what: str, count: int) -> None:
        """Values were shortened or mended."""
        self._cut.labels(signal.value, what).inc(count)

    def series(self, source: str, count: int) -> None:
        """How many series a source has now."""
        self._series.labels(source).set(count)

    def series_limits(self, *, source: int, total: int) -> None:
        """How many series are let in."""
        self._series_limit.labels("source").set(source)
        self._series_limit.labels("total").set(total)

    def queue(self, signal: Signal, *, rows: int, size_bytes: int) -> None:
        """What waits now."""
        self._queue_rows.labels(signal.value).set(rows)
        self._queue_bytes.labels(signal.value).set(size_bytes)

    def queue_full(self, signal: Signal) -> None:
        """A request was turned away."""
        self._full.labels(signal.value).inc()

    def flushed(self, signal: Signal, *, rows: int, seconds: float) -> None:
        """The store took a flush."""
        self._flush_seconds.labels(signal.value).observe(seconds)
        self._flush_rows.labels(signal.value).observe(rows)

    def flush_failed(self, signal: Signal) -> None:
        """The store did not take a flush."""
        self._failed.labels(signal.value).inc()
