"""What one remote-write request is to hold, and the series whose encoding is made once and used with every sample."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from anyascope.model.labels import Labels, metric_of
from anyascope.model.metrics import Exemplar, HistogramSample
from anyascope.wire.prompb import pieces, schema

LABEL_TAG, LABEL_NAME_TAG, LABEL_VALUE_TAG = 0x0A, 0x0A, 0x12


class WireSeries:
    """A label set as it is sent; both versions keep here what they made of it."""

    __slots__ = ("about", "encoded", "head", "labels", "metric", "symbols", "table")

    def __init__(self, labels: Labels) -> None:
        self.labels = labels
        self.metric = metric_of(labels)
        self.encoded = b""  # 1.0: the labels' fields
        self.head = b""  # 1.0: all that stands before the one sample of a series
        self.table: object = None  # 2.0: the table that `symbols` and `about` count in
        self.symbols: NDArray[np.int64] | None = None
        self.about: tuple[int, int, int] | None = None


@dataclass(frozen=True, slots=True)
class Outgoing:
    """The content of a request.

    Attributes:
        series: one a sample; they may repeat, in the order of their times.
        times_ms, values: int64[n] and float64[n]; staleness markers keep their bits.
        histograms, exemplars: each with its series.
    """

    series: Sequence[WireSeries]
    times_ms: NDArray[np.int64]
    values: NDArray[np.float64]
    histograms: Sequence[tuple[WireSeries, HistogramSample]] = field(default=())
    exemplars: Sequence[tuple[WireSeries, Exemplar]] = field(default=())


def encoded_labels(labels: Labels, *, tag: int = LABEL_TAG) -> bytes:
    """Labels as `Label` messages, each a field with this tag."""
    return b"".join(
        pieces.field(
            tag,
            pieces.field(LABEL_NAME_TAG, name.encode("utf-8", "surrogatepass"))
            + pieces.field(LABEL_VALUE_TAG, value.encode("utf-8", "surrogatepass")),
        )
        for name, value in labels
    )


def sample_fields(times_ms: NDArray[np.int64], values: NDArray[np.float64]) -> list[bytes]:
    """Each sample as the field of a series; the same in both versions."""
    if pieces.has_short_times(times_ms):
        whole: list[bytes] = pieces.sample_column(times_ms, values).view(f"V{pieces.SAMPLE.itemsize}").tolist()
        return whole
    found = []
    for time_ms, value in zip(times_ms.tolist(), values, strict=True):
        series = schema.Series()
        series.samples.add(timestamp=time_ms, value=value)
        found.append(bytes(series.SerializeToString()))
    return found
