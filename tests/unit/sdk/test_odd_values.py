"""Thousands of odd values at every public function of the SDK: the host never sees an exception of ours.

The names are found by looking at `anyascope.sdk` and its public modules: what is added there is tried here without being
named. `anyascope.sdk.testing` is left out: to raise is what it is for.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import types

import pytest

import anyascope.sdk
from support.components import REPOSITORY

WITHIN_S = 900
CALLS_MIN = 200  # of a module; fewer say that the walk finds nothing any more

MODULES = [
    "anyascope.sdk",
    *(
        f"anyascope.sdk.{name}"
        for name in anyascope.sdk.__all__
        if isinstance(module := getattr(anyascope.sdk, name), types.ModuleType)
        and hasattr(module, "__all__")
        and name != "testing"
    ),
]


def thrown(module: str, tmp_path, *, is_strict: bool) -> dict:
    """What came of it, in a process of its own: much of what is set up with odd values cannot be put back."""
    done = subprocess.run(
        [sys.executable, "-m", "support.odd_calls", module, *(["strict"] if is_strict else [])],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(REPOSITORY / "src"), str(REPOSITORY / "tests")])},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=WITHIN_S,
        check=False,
    )
    lines = done.stdout.splitlines()
    assert lines, f"the process ended with {done.returncode}: {done.stderr[-2000:]}"
    return json.loads(lines[-1])


@pytest.mark.long
@pytest.mark.parametrize("module", MODULES)
def test_no_odd_value_reaches_the_host_as_an_exception(module, tmp_path):
    """Whatever is passed wherever: no exception, no stall, and the host's function runs once with its result passed on."""
    found = thrown(module, tmp_path, is_strict=False)
    assert found["calls"] > CALLS_MIN
    assert found["failures"] == []
    assert found["not_made"] == []


@pytest.mark.long
@pytest.mark.parametrize("module", MODULES)
def test_wrong_use_raises_misuse_and_nothing_else_in_tests(module, tmp_path):
    """Under `strict()` a wrong argument is a MisuseError, or is right after all."""
    found = thrown(module, tmp_path, is_strict=True)
    assert found["failures"] == []
    assert found["not_made"] == []
