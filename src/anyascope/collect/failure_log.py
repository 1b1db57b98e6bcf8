"""A file of failed scrapes, a line of JSON each, as Prometheus' `scrape_failure_log_file` has it."""

from __future__ import annotations

from pathlib import Path

import structlog

from anyascope.wire.go_json import go_json
from anyascope.wire.go_times import rfc3339

log = structlog.get_logger("anyascope.collect")


class FailureLog:
    """Writes lines. The file is opened for each, so that it may be moved away at any time; nothing is ever deleted."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._fault = ""

    def write(self, error: str, *, job: str, url: str, time_ns: int) -> None:
        """Note one failure. A file that cannot be written is told once, and is no reason to stop scraping."""
        entry = {"time": rfc3339(time_ns), "level": "ERROR", "msg": error, "job_name": job, "target": url}
        try:
            with self._path.open("ab") as file:
                file.write(go_json(entry))
            self._fault = ""
        except OSError as fault:
            if str(fault) != self._fault:
                log.warning("scrape_failure_log_refused", file=str(self._path), error=fault.strerror)
            self._fault = str(fault)
