"""prometheus_client's families as OTLP: every type, start times, exemplars, bounded bodies."""

from __future__ import annotations

import math

import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.sdk.resources import Resource
from prometheus_client import CollectorRegistry, Counter, Enum, Gauge, Histogram, Info, Summary
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeHistogramMetricFamily,
    GaugeMetricFamily,
    SummaryMetricFamily,
    UnknownMetricFamily,
)
from prometheus_client.metrics_core import Metric
from prometheus_client.samples import BucketSpan, Exemplar, NativeHistogram

from anyascope.clock import NS_PER_S
from anyascope.sdk.metrics.otlp import BODY_BYTES_MAX, POINTS_MAX, Moment, encode_families
from support.odd_values import WIF

START_NS, NOW_NS = 1_000 * NS_PER_S, 4_000_000_000 * NS_PER_S
MOMENT = Moment(START_NS, NOW_NS)
RESOURCE = Resource({"service.name": "s", "service.instance.id": "i"})
TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


@pytest.fixture
def registry():
    return CollectorRegistry()


def requests(families, *, resource=RESOURCE, moment=MOMENT):
    return [
        (ExportMetricsServiceRequest.FromString(body), n) for body, n in encode_families(families, resource, moment)
    ]


def metrics(families, **options):
    found = [request.resource_metrics[0] for request, _ in requests(families, **options)]
    return {metric.name: metric for group in found for metric in group.scope_metrics[0].metrics}


def only(families, name, **options):
    return metrics(families, **options)[name]


def attributes(point):
    return {a.key: a.value.string_value for a in point.attributes}


def test_a_counter_is_a_monotonic_cumulative_sum(registry):
    """The name stands without `_total`, which the receiver adds; the start is when it was made."""
    counter = Counter("sent_total", "h", ["to"], registry=registry)
    counter.labels("x").inc(3)
    metric = only(registry.collect(), "sent")
    assert (metric.sum.is_monotonic, metric.sum.aggregation_temporality, metric.description) == (True, 2, "h")
    (point,) = metric.sum.data_points
    assert point.as_double == 3
    assert point.time_unix_nano == NOW_NS
    assert point.start_time_unix_nano == pytest.approx(counter.labels("x")._created * NS_PER_S, abs=1_000)
    assert attributes(point) == {"to": "x"}


def test_a_total_that_does_not_say_when_it_began_begins_with_the_process():
    """As those of several processes and of custom collectors."""
    family = CounterMetricFamily("c", "h", value=1)
    (point,) = only([family], "c").sum.data_points
    assert point.start_time_unix_nano == START_NS


def test_nothing_begins_after_now():
    """Where the clock was set back."""
    family = CounterMetricFamily("c", "h", value=1, created=5_000_000_000)
    (point,) = only([family], "c").sum.data_points
    assert point.start_time_unix_nano == NOW_NS


def test_a_histogram_has_counts_a_bucket(registry):
    """Cumulative `le` counts become one count a bucket, the last one beyond the last bound."""
    histogram = Histogram("took_seconds", "h", buckets=(1, 2), registry=registry)
    for value in (0.5, 1.5, 1.7, 9):
        histogram.observe(value)
    (point,) = only(registry.collect(), "took_seconds").histogram.data_points
    assert list(point.explicit_bounds) == [1, 2]
    assert list(point.bucket_counts) == [1, 2, 1]
    assert (point.count, point.sum) == (4, pytest.approx(12.7))
    assert point.start_time_unix_nano == pytest.approx(histogram._created * NS_PER_S, abs=1_000)


def test_a_histogram_of_negative_bounds_has_no_sum(registry):
    """`prometheus_client` gives none, and 0 would be wrong."""
    Histogram("change", "h", buckets=(-1, 1), registry=registry).observe(-5)
    (point,) = only(registry.collect(), "change").histogram.data_points
    assert not point.HasField("sum")


def test_a_histogram_without_an_infinite_bucket_gets_one():
    """From its count."""
    family = Metric("h", "h", "histogram")
    for bound, upto in (("1", 2), ("2", 3)):
        family.add_sample("h_bucket", {"le": bound}, upto)
    family.add_sample("h_count", {}, 5)
    (point,) = only([family], "h").histogram.data_points
    assert list(point.bucket_counts) == [2, 1, 2]


