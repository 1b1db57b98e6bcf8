"""Kernels: ordinary loops until they are compiled, the same answers afterwards."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numba
import numpy as np
import pytest

from anyascope import compiled
from anyascope.compiled import WORTH_ELEMENTS, Kernel, Workshop


def doubled(value: float) -> float:
    return 2 * value


def double_all(values: np.ndarray, found: np.ndarray) -> None:
    for place in range(len(values)):
        found[place] = doubled(values[place])


def a_kernel() -> Kernel:
    return Kernel(double_all, "f8[:] f8[:]!", (doubled,))


def test_a_kernel_is_ready_only_when_it_is_compiled() -> None:
    """Nobody waits for a compiler: until it is done there is no compiled loop, and then it answers as the plain one."""
    kernel = a_kernel()
    assert kernel.ready(0) is None
    kernel.build(numba, is_kept=False)
    loop = kernel.ready(0)
    assert loop is not None
    values = np.array([1.5, -2.0, np.nan])
    values.flags.writeable = False  # what is only read may be read-only
    found, expected = np.zeros(3), np.zeros(3)
    loop(values, found)
    kernel.plain(values, expected)
    np.testing.assert_array_equal(found, expected)


@pytest.fixture
def kernel(monkeypatch) -> Kernel:
    """The only one there is; nothing compiles apart."""
    found = a_kernel()
    monkeypatch.setattr(compiled, "_kernels", [found])
    monkeypatch.setattr(compiled, "_compile_apart", lambda directory: None)
    return found


def test_only_large_work_wakes_the_workshop(kernel, tmp_path: Path) -> None:
    """A program that never has much to do never loads the compiler; what was compiled is kept for the next start."""
    workshop = Workshop(tmp_path / "kernels")
    workshop.start()
    kernel.ready(WORTH_ELEMENTS - 1)
    assert not workshop._thread.is_alive()
    kernel.ready(WORTH_ELEMENTS)
    kernel.ready(WORTH_ELEMENTS)
    workshop._thread.join(60)
    assert kernel.ready(0) is not None
    kept = sorted(path.suffix for path in (tmp_path / "kernels").rglob("*.nb*"))
    assert kept == [".nbc", ".nbi"]


def test_a_directory_that_others_may_write_to_keeps_nothing(tmp_path: Path) -> None:
    """What is loaded from there runs, so that a directory of others is not used."""
    tmp_path.chmod(0o777)
    assert compiled._private(tmp_path) is None
    tmp_path.chmod(0o700)
    assert compiled._private(tmp_path) == tmp_path


COMPILES = """
import sys, time
from anyascope import compiled
compiled.build_all = lambda directory: (print("compiles", flush=True), time.sleep(60))
compiled.compile_modules(sys.argv[1], [])
"""


def test_what_compiles_ends_with_its_program(tmp_path: Path) -> None:
    """A program that is killed leaves no compiler at work."""
    with subprocess.Popen(
        [sys.executable, "-c", COMPILES, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline() == b"compiles\n"
        process.stdin.close()
        assert process.wait(50) == 1


def test_a_closed_workshop_compiles_nothing(kernel) -> None:
    """Closed before anything was wanted, it stays so."""
    workshop = Workshop(None)
    workshop.start()
    workshop.close()
    kernel.ready(WORTH_ELEMENTS)
    assert not workshop._thread.is_alive()
    assert kernel.ready(0) is None
