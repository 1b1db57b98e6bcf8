"""What was read of a page, by whichever of the formats."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from anyascope.model.metrics import HistogramSample, MetricMetadata, MetricType
from anyascope.wire.exposition.lines import LineExemplar, Pairs

Resolve: TypeAlias = Callable[[Pairs, MetricType], int]
"""Gives a new label set of a family of this type a number (slot) of the caller's own. What it raises ends the reading."""


@dataclass(frozen=True, slots=True)
class Native:
    """A native histogram of a page; `histogram` has neither labels nor a time yet."""

    histogram: HistogramSample
    exemplars: tuple[LineExemplar, ...] = ()


@dataclass(frozen=True, slots=True)
class Reading:
    """The samples of one body.

    Attributes:
        slots: int64[n], for each sample what `resolve` answered for its labels.
        values: float64[n]; NaN where the sample is a native histogram.
        times_ms: position -> the time that the page gives, only for samples that have one.
        exemplars: position -> the exemplar, only for float samples that have one.
        metadata: what is said of the families; the same object again while it does not change.
        natives: position -> the histogram, only for samples that are native histograms.
    """

    slots: NDArray[np.int64]
    values: NDArray[np.float64]
    times_ms: dict[int, int]
    exemplars: dict[int, LineExemplar]
    metadata: tuple[MetricMetadata, ...]
    natives: dict[int, Native] = field(default_factory=dict)
