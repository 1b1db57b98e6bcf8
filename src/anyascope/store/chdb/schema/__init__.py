"""The schema as numbered SQL files, and the step from one release to the next."""

from __future__ import annotations

import re
from dataclasses import dataclass
from importlib import resources

from anyascope.clock import NS_PER_MS, Clock
from anyascope.errors import UnsupportedError
from anyascope.store.chdb.engine import Engine

FILE = re.compile(r"(?P<version>\d{4})-(?P<title>.+)\.sql\Z")
STATEMENT_END = re.compile(r";[ \t]*$", re.MULTILINE)
VERSIONS = """
CREATE TABLE IF NOT EXISTS schema_versions (version UInt32, title String, applied_ms Int64)
ENGINE = MergeTree ORDER BY version
"""


@dataclass(frozen=True, slots=True)
class Step:
    """One numbered file."""

    version: int
    title: str
    statements: tuple[str, ...]


def steps() -> list[Step]:
    """All steps of this release, in order."""
    found = []
    for file in resources.files(__name__).iterdir():
        name = FILE.match(file.name)
        if name is not None:
            lines = (line for line in file.read_text("utf-8").splitlines() if not line.startswith("--"))
            parts = (part.strip() for part in STATEMENT_END.split("\n".join(lines)))
            found.append(Step(int(name["version"]), name["title"], tuple(part for part in parts if part)))
    return sorted(found, key=lambda step: step.version)


async def migrate(engine: Engine, *, clock: Clock) -> int:
    """Bring the tables to this release; how many steps that took.

    Every statement of a step must be harmless when it is run again: a crash between two of them repeats the step.

    Raises:
        UnsupportedError: a newer release has written the directory.
    """
    await engine.command(VERSIONS)
    table = await engine.question("schema_versions", "SELECT max(version) AS version FROM schema_versions")
    present = int(table["version"][0].as_py())
    known = steps()
    newest = known[-1].version
    if present > newest:
        raise UnsupportedError(
            f"the data directory has schema {present}, this release knows up to {newest}: start the release that wrote it"
        )
    pending = [step for step in known if step.version > present]
    for step in pending:
        for statement in step.statements:
            await engine.command(statement)
        applied_ms = clock.now_ns() // NS_PER_MS
        row = f"({step.version}, '{step.title}', {applied_ms})"  # from a file name of ours
        await engine.command(f"INSERT INTO schema_versions VALUES {row}")  # noqa: S608
    return len(pending)
