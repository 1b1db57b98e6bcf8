"""A node's debug.log becomes logs, from where it was left."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Sequence
from pathlib import Path
from typing import TypeVar

import structlog

from anyascope.clock import NS_PER_S, Clock
from anyascope.collect.tail import LINE_BYTES_MAX, ApartTail
from anyascope.collect.tally import CollectorTally
from anyascope.errors import AnyascopeError
from anyascope.model.attributes import AttributeValue, Resource
from anyascope.model.documents import Json, Put
from anyascope.model.logs import LogBatch, LogRecord
from anyascope.ports import ComponentHealth, HealthStatus, Intake
from anyascope.store.api.documents import DocumentStore
from anyascope.wire.bitcoin.debug_log import DebugLine, decode_line, event_of

log = structlog.get_logger("anyascope.collect")

DOCUMENT_KIND = "collect.position"
STREAM = "bitcoin"
POLL_S = 1.0  # how late a line is seen
RETRY_S = 5.0  # after the file could not be read, or what was read not be stored
TEXT_CHARS_MAX = 64 * 1024  # longer ones are dumps
LATE_S = 5.0  # a read of 256 KiB that took longer is told: the disk, or the way to it, hangs
LEVELS_COUNTED = ("warning", "error")

T = TypeVar("T")


class DebugLog:
    """Follows one node's log file and hands it in, in order, none twice but after a crash.

    The position is kept in a document after each batch that was stored. While the intake is full nothing is read. The file
    is read on a thread of its own: one whose disk hangs holds up nothing but itself, and is told.

    Args:
        counts: lines by level are added here, as far as they were written since the start.
        events: what they tell of, by kind, likewise.
    """

    def __init__(
        self,
        node: str,
        path: Path,
        *,
        intake: Intake,
        documents: DocumentStore,
        clock: Clock,
        tally: CollectorTally,
        counts: dict[str, int] | None = None,
        events: dict[str, int] | None = None,
    ) -> None:
        self._counts = {} if counts is None else counts
        self._events = {} if events is None else events
        self._started_ns = clock.now_ns()
        self._node = node
        self._path = path
        self._intake = intake
        self._documents = documents
        self._clock = clock
        self._tally = tally
        self._key = f"bitcoin:{node}:{path}"
        self._asked_ns: int | None = None  # when the file was asked for what has not come yet; monotonic
        self._health = self._word(HealthStatus.UNKNOWN, "not read yet")

    @property
    def late_s(self) -> float:
        """How long the file has been silent to a read, once that is over `LATE_S`; else 0."""
        if self._asked_ns is None:
            return 0.0
        waited_s = (self._clock.monotonic_ns() - self._asked_ns) / NS_PER_S
        return waited_s if waited_s >= LATE_S else 0.0

    def health(self) -> ComponentHealth:
        """How it is."""
        return self._health

    async def run(self) -> None:
        """Follow until cancelled."""
        while True:
            try:
                await self._follow()
            except (AnyascopeError, OSError) as error:
                reason = error.strerror if isinstance(error, OSError) else str(error)
                log.warning("bitcoin_log_interrupted", node=self._node, error=reason)
                advice = "check debug_log, and let the server's user read the file; it is tried again"
                self._tell(HealthStatus.DEGRADED, f"{self._path}: {reason}", advice)
            except Exception as error:
                # A fault of ours must not end the following for good.
                log.exception("bitcoin_log_broke", node=self._node)
                self._tell(HealthStatus.UNHEALTHY, f"following broke: {error}", "see the server's log")
            await self._clock.sleep(RETRY_S)

    async def _follow(self) -> None:
        known = await self._documents.get(DOCUMENT_KIND, self._key)
        tail = ApartTail(self._path, name=f"debug-log-{self._node}")
        try:
            await self._patiently(tail.open(known.body if known is not None else {}))
            while True:
                lines = await self._patiently(tail.read())
                self._tell(HealthStatus.HEALTHY, str(self._path))
                if lines:
                    await self._hand_in(lines)
                else:
                    await self._clock.sleep(POLL_S)
        finally:
            tail.close()

    async def _patiently(self, reading: Awaitable[T]) -> T:
        """What the file gives, however long it takes: nobody can end a read that hangs, but it is told."""
        self._asked_ns = self._clock.monotonic_ns()
        telling = asyncio.create_task(self._tell_late())
        try:
            return await reading
        finally:
            telling.cancel()
            self._asked_ns = None

    async def _tell_late(self) -> None:
        await self._clock.sleep(LATE_S)
        log.warning("bitcoin_log_hangs", node=self._node, path=str(self._path))
        message = f"{self._path}: a read has had no answer for {LATE_S:g} s or more"
        self._tell(HealthStatus.DEGRADED, message, "see its disk, or network mount; it goes on once that answers")

    async def _hand_in(self, lines: Sequence[tuple[bytes, dict[str, Json]]]) -> None:
        batch, fresh, events = LogBatch(STREAM), Counter[str](), Counter[str]()
        now_ns, last_ns = self._clock.now_ns(), self._clock.now_ns()
        for line, _ in lines:
            if len(line) > LINE_BYTES_MAX:
                self._tally.log_records_dropped.labels(stream=STREAM, reason="too_long").inc()
                continue
            told = decode_line(line.decode("utf-8", "replace"))
            record = record_of(told, node=self._node, now_ns=now_ns, last_ns=last_ns)
            last_ns = record.time_ns
            batch.add(record)
            if record.time_ns < self._started_ns // NS_PER_S * NS_PER_S:  # its clock has whole seconds
                continue
            fresh[told.level] += 1
            if (found := event_of(told)) is not None:
                events[found[0]] += found[1]
        await self._intake.logs([batch], source=STREAM)
        self._tally.log_records.labels(stream=STREAM).inc(len(batch))
        for level in LEVELS_COUNTED:
            self._counts[level] = self._counts.get(level, 0) + fresh[level]
        for event, count in events.items():
            self._events[event] = self._events.get(event, 0) + count
        await self._documents.commit([Put(DOCUMENT_KIND, self._key, lines[-1][1])])

    def _tell(self, status: HealthStatus, message: str, advice: str = "") -> None:
        if (status, message) != (self._health.status, self._health.message):
            self._health = self._word(status, message, advice)

    def _word(self, status: HealthStatus, message: str, advice: str = "") -> ComponentHealth:
        name = f"collect.bitcoin.{self._node}.debug_log"
        return ComponentHealth(name, "collector", status, message, advice, self._clock.now_ns())


def record_of(told: DebugLine, *, node: str, now_ns: int, last_ns: int) -> LogRecord:
    """The record of one line; one without a time, as the rest of another, has the time of the line before."""
    attributes: dict[str, AttributeValue] = {"bitcoin.node": node}
    if told.category:
        attributes["bitcoin.log.category"] = told.category
    if told.origin:
        attributes["bitcoin.log.origin"] = told.origin
    return LogRecord(
        time_ns=last_ns if told.time_ns is None else told.time_ns,
        observed_ns=now_ns,
        body=told.text[:TEXT_CHARS_MAX],
        severity_number=int(told.severity),
        severity_text=told.level,
        attributes=attributes,
        resource=Resource({"service.name": "bitcoind"}),
        stream=STREAM,
    )