def test_gauges_summaries_infos_and_states_stay_what_they_are(registry):
    """An info and a state set are sums that may fall, as the specification wants."""
    Gauge("height", "h", registry=registry).set(7)
    Summary("size", "h", registry=registry).observe(4)
    Info("build", "h", registry=registry).info({"version": "1"})
    Enum("state", "h", states=["up", "down"], registry=registry).state("down")
    found = metrics(registry.collect())
    assert found["height"].gauge.data_points[0].as_double == 7
    assert (found["size"].summary.data_points[0].count, found["size"].summary.data_points[0].sum) == (1, 4)
    assert attributes(found["build_info"].sum.data_points[0]) == {"version": "1"}
    assert not found["build_info"].sum.is_monotonic
    assert {attributes(p)["state"]: p.as_double for p in found["state"].sum.data_points} == {"up": 0, "down": 1}


def test_quantiles_are_kept():
    """Of summaries that have them."""
    family = SummaryMetricFamily("s", "h", count_value=2, sum_value=3)
    family.add_sample("s", {"quantile": "0.5"}, 1.25)
    (point,) = only([family], "s").summary.data_points
    assert [(q.quantile, q.value) for q in point.quantile_values] == [(0.5, 1.25)]


def test_what_has_no_like_goes_as_gauges():
    """A gauge histogram's series, an unknown metric's value."""
    family = GaugeHistogramMetricFamily("waiting", "h", buckets=[("1", 2), ("+Inf", 3)], gsum_value=4)
    found = metrics([family, UnknownMetricFamily("u", "h", value=5)])
    assert {attributes(p)["le"]: p.as_double for p in found["waiting_bucket"].gauge.data_points} == {"1": 2, "+Inf": 3}
    assert found["waiting_gsum"].gauge.data_points[0].as_double == 4
    assert found["u"].gauge.data_points[0].as_double == 5


def test_native_histograms_are_exponential():
    """Bucket `i` of Prometheus ends where bucket `i` of OTLP begins; gaps are filled with zeros."""
    family = Metric("n", "h", "histogram")
    native = NativeHistogram(
        10, 42.5, 3, 0.001, 2, [BucketSpan(4, 2), BucketSpan(1, 1)], [BucketSpan(-2, 1)], [1, 2, -1], [2]
    )
    family.add_sample("n", {"a": "b"}, 0, None, None, native)
    (point,) = only([family], "n").exponential_histogram.data_points
    assert (point.scale, point.sum, point.zero_count, point.zero_threshold) == (3, 42.5, 2, 0.001)
    assert (point.positive.offset, list(point.positive.bucket_counts)) == (3, [1, 3, 0, 2])
    assert (point.negative.offset, list(point.negative.bucket_counts)) == (-3, [2])
    assert point.count == 10


def test_exemplars_carry_their_trace(registry):
    """Ids as bytes, other labels as attributes, with their value and time."""
    exemplar = {"trace_id": TRACE, "span_id": SPAN, "correlation_id": "c-1"}
    Counter("c", "h", registry=registry).inc(2, exemplar=exemplar)
    Histogram("h", "h", buckets=(1, 2), registry=registry).observe(1.5, exemplar)
    found = metrics(registry.collect())
    for point, value in ((found["c"].sum.data_points[0], 2), (found["h"].histogram.data_points[0], 1.5)):
        (one,) = point.exemplars
        assert (one.trace_id.hex(), one.span_id.hex(), one.as_double) == (TRACE, SPAN, value)
        assert {a.key: a.value.string_value for a in one.filtered_attributes} == {"correlation_id": "c-1"}
        assert one.time_unix_nano > 0


def test_an_exemplar_of_another_kind_keeps_its_labels():
    """Ids that are none go as labels, and one without a time is of now."""
    family = CounterMetricFamily("c", "h")
    family.add_metric([], 1)
    family.samples[0] = family.samples[0]._replace(exemplar=Exemplar({"trace_id": "abc"}, 1.0))
    (one,) = only([family], "c").sum.data_points[0].exemplars
    assert (one.trace_id, one.time_unix_nano) == (b"", NOW_NS)
    assert one.filtered_attributes[0].value.string_value == "abc"


def test_times_of_samples_are_kept():
    """Where a collector says when it measured."""
    family = GaugeMetricFamily("g", "h", labels=["a"])
    family.add_metric(["b"], 1, timestamp=1_234.5)
    (point,) = only([family], "g").gauge.data_points
    assert point.time_unix_nano == 1_234_500_000_000


def test_target_info_describes_the_resource():
    """And is no metric."""
    registry = CollectorRegistry(target_info={"zone": "eu"})
    Gauge("g", "h", registry=registry).set(1)
    ((request, _),) = requests(registry.collect())
    found = {a.key: a.value.string_value for a in request.resource_metrics[0].resource.attributes}
    assert found == {"service.name": "s", "service.instance.id": "i", "zone": "eu"}
    assert [m.name for m in request.resource_metrics[0].scope_metrics[0].metrics] == ["g"]


