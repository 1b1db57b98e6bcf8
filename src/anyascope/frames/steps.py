"""`StepFrame`: the values of many series at the same steps, aligned."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from anyascope.frames.samples import SampleFrame
from anyascope.model.labels import Labels


@dataclass(frozen=True, slots=True)
class StepFrame:
    """One value a series and step, or none.

    NaN is a value like any other, so absence stands in `present`; what `values` holds where nothing is present means
    nothing. Arrays may be shared and read-only: make new ones, never write.

    Attributes:
        labels: one label set a series.
        values: float64[series, steps].
        present: bool[series, steps].
    """

    labels: Sequence[Labels]
    values: NDArray[np.float64]
    present: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def steps(self) -> int:
        """How many steps each series has."""
        return int(self.values.shape[1])

    @property
    def samples(self) -> int:
        """How many values are present."""
        return int(np.count_nonzero(self.present))

    def to_samples(self, times_ms: NDArray[np.int64]) -> SampleFrame:
        """The present values as a ragged frame; `times_ms` is int64[steps], the time of each step."""
        offsets = np.zeros(len(self.labels) + 1, np.int64)
        np.cumsum(np.count_nonzero(self.present, axis=1), out=offsets[1:])
        times = np.broadcast_to(times_ms, self.present.shape)[self.present]
        return SampleFrame(self.labels, offsets, times, self.values[self.present])
