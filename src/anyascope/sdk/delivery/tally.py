"""What became of the telemetry: sent, or dropped and for which reason, by signal."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from enum import Enum

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric

SIGNALS = ("traces", "logs", "audit", "metrics", "alerts")


class Reason(Enum):
    """Why an item will never arrive."""

    QUEUE_FULL = "queue_full"  # more items than the queue holds before they were encoded
    OUTBOX_FULL = "outbox_full"  # more bytes than memory keeps for a far end that does not answer
    SPOOL_FULL = "spool_full"  # more bytes than the disk queue may have
    EXPIRED = "expired"  # lay in the spool for longer than its age limit
    REFUSED = "refused"  # the far end will never take it (4xx)
    TOO_LARGE = "too_large"  # one item alone is larger than a body may be
    TORN = "torn"  # a record on disk that a crash cut off, or that was damaged
    EXPORT_FAILED = "export_failed"  # could not be encoded
    SHUTDOWN = "shutdown"  # still in memory when the process ended, or recorded after `shutdown()`


@dataclass(frozen=True, slots=True)
class SignalStats:
    """One signal's account since this process began.

    Attributes:
        queued: items that wait to be encoded.
        waiting_items, waiting_bytes: encoded and not yet sent, in memory or in the spool.
        exported: items that the far end took.
        dropped: reason -> items.
    """

    queued: int = 0
    waiting_items: int = 0
    waiting_bytes: int = 0
    exported: int = 0
    dropped: dict[str, int] = field(default_factory=dict)


class Tally:
    """Counts; any thread may add. A forked child begins at 0: what was before is its parent's account."""

    flush_order = 9

    def __init__(self) -> None:
        self.after_fork()

    def after_fork(self) -> None:
        """Begin at 0."""
        # Re-entrant: a signal handler or a finaliser of the host may log while this thread counts.
        self._lock = threading.RLock()
        self._exported: Counter[str] = Counter()
        self._dropped: Counter[tuple[str, str]] = Counter()

    def flush_at_exit(self, deadline_s: float) -> None:
        """There is nothing to send."""

    def exported(self, signal: str, items: int) -> None:
        """The far end took `items`."""
        with self._lock:
            self._exported[signal] += items

    def dropped(self, signal: str, reason: Reason, items: int = 1) -> None:
        """`items` are gone."""
        if items > 0:
            with self._lock:
                self._dropped[signal, reason.value] += items

    def stats(self, waiting: Iterable[tuple[str, int, int, int]] = ()) -> dict[str, SignalStats]:
        """The account by signal.

        Args:
            waiting: (signal, queued items, waiting items, waiting bytes) of each place where something waits.
        """
        with self._lock:
            exported, dropped = dict(self._exported), dict(self._dropped)
        places = list(waiting)
        names = {*exported, *(signal for signal, _ in dropped), *(signal for signal, *_ in places)}
        return {
            signal: SignalStats(
                queued=sum(place[1] for place in places if place[0] == signal),
                waiting_items=sum(place[2] for place in places if place[0] == signal),
                waiting_bytes=sum(place[3] for place in places if place[0] == signal),
                exported=exported.get(signal, 0),
                dropped={reason: count for (of, reason), count in sorted(dropped.items()) if of == signal},
            )
            for signal in sorted(names)
        }


class TallyCollector:
    """The account as metrics, read when somebody scrapes: no lock of the metrics library on the way of telemetry."""

    def __init__(self, stats: Callable[[], dict[str, SignalStats]]) -> None:
        self._stats = stats

    def describe(self) -> Iterable[Metric]:
        """The names, so that a registry needs not collect to learn them."""
        return self._families({})

    def collect(self) -> Iterator[Metric]:
        yield from self._families(self._stats())

    @staticmethod
    def _families(stats: dict[str, SignalStats]) -> tuple[Metric, ...]:
        dropped = CounterMetricFamily(
            "anya_telemetry_dropped", "Telemetry that will never arrive, by reason.", labels=["signal", "reason"]
        )
        exported = CounterMetricFamily(
            "anya_telemetry_exported", "Spans, records and points that the far end took.", labels=["signal"]
        )
        depth = GaugeMetricFamily(
            "anya_telemetry_queue_depth", "Items that wait in memory to be encoded.", labels=["signal"]
        )
        waiting = GaugeMetricFamily(
            "anya_telemetry_waiting_bytes", "Encoded telemetry that waits for the far end.", labels=["signal"]
        )
        for signal, account in stats.items():
            for reason in Reason:
                dropped.add_metric([signal, reason.value], account.dropped.get(reason.value, 0))
            exported.add_metric([signal], account.exported)
            depth.add_metric([signal], account.queued)
            waiting.add_metric([signal], account.waiting_bytes)
        return dropped, exported, depth, waiting


def register_collector(registry: CollectorRegistry, stats: Callable[[], dict[str, SignalStats]]) -> None:
    """Show the account in this registry; a registry that shows it already stays as it is."""
    try:
        registry.register(TallyCollector(stats))
    except ValueError:
        return  # prometheus_client: "Duplicated timeseries"
