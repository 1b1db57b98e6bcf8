"""Known series of a remote-write 1.0 request, found and read by a compiled walk over its bytes.

A series is known by the bytes of its labels as they stand in a request: they are hashed, and compared with what stands in
the table. What does not have the usual shape (new series, exemplars, histograms) is left to the classes of protobuf.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from anyascope.model.metrics import Numbered, Numbers, SampleBatch
from anyascope.wire.prompb.decoded import (
    ENTRIES_MAX,
    ENTRY_BYTES_MIN,
    KEY_BYTES_MAX,
    KNOWN_MAX,
    Series,
    too_many_entries,
)
from anyascope.wire.prompb.kernels import TOO_MANY, Bytes, Ints, Smalls, insert_slot, look_up_slot, measure_labels, walk

SLOTS_FIRST, KEY_BYTES_FIRST = 1024, 128 * 1024  # entries and bytes of a new table; both double from here
KEYS_BYTES_MAX = 64 * 1024 * 1024  # of one table: 250,000 series of 250 bytes
SAMPLE_BYTES_MIN = 9  # a value of 0 leaves its field out; a time takes six bytes
ODD_FIELDS = 3  # what is noted of an entry that is left to others: its place, begin and end


@dataclass(frozen=True, slots=True)
class Walked:
    """What a walk found.

    Attributes:
        series: of each sample, its slot; `places`, which entry of the request it is of.
        odd: entries that are left to others: (place, or -1 for metadata; begin; end).
    """

    slots: Smalls
    places: Smalls
    times_ms: Ints
    values: NDArray[np.float64]
    odd: Sequence[tuple[int, int, int]]


class KeyTable:
    """Series by their encoded labels. Any thread may look while another one adds, and may miss what is new.

    Args:
        by: whose numbers its series have.
    """

    # What a walk looks at, and labels, ids and numbers by slot; each exchanged as a whole.
    _view: tuple[Smalls, Smalls, Ints, Smalls, Bytes]
    _known: tuple[NDArray[Any], NDArray[np.uint64], Ints]

    def __init__(self, by: Numbers) -> None:
        self.by = by
        self.series: list[Series] = []
        self._guard = threading.Lock()
        self._key_bytes = 0
        self._grow(SLOTS_FIRST, KEY_BYTES_FIRST)

    @property
    def is_full(self) -> bool:
        """Whether another table must be begun."""
        return len(self.series) >= KNOWN_MAX or self._key_bytes >= KEYS_BYTES_MAX

    def _grow(self, slots: int, key_bytes: int) -> None:
        # Slots keep their meaning.
        used = len(self.series)
        begins, lengths, keys = np.zeros(slots, np.int64), np.zeros(slots, np.int32), np.zeros(key_bytes, np.uint8)
        labels, ids, numbers = np.empty(slots, object), np.zeros(slots, np.uint64), np.zeros(slots, np.int64)
        if used:
            _, _, old_begins, old_lengths, old_keys = self._view
            begins[:used], lengths[:used] = old_begins[:used], old_lengths[:used]
            keys[: self._key_bytes] = old_keys[: self._key_bytes]
            labels[:used], ids[:used], numbers[:used] = (each[:used] for each in self._known)
        hashes, places = np.zeros(2 * slots, np.int32), np.zeros(2 * slots, np.int32)
        insert = insert_slot.ready(0)
        if insert is not None:
            for slot in range(used):
                insert(keys, int(begins[slot]), int(begins[slot] + lengths[slot]), slot, hashes, places)
        self._view = (hashes, places, begins, lengths, keys)
        self._known = (labels, ids, numbers)

    def add(self, part: bytes, series: Series, *, labels: int) -> None:
        """Remember a series by what `part` begins with, if that is its labels, `labels` of them, whole."""
        insert, measure, look_up = insert_slot.ready(0), measure_labels.ready(0), look_up_slot.ready(0)
        if insert is None or measure is None or look_up is None:
            return
        size = measure(np.frombuffer(part, np.uint8), labels)
        if not 0 < size <= KEY_BYTES_MAX or look_up(np.frombuffer(part, np.uint8), size, *self._view) >= 0:
            return
        with self._guard:
            slot, begin = len(self.series), self._key_bytes
            slots, room = len(self._view[2]), len(self._view[4])
            if slot == slots or begin + size > room:
                self._grow(2 * slots if slot == slots else slots, room if begin + size <= room else 2 * room)
            hashes, places, begins, lengths, keys = self._view
            for column, value in zip(self._known, (series.labels, series.id, series.number), strict=True):
                column[slot] = value
            keys[begin : begin + size] = np.frombuffer(part, np.uint8, size)
            begins[slot], lengths[slot] = begin, size
            self.series.append(series)
            self._key_bytes += size
            insert(keys, begin, begin + size, slot, hashes, places)

    def find(self, body: bytes) -> Walked | None:
        """What can be read of a request by known series; None where a walk is not to be had, or of no use.

        Raises:
            TooLargeError: of more than ENTRIES_MAX others.
        """
        run = walk.ready(len(body))
        if run is None:
            return None
        most = len(body) // SAMPLE_BYTES_MIN + 1
        found, places = np.empty(most, np.int32), np.empty(most, np.int32)
        times_ms, values, odd = (
            np.empty(most, np.int64),
            np.empty(8 * most, np.uint8),
            np.empty(ODD_FIELDS * min(len(body) // ENTRY_BYTES_MIN, ENTRIES_MAX) + 4, np.int64),
        )
        count = run(np.frombuffer(body, np.uint8), *self._view, found, places, times_ms, values, odd)
        if count == TOO_MANY:
            raise too_many_entries()
        if count < 0:
            return None
        others = odd[1 : 1 + ODD_FIELDS * int(odd[0])].reshape(-1, ODD_FIELDS).tolist()
        return Walked(
            found[:count].copy(),
            places[:count].copy(),
            times_ms[:count].copy(),
            values[: 8 * count].copy().view("<f8"),
            [(place, begin, end) for place, begin, end in others],
        )

    def batch(self, walked: Walked) -> SampleBatch:
        """The samples of known series alone."""
        slots = walked.slots
        if not len(slots):
            return SampleBatch.empty()
        ordered = np.sort(slots)
        if (ordered[1:] != ordered[:-1]).all():
            distinct, rows = slots, np.arange(len(slots), dtype=np.uint32)
        else:
            distinct, inverse = np.unique(slots, return_inverse=True)
            rows = inverse.astype(np.uint32)
        labels, ids, numbers = self._known
        return SampleBatch(
            series=labels[distinct].tolist(),
            series_ids=ids[distinct],
            rows=rows,
            times_ms=walked.times_ms,
            values=walked.values,
            numbered=Numbered(self.by, numbers[distinct]),
        )
