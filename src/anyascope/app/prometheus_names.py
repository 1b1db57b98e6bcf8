"""What the server says of itself under the names that a Prometheus has for it, where both mean the same.

Dashboards and alerts that people made for their Prometheus then show this server, too. What has no equal here (chunks, the
WAL, how far scrapes drift) is not told: an invented number is worse than an empty panel. Rules bring their own
(`prometheus_rule_*`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Protocol

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, SummaryMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from anyascope.api.prometheus.status import ServerView, build_info
from anyascope.clock import NS_PER_S
from anyascope.model.status import DroppedTargetView, TargetView

OWN = ("anyascope_store_series", "anyascope_ingest_rows", "anyascope_query_duration_seconds")


class TargetsSource(Protocol):
    """Tells of targets."""

    def targets(self) -> Sequence[TargetView]:
        """All that are scraped."""

    def dropped_targets(self) -> Sequence[DroppedTargetView]:
        """All that relabelling took away."""


class ServerSource(Protocol):
    """Tells of the server."""

    def server(self) -> ServerView:
        """How it is now."""


class PrometheusNames(Collector):
    """Reads our own metrics and tells them again under Prometheus' names."""

    def __init__(self, registry: CollectorRegistry, *, targets: TargetsSource, server: ServerSource) -> None:
        self._registry = registry
        self._targets = targets
        self._server = server

    def describe(self) -> list[Metric]:
        """Nothing: it would have to read what is not there yet when this is registered."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Everything, as it is now."""
        yield from _of_the_server(self._server.server())
        yield self._discovered()
        own = {family.name: family for family in self._registry.restricted_registry(_sample_names()).collect()}
        yield from _of_the_store(own)

    def _discovered(self) -> Metric:
        found = GaugeMetricFamily(
            "prometheus_sd_discovered_targets", "Targets that discovery found.", labels=["name", "config"]
        )
        pools = Counter(view.scrape_pool for view in self._targets.targets())
        pools.update(view.scrape_pool for view in self._targets.dropped_targets())
        for pool, count in sorted(pools.items()):
            found.add_metric(["scrape", pool], count)
        return found


def _sample_names() -> list[str]:
    store, rows, queries = OWN
    return [store, f"{rows}_total", f"{queries}_count", f"{queries}_sum"]


def _of_the_server(server: ServerView) -> Iterator[Metric]:
    told = build_info(server)
    info = {name.lower(): told[name] for name in ("version", "revision", "branch", "goVersion")}
    build = GaugeMetricFamily(
        "prometheus_build_info", "The release of Prometheus whose API this is, and ours.", labels=list(info)
    )
    build.add_metric(list(info.values()), 1)
    yield build
    yield GaugeMetricFamily(
        "prometheus_config_last_reload_successful",
        "Whether the last reload of the configuration went well.",
        value=0 if server.reload_error else 1,
    )
    yield GaugeMetricFamily(
        "prometheus_config_last_reload_success_timestamp_seconds",
        "When the configuration in force was read.",
        value=server.config_ns / NS_PER_S,
    )


def _of_the_store(own: dict[str, Metric]) -> Iterator[Metric]:
    store, rows, queries = OWN
    if store in own:
        yield GaugeMetricFamily(
            "prometheus_tsdb_head_series", "Series in the label index.", value=own[store].samples[0].value
        )
    appended = CounterMetricFamily(
        "prometheus_tsdb_head_samples_appended", "Samples and histograms stored.", labels=["type"]
    )
    samples = own[rows].samples if rows in own else ()
    appended.add_metric(["float"], sum(sample.value for sample in samples if sample.labels.get("signal") == "metrics"))
    yield appended
    took = SummaryMetricFamily("prometheus_engine_query_duration_seconds", "How long queries took.", labels=["slice"])
    told = own[queries].samples if queries in own else ()
    count, total_s = (
        sum(sample.value for sample in told if sample.name == f"{queries}_{kind}") for kind in ("count", "sum")
    )
    took.add_metric(["inner_eval"], count_value=int(count), sum_value=total_s)
    yield took
