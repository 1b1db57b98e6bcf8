"""What survives the process: a file to which the state of each alert is appended, and which is written anew when it grows.

Each process has a slot of its own (`FILE`, `FILE.1`, `FILE.2` …), held by a lock that ends with it. A manager that starts
takes over what dead processes have left in the slots that nobody holds.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, Any

from anyascope.sdk.guard import tell_once

SLOTS_MAX = 64  # processes of one service on one machine
FILE_BYTES_MAX = 4 * 1024 * 1024  # 1,000 alerts of 2 kB, twice; then it is written anew
LINE_BYTES_MAX = 256 * 1024  # an alert with all its texts at their limits is a third of it
VERSION = 1

Entry = dict[str, Any]


class Journal:
    """One slot, held. Used by one thread at a time.

    Args:
        path: the file; its folder must exist.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: IO[bytes] | None = None
        self._lock: IO[bytes] | None = None
        self._bytes = 0
        self._is_broken = False

    def open(self) -> list[Entry]:
        """Hold a slot, and give the entries of all slots that nobody held: the latest of each key, whole ones only."""
        found: list[Entry] = []
        try:
            for path in self._slots():
                lock = _locked(path)
                if lock is None:
                    continue
                found.extend(_entries(path))
                if self._lock is None:
                    self._lock, self._path = lock, path
                    self._file = path.open("ab")
                    path.chmod(0o600)
                    continue
                path.unlink(missing_ok=True)
                lock.close()
        except OSError as error:
            self._fail(error)
        return found

    def append(self, entries: Iterable[Entry]) -> None:
        """Write these at the end; they survive the process, not the machine's power."""
        if self._file is None:
            return
        try:
            data = b"".join(_line(entry) for entry in entries)
            self._file.write(data)
            self._file.flush()
            self._bytes += len(data)
        except OSError as error:
            self._fail(error)

    @property
    def is_full(self) -> bool:
        """Whether it should be written anew."""
        return self._bytes > FILE_BYTES_MAX

    def rewrite(self, entries: Iterable[Entry]) -> None:
        """Let the file hold these only; a crash leaves the old or the new one."""
        if self._file is None:
            return
        fresh = self._path.with_name(f"{self._path.name}.new")
        try:
            with fresh.open("wb") as file:
                fresh.chmod(0o600)
                for entry in entries:
                    file.write(_line(entry))
                file.flush()
                os.fsync(file.fileno())
                self._bytes = file.tell()
            fresh.replace(self._path)
            self._file.close()
            self._file = self._path.open("ab")
        except OSError as error:
            self._fail(error)

    def close(self) -> None:
        """Let the slot go; what is in it stays for the next process."""
        for file in (self._file, self._lock):
            if file is not None:
                with contextlib.suppress(OSError):
                    file.close()
        self._file = self._lock = None

    def _slots(self) -> Iterator[Path]:
        """The first file, and all further ones that exist; where all are held, a new one."""
        for number in range(SLOTS_MAX):
            path = self._path if number == 0 else self._path.with_name(f"{self._path.name}.{number}")
            if number == 0 or path.exists() or self._lock is None:
                yield path

    def _fail(self, error: OSError) -> None:
        self.close()
        tell_once("the state file of alerts cannot be used, they live in memory only", error)


def _locked(path: Path) -> IO[bytes] | None:
    """A lock on the slot's neighbour file, so that the file itself can be replaced; None where somebody has it."""
    lock = path.with_name(f"{path.name}.lock").open("ab")
    with contextlib.suppress(ImportError):  # Windows: one process a file, without a lock
        import fcntl  # noqa: PLC0415  # is not everywhere

        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.close()
            return None
    return lock


def _line(entry: Entry) -> bytes:
    return json.dumps({"v": VERSION, **entry}, ensure_ascii=True, separators=(",", ":")).encode() + b"\n"


def _entries(path: Path) -> list[Entry]:
    """The latest entry of each key; a line that a crash cut off, or that is not ours, is passed over."""
    found: dict[str, Entry] = {}
    with contextlib.suppress(FileNotFoundError), path.open("rb") as file:
        while line := file.readline(LINE_BYTES_MAX):
            with contextlib.suppress(ValueError, TypeError, KeyError):
                entry = json.loads(line)
                if entry["v"] == VERSION and isinstance(entry["key"], str):
                    found.pop(entry["key"], None)
                    found[entry["key"]] = entry
    return [entry for entry in found.values() if not entry.get("gone")]
