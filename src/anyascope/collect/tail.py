"""Follows a log file that somebody else writes."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO

from anyascope.collect.apart import Apart
from anyascope.model.documents import Json

FIRST_BYTES = 256 * 1024  # how much of the past a first start reads: some 1,000 lines
CUT_SEEN_MAX = 10  # looks at a file that was cut and still grows: a node writes 10 MB of it again within milliseconds
LINE_BYTES_MAX = 1024 * 1024  # longer lines are given in parts, for the caller to skip


class FileTail:
    """Reads the lines that are added to a file, over rotations and truncations.

    A file that was cut may still have its end, as a node's log that is cut to its newest 10 MB at a start: it is followed from the line
    that was read last, where that is still there.

    Args:
        path: the file.
        position: `inode` and `offset` where to go on, and `last`, the mark of the last line; from near the end where it is empty or of
            another file.
    """

    def __init__(self, path: Path, position: Mapping[str, Json]) -> None:
        self._path = path
        self._file: BinaryIO | None = None
        self._inode = 0
        self._offset = 0
        self._rest = b""
        self._last = ""
        self._cut: tuple[int, int] | None = None  # how often it was seen since it was cut, and how large it was
        self._open(position)

    def read(self) -> list[tuple[bytes, dict[str, Json]]]:
        """The next lines without their line feeds, each with the position behind it; empty where there are none now.

        The position of the last of them alone has its mark.
        """
        if self._file is None:
            self._open({"inode": 0, "offset": 0})
        chunk = self._file.read(CHUNK_BYTES) if self._file is not None and self._cut is None else b""
        if not chunk:
            self._turn()
            return []
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        found: list[tuple[bytes, dict[str, Json]]] = []
        for line in lines:
            self._offset += len(line) + 1
            found.append((line, {"inode": self._inode, "offset": self._offset}))
        if len(self._rest) > LINE_BYTES_MAX:
            # Not a log any more: go on behind it, its length is told by the caller's count of long lines.
            self._offset += len(self._rest)
            found.append((self._rest, {"inode": self._inode, "offset": self._offset}))
            self._rest = b""
        found = [pair for pair in found if pair[0]]
        if found:
            line, position = found[-1]
            self._last = position["last"] = _mark(line)
        return found

    def close(self) -> None:
        """Let go of the file."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _turn(self) -> None:
        """At the end of the file: see whether another one has its name, or it was cut."""
        try:
            found = self._path.stat()
        except FileNotFoundError:
            return  # between two steps of a rotation
        if found.st_ino != self._inode:
            self.close()
            self._open({"inode": found.st_ino, "offset": 0})
        elif self._cut is not None or found.st_size < self._offset:
            self._follow_cut(found.st_size)

    def _follow_cut(self, size: int) -> None:
        """Go on where the line that was read last is; else at the start, once what the file keeps is written."""
        with self._path.open("rb") as file:
            offset = _behind(file, self._last)
        seen, size_before = self._cut or (0, -1)
        if self._last and not offset and size != size_before and seen < CUT_SEEN_MAX:
            self._cut = (seen + 1, size)
            return
        self.close()
        self._open({"inode": self._inode, "offset": offset, "last": self._last})

    def _open(self, position: Mapping[str, Json]) -> None:
        try:
            file = self._path.open("rb")
        except FileNotFoundError:
            return
        found = os.fstat(file.fileno())
        inode, offset = position.get("inode"), position.get("offset")
        if not position:
            offset = _line_start(file, max(found.st_size - FIRST_BYTES, 0))
        elif inode != found.st_ino or not isinstance(offset, int):
            offset = 0  # rotated while we were away: all of the new one is unread
        elif offset > found.st_size:
            offset = _behind(file, str(position.get("last") or ""))
        assert isinstance(offset, int)
        file.seek(offset)
        self._file, self._inode, self._offset, self._rest = file, found.st_ino, offset, b""
        self._last, self._cut = str(position.get("last") or ""), None


CHUNK_BYTES = 256 * 1024  # read at once; one poll of a busy file takes a millisecond


def _mark(line: bytes) -> str:
    """Tells a line from others; not the line itself, which may hold a secret."""
    return hashlib.blake2b(line, digest_size=16).hexdigest()


def _behind(file: BinaryIO, last: str) -> int:
    """Where the line with this mark ends, in a file that was cut; 0 where it is not there any more: then all of it is unread."""
    offset = found = 0
    for line in iter(lambda: file.readline(LINE_BYTES_MAX), b"") if last else ():
        offset += len(line)
        if _mark(line.rstrip(b"\n")) == last:
            found = offset
    return found


class ApartTail:
    """A tail that is read beside the event loop, for files whose disk may be far away.

    Args:
        name: of the thread.
    """

    def __init__(self, path: Path, *, name: str) -> None:
        self._path = path
        self._apart = Apart(name)
        self._tail: FileTail | None = None

    async def open(self, position: Mapping[str, Json]) -> None:
        """Begin at this position, as `FileTail` does.

        Raises:
            OSError: the file is not there, or cannot be read.
        """
        await self._apart.run(lambda: self._open(position))

    async def read(self) -> list[tuple[bytes, dict[str, Json]]]:
        """As `FileTail.read`."""
        assert self._tail is not None
        return await self._apart.run(self._tail.read)

    def close(self) -> None:
        """Let go of the file once what is being read of it has come; nobody waits for that."""
        self._apart.leave(self._close)

    def _open(self, position: Mapping[str, Json]) -> None:
        with self._path.open("rb"):
            pass  # a tail waits silently for a file that is not there
        self._tail = FileTail(self._path, position)

    def _close(self) -> None:
        if self._tail is not None:
            self._tail.close()


def _line_start(file: BinaryIO, offset: int) -> int:
    """The first beginning of a line at or behind `offset`."""
    if offset == 0:
        return 0
    file.seek(offset)
    file.readline(LINE_BYTES_MAX)
    return file.tell()
