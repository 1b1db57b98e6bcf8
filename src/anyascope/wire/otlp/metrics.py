"""OTLP metrics as Prometheus' samples, histograms, exemplars and metadata.

Source: OpenTelemetry, "Metrics data model" and "Prometheus and OpenMetrics compatibility"; the behaviour of Prometheus 3's
OTLP receiver.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

from anyascope.model.metrics import MetricBatch, MetricMetadata, MetricType
from anyascope.wire.naming import unit_name
from anyascope.wire.otlp.families import Family, FamilyKey, KnownFamilies, scope_labels, sender_labels, target_info
from anyascope.wire.otlp.messages import Encoding, Request, parse
from anyascope.wire.otlp.points import (
    Collected,
    add_custom_histogram,
    add_exponential,
    add_histogram,
    add_number,
    add_summary,
)
from anyascope.wire.otlp.translation import Translation
from anyascope.wire.otlp.values import KnownPairs, KnownSenders

NO_NAME = "its metric has no name"
NO_DATA = "its metric has no data of a known type"
NO_TEMPORALITY = "its metric does not say whether it is cumulative or delta"

_CUMULATIVE = 2
_DELTA = 1
_TARGET_INFO = MetricMetadata("target_info", MetricType.GAUGE, help="Target metadata")


@dataclass(frozen=True, slots=True)
class DecodedMetrics:
    """What a request says, and how many data points were left out, by reason (a sentence's end)."""

    batch: MetricBatch
    refused: Counter[str]


class MetricDecoder:
    """Decodes metrics; remembers the series of each sender. Any thread may use it, one at a time goes on."""

    def __init__(self, translation: Translation | None = None) -> None:
        self._translation = translation or Translation()
        self._pairs = KnownPairs()
        self._senders = KnownSenders()
        self._families = KnownFamilies(self._pairs, translation=self._translation)

    def metrics(self, body: bytes, *, encoding: Encoding) -> DecodedMetrics:
        """Everything that an `ExportMetricsServiceRequest` says.

        Increments (delta temporality) are marked as such, not summed.

        Raises:
            InvalidInputError: it is not one.
        """
        request = parse(body, Request.METRICS, encoding=encoding)
        collected = Collected()
        with self._families.lock:
            for group in request.resource_metrics:
                self._add_resource(collected, group)
        return DecodedMetrics(collected.batch(), collected.refused)

    def _add_resource(self, collected: Collected, group: Any) -> None:
        collected.latest_ns = 0
        for inner in group.scope_metrics:
            for metric in inner.metrics:
                self._add_metric(collected, metric, (group.resource, inner.scope, group.schema_url, inner.schema_url))
        if collected.latest_ns:
            labels = target_info(self._senders.resource(group.resource, group.schema_url), self._translation)
            if labels is not None:
                collected.add_series(labels, collected.latest_ns, 1.0)
                collected.metadata[_TARGET_INFO] = None

    def _add_metric(self, collected: Collected, metric: Any, sender: tuple[bytes, bytes, str, str]) -> None:
        kind = metric.WhichOneof("data")
        if kind is None:
            collected.refused[NO_DATA] += 1
            return
        data = getattr(metric, kind)
        points = data.data_points
        temporality = getattr(data, "aggregation_temporality", _CUMULATIVE)
        if temporality not in (_CUMULATIVE, _DELTA):
            collected.refused[NO_TEMPORALITY] += len(points)
            return
        family = self._family(metric, sender, _type_of(kind, data))
        if not family.name:
            collected.refused[NO_NAME] += len(points)
            return
        collected.metadata[family.metadata] = None
        is_delta = temporality == _DELTA
        families = self._families
        match kind:
            case "gauge" | "sum":
                add_number(collected, families, family, points, is_delta=is_delta)
            case "histogram" if self._translation.converts_histograms:
                add_custom_histogram(collected, families, family, points, is_delta=is_delta)
            case "histogram":
                add_histogram(collected, families, family, points, is_delta=is_delta)
            case "exponential_histogram":
                add_exponential(collected, families, family, points, is_delta=is_delta)
            case _:
                add_summary(collected, families, family, points)

    def _family(self, metric: Any, sender: tuple[bytes, bytes, str, str], kind: MetricType) -> Family:
        # Two kinds share GAUGE and name their metrics differently; the unset one is the up-down counter.
        is_gauge = metric.HasField("gauge")
        encoded_resource, encoded_scope, resource_url, scope_url = sender
        text = f"{resource_url}\0{scope_url}\0{metric.description}"
        key: FamilyKey = (encoded_resource, encoded_scope, text, metric.name, metric.unit, kind.value, is_gauge)
        family = self._families.find(key)
        if family is None:
            naming = kind if kind is not MetricType.GAUGE or is_gauge else MetricType.UNKNOWN
            name = self._translation.metric(metric.name, unit=metric.unit, kind=naming)
            resource = self._senders.resource(encoded_resource, resource_url)
            scope = self._senders.scope(encoded_scope, scope_url)
            metadata = MetricMetadata(name, kind, help=metric.description, unit=unit_name(metric.unit))
            shared = {**scope_labels(scope, self._translation), **sender_labels(resource)}
            family = Family(name, metadata, shared, self._translation.promotions(resource.attributes))
            self._families.keep(key, family)
        return family


def _type_of(kind: str, data: Any) -> MetricType:
    match kind:
        case "sum":
            return MetricType.COUNTER if data.is_monotonic else MetricType.GAUGE
        case "gauge":
            return MetricType.GAUGE
        case "summary":
            return MetricType.SUMMARY
        case _:
            return MetricType.HISTOGRAM
