"""Which processes of this machine have a vendor's module loaded, and how many files each holds open.

PKCS#11 does not say who holds which session. A process table does say who may: whoever has mapped the library. Only processes
are seen whose `/proc/PID/maps` may be read: those of the same user, or all with CAP_SYS_PTRACE.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from anyascope.collect.collectors.hsm.module_process import PROGRAM

MAPS_BYTES_MAX = 4 * 1024 * 1024  # 40,000 mappings; a large server has 5,000


@dataclass(frozen=True, slots=True)
class Client:
    """A process that uses the module.

    Attributes:
        command: as in `/proc/PID/comm`.
    """

    pid: int
    command: str
    open_files: int


def clients_of(module: Path, *, procfs: Path) -> tuple[Client, ...]:
    """All processes that have mapped the module, by pid, without our own children: several HSMs may share a module."""
    real = os.fsencode(os.path.realpath(module))
    found = []
    for entry in procfs.iterdir():
        if not entry.name.isdigit():
            continue
        try:
            with (entry / "maps").open("rb") as file:
                is_mapped = any(
                    line.endswith(real + b"\n") for line in file.read(MAPS_BYTES_MAX).splitlines(keepends=True)
                )
            if is_mapped and PROGRAM.encode() not in (entry / "cmdline").read_bytes().split(b"\0"):
                command = (entry / "comm").read_text(errors="replace").strip()
                found.append(Client(int(entry.name), command, sum(1 for _ in (entry / "fd").iterdir())))
        except OSError:
            continue  # it ended meanwhile, or is somebody else's
    return tuple(sorted(found, key=lambda client: client.pid))


def suspects(now: Sequence[Client], before: Mapping[int, int]) -> tuple[Client, ...]:
    """Who may leak: those whose open files became more, the most first; where none did, all.

    Args:
        before: pid -> open files when sessions began to be counted. A process that is not in it is new and counts from 0.
    """
    grown = [client for client in now if client.open_files > before.get(client.pid, 0)]
    ranked = sorted(grown, key=lambda client: before.get(client.pid, 0) - client.open_files)
    return tuple(ranked or now)
