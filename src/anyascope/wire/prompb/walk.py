"""Known series of a remote-write request, found and read by a compiled walk over its bytes.

A series is known by a key: in 1.0 the bytes of its labels as they stand in a request, in 2.0 the texts that it refers to. The
key is hashed, and compared with what stands in the table. What does not have the usual shape (new series, exemplars, histograms) is left to the classes of protobuf.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
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
from anyascope.wire.prompb.kernels import (
    ABOUT_FIELDS,
    TOO_MANY,
    Bytes,
    Ints,
    Smalls,
    insert_slot,
    look_up_slot,
    measure_labels,
    walk,
    walk_v2,
)

SLOTS_FIRST, KEY_BYTES_FIRST = 1024, 128 * 1024  # entries and bytes of a new table; both double from here
KEYS_BYTES_MAX = 64 * 1024 * 1024  # of one table: 250,000 series of 250 bytes
SAMPLE_BYTES_MIN = 9  # a value of 0 leaves its field out; a time takes six bytes
SYMBOL_FIELDS = 3  # what is noted of a symbol
ABOUTS_MAX = 10_000  # metadata of a request; one a metric
ODD_FIELDS = 3  # what is noted of an entry that is left to others: its place, begin and end


@dataclass(frozen=True, slots=True)
class Walked:
    """What a walk found.

    Attributes:
        series: of each sample, its slot; `places`, which entry of the request it is of.
        odd: entries that are left to others: (place, or -1 for metadata; begin; end).
        abouts: of 2.0, metadata: (place, slot, type, symbols of help and unit).
        symbols: of 2.0, (begin, end, whether it is `__name__`) of each.
    """

    slots: Smalls
    places: Smalls
    times_ms: Ints
    values: NDArray[np.float64]
    odd: Sequence[tuple[int, int, int]]
    abouts: Sequence[tuple[int, int, int, int, int]] = ()
    symbols: Ints = field(default_factory=lambda: np.zeros((0, SYMBOL_FIELDS), np.int64))

    def texts(self, body: bytes) -> list[str]:
        """All symbols.

        Raises:
            UnicodeDecodeError: one is not UTF-8.
        """
        return [body[begin:end].decode() for begin, end, _ in self.symbols.tolist()]

    def is_text(self, body: bytes) -> bool:
        """Whether all symbols are UTF-8."""
        if not len(self.symbols) or body[self.symbols[0, 0] : self.symbols[-1, 1]].isascii():
            return True
        try:
            self.texts(body)
        except UnicodeDecodeError:
            return False
        return True


class _Room:
    """Room for what a walk over that many bytes can find."""

    def __init__(self, size: int) -> None:
        most = size // SAMPLE_BYTES_MIN + 1
        self._found, self._places = np.empty(most, np.int32), np.empty(most, np.int32)
        self._times_ms, self._values = np.empty(most, np.int64), np.empty(8 * most, np.uint8)
        self._odd = np.empty(ODD_FIELDS * min(size // ENTRY_BYTES_MIN, ENTRIES_MAX) + 4, np.int64)

    def columns(self) -> tuple[Smalls, Smalls, Ints, Bytes, Ints]:
        """Slots, places, times, values and what is left to others, as a walk takes them."""
        return self._found, self._places, self._times_ms, self._values, self._odd

    def walked(self, count: int) -> Walked | None:
        """What a walk found that answered with this number.

        Raises:
            TooLargeError: more than ENTRIES_MAX others.
        """
        if count == TOO_MANY:
            raise too_many_entries()
        if count < 0:
            return None
        others = self._odd[1 : 1 + ODD_FIELDS * int(self._odd[0])].reshape(-1, ODD_FIELDS).tolist()
        return Walked(
            self._found[:count].copy(),
            self._places[:count].copy(),
            self._times_ms[:count].copy(),
            self._values[: 8 * count].copy().view("<f8"),
            [(place, begin, end) for place, begin, end in others],
        )


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
        measure = measure_labels.ready(0)
        if measure is not None:
            self.add_key(part[: measure(np.frombuffer(part, np.uint8), labels)], series)

    def add_key(self, key: bytes, series: Series) -> None:
        """Remember a series by these bytes."""
        insert, look_up, size = insert_slot.ready(0), look_up_slot.ready(0), len(key)
        if insert is None or look_up is None or not 0 < size <= KEY_BYTES_MAX:
            return
        if look_up(np.frombuffer(key, np.uint8), size, *self._view) >= 0:
            return
        with self._guard:
            slot, begin = len(self.series), self._key_bytes
            slots, room = len(self._view[2]), len(self._view[4])
            if slot == slots or begin + size > room:
                self._grow(2 * slots if slot == slots else slots, room if begin + size <= room else 2 * room)
            hashes, places, begins, lengths, keys = self._view
            for column, value in zip(self._known, (series.labels, series.id, series.number), strict=True):
                column[slot] = value
            keys[begin : begin + size] = np.frombuffer(key, np.uint8, size)
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
        room = _Room(len(body))
        return room.walked(run(np.frombuffer(body, np.uint8), *self._view, *room.columns()))

    def find_v2(self, body: bytes) -> Walked | None:
        """The same of a request of 2.0.

        Raises:
            TooLargeError: of more than ENTRIES_MAX others.
        """
        run = walk_v2.ready(len(body))
        if run is None:
            return None
        room, symbols_max = _Room(len(body)), min(len(body) // ENTRY_BYTES_MIN, ENTRIES_MAX)
        symbols = np.empty(1 + SYMBOL_FIELDS * symbols_max, np.int64)
        told = np.zeros(SYMBOL_FIELDS * symbols_max, np.int64)
        abouts = np.empty(1 + ABOUT_FIELDS * min(len(body), ABOUTS_MAX), np.int64)
        key = np.empty(KEY_BYTES_MAX, np.uint8)
        count = run(np.frombuffer(body, np.uint8), *self._view, symbols, told, key, *room.columns(), abouts)
        walked = room.walked(count)
        if walked is None:
            return None
        noted = abouts[1 : 1 + ABOUT_FIELDS * int(abouts[0])].reshape(-1, ABOUT_FIELDS).tolist()
        own = symbols[1 : 1 + SYMBOL_FIELDS * int(symbols[0])].reshape(-1, SYMBOL_FIELDS)
        return replace(
            walked, abouts=[(place, slot, kind, text, unit) for place, slot, kind, text, unit in noted], symbols=own
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
