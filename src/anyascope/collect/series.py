"""Which series a source has, and which of them it stopped sending."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from anyascope.model.labels import Labels, series_id
from anyascope.model.metrics import STALE_NAN_BITS, SampleBatch

_GROWTH = 2  # arrays double when they are full, so that a million series cost twenty copies


@dataclass(frozen=True, slots=True)
class Draft:
    """Samples that are to be written, and what is true once they are.

    Attributes:
        samples: with a staleness marker for each series that vanished.
        live: bool[slots], which series the source has now, without those that are not tracked.
    """

    samples: SampleBatch
    live: NDArray[np.bool_]


class SeriesBook:
    """Numbers (slots) for the label sets of one source, and which of them were last written.

    A draft becomes true by `commit`, after it was stored: one that could not be stored is forgotten without a trace.
    """

    def __init__(self, live: Iterable[Labels] = ()) -> None:
        self._slots: dict[Labels, int] = {}
        self._labels: list[Labels] = []
        self._ids = np.empty(64, dtype=np.uint64)
        self._live = np.zeros(0, dtype=np.bool_)
        self._last_slots = np.empty(0, dtype=np.int64)
        self._last_series: tuple[Labels, ...] = ()
        for labels in live:
            self.slot_of(labels)
        self._live = np.ones(len(self._labels), dtype=np.bool_)

    def __len__(self) -> int:
        return len(self._labels)

    def slot_of(self, labels: Labels) -> int:
        """The number of a label set, a new one where it was never seen."""
        slot = self._slots.setdefault(labels, len(self._labels))
        if slot == len(self._labels):
            self._labels.append(labels)
            if slot == len(self._ids):
                self._ids = np.concatenate([self._ids, np.empty((_GROWTH - 1) * slot, dtype=np.uint64)])
            self._ids[slot] = series_id(labels)
        return slot

    def live(self) -> list[Labels]:
        """The series that were last written."""
        return [self._labels[slot] for slot in np.flatnonzero(self._live)]

    def live_count(self) -> int:
        """How many series were last written."""
        return int(np.count_nonzero(self._live))

    def labels_at(self, slot: int) -> Labels:
        """The label set of a slot."""
        return self._labels[slot]

    def draft(
        self,
        slots: NDArray[np.int64],
        values: NDArray[np.float64],
        *,
        time_ms: int,
        times_ms: Mapping[int, int] | None = None,
        untracked: Iterable[int] = (),
    ) -> Draft:
        """What to write for these samples.

        Args:
            slots: int64[n]; a slot may occur twice only with different times.
            values: float64[n].
            time_ms: UTC milliseconds of all samples but those in `times_ms`, and of the staleness markers.
            times_ms: position -> a time of its own.
            untracked: positions of samples whose series get no staleness marker when they vanish.
        """
        live = np.zeros(len(self._labels), dtype=np.bool_)
        live[slots] = True
        tracked = live
        positions = np.fromiter(untracked, dtype=np.int64)
        if len(positions):
            tracked = live.copy()
            tracked[slots[positions]] = False
        gone = np.flatnonzero(self._before() & ~live)
        times = np.full(len(slots) + len(gone), time_ms, dtype=np.int64)
        if times_ms:
            times[np.fromiter(times_ms, dtype=np.int64)] = np.fromiter(times_ms.values(), dtype=np.int64)
        # By their bits: a staleness marker must not pass through arithmetic, which may quieten it.
        bits = np.concatenate([values.view(np.uint64), np.full(len(gone), STALE_NAN_BITS, dtype=np.uint64)])
        samples = self._batch(np.concatenate([slots, gone]), times, bits.view(np.float64))
        return Draft(samples, tracked)

    def count_new(self, slots: NDArray[np.int64]) -> int:
        """How many distinct series among these were not last written."""
        now = np.zeros(len(self._labels), dtype=np.bool_)
        now[slots] = True
        return int(np.count_nonzero(now & ~self._before()))

    def commit(self, draft: Draft) -> None:
        """The draft was stored."""
        self._live = draft.live

    def farewell(self, *, time_ms: int) -> SampleBatch:
        """A staleness marker for every series that was last written; the source is gone."""
        draft = self.draft(np.empty(0, np.int64), np.empty(0, np.float64), time_ms=time_ms)
        return draft.samples

    def _before(self) -> NDArray[np.bool_]:
        """`live` as long as there are slots now."""
        before = np.zeros(len(self._labels), dtype=np.bool_)
        before[: len(self._live)] = self._live
        return before

    def _batch(self, slots: NDArray[np.int64], times_ms: NDArray[np.int64], values: NDArray[np.float64]) -> SampleBatch:
        if np.array_equal(slots, self._last_slots):
            own_rows = np.arange(len(slots), dtype=np.uint32)
            return SampleBatch(self._last_series, self._ids[slots], own_rows, times_ms, values)
        distinct, rows = np.unique(slots, return_inverse=True)
        if len(distinct) < len(slots):
            series = tuple(self._labels[slot] for slot in distinct.tolist())
            return SampleBatch(series, self._ids[distinct], rows.astype(np.uint32), times_ms, values)
        self._last_slots = slots
        self._last_series = tuple(self._labels[slot] for slot in slots.tolist())
        return self._batch(slots, times_ms, values)
