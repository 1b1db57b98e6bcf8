"""One lane's bodies on disk: numbered segment files that only grow, and a cursor that says what was sent."""

from __future__ import annotations

import contextlib
import os
import struct
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from anyascope.sdk.delivery.frames import Frame, read_frame

SEGMENT_BYTES = 1024 * 1024  # what is dropped at once when the spool is full, and read at once when it is sent
LOOK_EVERY_S = (
    0.5  # how soon it is noticed that somebody deleted the file; what was written meanwhile is lost, and counted
)
FILE_MODE = 0o600  # telemetry is the service's own business, also after redaction
DIRECTORY_MODE = 0o700

_CURSOR = struct.Struct("<QQ")
_SUFFIX = ".segment"


@dataclass(slots=True)
class Segment:
    """A file, and what of it waits."""

    number: int
    size: int = 0  # bytes that are whole; a write in progress lies beyond
    items: int = 0  # of frames that were not sent yet


class SegmentLog:
    """A lane's folder. One process writes and one thread reads; several threads may write.

    Args:
        directory: made if it is absent.
        is_own: whether this process writes here; another's folder is read to its end only.
        lost: told how many items went with a file that somebody deleted.

    Raises:
        OSError: the folder cannot be made, for want of the one above it for example, or read.
    """

    def __init__(self, directory: Path, *, is_own: bool, lost: Callable[[int], None]) -> None:
        self.directory = directory
        self._lost = lost
        self._is_own = is_own
        self._writing = threading.RLock()  # around one append; never held while anything is sent
        self._lock = threading.RLock()  # around bookkeeping
        self._segments: dict[int, Segment] = {}
        self._fd = -1
        self._cursor_fd = -1
        self._number, self._offset = 0, 0  # the cursor: everything before it was sent
        self._newest = 0
        self._look_at_s = 0.0
        self._read: tuple[int, int, bytes] = (-1, 0, b"")  # segment, offset of the first byte, bytes
        self._taken: list[tuple[int, Frame]] = []
        if is_own:
            directory.mkdir(mode=DIRECTORY_MODE, exist_ok=True)
        else:
            self._load()

    @property
    def size(self) -> int:
        """Size in bytes of all files that still hold something to send."""
        with self._lock:
            return sum(segment.size for segment in self._segments.values())

    def waiting(self) -> tuple[int, int]:
        """Items and bytes that were not sent yet."""
        with self._lock:
            sent = self._offset if self._number in self._segments else 0
            return sum(segment.items for segment in self._segments.values()), self.size - sent

    def append(self, frame: bytes, *, items: int) -> None:
        """Keep a frame; once this returns it survives the process, though not the loss of power.

        Raises:
            OSError: it could not be written whole; FileNotFoundError where somebody deleted the folder.
        """
        with self._writing:
            segment = self._active()
            written = os.write(self._fd, frame)
            if written < len(frame):  # the disk is full: what stands there is torn, and passed over by the reader
                self._seal()
                raise OSError(f"wrote {written} of {len(frame)} bytes")
            with self._lock:
                segment.size += written
                segment.items += items

    def take(self, bytes_max: int) -> Iterator[Frame]:
        """The frames that were not sent yet, oldest first, sound and torn: together at most `bytes_max`, at least one."""
        with self._lock:
            self._taken = []
        number, offset, size = self._number, self._offset, 0
        while True:
            place = self._place(number, offset)
            if place is None:
                return
            number, offset = place
            frame = self._frame_at(number, offset)
            if frame is None:
                continue  # the file is gone, and forgotten by now
            size += len(frame.body.data) if frame.body else 0
            if self._taken and size > bytes_max:
                return
            with self._lock:
                self._taken.append((number, frame))
            offset = frame.end
            yield frame

    def done(self, count: int) -> None:
        """The first `count` of the taken frames need nothing more."""
        with self._lock:
            finished, self._taken = self._taken[:count], []
            for number, frame in finished:
                segment = self._segments.get(number)
                if segment is not None:
                    segment.items = max(segment.items - frame.items, 0)
                    self._number, self._offset = number, frame.end
            if finished:
                self._forget_sent()
                self._save_cursor()

    def drop_oldest(self) -> int | None:
        """Delete the oldest segment that nobody sends from or writes to; its unsent items, None where there is no such one."""
        with self._lock:
            busy = {number for number, _ in self._taken} | ({self._newest} if self._is_own else set())
            for number in sorted(self._segments):
                if number not in busy:
                    items = self._segments[number].items
                    self._unlink(number)
                    return items
        return None

    def close(self) -> None:
        """Let go of the files; those with something to send stay."""
        with self._writing, self._lock:
            self._seal()
            for number in sorted(self._segments) if not self.waiting()[1] else ():
                self._unlink(number)
            if self._cursor_fd >= 0:
                os.close(self._cursor_fd)
                self._cursor_fd = -1

    def forget(self) -> int:
        """Let go of files that somebody deleted; the items that went with them."""
        items, _ = self.waiting()
        with self._lock:
            self._segments.clear()
        self.close()
        return items

    def abandon(self) -> None:
        """Close this process's copies of the files without a lock: in a forked child, where one may be held for ever."""
        for descriptor in (self._fd, self._cursor_fd):
            if descriptor >= 0:
                os.close(descriptor)

    def _active(self) -> Segment:
        """The segment that grows; a new one where there is none, it is full, or somebody deleted it."""
        segment = self._segments.get(self._newest)
        if self._fd >= 0:
            is_there = self._is_there()
            if is_there and segment is not None and not self._is_full(segment):
                return segment
            self.close() if not is_there else self._seal()
        self.directory.mkdir(mode=DIRECTORY_MODE, exist_ok=True)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | getattr(os, "O_NOFOLLOW", 0)
        self._fd = os.open(self._path(self._newest + 1), flags, FILE_MODE)
        with self._lock:
            self._newest += 1
            segment = self._segments[self._newest] = Segment(self._newest)
        return segment

    def _is_full(self, segment: Segment) -> bool:
        """Whether the next frame begins another segment; sooner where all of this one was sent, so that it can go."""
        is_sent = segment.number == self._number and self._offset >= segment.size
        return segment.size >= (SEGMENT_BYTES // 4 if is_sent else SEGMENT_BYTES)

    def _is_there(self) -> bool:
        """Whether the file that grows has still a name; looked at now and then, since each append would pay for it."""
        now_s = time.monotonic()
        if now_s < self._look_at_s:
            return True
        self._look_at_s = now_s + LOOK_EVERY_S
        return os.fstat(self._fd).st_nlink > 0

    def _seal(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _place(self, number: int, offset: int) -> tuple[int, int] | None:
        """Where the next frame begins at or behind this place; None where nothing is."""
        with self._lock:
            for found in sorted(self._segments):
                if found > number:
                    number, offset = found, 0
                if found == number and offset < self._segments[found].size:
                    return found, offset
        return None

    def _frame_at(self, number: int, offset: int) -> Frame | None:
        read_number, first, data = self._read
        if read_number != number or not first <= offset < first + len(data):
            data = self._load_from(number, offset)
            first = offset
            self._read = (number, first, data)
        if not data:
            return None
        frame = read_frame(data, offset - first)
        return Frame(frame.body, frame.items, frame.time_ms, first + frame.end)

    def _load_from(self, number: int, offset: int) -> bytes:
        """What is whole behind an offset; empty, and the segment forgotten, where somebody deleted or locked the file."""
        with self._lock:
            segment = self._segments.get(number)
            size = segment.size if segment else 0
        try:
            with self._path(number).open("rb") as file:
                file.seek(offset)
                data = file.read(size - offset)
        except OSError:
            data = b""
        if not data:
            with self._lock:
                gone = self._segments.pop(number, None)
            self._lost(gone.items if gone else 0)
        return data

    def _forget_sent(self) -> None:
        """Delete what was sent whole, but for the one that grows: another thread may be writing to it."""
        for number in sorted(self._segments):
            segment = self._segments[number]
            is_sent = number < self._number or (number == self._number and self._offset >= segment.size)
            is_growing = self._is_own and number == self._newest
            if is_sent and not is_growing:
                self._unlink(number)

    def _unlink(self, number: int) -> None:
        del self._segments[number]
        with contextlib.suppress(OSError):  # somebody else deleted it: that is what was wanted
            self._path(number).unlink()

    def _save_cursor(self) -> None:
        position = _CURSOR.pack(self._number, self._offset)
        try:
            if self._cursor_fd < 0:
                flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0)
                self._cursor_fd = os.open(self.directory / "cursor", flags, FILE_MODE)
            os.pwrite(self._cursor_fd, position + struct.pack("<I", zlib.crc32(position)), 0)
        except OSError:
            return  # at worst some bodies are sent again after a crash

    def _load(self) -> None:
        """Read what another process left: its cursor, and the frames behind it for their number of items."""
        with contextlib.suppress(OSError):
            raw = (self.directory / "cursor").read_bytes()
            if len(raw) >= _CURSOR.size + 4 and zlib.crc32(raw[:-4]) == int.from_bytes(raw[-4:], "little"):
                self._number, self._offset = _CURSOR.unpack_from(raw)
        for path in sorted(self.directory.glob(f"*{_SUFFIX}")):
            number = int(path.stem) if path.stem.isdigit() else -1
            if number >= self._number:
                self._segments[number] = Segment(number, path.stat().st_size)
        for number in list(self._segments):
            offset = self._offset if number == self._number else 0
            while (
                frame := self._frame_at(number, offset) if offset < self._segments[number].size else None
            ) is not None:
                self._segments[number].items += frame.items
                offset = frame.end
                if number not in self._segments:
                    break

    def _path(self, number: int) -> Path:
        return self.directory / f"{number:016d}{_SUFFIX}"
