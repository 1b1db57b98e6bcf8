"""The host's own logs: the journal where there is one, else a syslog file; each followed from where it was left."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import structlog

from anyascope.clock import Clock
from anyascope.collect.collectors.records import journal_record, parse_journal_line, syslog_record
from anyascope.collect.options import JournalOptions
from anyascope.collect.tail import LINE_BYTES_MAX, FileTail
from anyascope.collect.tally import CollectorTally
from anyascope.errors import AnyascopeError, InvalidInputError, UnavailableError
from anyascope.model.documents import Json, Put
from anyascope.model.logs import LogBatch, LogRecord
from anyascope.ports import ComponentHealth, HealthStatus, Intake
from anyascope.store.api.documents import DocumentStore

log = structlog.get_logger("anyascope.collect")

BATCH_RECORDS_MAX = 1_000  # what is handed in at once: 1 MB of usual lines
BATCH_WAIT_S = 1.0  # how long a record may wait for others
FIRST_RECORDS = 1_000  # how much of the past a first start reads: enough to see what the machine did of late
POLL_S = 1.0  # how late a line of a file is seen
RESTART_S = 10.0  # after journalctl ended: the journal may be rotated or journald restarted
PROBE_TIMEOUT_S = 10.0  # a journal of 4 GB on a slow disk answers within 3 s
SOURCE = "journal"
DOCUMENT_KIND = "collect.position"
_COMPONENT = "collect.journal"

Entry = tuple[LogRecord, dict[str, Json]]
"""A record, and the position from which to go on once it is stored."""


class JournalCollector:
    """Follows the host's logs and hands them in, in order, none twice but after a crash.

    The position is kept in a document after each batch that was stored, so a restart goes on where it was. A full intake
    is waited for: nothing is read meanwhile, the journal keeps what was not read.
    """

    def __init__(
        self,
        options: JournalOptions,
        *,
        intake: Intake,
        documents: DocumentStore,
        clock: Clock,
        tally: CollectorTally,
        program: str = "journalctl",
    ) -> None:
        self._options = options
        self._intake = intake
        self._documents = documents
        self._clock = clock
        self._tally = tally
        self._program = program
        self._health = ComponentHealth(_COMPONENT, "collector", HealthStatus.UNKNOWN, "not started yet")

    def health(self) -> ComponentHealth:
        """How it is; a host without readable logs is `unknown`, which is no fault."""
        return self._health

    async def run(self) -> None:
        """Follow until cancelled."""
        while True:
            try:
                await self._follow()
            except (AnyascopeError, OSError) as error:
                log.warning("journal_interrupted", error=str(error))
                self._tell(HealthStatus.DEGRADED, str(error), "it is tried again; see the server's log if it stays")
            except Exception as error:
                # A fault of ours must not end the following for good.
                log.exception("journal_broke")
                self._tell(HealthStatus.UNHEALTHY, f"following broke: {error}", "see the server's log")
            await self._clock.sleep(RESTART_S)

    async def _follow(self) -> None:
        if await self._has_journal():
            self._tell(HealthStatus.HEALTHY, "the systemd journal")
            await self._drain(self._journal_entries, stream="journal")
            return
        path = next((path for path in self._options.files if os.access(path, os.R_OK)), None)
        if path is None:
            files = ", ".join(str(path) for path in self._options.files)
            self._tell(
                HealthStatus.UNKNOWN,
                f"no journal and none of {files} can be read",
                "add the server's user to the group systemd-journal or adm to have this host's logs",
            )
            return
        self._tell(HealthStatus.HEALTHY, str(path))
        await self._drain(lambda position: self._file_entries(path, position), stream="syslog")

    def _tell(self, status: HealthStatus, message: str, advice: str = "") -> None:
        if (status, message) != (self._health.status, self._health.message):
            self._health = ComponentHealth(_COMPONENT, "collector", status, message, advice, self._clock.now_ns())

    # --- the journal --------------------------------------------------------------------------------------------------

    async def _has_journal(self) -> bool:
        """Whether journalctl is there and shows us at least one entry."""
        if shutil.which(self._program) is None:
            return False
        process = await asyncio.create_subprocess_exec(
            self._program,
            "--quiet",
            "--lines=1",
            "--output=json",
            stdin=DEVNULL,
            stdout=PIPE,
            stderr=DEVNULL,
            start_new_session=True,
            limit=LINE_BYTES_MAX,
        )
        try:
            async with asyncio.timeout(PROBE_TIMEOUT_S):
                out, _ = await process.communicate()
        except TimeoutError:
            return False
        finally:
            await _end(process)
        return process.returncode == 0 and out.startswith(b"{")

    async def _journal_entries(self, position: Mapping[str, Json]) -> AsyncIterator[Entry]:
        cursor = position.get("cursor")
        # To follow means to begin ten lines before the end, unless one of these says otherwise.
        start = ["--no-tail", f"--after-cursor={cursor}"] if cursor else [f"--lines={FIRST_RECORDS}"]
        units = [f"--unit={unit}" for unit in self._options.units]
        process = await asyncio.create_subprocess_exec(
            self._program,
            "--quiet",
            "--follow",
            "--all",
            "--output=json",
            *start,
            *units,
            stdin=DEVNULL,
            stdout=PIPE,
            stderr=DEVNULL,
            start_new_session=True,
            limit=LINE_BYTES_MAX,
        )
        own_pid = str(os.getpid())
        assert process.stdout is not None
        try:
            while True:
                entry = await self._next_entry(process.stdout)
                if entry is None:
                    break
                # What we print ourselves is kept already, by a shorter road: it must not come back.
                if entry.get("_PID") != own_pid:
                    record = journal_record(entry, observed_ns=self._clock.now_ns())
                    yield record, {"cursor": str(entry.get("__CURSOR", ""))}
        finally:
            await _end(process)
        raise InvalidInputError(f"{self._program} ended with code {process.returncode}")

    async def _next_entry(self, stream: asyncio.StreamReader) -> Mapping[str, Any] | None:
        """The next entry that can be used; None at the end."""
        while True:
            try:
                line = await stream.readuntil(b"\n")
            except asyncio.IncompleteReadError:
                return None
            except asyncio.LimitOverrunError as error:
                await stream.readexactly(error.consumed)
                self._drop("journal", "too_long")
                continue
            try:
                return parse_journal_line(line)
            except InvalidInputError:
                self._drop("journal", "unreadable")  # among them the rest of a line that was too long

    # --- a file -------------------------------------------------------------------------------------------------------

    async def _file_entries(self, path: Path, position: Mapping[str, Json]) -> AsyncIterator[Entry]:
        tail = FileTail(path, position)
        try:
            while True:
                lines = tail.read()
                for line, after in lines:
                    if len(line) > LINE_BYTES_MAX:
                        self._drop("syslog", "too_long")
                        continue
                    text = line.decode("utf-8", "replace")
                    yield syslog_record(text, observed_ns=self._clock.now_ns()), after
                if not lines:
                    await self._clock.sleep(POLL_S)
        finally:
            tail.close()

    def _drop(self, stream: str, reason: str) -> None:
        self._tally.log_records_dropped.labels(stream=stream, reason=reason).inc()

    # --- handing in ---------------------------------------------------------------------------------------------------

    async def _drain(self, entries: Callable[[Mapping[str, Json]], AsyncIterator[Entry]], *, stream: str) -> None:
        """Take entries until there are no more, hand them in by batches, remember the position after each."""
        key = f"{stream}:{','.join(self._options.units)}"
        known = await self._documents.get(DOCUMENT_KIND, key)
        source = entries(known.body if known is not None else {})
        queue: asyncio.Queue[Entry | None] = asyncio.Queue(maxsize=BATCH_RECORDS_MAX)
        reader = asyncio.create_task(_pour(source, queue))
        try:
            while (batch := await _next_batch(queue)) is not None:
                await self._hand_in([record for record, _ in batch], stream)
                position = Put(DOCUMENT_KIND, key, batch[-1][1])
                await self._until_available(partial(self._documents.commit, [position]))
            await reader  # raises what ended the source
        finally:
            reader.cancel()
            await asyncio.gather(reader, return_exceptions=True)  # what it raised was raised above

    async def _hand_in(self, records: Sequence[LogRecord], stream: str) -> None:
        batch = LogBatch(stream)
        for record in records:
            batch.add(record)
        await self._until_available(partial(self._intake.logs, [batch], source=SOURCE))
        self._tally.log_records.labels(stream=stream).inc(len(records))

    async def _until_available(self, act: Callable[[], Awaitable[object]]) -> None:
        while True:
            try:
                await act()
            except UnavailableError as error:
                await self._clock.sleep(max(error.retry_after_s, RETRY_S_MIN))
                continue
            return


RETRY_S_MIN = 0.05  # between two tries to hand in, whatever the intake says


async def _pour(source: AsyncIterator[Entry], queue: asyncio.Queue[Entry | None]) -> None:
    """Put all entries into the queue and then None; what ended the source is raised behind that."""
    fault: Exception | None = None
    try:
        async for entry in source:
            await queue.put(entry)
    except Exception as error:  # noqa: BLE001  # whatever it was, who waits for the end must hear of it
        fault = error
    finally:
        # The generator ends its subprocess or closes its file when it is closed.
        await source.aclose()  # type: ignore[attr-defined]  # an async generator
    await queue.put(None)
    if fault is not None:
        raise fault


async def _next_batch(queue: asyncio.Queue[Entry | None]) -> list[Entry] | None:
    """What has gathered within `BATCH_WAIT_S` of its first entry; None at the end."""
    first = await queue.get()
    if first is None:
        return None
    batch = [first]
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(BATCH_WAIT_S):
            while len(batch) < BATCH_RECORDS_MAX:
                entry = await queue.get()
                if entry is None:
                    queue.put_nowait(None)
                    break
                batch.append(entry)
    return batch


async def _end(process: Process) -> None:
    """End the program and whatever it started, which would hold its output open: it leads a session of its own."""
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()
