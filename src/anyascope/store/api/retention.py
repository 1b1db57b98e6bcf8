"""The door to how much is kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class SignalUsage:
    """What one signal takes."""

    rows: int
    disk_bytes: int
    oldest_ns: int  # 0 where there is nothing
    newest_ns: int


@dataclass(frozen=True, slots=True)
class RetentionPolicy:
    """How much of one signal is kept; whichever bound is met first counts. `disk_bytes_max` 0 is no bound."""

    age_days: int = 30
    disk_bytes_max: int = 0


class StoreKeeper(Protocol):
    """Looks after the store as a whole."""

    async def usage(self) -> Mapping[str, SignalUsage]:
        """By signal: `metrics`, `logs`, `traces`."""

    async def apply_retention(self, policies: Mapping[str, RetentionPolicy]) -> int:
        """Drop what is past its bounds, oldest first, and free its space; how many bytes that was."""

    async def faults(self) -> list[str]:
        """What was found damaged (such as parts set aside at start), one sentence each; empty when all is well."""

    def trouble(self) -> str:
        """Why the store does not do now what it should, a sentence; empty while it does. Quick, never raises."""

    async def clean(self) -> None:
        """Return once what was deleted is gone from the disk."""

    async def snapshot(self, *, skips_head: bool = False) -> str:
        """Make a consistent copy of all telemetry on the same disk, which a server can start on.

        Args:
            skips_head: leave out what was written last and is not in the tables yet.

        Returns:
            Its name: a folder below `snapshots` of the data directory.

        Raises:
            UnsupportedError: this store keeps nothing on a disk.
            UnavailableError: it cannot be written now.
        """
