"""Finds what tests may run against, and skips with the way to get it where it is absent."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]


def shared_path(name: str) -> Path:
    """A file or folder of the shared test data (recordings, conformance cases), or skip."""
    root = Path(os.environ.get("ANYASCOPE_SHARED", REPOSITORY.parent / "shared"))
    path = root / name
    if not path.exists():
        pytest.skip(f"shared test data {name} is absent: set ANYASCOPE_SHARED to the folder that holds it")
    return path


def component(name: str) -> Path:
    """A real program such as `prometheus` that `.ci/run` installs under `.components/bin`, or skip."""
    root = Path(os.environ.get("ANYASCOPE_COMPONENTS", REPOSITORY / ".components"))
    path = root / "bin" / name
    if not path.exists():
        pytest.skip(f"{name} is not installed: run `bash .ci/components` (or set ANYASCOPE_COMPONENTS)")
    return path
