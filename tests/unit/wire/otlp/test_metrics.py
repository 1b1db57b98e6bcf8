"""OTLP metrics as Prometheus' series."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from anyascope.errors import InvalidInputError
from anyascope.model.metrics import MetricMetadata, MetricType, is_stale
from anyascope.wire.compression import decompress
from anyascope.wire.otlp import points
from anyascope.wire.otlp.messages import Encoding
from anyascope.wire.otlp.metrics import NO_DATA, NO_NAME, NO_TEMPORALITY, DecodedMetrics, MetricDecoder
from support.components import shared_path
from support.otlp import CUMULATIVE, DELTA, SPAN_ID, TRACE_ID, add_attributes, metrics_request

AT_NS = 1_700_000_000_000_000_000
AT_MS = 1_700_000_000_000
STALE = 1


def decode(request: Any, decoder: MetricDecoder | None = None) -> DecodedMetrics:
    return (decoder or MetricDecoder()).metrics(request.SerializeToString(), encoding=Encoding.PROTOBUF)


def samples_of(decoded: DecodedMetrics) -> dict[str, float]:
    """`name{label="value",…}` -> value, without `job` and `instance`."""
    batch = decoded.batch.samples
    return {
        series_text(batch.series[row]): value
        for row, value in zip(batch.rows.tolist(), batch.values.tolist(), strict=True)
    }


def series_text(labels: tuple[tuple[str, str], ...]) -> str:
    pairs = dict(labels)
    name = pairs.pop("__name__")
    inner = ",".join(f'{key}="{value}"' for key, value in pairs.items() if key not in ("job", "instance"))
    return f"{name}{{{inner}}}" if inner else name


def gauge(metrics: Any, name: str = "depth", **point: Any) -> Any:
    attributes = point.pop("attributes", {})
    message = metrics.add(name=name).gauge.data_points.add(**{"time_unix_nano": AT_NS, "as_double": 1.5, **point})
    add_attributes(message.attributes, attributes)
    return message


def test_a_gauge_is_a_sample() -> None:
    """A gauge's point becomes a sample at its time in milliseconds."""
    request, metrics = metrics_request()
    gauge(metrics, attributes={"wallet.name": "cold-1", "hot": False, "level": 2})
    decoded = decode(request)
    assert samples_of(decoded) == {'depth{hot="false",level="2",wallet_name="cold-1"}': 1.5}
    assert decoded.batch.samples.times_ms.tolist() == [AT_MS]
    assert decoded.batch.samples.increments is None


@dataclass(frozen=True)
class Sum:
    is_monotonic: bool
    temporality: int
    name: str
    kind: MetricType


@pytest.mark.parametrize(
    "case",
    [
        Sum(is_monotonic=True, temporality=CUMULATIVE, name="signed_total", kind=MetricType.COUNTER),
        Sum(is_monotonic=True, temporality=DELTA, name="signed_total", kind=MetricType.COUNTER),
        Sum(is_monotonic=False, temporality=CUMULATIVE, name="signed", kind=MetricType.GAUGE),
        Sum(is_monotonic=False, temporality=DELTA, name="signed", kind=MetricType.GAUGE),
    ],
)
def test_a_sum_is_a_counter_or_a_gauge(case: Sum) -> None:
    """Monotonic sums are counters, others gauges; increments are marked as such."""
    request, metrics = metrics_request()
    message = metrics.add(name="signed", unit="1", description="what was signed").sum
    message.is_monotonic, message.aggregation_temporality = case.is_monotonic, case.temporality
    message.data_points.add(time_unix_nano=AT_NS, as_int=7)
    decoded = decode(request)
    assert samples_of(decoded) == {case.name: 7.0}
    assert decoded.batch.metadata == (MetricMetadata(case.name, case.kind, help="what was signed"),)
    increments = decoded.batch.samples.increments
    assert (increments is not None and bool(increments[0])) is (case.temporality == DELTA)


def add_histogram(metrics: Any, *, temporality: int = CUMULATIVE, **point: Any) -> Any:
    message = metrics.add(name="latency", unit="s").histogram
    message.aggregation_temporality = temporality
    values = {
        "time_unix_nano": AT_NS,
        "count": 6,
        "sum": 9.5,
        "bucket_counts": [1, 2, 3],
        "explicit_bounds": [0.005, 1],
    }
    return message.data_points.add(**{**values, **point})


def test_a_histogram_is_classic_series() -> None:
    """Bucket counts add up, `+Inf` is the count, and sum and count stand beside."""
    request, metrics = metrics_request()
    add_histogram(metrics)
    assert samples_of(decode(request)) == {
        'latency_seconds_bucket{le="0.005"}': 1.0,
        'latency_seconds_bucket{le="1"}': 3.0,
        'latency_seconds_bucket{le="+Inf"}': 6.0,
        "latency_seconds_count": 6.0,
        "latency_seconds_sum": 9.5,
    }


