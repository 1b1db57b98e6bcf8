"""`SampleFrame`: the raw samples of many series, ragged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from anyascope.model.labels import Labels


@dataclass(frozen=True, slots=True)
class SampleFrame:
    """Samples of several series, each series' own in time order, no time twice.

    The samples of series `i` are `times_ms[offsets[i]:offsets[i + 1]]` and the same of `values`. A series may be empty.
    Arrays are shared with the store: read them, never write.

    Attributes:
        labels: one label set a series.
        offsets: int64[series + 1].
        times_ms: int64[samples], UTC milliseconds.
        values: float64[samples]; staleness markers are included, with their bits.
        disk_samples: how many of them were read from disk, for whoever tells what a query cost.
    """

    labels: Sequence[Labels]
    offsets: NDArray[np.int64]
    times_ms: NDArray[np.int64]
    values: NDArray[np.float64]
    disk_samples: int = 0

    def __len__(self) -> int:
        return len(self.labels)

    @staticmethod
    def empty() -> SampleFrame:
        """A frame without series."""
        return SampleFrame((), np.zeros(1, np.int64), np.empty(0, np.int64), np.empty(0, np.float64))
