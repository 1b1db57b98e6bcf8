"""Our own metrics under Prometheus' names, so that its dashboards show this server."""

from __future__ import annotations

import pytest
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from anyascope.app.prometheus_names import PrometheusNames
from anyascope.clock import NS_PER_S
from anyascope.model.status import DroppedTargetView, TargetView
from support.prometheus_api import SERVER, Told


@pytest.fixture
def registry() -> CollectorRegistry:
    made = CollectorRegistry()
    Gauge("anyascope_store_series", "s", registry=made).set(7)
    rows = Counter("anyascope_ingest_rows", "r", ["signal", "source"], registry=made)
    rows.labels("metrics", "scrape").inc(10)
    rows.labels("metrics", "host").inc(5)
    rows.labels("logs", "otlp").inc(100)
    took = Histogram("anyascope_query_duration_seconds", "q", ["kind"], registry=made)
    took.labels("instant").observe(0.5)
    took.labels("range").observe(1.5)
    return made


def told(registry: CollectorRegistry, name: str, /, **labels: str) -> float | None:
    views = [TargetView("node", "http://a/metrics", ()), TargetView("node", "http://b/metrics", ())]
    source = Told(views, [DroppedTargetView("self", ())])
    registry.register(PrometheusNames(registry, targets=source, server=source))
    return registry.get_sample_value(name, labels)


@pytest.mark.parametrize(
    ("name", "labels", "value"),
    [
        ("prometheus_tsdb_head_series", {}, 7),
        ("prometheus_tsdb_head_samples_appended_total", {"type": "float"}, 15),
        ("prometheus_engine_query_duration_seconds_count", {"slice": "inner_eval"}, 2),
        ("prometheus_engine_query_duration_seconds_sum", {"slice": "inner_eval"}, 2.0),
        ("prometheus_sd_discovered_targets", {"name": "scrape", "config": "node"}, 2),
        ("prometheus_sd_discovered_targets", {"name": "scrape", "config": "self"}, 1),
        ("prometheus_config_last_reload_successful", {}, 1),
        ("prometheus_config_last_reload_success_timestamp_seconds", {}, SERVER.config_ns / NS_PER_S),
    ],
)
def test_our_own_metrics_have_their_names(
    registry: CollectorRegistry, name: str, labels: dict[str, str], value: float
) -> None:
    """The same numbers, sums of what is told apart here."""
    assert told(registry, name, **labels) == value


def test_the_build_names_both_releases(registry: CollectorRegistry) -> None:
    """That of the API first, because dashboards show it."""
    labels = {"version": "3.5.0+anyascope.1.2.3", "revision": "", "branch": "", "goversion": "python"}
    assert told(registry, "prometheus_build_info", **labels) == 1


def test_a_server_without_metrics_of_its_own_says_what_it_can() -> None:
    """Before the first query nothing has been asked."""
    empty = CollectorRegistry()
    assert told(empty, "prometheus_engine_query_duration_seconds_count", slice="inner_eval") == 0
    assert empty.get_sample_value("prometheus_tsdb_head_series") is None
