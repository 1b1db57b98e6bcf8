"""What forwarding counts of itself, under Prometheus' own names, so that its dashboards and alerts work here too."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

LABELS = ("remote_name", "url")
PREFIX = "prometheus_remote_storage_"
KINDS = ("samples", "histograms", "exemplars")
BUCKETS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 25.0, 60.0, 120.0, 300.0)  # as upstream
# Why something is not sent on; upstream's words where it has them.
DROPPED_SERIES = "dropped_series"  # by write_relabel_configs
UNKNOWN_SERIES = "unintentionally_dropped_series"  # the store does not know its labels any more
TOO_OLD = "too_old"
NHCB_BY_V1 = "nhcb_in_rw1_not_supported"


class Tally:
    """All counters; one set for all far ends, told apart by `remote_name` and `url`."""

    def __init__(self, registry: CollectorRegistry) -> None:
        def counter(name: str, text: str, *labels: str) -> Counter:
            return Counter(f"{PREFIX}{name}", text, [*LABELS, *labels], registry=registry)

        def gauge(name: str, text: str, *, labels: tuple[str, ...] = LABELS) -> Gauge:
            return Gauge(f"{PREFIX}{name}", text, labels, registry=registry)

        self.sent = {kind: counter(f"{kind}_total", f"{kind.capitalize()} that a far end took.") for kind in KINDS}
        self.failed = {
            kind: counter(
                f"{kind}_failed_total", f"{kind.capitalize()} that a far end refused; they are not sent again."
            )
            for kind in KINDS
        }
        self.retried = {
            kind: counter(f"{kind}_retried_total", f"{kind.capitalize()} of requests that are sent again.")
            for kind in KINDS
        }
        self.dropped = {
            kind: counter(f"{kind}_dropped_total", f"{kind.capitalize()} that were not sent, by reason.", "reason")
            for kind in KINDS
        }
        self.pending = {
            kind: gauge(f"{kind}_pending", f"{kind.capitalize()} in memory that wait to be sent.") for kind in KINDS
        }
        self.bytes = counter("bytes_total", "Bytes of requests, compressed.")
        self.metadata = counter("metadata_total", "Metadata that a far end took.")
        self.metadata_failed = counter("metadata_failed_total", "Metadata that a far end refused.")
        self.metadata_retried = counter("metadata_retried_total", "Metadata of requests that are sent again.")
        self.shards = gauge("shards", "Requests that go out beside each other.")
        self.shards_desired = gauge("shards_desired", "Shards that the rates of samples in and out call for.")
        self.shards_min = gauge("shards_min", "queue_config.min_shards.")
        self.shards_max = gauge("shards_max", "queue_config.max_shards.")
        self.capacity = gauge("shard_capacity", "queue_config.capacity.")
        self.batch = gauge("max_samples_per_send", "queue_config.max_samples_per_send.")
        self.highest_sent = gauge(
            "queue_highest_sent_timestamp_seconds", "Time of the newest sample that a far end took."
        )
        self.highest_in = gauge("highest_timestamp_in_seconds", "Time of the newest sample that was stored.", labels=())
        self.seconds = Histogram(
            f"{PREFIX}sent_batch_duration_seconds",
            "How long requests took.",
            LABELS,
            buckets=BUCKETS_S,
            registry=registry,
        )
        self.backlog_bytes = Gauge(
            "anyascope_forward_backlog_bytes",
            "What is in the log on disk and not sent to this far end yet.",
            LABELS,
            registry=registry,
        )
        self.lost_bytes = Counter(
            "anyascope_forward_lost_bytes_total",
            "What gave way in the log before it was sent to this far end, because the log was full.",
            LABELS,
            registry=registry,
        )

        self.backlog_bytes_max = Gauge(
            "anyascope_forward_backlog_bytes_max", "How much may wait (forward.spool_size).", registry=registry
        )

    def begin(self, name: str, url: str) -> None:
        """Show a far end from its first moment on, so that rates and sums know it at zero."""
        counters = (self.bytes, self.metadata, self.metadata_failed, self.metadata_retried, self.lost_bytes)
        for metric in (*self.sent.values(), *self.failed.values(), *self.retried.values(), *counters, self.seconds):
            metric.labels(name, url)

    def forget(self, name: str, url: str) -> None:
        """A far end is configured no longer."""
        for family in vars(self).values():
            for metric in family.values() if isinstance(family, dict) else (family,):
                if metric not in (self.highest_in, self.backlog_bytes_max):
                    metric.remove_by_labels({"remote_name": name, "url": url})
