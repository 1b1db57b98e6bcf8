"""Unit tests of reading processes."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from anyascope.collect.collectors.process import OWN_NAME, ProcessReader, own_figures, parse_limits, parse_stat

STAT = (
    "4711 (a (b) c) S 1 4711 4711 0 -1 4194560 100 0 0 0 250 150 0 0 20 0 7 0 5000 104857600 2560 18446744073709551615 "
    "1 1 0 0 0 0 0 0 0 0 0 0 17 0 0 0 0 0 0"
)


def make(root: Path, *processes: tuple[int, str, int]) -> Path:
    (root / "stat").write_text("cpu 1\nbtime 1000\n")
    for pid, name, ticks in processes:
        folder = root / str(pid)
        (folder / "fd").mkdir(parents=True)
        (folder / "fd" / "0").touch()
        (folder / "comm").write_text(f"{name}\n")
        (folder / "stat").write_text(STAT.replace("(a (b) c)", f"({name})").replace(" 5000 ", f" {ticks} "))
        (folder / "limits").write_text(
            "Limit Soft Hard Units\nMax open files            1024                 4096  files\n"
        )
    return root


def values(reader: ProcessReader, name: str) -> dict[str, float]:
    return {
        dict(labels)["process"]: value
        for family in reader.read()
        if family.name == name
        for labels, value in family.points
    }


def test_a_name_may_hold_blanks_and_brackets() -> None:
    """The fields are counted from the last bracket."""
    name, figures = parse_stat(STAT, ticks_per_s=100.0, page_bytes=4096, boot_s=1000.0)
    assert name == "a (b) c"
    assert (figures.cpu_s, figures.threads, figures.start_s) == (4.0, 7, 1050.0)
    assert (figures.virtual_bytes, figures.resident_bytes) == (104857600, 2560 * 4096)


@pytest.mark.parametrize("text", ["", "4711 (x", "4711 (x) S 1 2"])
def test_a_process_that_ends_is_passed_over(text: str) -> None:
    """Half a file is no process."""
    with pytest.raises(ValueError, match="not a process's stat"):
        parse_stat(text, ticks_per_s=100.0, page_bytes=4096, boot_s=0.0)


def test_limits() -> None:
    """The soft limit counts; none is none."""
    assert parse_limits("Max open files            1024                 4096  files\n") == 1024
    assert parse_limits("Max open files            unlimited            unlimited  files\n") == -1
    assert parse_limits("") == -1


def test_reads_ourselves() -> None:
    """Our own process is always there, under our name."""
    reader = ProcessReader(Path("/proc"), ())
    assert values(reader, "process_instances") == {OWN_NAME: 1.0}
    assert values(reader, "process_resident_memory_bytes")[OWN_NAME] > 1_000_000
    assert values(reader, "process_open_fds")[OWN_NAME] > 0


def test_adds_up_processes_of_one_name(tmp_path) -> None:
    """Several processes of a name are added up; the start is the oldest one's; the limit is one process's."""
    reader = ProcessReader(make(tmp_path, (1, "bitcoind", 5000), (2, "bitcoind", 3000), (3, "other", 1)), ("bitcoind",))
    assert values(reader, "process_instances") == {"bitcoind": 2.0}
    assert values(reader, "process_threads") == {"bitcoind": 14.0}
    assert values(reader, "process_open_fds") == {"bitcoind": 2.0}
    assert values(reader, "process_max_fds") == {"bitcoind": 1024.0}
    assert values(reader, "process_start_time_seconds") == {
        "bitcoind": 1000.0 + 3000 / os.sysconf("SC_CLK_TCK"),
    }


def test_a_name_that_does_not_run_has_no_instances(tmp_path) -> None:
    """A configured process that is not there is told as 0, so that a rule can see it."""
    reader = ProcessReader(make(tmp_path), ("bitcoind",))
    assert values(reader, "process_instances") == {"bitcoind": 0.0}
    assert values(reader, "process_threads") == {}


def test_long_names_are_cut_as_the_kernel_cuts_them(tmp_path) -> None:
    """A configured name longer than the kernel keeps is found by what the kernel keeps."""
    reader = ProcessReader(make(tmp_path, (1, "prometheus-node", 1)), ("prometheus-node-exporter",))
    assert values(reader, "process_instances") == {"prometheus-node-exporter": 1.0}


def test_own_figures_without_proc() -> None:
    """Where there is no /proc our own process is still known."""
    figures = own_figures()
    assert figures.resident_bytes > 1_000_000
    assert figures.threads >= 1
