"""Remote write out: what is encoded is read back by our own decoders, sample for sample and bit for bit."""

from __future__ import annotations

import struct
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from anyascope.model.labels import Labels, labels_of
from anyascope.model.metrics import STALE_NAN, Exemplar, HistogramSample, MetricBatch, MetricMetadata, MetricType
from anyascope.wire.prompb.decoded import SeriesBook
from anyascope.wire.prompb.encode_v1 import WriteV1Encoder, encode_metadata
from anyascope.wire.prompb.encode_v2 import WriteV2Encoder
from anyascope.wire.prompb.outgoing import Outgoing, WireSeries
from anyascope.wire.prompb.write_v1 import WriteV1Decoder
from anyascope.wire.prompb.write_v2 import WriteV2Decoder

texts = st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=200)
label_sets = st.dictionaries(st.one_of(st.sampled_from(["job", "instance"]), texts), texts, max_size=5).map(
    lambda pairs: labels_of({**pairs, "__name__": pairs.get("job", "metric")})
)
times = st.one_of(st.integers(1_700_000_000_000, 1_900_000_000_000), st.integers(0, 2**45))
values = st.one_of(st.floats(), st.just(STALE_NAN), st.just(0.0), st.just(-0.0))
samples = st.lists(st.tuples(st.integers(0, 4), times, values), max_size=30)
counts = st.one_of(st.integers(0, 2**40).map(float), st.floats(0, 1e9))


@st.composite
def histograms(draw: Any) -> HistogramSample:
    positive = tuple(draw(st.lists(counts, max_size=5)))
    negative = tuple(draw(st.lists(counts, max_size=5)))
    zero = draw(counts)
    return HistogramSample(
        labels=(),
        time_ms=draw(times),
        count=zero + sum((*positive, *negative)),
        sum=draw(st.floats(allow_nan=False)),
        schema=draw(st.integers(-4, 8)),
        zero_threshold=draw(st.floats(0, 1)),
        zero_count=zero,
        positive_spans=((draw(st.integers(-9, 9)), len(positive)),) if positive else (),
        positive_counts=positive,
        negative_spans=((draw(st.integers(-9, 9)), len(negative)),) if negative else (),
        negative_counts=negative,
        is_gauge=draw(st.booleans()),
    )


def bits(value: float) -> bytes:
    return struct.pack("<d", value)


def outgoing(series: list[WireSeries], rows: list[tuple[int, int, float]], **others: Any) -> Outgoing:
    return Outgoing(
        [series[row % len(series)] for row, _, _ in rows],
        np.array([time_ms for _, time_ms, _ in rows], np.int64),
        np.array([value for _, _, value in rows], np.float64),
        **others,
    )


def read(batch: MetricBatch) -> list[tuple[Labels, int, bytes]]:
    return [
        (batch.samples.series[row], time_ms, bits(value))
        for row, time_ms, value in zip(
            batch.samples.rows.tolist(), batch.samples.times_ms.tolist(), batch.samples.values.tolist(), strict=True
        )
    ]


def pair(version: int) -> tuple[Any, Any]:
    if version == 1:
        return WriteV1Encoder(), WriteV1Decoder(SeriesBook())
    return WriteV2Encoder(symbols_max=40), WriteV2Decoder(SeriesBook())


@pytest.mark.parametrize("version", [1, 2])
@given(series=st.lists(label_sets, min_size=1, max_size=5, unique=True), requests=st.lists(samples, max_size=3))
def test_samples_come_back_as_they_were(version: int, series: list[Labels], requests: Any) -> None:
    """Labels, times and the values' bits are what was given, in each series' order, whatever was sent before."""
    encoder, decoder = pair(version)
    known = [WireSeries(labels) for labels in series]
    for rows in requests:
        found = decoder.decode(encoder.encode(outgoing(known, rows)))

        wanted = [(series[row % len(series)], time_ms, bits(value)) for row, time_ms, value in rows]
        assert not found.refused
        assert sorted(read(found.batch)) == sorted(wanted)
        for labels in series:
            assert [r for r in read(found.batch) if r[0] == labels] == [r for r in wanted if r[0] == labels]


@pytest.mark.parametrize("version", [1, 2])
@given(labels=label_sets, one=histograms(), exemplar_labels=label_sets)
def test_histograms_and_exemplars_come_back_as_they_were(
    version: int, labels: Labels, one: HistogramSample, exemplar_labels: Labels
) -> None:
    """A native histogram keeps all its counts, whole or not, and an exemplar its labels."""
    encoder, decoder = pair(version)
    series = WireSeries(labels)
    exemplar = Exemplar(labels, one.time_ms, 0.25, exemplar_labels)

    body = encoder.encode(outgoing([series], [], histograms=[(series, one)], exemplars=[(series, exemplar)]))
    found = decoder.decode(body).batch

    assert [(h.count, h.positive_counts, h.negative_counts, h.is_gauge) for h in found.histograms] == [
        (one.count, one.positive_counts, one.negative_counts, one.is_gauge)
    ]
    assert (found.histograms[0].labels, found.histograms[0].sum) == (labels, one.sum)
    assert found.exemplars == (exemplar,)


def test_custom_buckets_and_start_times_travel_by_2_0() -> None:
    """Bounds of custom buckets and the start of a histogram are whole by 2.0."""
    encoder, decoder = pair(2)
    labels = labels_of({"__name__": "h"})
    one = HistogramSample(
        labels, 1_700_000_000_000, 3.0, 4.5, -53, 0.0, 0.0, ((0, 2),), (1.0, 2.0), custom_bounds=(1.0, 2.5), start_ms=17
    )

    found = decoder.decode(encoder.encode(outgoing([], [], histograms=[(WireSeries(labels), one)])))

    assert found.batch.histograms == (one,)


def test_metadata_travels_in_its_own_request_by_1_0_and_beside_its_series_by_2_0() -> None:
    """Type, help and unit arrive by both versions; a family is told with the series that bear its suffixes."""
    entries = [
        MetricMetadata("h", MetricType.HISTOGRAM, "how long", "seconds"),
        MetricMetadata("up", MetricType.GAUGE, "whether"),
    ]
    first = WriteV1Decoder(SeriesBook()).decode(encode_metadata(entries)).batch
    encoder, decoder = pair(2)
    encoder.describe(entries)
    series = [WireSeries(labels_of({"__name__": name})) for name in ("h_bucket", "up", "unknown")]
    second = decoder.decode(encoder.encode(outgoing(series, [(n, 1_700_000_000_000, 1.0) for n in range(3)]))).batch

    assert list(first.metadata) == entries
    assert list(second.metadata) == entries
    assert len(second.samples) == 3
