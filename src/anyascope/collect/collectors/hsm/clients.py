"""Which processes of this machine have a vendor's module loaded, and how many files each holds open.

PKCS#11 does not say who holds which session. A process table does say who may: whoever has mapped the library. Only processes
are seen whose `/proc/PID/maps` may be read: those of the same user, or all with CAP_SYS_PTRACE.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from anyascope.collect.collectors.hsm.module_process import PROGRAM

INTERPRETER = re.compile(r"(python|node|ruby|perl|java)[\d.]*$")
NAME_CHARS_MAX = 64
MAPS_BYTES_MAX = 4 * 1024 * 1024  # 40,000 mappings; a large server has 5,000


@dataclass(frozen=True, slots=True)
class Client:
    """A process that uses the module.

    Attributes:
        command: as in `/proc/PID/comm`; of a script what is run by the interpreter, never an argument beyond that.
        user: whose it is; empty where that is not to be seen.
    """

    pid: int
    command: str
    open_files: int
    user: str = ""

    @property
    def words(self) -> str:
        """It in words."""
        return f"{self.command} (pid {self.pid})" + (f" of {self.user}" if self.user else "")


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
            arguments = (entry / "cmdline").read_bytes().split(b"\0")
            if is_mapped and PROGRAM.encode() not in arguments:
                comm = (entry / "comm").read_text(errors="replace").strip()
                files = sum(1 for _ in (entry / "fd").iterdir())
                found.append(Client(int(entry.name), _command(comm, arguments), files, _user(entry)))
        except OSError:
            continue  # it ended meanwhile, or is somebody else's
    return tuple(sorted(found, key=lambda client: client.pid))


def _command(comm: str, arguments: Sequence[bytes]) -> str:
    """What runs: of `python3 -u /opt/signer.py --pin 1` it is `signer.py`."""
    if not INTERPRETER.match(comm):
        return comm
    words = [os.fsdecode(one) for one in arguments[1:]]
    if words[:1] == ["-m"] and len(words) > 1:
        return words[1]
    script = Path(next((one for one in words if one and not one.startswith("-")), "")).name
    # What comes after -c is a program, not a name.
    return script[:NAME_CHARS_MAX] if script and "-c" not in words else comm


def _user(entry: Path) -> str:
    try:
        status = (entry / "status").read_text(errors="replace")
        uid = next(line for line in status.splitlines() if line.startswith("Uid:")).split()[1]
    except (OSError, StopIteration, IndexError):
        return ""
    try:
        import pwd  # noqa: PLC0415  # not on every platform

        return pwd.getpwuid(int(uid)).pw_name
    except (ImportError, KeyError, ValueError):
        return uid


def suspects(now: Sequence[Client], before: Mapping[int, int]) -> tuple[Client, ...]:
    """Who may leak: those whose open files became more, the most first; where none did, all.

    Args:
        before: pid -> open files when sessions began to be counted. A process that is not in it is new and counts from 0.
    """
    grown = [client for client in now if client.open_files > before.get(client.pid, 0)]
    ranked = sorted(grown, key=lambda client: before.get(client.pid, 0) - client.open_files)
    return tuple(ranked or now)