def test_attributes_of_the_resource_keep_their_types():
    """Numbers, truth values and lists."""
    resource = Resource({"n": 5, "f": 0.5, "b": True, "l": ["a", "b"]})
    ((request, _),) = requests([GaugeMetricFamily("g", "h", value=1)], resource=resource)
    found = {a.key: a.value for a in request.resource_metrics[0].resource.attributes}
    assert (found["n"].int_value, found["f"].double_value, found["b"].bool_value) == (5, 0.5, True)
    assert [v.string_value for v in found["l"].array_value.values] == ["a", "b"]


def test_a_reading_of_an_instance_keeps_its_label(registry):
    """Receivers make `instance` of the service's id: such a gauge goes under a resource without one."""
    Gauge("health", "h", ["instance"], registry=registry).labels("db-1").set(1)
    Gauge("other", "h", registry=registry).set(1)
    by_id = {}
    for request, _ in requests(registry.collect()):
        group = request.resource_metrics[0]
        has_id = any(a.key == "service.instance.id" for a in group.resource.attributes)
        by_id[has_id] = group.scope_metrics[0].metrics[0]
    assert by_id[True].name == "other"
    assert attributes(by_id[False].gauge.data_points[0]) == {"instance": "db-1"}


def test_other_labels_that_a_receiver_takes_are_renamed(registry):
    """As a scrape renames them."""
    Counter("c", "h", ["instance", "job"], registry=registry).labels("a", "b").inc()
    (point,) = only(registry.collect(), "c").sum.data_points
    assert attributes(point) == {"exported_instance": "a", "exported_job": "b"}


def test_secrets_and_broken_characters_do_not_leave(registry):
    """A host's own labels are cleaned on the way out."""
    gauge = Gauge("g", "h", ["a"], registry=registry)
    gauge.labels(WIF).set(1)
    gauge.labels("\ud800").set(1)
    found = [attributes(point)["a"] for point in only(registry.collect(), "g").gauge.data_points]
    assert WIF not in found[0]
    assert found[1] == "?"


def test_large_registries_travel_in_several_bodies(registry):
    """Each at most a little larger than the bound, nothing twice and nothing left out."""
    gauge = Gauge("g", "h", ["a"], registry=registry)
    wanted = {f"{number:05}{'x' * 200}" for number in range(12 * POINTS_MAX)}
    for name in wanted:
        gauge.labels(name).set(1)
    bodies = list(encode_families(registry.collect(), RESOURCE, MOMENT))
    assert len(bodies) > 1
    assert max(len(body) for body, _ in bodies) < BODY_BYTES_MAX * 1.5
    seen = [
        attributes(point)["a"]
        for body, _ in bodies
        for metric in ExportMetricsServiceRequest.FromString(body).resource_metrics[0].scope_metrics[0].metrics
        for point in metric.gauge.data_points
    ]
    assert (set(seen), len(seen)) == (wanted, len(wanted))
    assert sum(points for _, points in bodies) == len(wanted)


def test_points_with_long_labels_travel_in_smaller_pieces(registry):
    """A point alone may be larger than others by far."""
    gauge = Gauge("g", "h", ["a"], registry=registry)
    for number in range(64):
        gauge.labels(f"{number}{'x ' * 16_000}").set(1)
    bodies = list(encode_families(registry.collect(), RESOURCE, MOMENT))
    assert sum(points for _, points in bodies) == 64
    assert max(len(body) for body, _ in bodies) < 2 * BODY_BYTES_MAX


@pytest.mark.parametrize("value", ["text", None, object()])
def test_a_family_that_is_no_metric_does_not_hide_the_others(value, caplog):
    """One line names it."""
    broken = GaugeMetricFamily("broken", "h")
    broken.add_sample("broken", {}, value)
    assert list(metrics([broken, GaugeMetricFamily("g", "h", value=1)])) == ["g"]
    assert "encoding the metric broken" in caplog.text


def test_infinities_and_nan_are_numbers():
    """A gauge may be either."""
    family = GaugeMetricFamily("g", "h", labels=["a"])
    for value in (math.inf, -math.inf, math.nan):
        family.add_metric([str(value)], value)
    found = [point.as_double for point in only([family], "g").gauge.data_points]
    assert found[:2] == [math.inf, -math.inf]
    assert math.isnan(found[2])


def test_nothing_is_sent_of_nothing():
    """Families without samples make no request."""
    assert list(encode_families([CounterMetricFamily("c", "h", labels=["a"])], RESOURCE, MOMENT)) == []
