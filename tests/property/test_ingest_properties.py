"""What holds for every input on the way in."""

from __future__ import annotations

import contextlib
import json
import math
from typing import Any

import numpy as np
from google.protobuf import json_format
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

from anyascope.errors import InvalidInputError, UnsupportedError
from anyascope.ingest.merge import merge_metrics
from anyascope.model.labels import Labels, labels_of, series_id
from anyascope.model.metrics import HistogramSample, MetricBatch, SampleBatch
from anyascope.redact.api import Redactor
from anyascope.wire.compression import ENCODINGS, decompress
from anyascope.wire.naming import label_name, metric_name
from anyascope.wire.otlp.buckets import add_histograms, by_index, coarsen, spans_of
from anyascope.wire.otlp.messages import Encoding
from anyascope.wire.otlp.metrics import MetricDecoder
from anyascope.wire.otlp.records import RecordDecoder
from anyascope.wire.otlp.texts import float_text
from support.otlp import logs_request

FAST = settings(max_examples=100, deadline=None)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
SCALARS = st.one_of(
    TEXTS, st.booleans(), st.integers(-(2**63), 2**63 - 1), st.floats(allow_nan=False), st.binary(max_size=9)
)
VALUES: st.SearchStrategy[Any] = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(TEXTS, inner, max_size=3)),
    max_leaves=6,
)
REDACTOR = Redactor(registry=CollectorRegistry())


@FAST
@given(st.lists(st.dictionaries(TEXTS, VALUES, max_size=4), max_size=4), VALUES)
def test_both_encodings_of_a_request_say_the_same(attributes: list[dict[str, Any]], body: Any) -> None:
    """Protobuf and JSON of one request decode to equal batches."""
    request = logs_request(*({"attributes": entry, "time_unix_nano": 5, "body": body} for entry in attributes))
    by_protobuf = RecordDecoder().logs(request.SerializeToString(), encoding=Encoding.PROTOBUF)
    by_json = RecordDecoder().logs(json_format.MessageToJson(request).encode(), encoding=Encoding.JSON)
    assert by_protobuf == by_json
    assert by_protobuf.attributes == attributes


@FAST
@given(st.binary(max_size=200))
def test_no_bytes_crash_a_decoder(body: bytes) -> None:
    """Whatever comes is decoded, or refused as invalid input."""
    for decode in (RecordDecoder().logs, RecordDecoder().spans, MetricDecoder().metrics):
        for encoding in Encoding:
            try:
                decode(body, encoding=encoding)
            except InvalidInputError:
                continue


@FAST
@given(st.binary(max_size=200), st.sampled_from(ENCODINGS))
def test_no_bytes_crash_a_decompressor(body: bytes, encoding: str) -> None:
    """Whatever comes is unpacked, or refused."""
    with contextlib.suppress(InvalidInputError, UnsupportedError):
        assert len(decompress(body, encoding)) <= 2**20


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXTS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["resourceLogs", "scopeLogs", "logRecords", "attributes", "key", "value", "body", "traceId"]
            ),
            inner,
            max_size=3,
        )
    ),
    max_leaves=10,
)


@FAST
@given(JSON)
def test_no_json_crashes_the_decoder(tree: Any) -> None:
    """Any JSON is a request, or is refused with a reason."""
    with contextlib.suppress(InvalidInputError):
        RecordDecoder().logs(json.dumps(tree).encode(), encoding=Encoding.JSON)


@FAST
@given(TEXTS, TEXTS)
def test_names_are_always_prometheus_names(name: str, unit: str) -> None:
    """What comes out is a legal name, or nothing."""
    metric, label = metric_name(name, unit=unit), label_name(name)
    assert metric == "" or (metric.replace(":", "_").isidentifier() and metric.isascii())
    assert label == "" or (label.isidentifier() and label.isascii())


