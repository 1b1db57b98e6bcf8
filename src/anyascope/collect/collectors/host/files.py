"""Where the kernel's files are, and how they are read."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

_CHUNK_BYTES = 64 * 1024  # the kernel gives most files whole at the first read of this size
FILE_BYTES_MAX = 16 * 1024 * 1024  # /proc/net/udp of a server with 100,000 sockets is 12 MB


class NoDataError(Exception):
    """This machine has nothing of the kind: the collector's success is 0, which is no fault."""


@dataclass(frozen=True, slots=True)
class HostFiles:
    """The mount points of /proc and /sys, and of the host's root as seen from here."""

    procfs: Path = Path("/proc")
    sysfs: Path = Path("/sys")
    rootfs: Path = Path("/")

    def proc(self, name: str) -> str:
        """The text of a file below /proc.

        Raises:
            NoDataError: it is not there, or not readable for us.
        """
        return read_text(f"{self.procfs}/{name}")

    def sys(self, name: str) -> str:
        """The text of a file below /sys, without its closing line feed; raises as `proc`."""
        return read_text(f"{self.sysfs}/{name}").strip()

    def sys_or_none(self, name: str) -> str | None:
        """The same, or None where there is nothing: many properties cannot be read of a device that is down."""
        try:
            return self.sys(name)
        except NoDataError:
            return None

    def sys_names(self, folder: str) -> list[str]:
        """The names in a folder below /sys, sorted; raises as `proc`."""
        try:
            return sorted(os.listdir(f"{self.sysfs}/{folder}"))  # noqa: PTH208  # names, no paths, a third of the time
        except OSError as error:
            raise NoDataError(str(error)) from error


def read_text(path: str) -> str:
    """A kernel file whole: by plain system calls, four times as fast as `Path.read_text`.

    Raises:
        NoDataError: it is not there, or cannot be read.
    """
    try:
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            parts = [os.read(handle, _CHUNK_BYTES)]
            size = len(parts[0])
            while parts[-1] and size < FILE_BYTES_MAX:
                parts.append(os.read(handle, _CHUNK_BYTES))
                size += len(parts[-1])
        finally:
            os.close(handle)
    except OSError as error:
        raise NoDataError(f"{path}: {error.strerror}") from error
    return b"".join(parts).decode("utf-8", "replace")
