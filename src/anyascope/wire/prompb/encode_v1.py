"""Remote write 1.0, out: `prometheus.WriteRequest`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from anyascope.model.metrics import MetricMetadata
from anyascope.wire.prompb import schema
from anyascope.wire.prompb.gathered import METRIC_TYPES
from anyascope.wire.prompb.histograms import fill_histogram
from anyascope.wire.prompb.outgoing import Outgoing, WireSeries, encoded_labels, sample_fields
from anyascope.wire.prompb.pieces import SAMPLE, field, has_short_times, varint

SERIES_TAG, METADATA_TAG = 0x0A, 0x1A
EXEMPLAR_TAG, HISTOGRAM_TAG = 0x1A, 0x22
TYPE_NUMBERS = {kind: number for number, kind in enumerate(METRIC_TYPES)}


class WriteV1Encoder:
    """Encodes requests: a series' labels once, its samples as columns."""

    content_type = "application/x-protobuf"
    version = "0.1.0"
    has_custom_buckets = False

    def encode(self, outgoing: Outgoing) -> bytes:
        """The request, not compressed; each sample, histogram and exemplar is a series of its own, as upstream has it."""
        fields = sample_fields(outgoing.times_ms, outgoing.values)
        parts: list[bytes] = [b""] * (2 * len(fields))
        if has_short_times(outgoing.times_ms):  # all samples are of one size
            parts[::2] = [series.head or _head(series) for series in outgoing.series]
        else:
            parts[::2] = [_beginning(series, len(each)) for series, each in zip(outgoing.series, fields, strict=True)]
        parts[1::2] = fields
        parts += [self._one(series, HISTOGRAM_TAG, _histogram(each)) for series, each in outgoing.histograms]
        parts += [
            self._one(series, EXEMPLAR_TAG, _exemplar(each.labels, each.value, each.time_ms))
            for series, each in outgoing.exemplars
        ]
        return b"".join(parts)

    def describe(self, metadata: Iterable[MetricMetadata]) -> None:
        """What metrics say of themselves travels in requests of its own: see `encode_metadata`."""

    @staticmethod
    def _one(series: WireSeries, tag: int, content: bytes) -> bytes:
        return field(SERIES_TAG, _labels(series) + field(tag, content))


def encode_metadata(metadata: Sequence[MetricMetadata]) -> bytes:
    """A request that says only what metrics are."""
    request = schema.WriteRequest()
    for entry in metadata:
        message = schema.Metadata(type=TYPE_NUMBERS[entry.type], name=entry.metric, help=entry.help, unit=entry.unit)
        request.metadata.append(message.SerializeToString())
    return bytes(request.SerializeToString())


def _labels(series: WireSeries) -> bytes:
    if not series.encoded:
        series.encoded = encoded_labels(series.labels)
    return series.encoded


def _beginning(series: WireSeries, size: int) -> bytes:
    labels = _labels(series)
    return bytes((SERIES_TAG,)) + varint(len(labels) + size) + labels


def _head(series: WireSeries) -> bytes:
    series.head = _beginning(series, SAMPLE.itemsize)
    return series.head


def _histogram(histogram: Any) -> bytes:
    message = schema.Histogram()
    fill_histogram(message, histogram, as_integers=True)
    return bytes(message.SerializeToString())


def _exemplar(labels: Any, value: float, time_ms: int) -> bytes:
    message = schema.Exemplar(value=value, timestamp=time_ms)
    for name, text in labels:
        message.labels.add(name=name, value=text)
    return bytes(message.SerializeToString())
