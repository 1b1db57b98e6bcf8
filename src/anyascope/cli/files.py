"""The files that a command's arguments name: as they are, or by pattern where the shell has not resolved it."""

from __future__ import annotations

from collections.abc import Sequence
from glob import glob, has_magic
from pathlib import Path


def paths_of(names: Sequence[str]) -> tuple[list[Path], list[str]]:
    """Files in the order of the arguments, each once, a pattern's by name; and arguments that name no file."""
    found: dict[Path, None] = {}
    missing: list[str] = []
    for name in names:
        path = Path(name)
        is_pattern = has_magic(name) and not path.exists()
        matching = sorted(map(Path, glob(name, recursive=True))) if is_pattern else [path]  # noqa: PTH207 - may be absolute
        files = [each for each in matching if each.is_file()] if is_pattern else [p for p in matching if p.exists()]
        if not files:
            missing.append(name)
        found.update(dict.fromkeys(files))
    return list(found), missing
