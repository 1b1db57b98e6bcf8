"""OTLP metrics under other choices of the `otlp` section."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from anyascope.model.metrics import HistogramSample, MetricType, is_stale
from anyascope.wire.naming import plain_metric_name, utf8_metric_name
from anyascope.wire.otlp.buckets import add_histograms
from anyascope.wire.otlp.messages import Encoding
from anyascope.wire.otlp.metrics import MetricDecoder
from anyascope.wire.otlp.translation import Strategy, Translation
from support.otlp import CUMULATIVE, DELTA, add_attributes, metrics_request

AT_NS = 1_700_000_000_000_000_000
RESOURCE = {"service.name": "svc", "host.name": "h1", "k8s.pod.name": "p1"}
COUNTER, GAUGE, OTHER = MetricType.COUNTER, MetricType.GAUGE, MetricType.UNKNOWN


def decode(translation: Translation, request: Any) -> Any:
    return MetricDecoder(translation).metrics(request.SerializeToString(), encoding=Encoding.PROTOBUF).batch


def series_of(
    translation: Translation, *, attributes: dict[str, str] | None = None, scope: str = ""
) -> list[dict[str, str]]:
    """The labels of one gauge and of `target_info`, in this order."""
    request, metrics = metrics_request(RESOURCE)
    request.resource_metrics[0].scope_metrics[0].scope.name = scope
    point = metrics.add(name="mem.use", unit="By").gauge.data_points.add(time_unix_nano=AT_NS, as_double=1.5)
    add_attributes(point.attributes, attributes or {})
    found = [dict(labels) for labels in decode(translation, request).samples.series]
    return sorted(found, key=lambda labels: labels["__name__"] == "target_info")


@pytest.mark.parametrize(
    ("strategy", "name", "label"),
    [
        (Strategy.UNDERSCORES_AND_SUFFIXES, "mem_use_bytes", "http_method"),
        (Strategy.UNDERSCORES, "mem_use", "http_method"),
        (Strategy.SUFFIXES, "mem.use_bytes", "http.method"),
        (Strategy.NOTHING, "mem.use", "http.method"),
    ],
)
def test_each_strategy_names_in_its_way(strategy: Strategy, name: str, label: str) -> None:
    """Names are escaped, given suffixes, both or neither; attributes follow."""
    first, info = series_of(Translation(strategy), attributes={"http.method": "GET"})
    assert (first["__name__"], first[label]) == (name, "GET")
    assert ("host.name" if label == "http.method" else "host_name") in info


@pytest.mark.parametrize(
    ("name", "unit", "kind", "expected"),
    [
        ("http.requests", "", COUNTER, "http.requests_total"),
        ("http.requests.total", "", COUNTER, "http.requests_total"),
        ("total", "", COUNTER, "total_total"),
        ("time", "s", COUNTER, "time_seconds_total"),
        ("time.seconds", "s", OTHER, "time.seconds"),
        ("speed", "m/s", GAUGE, "speed_meters_per_second"),
        ("speed.per_second", "m/s", GAUGE, "speed_meters_per_second"),
        ("use", "1", GAUGE, "use_ratio"),
        ("use", "1", OTHER, "use"),
        ("use", "{x}", GAUGE, "use"),
    ],
)
def test_suffixes_follow_names_in_utf8(name: str, unit: str, kind: MetricType, expected: str) -> None:
    """Unit, rate and type follow once, in this order."""
    assert utf8_metric_name(name, unit=unit, kind=kind) == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a.b-c", "a_b_c"),
        ("a__b", "a__b"),
        ("9x", "_9x"),
        ("é.x", "x"),
        ("a:b", "a:b"),
        ("..", ""),
        ("_.", ""),
        ("_", "_"),
    ],
)
def test_names_without_suffixes(name: str, expected: str) -> None:
    """Runs of what is not allowed become one underscore, but for those at an end."""
    assert plain_metric_name(name) == expected


def test_resource_attributes_are_promoted() -> None:
    """Those that are named stand on every series, below what the data point says itself."""
    named = Translation(promoted=("host.name", "nope"))
    assert series_of(named)[0] == {"__name__": "mem_use_bytes", "job": "svc", "host_name": "h1"}
    assert series_of(named, attributes={"host.name": "own"})[0]["host_name"] == "own"
    everything = Translation(promotes_all=True, ignored=("k8s.pod.name",))
    assert series_of(everything)[0] == {
        "__name__": "mem_use_bytes",
        "job": "svc",
        "host_name": "h1",
        "service_name": "svc",
    }


def test_target_info_may_keep_who_it_is() -> None:
    """The identifying attributes stand on `target_info` too where they are kept."""
    assert "service_name" not in series_of(Translation())[1]
    assert series_of(Translation(keeps_identifying=True))[1]["service_name"] == "svc"


def test_the_scope_may_be_left_out() -> None:
    """Series carry their scope, unless told otherwise."""
    assert "otel_scope_name" in series_of(Translation(), scope="lib")[0]
    assert "otel_scope_name" not in series_of(Translation(promotes_scope=False), scope="lib")[0]


def histogram(*, temporality: int = CUMULATIVE, **point: Any) -> HistogramSample:
    request, metrics = metrics_request()
    message = metrics.add(name="latency", unit="s").histogram
    message.aggregation_temporality = temporality
    values = {"time_unix_nano": AT_NS, "count": 6, "sum": 9.5, "bucket_counts": [1, 2, 3], "explicit_bounds": [0.5, 1]}
    message.data_points.add(**{**values, **point})
    batch = decode(Translation(converts_histograms=True), request)
    assert len(batch.samples) == 0
    (found,) = batch.histograms
    return found


def test_histograms_become_custom_ones() -> None:
    """A histogram with bounds is one series with custom buckets; a delta is marked as one; an end is an end."""
    found = histogram()
    assert dict(found.labels)["__name__"] == "latency_seconds"
    assert (found.schema, found.custom_bounds, found.positive_counts) == (-53, (0.5, 1.0), (1.0, 2.0, 3.0))
    assert (found.count, found.sum, found.is_increment) == (6.0, 9.5, False)
    assert histogram(temporality=DELTA).is_increment
    alone = histogram(bucket_counts=[], explicit_bounds=[])
    assert (alone.custom_bounds, alone.positive_counts) == ((), (6.0,))
    over = histogram(flags=1)
    assert is_stale(np.array([over.sum]))[0]


def test_increments_of_other_bounds_begin_anew() -> None:
    """Custom buckets add up where their bounds are equal; with others the new ones alone are the total."""
    first = histogram(temporality=DELTA)
    assert add_histograms(first, first).positive_counts == (2.0, 4.0, 6.0)
    other = histogram(temporality=DELTA, explicit_bounds=[0.5, 2])
    begun = add_histograms(first, other)
    assert (begun.custom_bounds, begun.count) == ((0.5, 2.0), 6.0)
