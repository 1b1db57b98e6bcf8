"""What both versions of remote write gather series by series: samples, histograms, exemplars, metadata, and faults."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from google.protobuf.message import DecodeError

from anyascope.model.metrics import Exemplar, HistogramSample, MetricBatch, MetricMetadata, MetricType, SampleBatch
from anyascope.wire.prompb.decoded import Decoded, FaultError, Samples, Series
from anyascope.wire.prompb.histograms import histogram_of

METRIC_TYPES = (
    MetricType.UNKNOWN,
    MetricType.COUNTER,
    MetricType.GAUGE,
    MetricType.HISTOGRAM,
    MetricType.GAUGE_HISTOGRAM,
    MetricType.SUMMARY,
    MetricType.INFO,
    MetricType.STATESET,
)  # by their numbers on the wire


@dataclass(slots=True)
class Gathered:
    """A request as far as it is read; what is parsed sample by sample becomes one piece of `samples` at the end."""

    samples: Samples = field(default_factory=Samples)
    parsed_series: list[Series] = field(default_factory=list)
    parsed_places: list[int] = field(default_factory=list)
    parsed_times_ms: list[int] = field(default_factory=list)
    parsed_values: list[float] = field(default_factory=list)
    histograms: list[HistogramSample] = field(default_factory=list)
    exemplars: list[Exemplar] = field(default_factory=list)
    metadata: list[MetricMetadata] = field(default_factory=list)
    refused: Counter[str] = field(default_factory=Counter)
    first: dict[str, str] = field(default_factory=dict)

    @contextmanager
    def refusing(self, place: str) -> Iterator[None]:
        """Note a fault of what is read in the block, and go on."""
        try:
            yield
        except FaultError as error:
            self.refuse(error, place)

    def refuse(self, error: FaultError, place: str) -> None:
        """Note a fault."""
        self.refused[error.fault] += error.rows
        self.first.setdefault(error.fault, place)

    def samples_of(self, series: Series, samples: Any, *, place: int) -> None:
        """Take in a series' `Sample` messages."""
        for sample in samples:
            self.parsed_series.append(series)
            self.parsed_places.append(place)
            self.parsed_times_ms.append(sample.timestamp)
            self.parsed_values.append(sample.value)

    def histograms_of(self, series: Series, histograms: Any, *, place: str) -> None:
        """Take in a series' `Histogram` messages, but those with a fault."""
        for message in histograms:
            with self.refusing(place):
                self.histograms.append(histogram_of(series.labels, message))

    def decoded(self, samples: SampleBatch | None = None) -> Decoded:
        """The request; its samples are these, where all of them are at hand already."""
        return Decoded(
            MetricBatch(
                samples=self._batch() if samples is None else samples,
                histograms=tuple(self.histograms),
                exemplars=tuple(self.exemplars),
                metadata=tuple(self.metadata),
            ),
            self.refused,
            self.first,
        )

    def _batch(self) -> SampleBatch:
        self.samples.add(
            self.parsed_series,
            np.array(self.parsed_times_ms, np.int64),
            np.array(self.parsed_values, np.float64),
            places=self.parsed_places,
        )
        return self.samples.batch()


def parsed(message: Any, part: bytes) -> Any:
    """A message of this class.

    Raises:
        FaultError: these bytes are none.
    """
    try:
        return message.FromString(part)
    except DecodeError as error:
        raise FaultError("its protobuf is damaged, or a text in it is not UTF-8") from error


def metric_type(number: int) -> MetricType:
    """The type of this number on the wire; one of a later version is not known."""
    return METRIC_TYPES[number] if 0 <= number < len(METRIC_TYPES) else MetricType.UNKNOWN
