"""Samples on their way in, as columns; histograms, exemplars and metadata beside them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum

import numpy as np
from numpy.typing import NDArray

from anyascope.model.labels import Labels, series_id

STALE_NAN_BITS = 0x7FF0000000000002  # Prometheus' staleness marker: "this series has ended"; not the ordinary NaN
STALE_NAN = float(np.array([STALE_NAN_BITS], dtype=np.uint64).view(np.float64)[0])


def is_stale(values: NDArray[np.float64]) -> NDArray[np.bool_]:
    """bool[n]: which of float64[n] are staleness markers, told from other NaN by their bits."""
    marked: NDArray[np.bool_] = values.view(np.uint64) == np.uint64(STALE_NAN_BITS)
    return marked


class MetricType(Enum):
    """What kind of metric it is, in Prometheus' words."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"
    GAUGE_HISTOGRAM = "gaugehistogram"
    SUMMARY = "summary"
    INFO = "info"
    STATESET = "stateset"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class MetricMetadata:
    """What a metric's family says of itself."""

    metric: str
    type: MetricType
    help: str = ""
    unit: str = ""


class Numbers:
    """Who gave numbers to series: of one object the same number is the same label set for ever."""

    __slots__ = ("__weakref__",)


@dataclass(frozen=True, slots=True)
class Numbered:
    """The numbers of a batch's series, so that whoever met them before need not look at their labels again.

    Attributes:
        by: who gave them.
        numbers: int64[series], from 0 on and dense; -1 where a series has none.
    """

    by: Numbers
    numbers: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class SampleBatch:
    """Float samples as columns; labels stand once a series, or once a part where parts were joined.

    Attributes:
        series: the label sets of the batch.
        series_ids: uint64[len(series)], `series_id` of each.
        rows: uint32[n], for each sample its index into `series`.
        times_ms: int64[n], UTC milliseconds.
        values: float64[n]; staleness markers keep their bits.
        increments: bool[n], which values are what was added since the sender's last report; None where none is.
            `ingest` turns them into running totals: no store ever sees one.
        numbered: what the series are known by, where their decoder gave them numbers.
    """

    series: Sequence[Labels]
    series_ids: NDArray[np.uint64]
    rows: NDArray[np.uint32]
    times_ms: NDArray[np.int64]
    values: NDArray[np.float64]
    increments: NDArray[np.bool_] | None = None
    numbered: Numbered | None = None

    def __len__(self) -> int:
        return len(self.rows)

    @staticmethod
    def empty() -> SampleBatch:
        """A batch of nothing."""
        return SampleBatch(
            (), np.empty(0, np.uint64), np.empty(0, np.uint32), np.empty(0, np.int64), np.empty(0, np.float64)
        )

    @staticmethod
    def of(samples: Sequence[tuple[Labels, int, float]]) -> SampleBatch:
        """The columns of (labels, time_ms, value) rows. For small batches: hot paths build the columns themselves."""
        index: dict[Labels, int] = {}
        rows = [index.setdefault(labels, len(index)) for labels, _, _ in samples]
        return SampleBatch(
            series=tuple(index),
            series_ids=np.fromiter((series_id(labels) for labels in index), np.uint64, len(index)),
            rows=np.array(rows, dtype=np.uint32),
            times_ms=np.array([time_ms for _, time_ms, _ in samples], dtype=np.int64),
            values=np.array([value for _, _, value in samples], dtype=np.float64),
        )


@dataclass(frozen=True, slots=True)
class HistogramSample:
    """One native (exponential) histogram at one time.

    Buckets are spans of (offset, length), the first offset absolute and the next ones gaps, with one absolute count a
    bucket, as Prometheus' float histograms have them. A stale marker has `sum` = STALE_NAN and no buckets.
    `is_increment` is as `SampleBatch.increments`.
    """

    labels: Labels
    time_ms: int
    count: float
    sum: float
    schema: int
    zero_threshold: float
    zero_count: float
    positive_spans: tuple[tuple[int, int], ...] = ()
    positive_counts: tuple[float, ...] = ()
    negative_spans: tuple[tuple[int, int], ...] = ()
    negative_counts: tuple[float, ...] = ()
    custom_bounds: tuple[float, ...] = ()
    is_gauge: bool = False
    start_ms: int = 0
    is_increment: bool = False

    @property
    def is_stale(self) -> bool:
        """Whether it says that its series has ended."""
        return bool(is_stale(np.array([self.sum]))[0])


@dataclass(frozen=True, slots=True)
class Exemplar:
    """A sample that stands for others, with what leads to its trace."""

    series: Labels
    time_ms: int
    value: float
    labels: Labels = ()


@dataclass(frozen=True, slots=True)
class MetricBatch:
    """Everything that one request or scrape says about metrics."""

    samples: SampleBatch = field(default_factory=SampleBatch.empty)
    histograms: tuple[HistogramSample, ...] = ()
    exemplars: tuple[Exemplar, ...] = ()
    metadata: tuple[MetricMetadata, ...] = ()

    @property
    def rows(self) -> int:
        """How many rows of every kind it holds."""
        return len(self.samples) + len(self.histograms) + len(self.exemplars)