def test_a_histogram_may_lack_its_sum_and_its_buckets() -> None:
    """What was not sent is not made up."""
    request, metrics = metrics_request()
    point = add_histogram(metrics, bucket_counts=[], explicit_bounds=[])
    point.ClearField("sum")
    assert samples_of(decode(request)) == {'latency_seconds_bucket{le="+Inf"}': 6.0, "latency_seconds_count": 6.0}


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"bucket_counts": [1, 5]}, points.BAD_BOUNDS),
        ({"explicit_bounds": [1, 1]}, points.BAD_BOUNDS),
        ({"explicit_bounds": [2, 1]}, points.BAD_BOUNDS),
        ({"explicit_bounds": [1, math.nan]}, points.BAD_BOUNDS),
        ({"count": 7}, points.BAD_COUNT),
        ({"time_unix_nano": 0}, points.NO_TIME),
        ({"time_unix_nano": 2**63}, points.NO_TIME),
        ({"bucket_counts": [0] * 1001, "explicit_bounds": range(1000), "count": 0}, points.TOO_MANY_BUCKETS),
    ],
)
def test_a_histogram_that_contradicts_itself_is_refused_alone(changed: dict[str, Any], reason: str) -> None:
    """The bad point is counted with its reason, the good one beside it is kept."""
    request, metrics = metrics_request()
    add_histogram(metrics, **changed)
    gauge(metrics)
    decoded = decode(request)
    assert decoded.refused == {reason: 1}
    assert samples_of(decoded) == {"depth": 1.5}


def test_an_exponential_histogram_is_kept_whole() -> None:
    """OTLP's bucket i is Prometheus' bucket i + 1; gaps of more than two buckets begin a new span."""
    request, metrics = metrics_request()
    message = metrics.add(name="fee", unit="sat").exponential_histogram
    message.aggregation_temporality = CUMULATIVE
    point = message.data_points.add(
        time_unix_nano=AT_NS, start_time_unix_nano=AT_NS - 10**9, count=12, sum=30, scale=2, zero_count=1
    )
    point.positive.offset = -1
    point.positive.bucket_counts.extend([4, 0, 2, 0, 0, 0, 1])
    point.negative.bucket_counts.extend([4])
    (histogram,) = decode(request).batch.histograms
    assert dict(histogram.labels) == {"__name__": "fee_sat", "job": "custody"}
    assert (histogram.time_ms, histogram.start_ms, histogram.count, histogram.sum) == (AT_MS, AT_MS - 1000, 12, 30)
    assert (histogram.schema, histogram.zero_count, histogram.zero_threshold) == (2, 1, 1e-128)
    assert (histogram.positive_spans, histogram.positive_counts) == (((0, 3), (3, 1)), (4, 0, 2, 1))
    assert (histogram.negative_spans, histogram.negative_counts) == (((1, 1),), (4,))


def test_a_finer_scale_than_prometheus_has_is_merged() -> None:
    """Scale 10 becomes schema 8: four buckets each become one."""
    request, metrics = metrics_request()
    message = metrics.add(name="fee").exponential_histogram
    message.aggregation_temporality = CUMULATIVE
    point = message.data_points.add(time_unix_nano=AT_NS, count=10, scale=10)
    point.positive.offset = 3
    point.positive.bucket_counts.extend([1, 2, 3, 4])  # 3 | 4, 5, 6
    (histogram,) = decode(request).batch.histograms
    assert histogram.schema == 8
    assert (histogram.positive_spans, histogram.positive_counts) == (((1, 2),), (1, 9))


@pytest.mark.parametrize(
    ("changed", "reason"),
    [({"scale": -5}, points.BAD_SCALE), ({"count": 4}, points.BAD_COUNT), ({"time_unix_nano": 0}, points.NO_TIME)],
)
def test_an_exponential_histogram_that_contradicts_itself_is_refused(changed: dict[str, Any], reason: str) -> None:
    """Counts that do not add up, and scales that cannot be kept, are refused with their reason."""
    request, metrics = metrics_request()
    message = metrics.add(name="fee").exponential_histogram
    message.aggregation_temporality = CUMULATIVE
    point = message.data_points.add(**{"time_unix_nano": AT_NS, "count": 3, **changed})
    point.positive.bucket_counts.extend([3])
    decoded = decode(request)
    assert decoded.refused == {reason: 1}
    assert decoded.batch.histograms == ()


