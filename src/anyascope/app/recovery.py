"""Knows whether the last run ended in order, and says what the next start found."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import structlog

MARK_FILE = "running"

log = structlog.get_logger("anyascope.app")


class RunMark:
    """A file that stands in the data directory while the server runs: found at a start, the last run was cut off."""

    def __init__(self, directory: Path) -> None:
        self._file = directory / MARK_FILE
        self.was_cut_off = False

    def set(self, *, found: Sequence[str]) -> None:
        """Say how the last run ended and what was found, then mark this run as running."""
        self.was_cut_off = self._file.exists()
        if self.was_cut_off:
            log.warning("recovered", found=list(found) or ["everything that was acknowledged"])
        elif found:
            log.info("store_opened", found=list(found))
        self._file.write_text(f"{os.getpid()}\n")

    def clear(self) -> None:
        """This run ended in order."""
        self._file.unlink(missing_ok=True)
