"""Metrics to blocks and back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from anyascope.model.labels import Labels, metric_of
from anyascope.model.metrics import Exemplar, HistogramSample, MetricMetadata
from anyascope.store.chdb.native import Block, attribute_columns, offsets

Ids = NDArray[np.uint64]


def sample_block(ids: Ids, times_ms: NDArray[np.int64], values: NDArray[np.float64]) -> bytes:
    """The block of table `samples`, one entry a sample."""
    block = Block(len(ids))
    block.numbers("series_id", "UInt64", ids)
    block.numbers("time_ms", "Int64", times_ms)
    block.numbers("value", "Float64", values)
    return block.bytes()


def labels_column(column: Sequence[Labels]) -> bytes:
    """A Map(String, String) column of label sets."""
    return attribute_columns(list(map(dict, column))).data


def series_block(ids: Ids, labels: Sequence[Labels], *, first_ms: NDArray[np.int64], moved: Sequence[bool]) -> bytes:
    """The block of table `series`, one entry a series."""
    block = Block(len(ids))
    block.numbers("series_id", "UInt64", ids)
    block.strings("metric", [metric_of(each) for each in labels])
    block.add("labels", "Map(String, String)", labels_column(labels))
    block.numbers("is_moved", "UInt8", np.array(moved, np.uint8))
    block.numbers("first_ms", "Int64", first_ms)
    return block.bytes()


def seen_block(ids: Ids, *, first_ms: NDArray[np.int64], last_ms: NDArray[np.int64]) -> bytes:
    """The block of table `series_seen`."""
    block = Block(len(ids))
    block.numbers("series_id", "UInt64", ids)
    block.numbers("first_ms", "Int64", first_ms)
    block.numbers("last_ms", "Int64", last_ms)
    return block.bytes()


def histogram_block(ids: Ids, column: Sequence[HistogramSample]) -> bytes:
    """The block of table `histograms`."""
    block = Block(len(column))
    block.numbers("series_id", "UInt64", ids)
    for name in ("time_ms", "start_ms"):
        block.numbers(name, "Int64", np.array([getattr(each, name) for each in column], np.int64))
    for name in ("count", "sum", "zero_threshold", "zero_count"):
        block.numbers(name, "Float64", np.array([getattr(each, name) for each in column], np.float64))
    block.numbers("schema", "Int32", np.array([each.schema for each in column], np.int32))
    for sign in ("positive", "negative"):
        spans = [getattr(each, f"{sign}_spans") for each in column]
        ends = offsets(map(len, spans))
        flat = np.array([pair for each in spans for pair in each], np.int64).reshape(-1, 2)
        block.add(f"{sign}_offsets", "Array(Int32)", ends + flat[:, 0].astype(np.int32).tobytes())
        block.add(f"{sign}_lengths", "Array(UInt32)", ends + flat[:, 1].astype(np.uint32).tobytes())
        add_floats(block, f"{sign}_counts", [getattr(each, f"{sign}_counts") for each in column])
    add_floats(block, "custom_bounds", [each.custom_bounds for each in column])
    block.numbers("is_gauge", "UInt8", np.array([each.is_gauge for each in column], np.uint8))
    return block.bytes()


def add_floats(block: Block, name: str, column: Sequence[Sequence[float]]) -> None:
    """Append a column of arrays of floats."""
    flat = np.array([number for each in column for number in each], np.float64)
    block.add(name, "Array(Float64)", offsets(map(len, column)) + flat.tobytes())


def histogram_of(labels: Labels, row: Mapping[str, Any]) -> HistogramSample:
    """One row of `histograms_select`, its series' labels at hand."""

    def spans(sign: str) -> tuple[tuple[int, int], ...]:
        return tuple(zip(row[f"{sign}_offsets"], row[f"{sign}_lengths"], strict=True))

    return HistogramSample(
        labels=labels,
        time_ms=row["time_ms"],
        start_ms=row["start_ms"],
        count=row["count"],
        sum=row["sum"],
        schema=row["schema"],
        zero_threshold=row["zero_threshold"],
        zero_count=row["zero_count"],
        positive_spans=spans("positive"),
        positive_counts=tuple(row["positive_counts"]),
        negative_spans=spans("negative"),
        negative_counts=tuple(row["negative_counts"]),
        custom_bounds=tuple(row["custom_bounds"]),
        is_gauge=bool(row["is_gauge"]),
    )


def exemplar_block(ids: Ids, column: Sequence[Exemplar]) -> bytes:
    """The block of table `exemplars`."""
    block = Block(len(column))
    block.numbers("series_id", "UInt64", ids)
    block.numbers("time_ms", "Int64", np.array([each.time_ms for each in column], np.int64))
    block.numbers("value", "Float64", np.array([each.value for each in column], np.float64))
    block.add("labels", "Map(String, String)", labels_column([each.labels for each in column]))
    return block.bytes()


def metadata_block(column: Sequence[MetricMetadata], *, updated_ms: int) -> bytes:
    """The block of table `metadata`."""
    block = Block(len(column))
    block.strings("metric", [each.metric for each in column])
    block.strings("type", [each.type.value for each in column])
    block.strings("unit", [each.unit for each in column])
    block.strings("help", [each.help for each in column])
    block.numbers("updated_ms", "Int64", np.full(len(column), updated_ms, np.int64))
    return block.bytes()


def label_sets(table: pa.Table) -> list[Labels]:
    """The label sets of columns `names` and `texts`, equal texts shared."""
    names = table["names"].combine_chunks()
    texts = table["texts"].combine_chunks()
    ends = names.offsets.to_pylist()
    shared: dict[str, str] = {}
    flat_names = [shared.setdefault(name, name) for name in names.flatten().to_pylist()]
    flat_texts = [shared.setdefault(text, text) for text in texts.flatten().to_pylist()]
    pairs = list(zip(flat_names, flat_texts, strict=True))
    begin = ends[0] if ends else 0
    return [tuple(pairs[left - begin : right - begin]) for left, right in pairwise(ends)]
