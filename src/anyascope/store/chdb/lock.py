"""One process a data directory: a file lock that names its holder."""

from __future__ import annotations

import contextlib
import fcntl
import os
from pathlib import Path

from anyascope.errors import ConflictError, UnavailableError

LOCK_NAME = "anyascope.lock"
PID_CHARS_MAX = 32  # more than any pid has
RETRY_AFTER_S = 5.0  # a directory that cannot be written needs an operator


class DirectoryLock:
    """Holds a data directory until `release`; the kernel lets go when the process dies, so that it is never stale.

    Attributes:
        left_by: the pid of the last holder where it died without releasing, else empty.

    Raises:
        ConflictError: another process holds it; the message names its pid.
        UnavailableError: the directory cannot be made or written.
    """

    def __init__(self, directory: Path) -> None:
        try:
            directory.mkdir(parents=True, exist_ok=True)
            self._file = os.open(directory / LOCK_NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise UnavailableError(
                f"data directory {directory} cannot be used: {error.strerror}", retry_after_s=RETRY_AFTER_S
            ) from error
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            holder = os.pread(self._file, PID_CHARS_MAX, 0).decode("ascii", "replace").strip()
            os.close(self._file)
            who = f"process {holder}" if holder.isdigit() else "another process"
            raise ConflictError(f"data directory {directory} is in use by {who}") from error
        self.left_by = os.pread(self._file, PID_CHARS_MAX, 0).decode("ascii", "replace").strip()
        os.ftruncate(self._file, 0)
        os.pwrite(self._file, str(os.getpid()).encode("ascii"), 0)

    def release(self) -> None:
        """Let go."""
        with contextlib.suppress(OSError):
            os.ftruncate(self._file, 0)
        os.close(self._file)