def test_a_summary_is_quantile_series() -> None:
    """A series a quantile, with count and sum."""
    request, metrics = metrics_request()
    point = metrics.add(name="wait", unit="s").summary.data_points.add(time_unix_nano=AT_NS, count=3, sum=4.5)
    for quantile, value in ((0.5, 1.0), (0.99, 2.0), (1.0, 2.5)):
        point.quantile_values.add(quantile=quantile, value=value)
    assert samples_of(decode(request)) == {
        'wait_seconds{quantile="0.5"}': 1.0,
        'wait_seconds{quantile="0.99"}': 2.0,
        'wait_seconds{quantile="1"}': 2.5,
        "wait_seconds_count": 3.0,
        "wait_seconds_sum": 4.5,
    }


def test_no_recorded_value_is_a_staleness_marker() -> None:
    """A point without a value that says so ends its series, with Prometheus' very bits."""
    request, metrics = metrics_request()
    gauge(metrics, flags=STALE, as_double=0.0)
    values = decode(request).batch.samples.values
    assert is_stale(values).tolist() == [True]


def test_the_end_of_a_histogram_ends_all_its_buckets() -> None:
    """The last point has no buckets, and still every bucket that there was ends."""
    decoder = MetricDecoder()
    request, metrics = metrics_request()
    add_histogram(metrics)
    decode(request, decoder)
    request, metrics = metrics_request()
    add_histogram(metrics, bucket_counts=[], explicit_bounds=[], count=0, flags=STALE)
    ended = decode(request, decoder).batch.samples
    assert is_stale(ended.values).all()
    assert len(ended.series) == 5


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, -0.0])
def test_special_values_arrive_as_they_are(value: float) -> None:
    """NaN is not a staleness marker, and infinities are numbers."""
    request, metrics = metrics_request()
    gauge(metrics, as_double=value)
    found = decode(request).batch.samples.values
    assert not is_stale(found).any()
    assert np.array_equal(found, [value], equal_nan=True)


def test_a_point_without_value_is_refused() -> None:
    """Neither a number nor the flag that there is none."""
    request, metrics = metrics_request()
    metrics.add(name="depth").gauge.data_points.add(time_unix_nano=AT_NS)
    assert decode(request).refused == {points.NO_VALUE: 1}


def test_a_metric_without_name_data_or_temporality_is_refused() -> None:
    """Its points are counted by reason; the others are kept."""
    request, metrics = metrics_request()
    gauge(metrics, name="")
    gauge(metrics, name="...")
    metrics.add(name="nothing")
    metrics.add(name="unsure").sum.data_points.add(time_unix_nano=AT_NS, as_int=1)
    gauge(metrics)
    decoded = decode(request)
    assert decoded.refused == {NO_NAME: 2, NO_DATA: 1, NO_TEMPORALITY: 1}
    assert samples_of(decoded) == {"depth": 1.5}


def test_exemplars_lead_to_their_trace() -> None:
    """An exemplar stands at the bucket that it fell into, with the ids of its trace."""
    request, metrics = metrics_request()
    point = add_histogram(metrics)
    for value in (0.001, 0.005, 0.7, 50.0):
        exemplar = point.exemplars.add(time_unix_nano=AT_NS, as_double=value, trace_id=TRACE_ID, span_id=SPAN_ID)
        add_attributes(exemplar.filtered_attributes, {"user.id": 7})
    exemplars = decode(request).batch.exemplars
    assert [dict(exemplar.series)["le"] for exemplar in exemplars] == ["0.005", "0.005", "1", "+Inf"]
    assert dict(exemplars[0].labels) == {"trace_id": TRACE_ID.hex(), "span_id": SPAN_ID.hex(), "user_id": "7"}


def test_an_exemplar_that_says_too_much_keeps_its_trace() -> None:
    """Beyond OpenMetrics' 128 characters only the ids stay."""
    request, metrics = metrics_request()
    exemplar = gauge(metrics).exemplars.add(time_unix_nano=AT_NS, as_int=1, trace_id=TRACE_ID)
    add_attributes(exemplar.filtered_attributes, {"statement": "x" * 200})
    assert dict(decode(request).batch.exemplars[0].labels) == {"trace_id": TRACE_ID.hex()}


def test_job_and_instance_name_the_sender() -> None:
    """`service.namespace/service.name` and `service.instance.id`; the rest of the resource is `target_info`."""
    request, metrics = metrics_request(
        {"service.name": "custody", "service.namespace": "eu", "service.instance.id": "c-1", "host.name": "h1"}
    )
    gauge(metrics)
    series = {dict(labels)["__name__"]: dict(labels) for labels in decode(request).batch.samples.series}
    assert series["depth"] == {"__name__": "depth", "job": "eu/custody", "instance": "c-1"}
    assert series["target_info"] == {
        "__name__": "target_info",
        "job": "eu/custody",
        "instance": "c-1",
        "host_name": "h1",
    }


