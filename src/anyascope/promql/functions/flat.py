"""Windows as flat columns: the ones that hold enough samples, one entry a window."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from anyascope.promql.columns import Bools, Floats, Ints
from anyascope.promql.values import Windows

GATHER_SAMPLES_MAX = 2_000_000  # samples copied at once where windows overlap: 16 MB a column


@dataclass(frozen=True, slots=True)
class FlatWindows:
    """The windows of `windows` with at least as many samples as asked for.

    Attributes:
        mask: bool[series, steps], which ones.
        first, stop: int64[windows]; the samples of a window are `first:stop`.
        step: int64[windows], its step.
    """

    windows: Windows
    mask: Bools
    first: Ints
    stop: Ints
    step: Ints

    @staticmethod
    def of(windows: Windows, *, samples_min: int) -> FlatWindows:
        """Those windows that have at least `samples_min` samples."""
        mask = windows.stop - windows.first >= samples_min
        steps = mask.shape[1]
        if steps == 1:
            chosen = mask[:, 0]
            if chosen.all():
                return FlatWindows(
                    windows, mask, windows.first[:, 0], windows.stop[:, 0], np.zeros(len(mask), dtype=np.int64)
                )
        if mask.all():
            step = np.broadcast_to(np.arange(steps), mask.shape).ravel()
            return FlatWindows(windows, mask, windows.first.ravel(), windows.stop.ravel(), step)
        return FlatWindows(windows, mask, windows.first[mask], windows.stop[mask], np.nonzero(mask)[1])

    @property
    def counts(self) -> Ints:
        """int64[windows]: how many samples each has."""
        return self.stop - self.first

    def spread(self, values: Floats) -> Floats:
        """float64[series, steps] of float64[windows]; 0 where there is no window."""
        if len(values) == self.mask.size:
            return values.reshape(self.mask.shape)
        out = np.zeros(self.mask.shape)
        out[self.mask] = values
        return out

    def chunks(self) -> Iterator[tuple[slice, Ints, Ints]]:
        """The samples of the windows, copied out side by side, some windows at a time.

        Yields:
            Which windows; int64[samples], the numbers of their samples; int64[windows], where each window begins among
            those. Windows must not be empty.
        """
        counts = self.counts
        ends = np.cumsum(counts)
        begun = 0
        while begun < len(counts):
            if self.windows.leash is not None:
                self.windows.leash.check()
            before = int(ends[begun - 1]) if begun else 0
            until = max(int(np.searchsorted(ends, before + GATHER_SAMPLES_MAX, side="right")), begun + 1)
            part = slice(begun, until)
            begins = ends[part] - counts[part] - before
            samples = np.arange(int(ends[until - 1]) - before)
            samples += np.repeat(self.first[part] - begins, counts[part])
            yield part, samples, begins
            begun = until


def paired(first: Ints, stop: Ints) -> Ints:
    """int64[2 * windows]: the bounds as `ufunc.reduceat` reads them; take every second of its results."""
    bounds = np.empty(2 * len(first), np.int64)
    bounds[0::2] = first
    bounds[1::2] = stop
    return bounds


def reduced(operation: np.ufunc, values: Floats, first: Ints, stop: Ints) -> Floats:
    """float64[windows]: the operation over `values[first:stop]` of each window; windows must not be empty."""
    if not len(first):
        return np.empty(0)
    if int(stop[-1]) >= len(values) or int(stop.max()) >= len(values):
        values = np.append(values, 0.0)  # `reduceat` wants every bound inside
    found: Floats = operation.reduceat(values, paired(first, stop))[::2]
    return found
