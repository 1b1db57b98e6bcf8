"""The journal's files: appended to by one writer, read by consumers that each remember how far they have come.

A segment stays until every consumer has read it. The consumer `store`, which sorts the journal into tables, is waited for
without end; another one that falls further behind than `retained_bytes_max` loses the oldest segments, and is told so.

Every call may come from any thread and may wait for the disk: never call from the event loop.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from anyascope.clock import NS_PER_MS, Clock
from anyascope.store.journal.positions import Position, read_positions, write_positions
from anyascope.store.journal.records import SEGMENT_HEAD, SEGMENT_MAGIC, Kind, Record, find_records, head_of

MEBIBYTE = 1024 * 1024
STORE = "store"  # the consumer that fills the tables
SUFFIX = ".journal"
READ_BYTES = 8 * MEBIBYTE  # of one read, unless a record is larger: 500,000 samples
FIRST_OFFSET = SEGMENT_HEAD.size


@dataclass(frozen=True, slots=True)
class JournalOptions:
    """How the journal keeps.

    Attributes:
        segment_bytes: of a file, before the next begins; what is removed at once.
        retained_bytes_max: of all files, beyond which a consumer other than the store is left behind.
        is_synced: whether an append waits until the disk has it, so that it survives the loss of power too.
    """

    segment_bytes: int = 32 * MEBIBYTE
    retained_bytes_max: int = 2048 * MEBIBYTE
    is_synced: bool = False


@dataclass(frozen=True, slots=True)
class Reading:
    """What was read: records, where the next read begins, and bytes on the way that belong to no whole record."""

    records: tuple[Record, ...]
    position: Position
    damaged_bytes: int = 0


class Journal:
    """One directory of segments. The caller sees to it that no other process has it."""

    def __init__(self, directory: Path, *, options: JournalOptions, clock: Clock) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self._directory = directory
        self._options = options
        self._clock = clock
        self._guard = threading.RLock()
        self._sizes = {number: self._path(number).stat().st_size for number in _numbers(directory)}
        self._file = -1
        self._lost: dict[str, int] = {}
        self._fault = ""
        try:
            self._positions = read_positions(directory)
        except ValueError as error:
            self._positions = {}
            self._fault = f"the journal's {error}; it was read again from its beginning"
        # Never appended to again: the end of the last one may be cut short. Nor is a number that a consumer has met.
        self._current = max((*self._sizes, *(each.segment for each in self._positions.values())), default=0)
        # A journal whose positions are gone is read again as a whole, which repeats and loses nothing.
        self._positions.setdefault(STORE, self._oldest())

    # --- appending ----------------------------------------------------------------------------------------------------

    def append(self, kind: Kind, parts: Sequence[bytes]) -> Position:
        """Append a record whose payload is these parts; the position behind it. On return it survives `kill -9`.

        Raises:
            OSError: the disk did not take it; nothing of it is kept.
        """
        head = head_of(kind, parts, written_ms=self._clock.now_ns() // NS_PER_MS)
        with self._guard:
            if self._file < 0 or self._sizes[self._current] >= self._options.segment_bytes:
                self._begin_segment()
            size = self._sizes[self._current]
            try:
                written = _write_all(self._file, (head, *parts))
                if self._options.is_synced:
                    os.fdatasync(self._file)
            except OSError:
                self._abandon(size)
                raise
            self._sizes[self._current] = size + written
            return self.end

    @property
    def end(self) -> Position:
        """Behind the last record."""
        with self._guard:
            if self._file < 0:
                return Position(self._current + 1, FIRST_OFFSET)
            return Position(self._current, self._sizes[self._current])

    @property
    def size_bytes(self) -> int:
        """Of all segments."""
        with self._guard:
            return sum(self._sizes.values())

    def _begin_segment(self) -> None:
        number = self._current + 1
        self._close_file()
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND | os.O_CLOEXEC
        file = os.open(self._path(number), flags, 0o600)
        try:
            _write_all(file, (SEGMENT_HEAD.pack(SEGMENT_MAGIC, number),))
            if self._options.is_synced:
                _sync_directory(self._directory)
        except OSError:
            os.close(file)
            with contextlib.suppress(OSError):
                self._path(number).unlink()
            raise
        self._file, self._current, self._sizes[number] = file, number, FIRST_OFFSET
        self._trim()

    def _abandon(self, size: int) -> None:
        """After a failed append: cut its beginning off, and go on in a new segment."""
        with contextlib.suppress(OSError):
            os.ftruncate(self._file, size)
        self._close_file()

    def _close_file(self) -> None:
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def close(self) -> None:
        """Let go of the files."""
        with self._guard:
            self._close_file()

    # --- reading ------------------------------------------------------------------------------------------------------

    def position(self, consumer: str) -> Position:
        """Where the consumer goes on. One that is new begins at the end, and is waited for from now on."""
        with self._guard:
            found = self._positions.get(consumer)
            if found is None:
                found = self._positions[consumer] = self.end
                self._save()
            return found

    def consumers(self) -> tuple[str, ...]:
        """Who is waited for, the store among them."""
        with self._guard:
            return tuple(self._positions)

    def read(self, position: Position, *, bytes_max: int = READ_BYTES) -> Reading:
        """The records from a position on, as many as `bytes_max` payload bytes hold but at least one; none at the end.

        A position in a segment that is gone goes on with the oldest one there is.

        Raises:
            OSError: a file cannot be read.
        """
        damaged, window = 0, bytes_max
        while True:
            position = self._placed(position)
            with self._guard:
                end = self.end
                size = self._sizes.get(position.segment, 0)
            if position.segment >= end.segment and position.offset >= size:
                return Reading((), position, damaged)
            is_whole = position.segment < end.segment
            data = self._bytes(position, size, window)
            is_all = position.offset + len(data) >= size
            found = find_records(data, bytes_max=bytes_max, is_whole=is_whole and is_all)
            if not found.records and not is_all:
                window = max(window, len(data)) * 2  # a record that is larger than a read
                continue
            damaged += found.damaged
            after = Position(position.segment, position.offset + found.used)
            if found.records:
                return Reading(found.records, after, damaged)
            if not is_whole:
                return Reading((), after, damaged)
            position = Position(position.segment + 1, FIRST_OFFSET)

    def commit(self, consumer: str, position: Position) -> None:
        """The consumer has dealt with everything before this position; what nobody needs any more is removed.

        Raises:
            OSError: the position could not be written; it counts all the same until the process ends.
        """
        with self._guard:
            known = self._positions.get(consumer)
            if known is None or known >= position:
                return  # left behind meanwhile, or not waited for any more
            self._positions[consumer] = position
            self._save()
            self._trim()

    def forget(self, consumer: str) -> None:
        """Wait for this consumer no longer."""
        with self._guard:
            if self._positions.pop(consumer, None) is not None:
                self._save()
                self._trim()

    def lost_bytes(self, consumer: str) -> int:
        """What was removed before this consumer had read it, since the start."""
        with self._guard:
            return self._lost.get(consumer, 0)

    def backlog_bytes(self, consumer: str) -> int:
        """What this consumer has still to read."""
        with self._guard:
            at = self._positions.get(consumer, self.end)
            sizes = ((number, size) for number, size in self._sizes.items() if number >= at.segment)
            return sum(size - (at.offset if number == at.segment else FIRST_OFFSET) for number, size in sizes)

    @property
    def fault(self) -> str:
        """What was found amiss when it was opened, a sentence; else empty."""
        return self._fault

    def _placed(self, position: Position) -> Position:
        """The position, moved on where its segment is gone or its end is reached and another follows."""
        with self._guard:
            size = self._sizes.get(position.segment)
            if size is not None and (position.offset < size or position.segment >= self.end.segment):
                return Position(position.segment, max(position.offset, FIRST_OFFSET))
            later = [number for number in self._sizes if number > position.segment]
            return Position(min(later), FIRST_OFFSET) if later else max(position, self.end)

    def _bytes(self, position: Position, size: int, window: int) -> bytes:
        wanted = min(size - position.offset, window)
        with self._path(position.segment).open("rb") as file:
            return os.pread(file.fileno(), wanted, position.offset)

    # --- keeping ------------------------------------------------------------------------------------------------------

    def _trim(self) -> None:
        self._leave_behind()
        needed = min(position.segment for position in self._positions.values())
        for number in [number for number in self._sizes if number < needed and number != self._current]:
            with contextlib.suppress(FileNotFoundError):
                self._path(number).unlink()
            del self._sizes[number]

    def _leave_behind(self) -> None:
        """Move consumers on that hold more than may be kept; the store is waited for."""
        excess = sum(self._sizes.values()) - self._options.retained_bytes_max
        start = None
        for number in sorted(self._sizes):
            if excess <= 0 or number >= min(self._current, self._positions[STORE].segment):
                break
            excess -= self._sizes[number]
            start = Position(number + 1, FIRST_OFFSET)
        if start is None:
            return
        for consumer, position in self._positions.items():
            if consumer != STORE and position < start:
                skipped = self.backlog_bytes(consumer)
                self._positions[consumer] = start
                self._lost[consumer] = self._lost.get(consumer, 0) + skipped - self.backlog_bytes(consumer)
        self._save()

    def _save(self) -> None:
        write_positions(self._directory, self._positions, is_synced=self._options.is_synced)

    def _oldest(self) -> Position:
        return Position(min(self._sizes, default=self._current + 1), FIRST_OFFSET)

    def _path(self, number: int) -> Path:
        return self._directory / f"{number:010d}{SUFFIX}"


def _numbers(directory: Path) -> list[int]:
    names = (path.name.removesuffix(SUFFIX) for path in directory.glob(f"*{SUFFIX}"))
    return sorted(int(name) for name in names if name.isascii() and name.isdigit())


def _write_all(file: int, parts: Sequence[bytes]) -> int:
    data = b"".join(parts)
    view, done = memoryview(data), 0
    while done < len(data):
        done += os.write(file, view[done:])
    return done


def _sync_directory(directory: Path) -> None:
    handle = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