@FAST
@given(st.floats(allow_nan=False))
def test_a_bound_reads_back_as_itself(value: float) -> None:
    """The shortest text of a number is that number, without exponent."""
    text = float_text(value)
    assert float(text) == value
    assert "e" not in text


BUCKETS = st.dictionaries(st.integers(-40, 40), st.integers(1, 9).map(float), max_size=12)


@FAST
@given(BUCKETS)
def test_spans_hold_exactly_their_buckets(buckets: dict[int, float]) -> None:
    """Spans and counts give back every bucket, zeros in small gaps aside."""
    spans, counts = spans_of(buckets)
    assert {index: count for index, count in by_index(spans, counts).items() if count} == buckets
    assert sum(length for _, length in spans) == len(counts)


@FAST
@given(BUCKETS, st.integers(0, 3), st.integers(0, 3))
def test_coarsening_goes_by_steps(buckets: dict[int, float], first: int, second: int) -> None:
    """Two steps and then one are three, and no observation is lost."""
    assert coarsen(coarsen(buckets, first), second) == coarsen(buckets, first + second)
    assert sum(coarsen(buckets, first).values()) == sum(buckets.values())


def histogram(buckets: dict[int, float], schema: int, time_ms: int) -> HistogramSample:
    spans, counts = spans_of(buckets)
    total = sum(buckets.values())
    return HistogramSample((), time_ms, total, total, schema, 1e-128, 0.0, spans, counts)


@FAST
@given(st.lists(st.tuples(BUCKETS, st.integers(-4, 8)), min_size=1, max_size=4))
def test_added_histograms_lose_nothing(parts: list[tuple[dict[int, float], int]]) -> None:
    """The count is the sum of counts, the buckets hold all of it, the schema is the coarsest."""
    total, *rest = (histogram(buckets, schema, at) for at, (buckets, schema) in enumerate(parts))
    for part in rest:
        total = add_histograms(total, part)
    expected = sum(sum(buckets.values()) for buckets, _ in parts)
    assert total.count == expected
    assert math.isclose(sum(total.positive_counts) + total.zero_count, expected)
    assert total.schema == min(schema for _, schema in parts)


SERIES = st.sampled_from([labels_of({"__name__": "up", "n": str(n)}) for n in range(4)])
BATCHES = st.lists(st.lists(st.tuples(SERIES, st.integers(1, 99), st.floats(allow_nan=False)), max_size=6), max_size=4)


@FAST
@given(BATCHES)
def test_merging_keeps_every_sample_in_order(parts: list[list[tuple[Labels, int, float]]]) -> None:
    """The merged batch is the batches one after the other; what a series is, its id says."""
    if not parts:
        return
    merged = merge_metrics([MetricBatch(SampleBatch.of(rows)) for rows in parts]).samples
    found = [
        (merged.series[row], time_ms, value)
        for row, time_ms, value in zip(
            merged.rows.tolist(), merged.times_ms.tolist(), merged.values.tolist(), strict=True
        )
    ]
    assert found == [row for rows in parts for row in rows]
    assert merged.series_ids.tolist() == [series_id(labels) for labels in merged.series]
    assert merged.series_ids.dtype == np.uint64


@FAST
@given(st.lists(TEXTS, max_size=6))
def test_texts_together_are_cleaned_as_each_alone(texts: list[str]) -> None:
    """Scanning many texts at once finds what scanning each finds."""
    dirty = [*texts, "password=hunter2", *texts]
    together = REDACTOR.texts(dirty)
    assert [together.get(row, text) for row, text in enumerate(dirty)] == [REDACTOR.text(text) for text in dirty]


@FAST
@given(TEXTS, TEXTS)
def test_a_key_is_found_wherever_it_stands(before: str, after: str) -> None:
    """Whatever surrounds a private key, the key does not get through."""
    key = "KwdMAjGmerYanjeui5SHS7JkmpZvVipYvB2LJGU1ZxJwYvP98617"
    assert key not in REDACTOR.text(f"{before} {key} {after}")
