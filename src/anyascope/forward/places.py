"""Places in the log of what was stored, and how far each lane of a far end has come, on disk after every request.

A request that was under way when the process died was taken or was not: nobody knows. So each lane has two places: up to
`done` everything was answered, and what lies between `done` and `sent` was in that request. It is sent again by itself,
because some far ends refuse a request as a whole for one sample that they have already.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from anyascope.forward.options import LANES


class Place(NamedTuple):
    """Between two entries of the log."""

    segment: int
    offset: int


LANE = np.dtype([("segment", "<u8"), ("offset", "<u8"), ("row", "<u8"), ("check", "<u8")])
ROWS = np.dtype([("done", LANE), ("sent", LANE)])  # 64 bytes a lane: none crosses a sector of the disk
MIX = np.uint64(0x9E3779B97F4A7C15)  # of the check: zeros, as a file system may leave them, do not pass


class LanePlaces:
    """Each lane's places, in memory and in a file that is written in place.

    A place is before the entry at (segment, offset), whose first `row` rows of that lane count too. Written without
    waiting for the disk: a process that is killed loses none, a machine that loses power repeats some samples.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._rows = np.zeros(LANES, ROWS)
        self._file = -1

    def open(self, start: Place) -> None:
        """Take up what the file says; lanes of which it says nothing, or less, begin at `start`.

        Raises:
            OSError: the file cannot be had.
        """
        if self._path is not None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            data = os.pread(self._file, self._rows.nbytes, 0)
            if len(data) == self._rows.nbytes:
                self._rows = np.frombuffer(data, ROWS).copy()
        for name in ("done", "sent"):
            column = self._rows[name]
            is_behind = ~_is_sound(column) | _is_before(column, start)
            column[is_behind] = _lane(start, 0)
        self._write(0, LANES)

    def close(self) -> None:
        """Let go of the file."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def first(self) -> Place:
        """Where reading goes on: before it every lane is done."""
        done = self._rows["done"]
        return min(Place(*pair) for pair in zip(done["segment"].tolist(), done["offset"].tolist(), strict=True))

    def settled(self) -> Place:
        """From an entry that begins here on, no lane has anything done or under way."""
        found = Place(0, 0)
        for name in ("done", "sent"):
            column = self._rows[name]
            places = zip(column["segment"].tolist(), column["offset"].tolist(), column["row"].tolist(), strict=True)
            # A place within an entry is settled with the next one, wherever that begins.
            found = max(found, *(Place(segment, offset + (1 if row else 0)) for segment, offset, row in places))
        return found

    def taken(self, name: str, entry: Place) -> NDArray[np.int64]:
        """int64[LANES]: how many rows of the entry that begins here each lane has behind it; -1 for all of them.

        Args:
            name: `done` or `sent`.
        """
        column = self._rows[name]
        is_same = (column["segment"] == entry.segment) & (column["offset"] == entry.offset)
        is_past = (column["segment"] > entry.segment) | (
            (column["segment"] == entry.segment) & (column["offset"] > entry.offset)
        )
        return np.where(is_past, -1, np.where(is_same, column["row"].astype(np.int64), 0))

    def note(self, name: str, lanes: tuple[int, int], place: Place, row: int = 0) -> None:
        """These lanes (first, past the last) have come at least so far; `write` makes it durable."""
        column = self._rows[name][lanes[0] : lanes[1]]
        column[_is_before(column, place, row)] = _lane(place, row)

    def settle(self) -> None:
        """What was under way is answered."""
        self._rows["done"] = self._rows["sent"]
        self._write(0, LANES)

    def write(self, lanes: tuple[int, int]) -> None:
        """Hand what was noted of these lanes over to the operating system."""
        self._write(*lanes)

    def _write(self, first: int, end: int) -> None:
        if self._file >= 0:
            os.pwrite(self._file, self._rows[first:end].tobytes(), first * ROWS.itemsize)


def _lane(place: Place, row: int) -> NDArray[np.void]:
    one = np.zeros((), LANE)
    one["segment"], one["offset"], one["row"] = place.segment, place.offset, row
    one["check"] = _check(one)
    return one


def _check(column: NDArray[np.void]) -> NDArray[np.uint64]:
    with np.errstate(over="ignore"):
        found: NDArray[np.uint64] = ((column["segment"] * MIX ^ column["offset"]) * MIX ^ column["row"]) + MIX
    return found


def _is_sound(column: NDArray[np.void]) -> NDArray[np.bool_]:
    sound: NDArray[np.bool_] = column["check"] == _check(column)
    return sound


def _is_before(column: NDArray[np.void], place: Place, row: int = 0) -> NDArray[np.bool_]:
    segment, offset = column["segment"], column["offset"]
    is_same = (segment == place.segment) & (offset == place.offset)
    before: NDArray[np.bool_] = (
        (segment < place.segment)
        | ((segment == place.segment) & (offset < place.offset))
        | (is_same & (column["row"] < row))
    )
    return before
