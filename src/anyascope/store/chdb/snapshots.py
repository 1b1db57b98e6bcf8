"""Snapshots: a directory that a server can start on, made of hard links while everything goes on.

The engine freezes the parts of each table; here they are put together with the tables' definitions. A part never changes
once it is written, so that a snapshot costs no space until merges replace what it holds.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from anyascope.clock import NS_PER_S, Clock
from anyascope.store.chdb.engine import Engine

SNAPSHOTS: Final = "snapshots"
# A series' row is written before its samples: frozen after them, it is there for every sample of the snapshot.
FROZEN_LAST: Final = ("series", "series_seen")
# What a table has beside its parts. Deletions that still run go on in the copy.
BESIDE_PARTS: Final = ("format_version.txt", "mutation_*.txt", "deduplication_logs")


class Snapshots:
    """Makes them.

    Args:
        directory: the store's own; snapshots stand in a folder of it.
    """

    def __init__(self, engine: Engine, directory: Path, *, clock: Clock) -> None:
        self._engine = engine
        self._directory = directory
        self._clock = clock

    async def make(self) -> str:
        """Make one of all that is in the tables; its name below `snapshots`."""
        now_ns = self._clock.now_ns()
        at = datetime.fromtimestamp(now_ns // NS_PER_S, UTC)
        name = f"{at:%Y%m%dT%H%M%SZ}-{now_ns:016x}"
        found = await self._engine.question(
            "tables", "SELECT name FROM system.tables WHERE database = currentDatabase() AND engine LIKE '%MergeTree'"
        )
        tables = sorted(found["name"].to_pylist(), key=lambda table: (table in FROZEN_LAST, table))
        own = self._directory / "engine"
        label = name.replace("-", "_")  # the engine would spell a hyphen `%2D` in the name of the folder
        shadow = own / "shadow" / label
        target = self._directory / SNAPSHOTS / name
        unfinished = target.with_name(f".{name}")
        try:
            await self._engine.work(lambda: copy_definitions(own, unfinished / "telemetry" / "engine"))
            for table in tables:
                await self._engine.command(f"ALTER TABLE {table} FREEZE WITH NAME '{label}'")
            await self._engine.work(lambda: take_parts(shadow, unfinished / "telemetry" / "engine"))
            unfinished.rename(target)
        finally:
            await self._engine.work(lambda: remove([shadow, unfinished]))
        return name


def copy_definitions(source: Path, target: Path) -> None:
    """What tables there are and how they look, without any of their parts."""
    for folder in ("metadata", "data"):
        shutil.copytree(source / folder, target / folder, symlinks=True)
    for table in (source / "store").glob("*/*"):
        copy = target / table.relative_to(source)
        copy.mkdir(parents=True)
        for definition in table.glob("*.sql"):
            shutil.copy2(definition, copy)
        for pattern in BESIDE_PARTS:
            for found in table.glob(pattern):
                if found.is_dir():
                    shutil.copytree(found, copy / found.name)
                else:
                    shutil.copy2(found, copy)
        if (table / "format_version.txt").exists():
            (copy / "detached").mkdir()


def take_parts(shadow: Path, target: Path) -> None:
    """Move the frozen parts to where the tables of the copy look for them."""
    parts = list((shadow / "store").glob("*/*/*"))
    assert parts, f"the engine froze nothing at {shadow}"  # the schema's version alone is a part
    for part in parts:
        part.rename(target / part.relative_to(shadow))


def remove(paths: Iterable[Path]) -> None:
    """Take away what is there of these folders."""
    for path in paths:
        shutil.rmtree(path, ignore_errors=True)
