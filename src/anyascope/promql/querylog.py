"""The query log: a line of JSON for each query, as Prometheus writes it, with what it cost.

Source: Prometheus, "Using the query log". Beside its fields stand ours, under `anyascope`.
"""

from __future__ import annotations

import queue
import threading
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

import msgspec
import structlog
from prometheus_client import CollectorRegistry, Counter

from anyascope.clock import MS_PER_S, NS_PER_S, Clock
from anyascope.errors import UnavailableError
from anyascope.promql.asking import Asked
from anyascope.promql.result import QueryStats

log = structlog.get_logger("anyascope.promql")

LINES_WAITING_MAX = 10_000  # some 5 MB; a disk that cannot take them must not hold up the queries
OPEN_RETRY_S = 5.0


@dataclass(frozen=True, slots=True)
class Done:
    """A query that ended; `error` is empty where it was answered."""

    asked: Asked
    stats: QueryStats
    error: str = ""


class QueryLog:
    """Writes queries to a file, on a thread of its own.

    Args:
        clock: dates the lines.
        registry: gets `anyascope_query_log_*`.
    """

    def __init__(self, *, clock: Clock, registry: CollectorRegistry) -> None:
        self._clock = clock
        self._waiting: queue.Queue[bytes | None] = queue.Queue(LINES_WAITING_MAX)
        self._thread: threading.Thread | None = None
        self._failures = Counter(
            "anyascope_query_log_failures",
            "Queries that are missing in the query log, because it could not be written.",
            registry=registry,
        )

    @property
    def is_on(self) -> bool:
        """Whether queries are written."""
        return self._thread is not None

    def write_to(self, path: Path | None) -> None:
        """Write to this file from now on, opened anew so that an old one may be moved away; None writes none.

        Raises:
            UnavailableError: the file cannot be opened.
        """
        self.close()
        if path is None:
            return
        try:
            file = path.open("ab")
        except OSError as error:
            raise UnavailableError(
                f"the query log {path} cannot be opened: {error.strerror}", retry_after_s=OPEN_RETRY_S
            ) from error
        self._waiting = queue.Queue(LINES_WAITING_MAX)
        self._thread = threading.Thread(target=self._write, args=(file, self._waiting), name="query-log", daemon=True)
        self._thread.start()

    def note(self, done: Done) -> None:
        """Write a query down; returns at once."""
        if self._thread is None:
            return
        try:
            self._waiting.put_nowait(line_of(done, now_ns=self._clock.now_ns()))
        except queue.Full:
            self._failures.inc()

    def close(self) -> None:
        """Write what waits, and end."""
        if self._thread is not None:
            self._waiting.put(None)
            self._thread.join()
            self._thread = None

    def _write(self, file: IO[bytes], waiting: queue.Queue[bytes | None]) -> None:
        with file:
            while (line := waiting.get()) is not None:
                try:
                    file.write(line)
                    if waiting.empty():
                        file.flush()
                except OSError as error:
                    self._failures.inc()
                    log.warning("query_log_not_written", error=error.strerror)


def line_of(done: Done, *, now_ns: int) -> bytes:
    """The line of a query, its end included."""
    asked, stats = done.asked, done.stats
    entry: dict[str, object] = {
        "time": _shown(now_ns),
        "level": "INFO",
        "msg": "promql query logged",
        "params": {
            "end": _shown_ms(asked.end_ms),
            "query": asked.text,
            "start": _shown_ms(asked.start_ms),
            "step": asked.step_ms // MS_PER_S if asked.step_ms % MS_PER_S == 0 else asked.step_ms / MS_PER_S,
        },
        "stats": stats.as_prometheus(),
        "anyascope": {
            "series": stats.series,
            "samples": stats.samples,
            "samples_from_disk": stats.disk_samples,
            "result_series": stats.result_series,
            "fetch_ms": round(stats.fetch_ms, 3),
            "evaluate_ms": round(stats.evaluate_ms, 3),
            "queue_ms": round(stats.queue_ms, 3),
        },
    }
    if done.error:
        entry["error"] = done.error
    return msgspec.json.encode({**entry, **asked.origin}) + b"\n"


def _shown(time_ns: int) -> str:
    seconds, rest = divmod(time_ns, NS_PER_S)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{rest:09d}Z"


def _shown_ms(time_ms: int) -> str:
    """A time as Prometheus writes it; one that no calendar has stays a number."""
    seconds, rest = divmod(time_ms, MS_PER_S)
    try:
        return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{rest:03d}Z"
    except (ValueError, OverflowError, OSError):
        return str(time_ms)
