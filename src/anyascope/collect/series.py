"""Which series a source has, and which of them it stopped sending."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from anyascope.model.labels import Labels, series_id
from anyascope.model.metrics import STALE_NAN, STALE_NAN_BITS, HistogramSample, SampleBatch

SERIES_SPARE = 1000  # series that may be remembered beyond twice those in use, before the others are forgotten
_GROWTH = 2  # arrays double when they are full, so that a million series cost twenty copies


@dataclass(frozen=True, slots=True)
class Draft:
    """Samples that are to be written, and what is true once they are.

    Attributes:
        samples: with a staleness marker for each series of floats that vanished.
        live: bool[slots], which series the source has now, without those that are not tracked.
        histograms: with a staleness marker for each series of native histograms that vanished.
        native: bool[slots], which series are of native histograms, as they were last written.
    """

    samples: SampleBatch
    live: NDArray[np.bool_]
    histograms: tuple[HistogramSample, ...]
    native: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Live:
    """What a source has last written: all series, and which of them are of native histograms."""

    series: tuple[Labels, ...] = ()
    native: frozenset[Labels] = frozenset()


class SeriesBook:
    """Numbers (slots) for the label sets of one source, and which of them were last written.

    A draft becomes true by `commit`, after it was stored: one that could not be stored is forgotten without a trace.
    """

    def __init__(self, live: Live | None = None) -> None:
        self._slots: dict[Labels, int] = {}
        self._labels: list[Labels] = []
        self._ids = np.empty(64, dtype=np.uint64)
        self._live = np.zeros(0, dtype=np.bool_)
        self._last_slots = np.empty(0, dtype=np.int64)
        self._last_series: tuple[Labels, ...] = ()
        before = live or Live()
        for labels in before.series:
            self.slot_of(labels)
        self._live = np.ones(len(self._labels), dtype=np.bool_)
        self._native = np.array([labels in before.native for labels in self._labels], dtype=np.bool_)

    def __len__(self) -> int:
        return len(self._labels)

    @property
    def is_overgrown(self) -> bool:
        """Whether most of what is remembered is of series that went: then begin anew with `SeriesBook(book.live())`."""
        return len(self) > 2 * self.live_count() + SERIES_SPARE

    def slot_of(self, labels: Labels) -> int:
        """The number of a label set, a new one where it was never seen."""
        slot = self._slots.setdefault(labels, len(self._labels))
        if slot == len(self._labels):
            self._labels.append(labels)
            if slot == len(self._ids):
                self._ids = np.concatenate([self._ids, np.empty((_GROWTH - 1) * slot, dtype=np.uint64)])
            self._ids[slot] = series_id(labels)
        return slot

    def live(self) -> Live:
        """The series that were last written."""
        slots = np.flatnonzero(self._live).tolist()
        native = frozenset(self._labels[slot] for slot in slots if self._native[slot])
        return Live(tuple(self._labels[slot] for slot in slots), native)

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
        natives: Mapping[int, HistogramSample] | None = None,
    ) -> Draft:
        """What to write for these samples.

        Args:
            slots: int64[n]; a slot may occur twice only with different times.
            values: float64[n].
            time_ms: UTC milliseconds of all samples but those in `times_ms`, and of the staleness markers.
            times_ms: position -> a time of its own.
            untracked: positions of samples whose series get no staleness marker when they vanish.
            natives: position -> the native histogram that stands there, without labels and time.
        """
        live = np.zeros(len(self._labels), dtype=np.bool_)
        live[slots] = True
        tracked = live
        positions = np.fromiter(untracked, dtype=np.int64)
        if len(positions):
            tracked = live.copy()
            tracked[slots[positions]] = False
        gone = np.flatnonzero(_as_long(self._live, len(live)) & ~live)
        times = np.full(len(slots), time_ms, dtype=np.int64)
        if times_ms:
            times[np.fromiter(times_ms, dtype=np.int64)] = np.fromiter(times_ms.values(), dtype=np.int64)
        native = _as_long(self._native, len(live)).copy()
        native[slots] = False
        gone_native = gone[native[gone]]
        histograms: list[HistogramSample] = []
        if natives:
            places = np.fromiter(natives, dtype=np.int64)
            native[slots[places]] = True
            histograms = [
                replace(found, labels=self._labels[slots[at]], time_ms=int(times[at])) for at, found in natives.items()
            ]
            slots, times, values = np.delete(slots, places), np.delete(times, places), np.delete(values, places)
        histograms += [
            HistogramSample(self._labels[slot], time_ms, 0.0, STALE_NAN, 0, 0.0, 0.0) for slot in gone_native
        ]
        samples = self._with_markers(slots, times, values, gone=gone[~native[gone]], time_ms=time_ms)
        return Draft(samples, tracked, tuple(histograms), native)

    def count_new(self, slots: NDArray[np.int64]) -> int:
        """How many distinct series among these were not last written."""
        now = np.zeros(len(self._labels), dtype=np.bool_)
        now[slots] = True
        return int(np.count_nonzero(now & ~_as_long(self._live, len(now))))

    def commit(self, draft: Draft) -> None:
        """The draft was stored."""
        self._live = draft.live
        self._native = draft.native

    def farewell(self, *, time_ms: int) -> Draft:
        """A staleness marker for every series that was last written; the source is gone."""
        return self.draft(np.empty(0, np.int64), np.empty(0, np.float64), time_ms=time_ms)

    def _with_markers(
        self,
        slots: NDArray[np.int64],
        times_ms: NDArray[np.int64],
        values: NDArray[np.float64],
        *,
        gone: NDArray[np.int64],
        time_ms: int,
    ) -> SampleBatch:
        # By their bits: a staleness marker must not pass through arithmetic, which may quieten it.
        bits = np.concatenate([values.view(np.uint64), np.full(len(gone), STALE_NAN_BITS, dtype=np.uint64)])
        times = np.concatenate([times_ms, np.full(len(gone), time_ms, dtype=np.int64)])
        return self._batch(np.concatenate([slots, gone]), times, bits.view(np.float64))

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


def _as_long(flags: NDArray[np.bool_], size: int) -> NDArray[np.bool_]:
    """bool[size]: the flags, and False for the slots that came since."""
    found = np.zeros(size, dtype=np.bool_)
    found[: len(flags)] = flags
    return found