@pytest.mark.parametrize("resource", [{}, {"host.name": "h1"}, {"service.name": "custody"}])
def test_target_info_needs_a_name_and_something_to_say(resource: dict[str, str]) -> None:
    """Without a sender's name, or anything beyond it, there is no `target_info`."""
    request, metrics = metrics_request(resource)
    gauge(metrics)
    assert set(samples_of(decode(request))) == {"depth"}


def test_a_named_scope_becomes_labels() -> None:
    """`otel_scope_name`, version, schema and the scope's attributes tell equal metrics of two libraries apart."""
    request, metrics = metrics_request()
    scope = request.resource_metrics[0].scope_metrics[0]
    scope.scope.name, scope.scope.version, scope.schema_url = "anya.hsm", "1.2", "https://x/1"
    add_attributes(scope.scope.attributes, {"slot.id": 3})
    gauge(metrics)
    (text,) = samples_of(decode(request))
    assert text == (
        'depth{otel_scope_name="anya.hsm",otel_scope_schema_url="https://x/1",otel_scope_slot_id="3",'
        'otel_scope_version="1.2"}'
    )


def test_attributes_that_get_one_name_share_it() -> None:
    """Values are joined by `;` in the order of the original names; what has no name left is left out."""
    request, metrics = metrics_request()
    gauge(metrics, attributes={"a_b": "third", "a.b": "second", "a-b": "first", "日本": "gone"})
    assert list(samples_of(decode(request))) == ['depth{a_b="first;second;third"}']


def test_known_points_find_their_series_again() -> None:
    """A second request of the same sender gives the very same label sets, not equal copies."""
    decoder = MetricDecoder()
    request, metrics = metrics_request()
    gauge(metrics, attributes={"wallet": "cold-1"})
    first, second = (decode(request, decoder).batch.samples.series[0] for _ in range(2))
    assert first is second


def test_a_series_that_stands_twice_is_one_series() -> None:
    """Two points of one series are two samples of it."""
    request, metrics = metrics_request()
    gauge(metrics)
    gauge(metrics, time_unix_nano=AT_NS + 10**9)
    samples = decode(request).batch.samples
    assert len(samples.series) == 1
    assert samples.rows.tolist() == [0, 0]


@pytest.mark.parametrize("encoding", list(Encoding))
def test_rubbish_is_refused(encoding: Encoding) -> None:
    """What is no request at all is invalid input."""
    with pytest.raises(InvalidInputError):
        MetricDecoder().metrics(b"\xff\x00rubbish", encoding=encoding)


def test_reads_the_specifications_own_example() -> None:
    """The example of opentelemetry-proto, with all of its four kinds."""
    body = shared_path("conformance/otlp/opentelemetry-proto/metrics.json").read_bytes()
    decoded = MetricDecoder().metrics(body, encoding=Encoding.JSON)
    found = {text.partition("{")[0]: value for text, value in samples_of(decoded).items()}
    assert found == {
        "my_counter_total": 5.0,
        "my_gauge_ratio": 10.0,
        "my_histogram_bucket": 2.0,
        "my_histogram_count": 2.0,
        "my_histogram_sum": 2.0,
    }
    assert [histogram.count for histogram in decoded.batch.histograms] == [3.0]


@pytest.mark.parametrize(
    "name", ["http-metrics-cumulative-1.pb", "http-metrics-delta-gzip-1.pb.gz", "grpc-metrics-1.pb"]
)
def test_reads_what_the_python_sdk_sends(name: str) -> None:
    """Every data point of a recorded export is there, with its value."""
    path = shared_path(f"components/samples/otlp-sdk-1.45/{name}")
    body = decompress(path.read_bytes(), "gzip" if path.suffix == ".gz" else "")
    decoded = MetricDecoder().metrics(body, encoding=Encoding.PROTOBUF)
    expected = json.loads(path.with_name(f"{name.partition('.')[0]}.json").read_text())["expected"]
    metrics = [
        metric
        for group in expected["resourceMetrics"]
        for inner in group["scopeMetrics"]
        for metric in inner["metrics"]
    ]
    numbers = [
        float(point.get("asInt", point.get("asDouble", 0)))
        for metric in metrics
        for kind in ("sum", "gauge")
        for point in metric.get(kind, {}).get("dataPoints", [])
    ]
    found = samples_of(decoded)
    assert sorted(numbers) == sorted(
        value for text, value in found.items() if not text.startswith(("latency", "target_info"))
    )
    assert decoded.refused == {}
    assert len(decoded.batch.histograms) == 1
