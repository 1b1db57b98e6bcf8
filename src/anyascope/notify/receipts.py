"""Which notifications far ends have taken, noted the moment they say so.

A commit waits for the disk, some milliseconds; a line that was written to a file outlives the process at once. Between the two
`kill -9` would send again what has arrived. The file is no record for people: the journal is, and it follows.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

import structlog

FILE = "receipts"
BYTES_MAX = 1_000_000  # 30,000 sends; the commit of each follows within milliseconds, so an older file is kept only for one turn

log = structlog.get_logger("anyascope.notify")


class Receipts:
    """Ids in a file of lines. Without a directory nothing is noted, and a crash may send a little more again.

    A file that cannot be written is told once; sending goes on.
    """

    def __init__(self, directory: Path | None) -> None:
        self._path = None if directory is None else directory / FILE
        self._file = -1
        self._bytes = 0
        self._is_broken = False

    def take_up(self) -> frozenset[str]:
        """What an earlier life noted."""
        if self._path is None:
            return frozenset()
        try:
            texts = [path.read_text("ascii", "replace") for path in (self._older, self._path) if path.exists()]
        except OSError as error:
            self._tell(error)
            return frozenset()
        return frozenset(line for text in texts for line in text.split("\n") if line)

    def begin(self, pending: Iterable[str]) -> None:
        """Note from now on. `pending` are those of an earlier life that are not on record yet."""
        if self._path is None:
            return
        try:
            fresh = self._path.with_suffix(".new")
            fresh.write_text("".join(f"{identity}\n" for identity in pending), "ascii")
            fresh.replace(self._path)
            self._older.unlink(missing_ok=True)
            self._open()
        except OSError as error:
            self._tell(error)

    def note(self, identity: str) -> None:
        """The far end has taken this notification."""
        if self._file < 0 or self._path is None:
            return
        try:
            self._bytes += os.write(self._file, f"{identity}\n".encode())
            if self._bytes > BYTES_MAX:
                os.close(self._file)
                self._path.replace(self._older)
                self._open()
        except OSError as error:
            self._tell(error)

    def close(self) -> None:
        """Note nothing any longer."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    @property
    def _older(self) -> Path:
        assert self._path is not None
        return self._path.with_suffix(".old")

    def _open(self) -> None:
        assert self._path is not None
        self._file = os.open(self._path, os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600)
        self._bytes = 0

    def _tell(self, error: OSError) -> None:
        if not self._is_broken:
            log.warning("receipts_not_noted", detail=str(error), effect="a crash may repeat what has just arrived")
        self._is_broken = True
