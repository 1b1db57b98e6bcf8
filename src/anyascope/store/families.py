"""What metrics say of themselves, in memory: the newest word on each of a bounded number of them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge

from anyascope.model.metrics import MetricMetadata

FAMILIES_MAX = 20_000  # servers of large clusters have 5,000; some 8 MB of usual texts, 100 MB of the longest
CROWDED = FAMILIES_MAX * 3 // 4  # from here on those of metrics without series are forgotten
PARTS = ("", "_total", "_bucket", "_count", "_sum", "_created", "_info", "_gcount", "_gsum")  # of a family's series

log = structlog.get_logger("anyascope.store")


class Families:
    """Metadata by metric.

    A metric that comes when there is no room is left out, which is counted: it can be asked for as any other, and has no
    help text.
    """

    def __init__(self, *, registry: CollectorRegistry) -> None:
        self._known: dict[str, MetricMetadata] = {}
        self._is_told = False
        self._left_out = Counter(
            "anyascope_store_metadata_left_out",
            "Times that a metric's type, unit and help were not kept because there are too many.",
            registry=registry,
        )
        Gauge(
            "anyascope_store_metadata_metrics", "Metrics whose type, unit and help are kept.", registry=registry
        ).set_function(lambda: len(self._known))

    def __len__(self) -> int:
        return len(self._known)

    def news(self, entries: Iterable[MetricMetadata]) -> list[MetricMetadata]:
        """Those that say something else than what is known, as far as there is room: to be stored, then to be `noted`."""
        fresh: list[MetricMetadata] = []
        coming: set[str] = set()
        left_out = 0
        for entry in entries:
            known = self._known.get(entry.metric)
            if known == entry:
                continue
            if known is None and entry.metric not in coming:
                if len(self._known) + len(coming) >= FAMILIES_MAX:
                    left_out += 1
                    continue
                coming.add(entry.metric)
            fresh.append(entry)
        self._count(left_out)
        return fresh

    def _count(self, left_out: int) -> None:
        if not left_out:
            return
        self._left_out.inc(left_out)
        if not self._is_told:
            self._is_told = True
            log.warning("metadata_left_out", metrics=left_out, metrics_max=FAMILIES_MAX)

    def note(self, entries: Iterable[MetricMetadata]) -> None:
        """From now on these are known; the later of one metric counts."""
        self._known.update((entry.metric, entry) for entry in entries)

    def find(self, *, metric: str = "", limit: int = 0) -> list[MetricMetadata]:
        """Of one metric, or of all by their names; 0 is no limit."""
        names: Sequence[str] = [metric] if metric else sorted(self._known)
        return [self._known[name] for name in names if name in self._known][: limit or None]

    def forget_without(self, metrics: Collection[str]) -> list[str]:
        """Where it is crowded, forget families of which none of these metrics is a series; their names."""
        if len(self._known) <= CROWDED:
            return []
        gone = [name for name in self._known if not any(f"{name}{part}" in metrics for part in PARTS)]
        for name in gone:
            del self._known[name]
        if gone:
            self._is_told = False
        return gone
