"""Processes: the server's own, and others by the name of their program."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from anyascope.collect.points import Family
from anyascope.model.metrics import MetricType

COMM_CHARS_MAX = 15  # the kernel keeps this much of a program's name
OWN_NAME = "anyascope"


@dataclass(frozen=True, slots=True)
class ProcessFigures:
    """One process now. Sizes in bytes; a figure that may not be read is -1."""

    cpu_s: float
    threads: int
    resident_bytes: int
    virtual_bytes: int
    start_s: float
    open_fds: int = -1
    max_fds: int = -1


def parse_stat(text: str, *, ticks_per_s: float, page_bytes: int, boot_s: float) -> tuple[str, ProcessFigures]:
    """The program's name and its figures, from /proc/<pid>/stat.

    Raises:
        ValueError: the process ended while it was read.

    Source: proc(5), /proc/pid/stat.
    """
    # The name may hold blanks and brackets: it ends at the last bracket.
    head, bracket, tail = text.rpartition(")")
    fields = tail.split()
    if not bracket or len(fields) < 22:
        raise ValueError("not a process's stat")
    name = head.partition("(")[2]
    return name, ProcessFigures(
        cpu_s=(int(fields[11]) + int(fields[12])) / ticks_per_s,
        threads=int(fields[17]),
        start_s=boot_s + int(fields[19]) / ticks_per_s,
        virtual_bytes=int(fields[20]),
        resident_bytes=int(fields[21]) * page_bytes,
    )


def parse_limits(text: str) -> int:
    """How many files the process may open, from /proc/<pid>/limits; -1 where that is not said or unlimited."""
    for line in text.splitlines():
        if line.startswith("Max open files"):
            soft = line.split()[3]
            return int(soft) if soft.isdigit() else -1
    return -1


class ProcessReader:
    """Reads processes from /proc.

    Args:
        procfs: where /proc is.
        names: names of programs beside our own process.
    """

    def __init__(self, procfs: Path, names: Sequence[str]) -> None:
        self._procfs = procfs
        self._names = {name[:COMM_CHARS_MAX]: name for name in names}
        self._ticks_per_s = float(os.sysconf("SC_CLK_TCK"))
        self._page_bytes = os.sysconf("SC_PAGE_SIZE")
        self._boot_s = 0.0

    def read(self) -> list[Family]:
        """All families now. Blocks for a millisecond, and some more where names are searched among many processes."""
        self._boot_s = self._boot_s or self._read_boot()
        found: dict[str, list[ProcessFigures]] = {name: [] for name in self._names.values()}
        own = self._figures("self")
        if own is not None:
            found[OWN_NAME] = [own[1]]
        if self._names:
            for pid in self._pids():
                self._sort_in(pid, found)
        return process_families(found)

    def _sort_in(self, pid: str, found: dict[str, list[ProcessFigures]]) -> None:
        # The short file first: most processes are none of those that are asked for.
        name = self._names.get(self._text(pid, "comm").strip())
        figures = self._figures(pid) if name is not None else None
        if name is not None and figures is not None:
            found[name].append(figures[1])

    def _pids(self) -> Iterable[str]:
        return [name for name in os.listdir(self._procfs) if name.isdigit()]  # noqa: PTH208  # names, no paths

    def _figures(self, pid: str) -> tuple[str, ProcessFigures] | None:
        try:
            name, figures = parse_stat(
                self._text(pid, "stat"),
                ticks_per_s=self._ticks_per_s,
                page_bytes=self._page_bytes,
                boot_s=self._boot_s,
            )
        except ValueError:
            return None
        return name, ProcessFigures(
            figures.cpu_s,
            figures.threads,
            figures.resident_bytes,
            figures.virtual_bytes,
            figures.start_s,
            open_fds=self._count_fds(pid),
            max_fds=parse_limits(self._text(pid, "limits")),
        )

    def _count_fds(self, pid: str) -> int:
        try:
            return len(os.listdir(self._procfs / pid / "fd"))  # noqa: PTH208  # only their number counts
        except OSError:
            return -1  # another user's process

    def _text(self, pid: str, name: str) -> str:
        try:
            return (self._procfs / pid / name).read_text(errors="replace")
        except OSError:
            return ""

    def _read_boot(self) -> float:
        for line in (self._procfs / "stat").read_text().splitlines():
            if line.startswith("btime "):
                return float(line.split()[1])
        return 0.0


def process_families(found: dict[str, list[ProcessFigures]]) -> list[Family]:
    """Figures by name: those of several processes are added up, the start is that of the oldest."""
    instances = Family("process_instances", MetricType.GAUGE, "How many processes have the name.")
    cpu = Family("process_cpu_seconds_total", MetricType.COUNTER, "Seconds of processor time, user and system.")
    threads = Family("process_threads", MetricType.GAUGE, "Threads.")
    resident = Family("process_resident_memory_bytes", MetricType.GAUGE, "Memory that is held.")
    virtual = Family("process_virtual_memory_bytes", MetricType.GAUGE, "Memory that is addressed.")
    started = Family("process_start_time_seconds", MetricType.GAUGE, "When the oldest began, in Unix time.")
    opened = Family("process_open_fds", MetricType.GAUGE, "Open files.")
    most = Family("process_max_fds", MetricType.GAUGE, "Files that one of them may open.")
    for name, all_figures in found.items():
        label = ("process", name)
        instances.add(float(len(all_figures)), label)
        if not all_figures:
            continue
        cpu.add(sum(figures.cpu_s for figures in all_figures), label)
        threads.add(float(sum(figures.threads for figures in all_figures)), label)
        resident.add(float(sum(figures.resident_bytes for figures in all_figures)), label)
        virtual.add(float(sum(figures.virtual_bytes for figures in all_figures)), label)
        started.add(min(figures.start_s for figures in all_figures), label)
        if all(figures.open_fds >= 0 for figures in all_figures):
            opened.add(float(sum(figures.open_fds for figures in all_figures)), label)
        if all(figures.max_fds >= 0 for figures in all_figures):
            most.add(float(min(figures.max_fds for figures in all_figures)), label)
    return [instances, cpu, threads, resident, virtual, started, opened, most]


def own_figures() -> ProcessFigures:
    """Our own process where there is no /proc: what every system tells."""
    import psutil  # noqa: PLC0415  # needed on other systems only

    process = psutil.Process()
    with process.oneshot():
        times, memory = process.cpu_times(), process.memory_info()
        return ProcessFigures(
            cpu_s=times.user + times.system,
            threads=process.num_threads(),
            resident_bytes=memory.rss,
            virtual_bytes=memory.vms,
            start_s=process.create_time(),
        )
