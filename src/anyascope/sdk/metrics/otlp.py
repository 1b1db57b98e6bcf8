"""`prometheus_client`'s families as OTLP: every type whole, with start times and exemplars, in bodies of bounded size.

Source: OpenTelemetry, "Metrics data model" and "Prometheus and OpenMetrics compatibility".
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.metrics.v1 import metrics_pb2 as pb
from opentelemetry.sdk.resources import Resource
from prometheus_client.metrics_core import Metric
from prometheus_client.samples import Exemplar, Sample

from anyascope.clock import NS_PER_S
from anyascope.sdk.guard import tell_once
from anyascope.sdk.metrics.attributes import any_value, pairs
from anyascope.sdk.metrics.collisions import names_instances, without_collisions
from anyascope.sdk.metrics.native import fill_point
from anyascope.sdk.resource import INSTANCE_ATTRIBUTE

POINTS_MAX = (
    500  # of one metric at a time; a family with more goes in several pieces, that bodies close near their bound
)
BODY_BYTES_MAX = 1024 * 1024  # a body is closed once it is larger; receivers take 4 MB and more
_STRUCTURE = frozenset(("le", "quantile"))  # labels that say which part of a point a sample is

_Labels = frozenset[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Moment:
    """When the families were read, in UTC nanoseconds.

    Attributes:
        start_ns: since when totals count that do not say it themselves.
        now_ns: when they were read.
    """

    start_ns: int
    now_ns: int


def encode_families(families: Iterable[Metric], resource: Resource, moment: Moment) -> Iterator[tuple[bytes, int]]:
    """(body, points) of as many requests as the families need; one that cannot be encoded is told once and left out.

    Args:
        families: as a registry collects them; `target_info` becomes part of the resource.
        resource: who the service is.
        moment: of reading.
    """
    listed = list(families)
    attributes = {**resource.attributes, **_target_labels(listed)}
    named: list[Metric] = []
    rest: list[Metric] = []
    for family in listed:
        if not _is_target(family):
            (named if names_instances(family) else rest).append(family)
    yield from _bodies(_metrics(rest, moment), attributes)
    if named:
        shared = {name: value for name, value in attributes.items() if name != INSTANCE_ATTRIBUTE}
        yield from _bodies(_metrics(named, moment, keeps="instance"), shared)


def _bodies(metrics: Iterable[tuple[pb.Metric, int]], attributes: Mapping[str, Any]) -> Iterator[tuple[bytes, int]]:
    request, size, points = _request(attributes), 0, 0
    for metric, count in metrics:
        request.resource_metrics[0].scope_metrics[0].metrics.append(metric)
        size, points = size + metric.ByteSize(), points + count
        if size >= BODY_BYTES_MAX:
            yield request.SerializeToString(), points
            request, size, points = _request(attributes), 0, 0
    if points:
        yield request.SerializeToString(), points


def _request(attributes: Mapping[str, Any]) -> ExportMetricsServiceRequest:
    request = ExportMetricsServiceRequest()
    target = request.resource_metrics.add()
    target.resource.attributes.extend(KeyValue(key=key, value=any_value(value)) for key, value in attributes.items())
    target.scope_metrics.add()  # without a name, which receivers would make labels of: a scrape has none
    return request


def _target_labels(families: Sequence[Metric]) -> dict[str, str]:
    found = (sample.labels for family in families if _is_target(family) for sample in family.samples)
    return {name: value for labels in found for name, value in labels.items()}


def _is_target(family: Metric) -> bool:
    return family.type == "info" and family.name == "target"


def _metrics(families: Iterable[Metric], moment: Moment, *, keeps: str = "") -> Iterator[tuple[pb.Metric, int]]:
    """Each metric in pieces of bounded size, and how many points each has."""
    for family in families:
        try:
            encoded = list(_encoded(without_collisions(family, keeps=keeps), moment))
        except Exception as error:  # noqa: BLE001  # a collector of the host's that gives what is no metric
            tell_once(f"encoding the metric {getattr(family, 'name', family)}", error)
            continue
        for metric in encoded:
            yield from _pieces(metric)


def _pieces(metric: pb.Metric) -> Iterator[tuple[pb.Metric, int]]:
    """The metric in pieces that fit into a body, or are of one point."""
    kind = metric.WhichOneof("data")
    count = len(getattr(metric, kind).data_points) if kind else 0
    if kind is None or count < 2 or (count <= POINTS_MAX and metric.ByteSize() <= BODY_BYTES_MAX):
        yield metric, count
        return
    points = list(getattr(metric, kind).data_points)
    getattr(metric, kind).ClearField("data_points")
    step = POINTS_MAX if count > POINTS_MAX else count // 2
    for first in range(0, count, step):
        piece = pb.Metric()
        piece.CopyFrom(metric)
        getattr(piece, kind).data_points.extend(points[first : first + step])
        yield from _pieces(piece)


def _encoded(family: Metric, moment: Moment) -> Iterator[pb.Metric]:
    """The metrics of one family; none where it has no samples."""
    if not family.samples:
        return
    native = [sample for sample in family.samples if sample.native_histogram is not None]
    if native:
        yield _native(family, native, moment)
    samples = [sample for sample in family.samples if sample.native_histogram is None]
    match family.type:
        case "counter":
            yield _counter(family, samples, moment)
        case "histogram":
            if samples:
                yield _histogram(family, samples, moment)
        case "summary":
            yield _summary(family, samples, moment)
        case "info" | "stateset":
            yield _state(family, samples, moment)
        case "gaugehistogram":  # has no like in OTLP: its series go as the gauges that they are
            yield from _series(family, samples, moment)
        case _:
            yield _gauge(family, samples, moment)


def _named(family: Metric, name: str = "") -> pb.Metric:
    return pb.Metric(name=name or family.name, description=family.documentation, unit=family.unit)


def _counter(family: Metric, samples: Sequence[Sample], moment: Moment) -> pb.Metric:
    metric = _named(family)
    metric.sum.is_monotonic = True
    metric.sum.aggregation_temporality = pb.AGGREGATION_TEMPORALITY_CUMULATIVE
    starts = _starts(samples, moment)
    for sample in samples:
        if sample.name in (f"{family.name}_total", family.name):
            point = metric.sum.data_points.add(
                attributes=pairs(sample.labels),
                start_time_unix_nano=starts.get(_own(sample), moment.start_ns),
                time_unix_nano=_time_ns(sample, moment),
                as_double=float(sample.value),
            )
            if sample.exemplar is not None:
                _add_exemplar(point, sample.exemplar, moment)
    return metric


def _gauge(family: Metric, samples: Sequence[Sample], moment: Moment) -> pb.Metric:
    metric = _named(family)
    for sample in samples:
        metric.gauge.data_points.add(
            attributes=pairs(sample.labels), time_unix_nano=_time_ns(sample, moment), as_double=float(sample.value)
        )
    return metric


def _series(family: Metric, samples: Sequence[Sample], moment: Moment) -> Iterator[pb.Metric]:
    by_name: dict[str, list[Sample]] = {}
    for sample in samples:
        by_name.setdefault(sample.name, []).append(sample)
    for name, found in by_name.items():
        metric = _gauge(family, found, moment)
        metric.name = name
        yield metric


def _state(family: Metric, samples: Sequence[Sample], moment: Moment) -> pb.Metric:
    """An info or a state set: a sum that may fall, as the compatibility specification wants it."""
    metric = _named(family, samples[0].name)
    metric.sum.aggregation_temporality = pb.AGGREGATION_TEMPORALITY_CUMULATIVE
    for sample in samples:
        metric.sum.data_points.add(
            attributes=pairs(sample.labels),
            start_time_unix_nano=moment.start_ns,
            time_unix_nano=_time_ns(sample, moment),
            as_double=float(sample.value),
        )
    return metric


def _histogram(family: Metric, samples: Sequence[Sample], moment: Moment) -> pb.Metric:
    metric = _named(family)
    metric.histogram.aggregation_temporality = pb.AGGREGATION_TEMPORALITY_CUMULATIVE
    starts = _starts(samples, moment)
    for labels, parts in _by_point(samples).items():
        bounds, steps, count = _buckets(parts)
        point = metric.histogram.data_points.add(
            attributes=_attributes(parts[0]),
            start_time_unix_nano=starts.get(labels, moment.start_ns),
            time_unix_nano=_time_ns(parts[0], moment),
            count=count,
            bucket_counts=steps,
            explicit_bounds=bounds,
        )
        for sample in parts:
            if sample.name.endswith("_sum"):
                point.sum = sample.value
            if sample.exemplar is not None:
                _add_exemplar(point, sample.exemplar, moment)
    return metric


def _buckets(parts: Sequence[Sample]) -> tuple[list[float], list[int], int]:
    """Bounds without the infinite one, counts a bucket, and the count of all."""
    reached = sorted((float(part.labels["le"]), part.value) for part in parts if part.name.endswith("_bucket"))
    counted = next((part.value for part in parts if part.name.endswith("_count")), reached[-1][1] if reached else 0.0)
    if not reached:
        return [], [], int(counted)
    if not math.isinf(reached[-1][0]):
        reached.append((math.inf, max(counted, reached[-1][1])))
    upto = [value for _, value in reached]
    steps = [max(int(value - before), 0) for value, before in zip(upto, [0.0, *upto[:-1]], strict=True)]
    return [bound for bound, _ in reached[:-1]], steps, sum(steps)


def _native(family: Metric, samples: Sequence[Sample], moment: Moment) -> pb.Metric:
    metric = _named(family)
    metric.exponential_histogram.aggregation_temporality = pb.AGGREGATION_TEMPORALITY_CUMULATIVE
    for sample in samples:
        assert sample.native_histogram is not None
        point = metric.exponential_histogram.data_points.add(
            attributes=pairs(sample.labels),
            start_time_unix_nano=moment.start_ns,
            time_unix_nano=_time_ns(sample, moment),
        )
        fill_point(point, sample.native_histogram)
        for exemplar in sample.native_histogram.nh_exemplars or ():
            _add_exemplar(point, exemplar, moment)
    return metric


def _summary(family: Metric, samples: Sequence[Sample], moment: Moment) -> pb.Metric:
    metric = _named(family)
    starts = _starts(samples, moment)
    for labels, parts in _by_point(samples).items():
        point = metric.summary.data_points.add(
            attributes=_attributes(parts[0]),
            start_time_unix_nano=starts.get(labels, moment.start_ns),
            time_unix_nano=_time_ns(parts[0], moment),
        )
        for sample in parts:
            if sample.name.endswith("_count"):
                point.count = int(sample.value)
            elif sample.name.endswith("_sum"):
                point.sum = sample.value
            elif "quantile" in sample.labels:
                point.quantile_values.add(quantile=float(sample.labels["quantile"]), value=sample.value)
    return metric


def _by_point(samples: Iterable[Sample]) -> dict[_Labels, list[Sample]]:
    points: dict[_Labels, list[Sample]] = {}
    for sample in samples:
        if not sample.name.endswith("_created"):
            points.setdefault(_own(sample), []).append(sample)
    return points


def _own(sample: Sample) -> _Labels:
    """The labels that tell points apart."""
    labels = sample.labels
    if _STRUCTURE.isdisjoint(labels):
        return frozenset(labels.items())
    return frozenset(pair for pair in labels.items() if pair[0] not in _STRUCTURE)


def _attributes(sample: Sample) -> list[KeyValue]:
    return pairs({name: value for name, value in sample.labels.items() if name not in _STRUCTURE})


def _starts(samples: Iterable[Sample], moment: Moment) -> dict[_Labels, int]:
    """Labels -> since when the point counts, never later than now: the clock may have been set back."""
    created = (sample for sample in samples if sample.name.endswith("_created"))
    return {_own(sample): min(round(sample.value * NS_PER_S), moment.now_ns) for sample in created}


def _time_ns(sample: Sample, moment: Moment) -> int:
    return moment.now_ns if sample.timestamp is None else round(float(sample.timestamp) * NS_PER_S)


def _add_exemplar(point: Any, exemplar: Exemplar, moment: Moment) -> None:
    labels = dict(exemplar.labels)
    time_ns = moment.now_ns if exemplar.timestamp is None else round(float(exemplar.timestamp) * NS_PER_S)
    encoded = point.exemplars.add(as_double=exemplar.value, time_unix_nano=time_ns)
    for name, length in (("trace_id", 16), ("span_id", 8)):
        found = _bytes_of(labels.get(name, ""))
        if len(found) == length:
            setattr(encoded, name, found)
            del labels[name]
    encoded.filtered_attributes.extend(pairs(labels))


def _bytes_of(text: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError:
        return b""
