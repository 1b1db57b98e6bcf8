"""The entries in memory: their rows in the order of lanes, cut into pieces for the shards."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from anyascope.forward.log import NO_VALUES, Entry
from anyascope.forward.options import LANES
from anyascope.forward.places import Place
from anyascope.forward.shards import lanes_of
from anyascope.forward.tally import KINDS
from anyascope.model.metrics import Exemplar, HistogramSample
from anyascope.wire.prompb.outgoing import Outgoing, WireSeries

NO_TIMES = np.empty(0, np.int64)


@dataclass(slots=True)
class Held:
    """An entry whose rows wait to be sent: those that are meant for this far end, ordered by their lanes.

    Attributes:
        start, end: the entry's place.
        lane_starts: int64[LANES + 1], where each lane's rows begin among all rows of the entry in the order of lanes.
        kept: int64[n], places in that order of the rows that are held; ascending.
        series: one a row held.
        times_ms, values, others: as in the entry, of the rows held.
        waiting: rows held that are not dealt with yet.
    """

    start: Place
    end: Place
    lane_starts: NDArray[np.int64]
    kept: NDArray[np.int64]
    series: Sequence[WireSeries]
    times_ms: NDArray[np.int64]
    values: NDArray[np.float64]
    others: Sequence[HistogramSample | Exemplar]
    waiting: int

    @property
    def counts(self) -> dict[str, int]:
        """How many of each kind it holds."""
        histograms = sum(isinstance(other, HistogramSample) for other in self.others)
        rows = (0 if self.others else len(self.kept), histograms, len(self.others) - histograms)
        return dict(zip(KINDS, rows, strict=True))

    def bounds(self, lanes: tuple[int, int]) -> tuple[int, int]:
        """Which of the rows held are of these lanes (first, past the last)."""
        first, end = np.searchsorted(self.kept, self.lane_starts[list(lanes)]).tolist()
        return first, end

    def cut(self, stop: int) -> tuple[int, int]:
        """The lane of the row held before `stop`, and how many rows of that lane in the entry come up to it."""
        row = int(self.kept[stop - 1])
        lane = int(np.searchsorted(self.lane_starts, row, side="right")) - 1
        return lane, row + 1 - int(self.lane_starts[lane])


@dataclass(frozen=True, slots=True)
class Piece:
    """Some rows of an entry, from `start` to before `stop` of those held."""

    held: Held
    start: int
    stop: int

    def __len__(self) -> int:
        return self.stop - self.start


@dataclass(frozen=True, slots=True)
class Sorted:
    """An entry's rows in the order of lanes: `order` are their places in the entry, `lane_starts` as `Held` has them."""

    order: NDArray[np.int64]
    lane_starts: NDArray[np.int64]


def sort_rows(entry: Entry) -> Sorted:
    """The order is the same whenever the entry is read."""
    lanes = lanes_of(entry.ids)
    starts = np.zeros(LANES + 1, np.int64)
    np.cumsum(np.bincount(lanes, minlength=LANES), out=starts[1:])
    return Sorted(np.argsort(lanes, kind="stable"), starts)


def between(lane_starts: NDArray[np.int64], low: NDArray[np.int64], high: NDArray[np.int64]) -> NDArray[np.bool_]:
    """bool[rows]: those from a lane's row `low` to before its row `high`; -1 stands for all of the lane's rows."""
    counts = np.diff(lane_starts)
    bounds = [np.where(rows < 0, counts, np.minimum(rows, counts)) for rows in (low, high)]
    within = np.arange(int(lane_starts[-1])) - np.repeat(lane_starts[:-1], counts)
    chosen: NDArray[np.bool_] = (within >= np.repeat(bounds[0], counts)) & (within < np.repeat(bounds[1], counts))
    return chosen


def hold(entry: Entry, ordered: Sorted, kept: NDArray[np.int64], series: Sequence[WireSeries]) -> Held:
    """The rows at these places of the order, each with its series."""
    rows = ordered.order[kept]
    return Held(
        start=entry.start,
        end=entry.end,
        lane_starts=ordered.lane_starts,
        kept=kept,
        series=series,
        times_ms=entry.times_ms[rows],
        values=entry.values[rows] if len(entry.values) else entry.values,
        others=[entry.others[row] for row in rows.tolist()] if entry.others else (),
        waiting=len(kept),
    )


def outgoing(pieces: Sequence[Piece]) -> Outgoing:
    """The request that these pieces make."""
    samples = [piece for piece in pieces if not piece.held.others]
    others = [
        (piece.held.series[row], piece.held.others[row])
        for piece in pieces
        if piece.held.others
        for row in range(piece.start, piece.stop)
    ]
    return Outgoing(
        series=[series for piece in samples for series in piece.held.series[piece.start : piece.stop]],
        times_ms=np.concatenate([NO_TIMES, *(piece.held.times_ms[piece.start : piece.stop] for piece in samples)]),
        values=np.concatenate([NO_VALUES, *(piece.held.values[piece.start : piece.stop] for piece in samples)]),
        histograms=[(series, other) for series, other in others if isinstance(other, HistogramSample)],
        exemplars=[(series, other) for series, other in others if isinstance(other, Exemplar)],
    )
