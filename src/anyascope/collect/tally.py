"""What `collect` counts of itself."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge


class ScrapeTally:
    """Counters of scraping."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.scrapes = Counter(
            "anyascope_scrapes_total", "Scrapes by outcome (ok, failed).", ["outcome"], registry=registry
        )
        self.samples = Counter("anyascope_scrape_samples_total", "Samples scraped and stored.", registry=registry)
        self.unstored = Counter(
            "anyascope_scrapes_unstored_total",
            "Scrapes lost because the intake was full until the next one was due.",
            registry=registry,
        )
        self.repeated = Counter(
            "anyascope_scrape_samples_repeated_total",
            "Samples left out because their page had the same series further up.",
            registry=registry,
        )
        self.limit_hits = Counter(
            "anyascope_scrape_limit_hits_total",
            "Scrapes refused by a limit of their job.",
            ["limit"],
            registry=registry,
        )
        self.late = Counter(
            "anyascope_scrapes_skipped_total",
            "Scrapes left out because the one before took beyond their time.",
            registry=registry,
        )
        self.targets = Gauge(
            "anyascope_scrape_targets", "Targets that are scraped, by job.", ["job"], registry=registry
        )
        self.discovery_failures = Counter(
            "anyascope_discovery_failures_total",
            "Failed readings of a file or address of targets.",
            ["job"],
            registry=registry,
        )


class CollectorTally:
    """Counters of what is collected without scraping."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.collections = Counter(
            "anyascope_collections_total",
            "Collections by collector and outcome (ok, failed, unstored).",
            ["collector", "outcome"],
            registry=registry,
        )
        self.seconds = Counter(
            "anyascope_collection_seconds_total", "Seconds spent collecting.", ["collector"], registry=registry
        )
        self.log_records = Counter(
            "anyascope_collected_log_records_total", "Log records taken from this host.", ["stream"], registry=registry
        )
        self.log_records_dropped = Counter(
            "anyascope_collected_log_records_dropped_total",
            "Log records of this host that were not kept, by reason.",
            ["stream", "reason"],
            registry=registry,
        )
