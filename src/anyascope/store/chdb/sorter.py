"""From the journal into the tables: what was appended is written to the engine in large blocks, then given up.

An append is durable and readable at once; the tables follow within seconds. Whatever a crash left in the journal alone is
written to the tables at the next start, before anything is answered; doing so twice changes nothing that a reader sees.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import numpy as np
import structlog
from numpy.typing import NDArray
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from anyascope.clock import NS_PER_MS, NS_PER_S, Clock, wait_for
from anyascope.errors import AnyascopeError, UnavailableError
from anyascope.model.metrics import Exemplar, HistogramSample, MetricMetadata
from anyascope.store.chdb.engine import PARTITIONS_PER_INSERT_MAX, Engine
from anyascope.store.chdb.samples import exemplar_block, histogram_block, metadata_block, sample_block
from anyascope.store.chdb.unsorted import Appended, Unsorted
from anyascope.store.journal.files import STORE, Journal, JournalOptions, Reading
from anyascope.store.journal.payloads import Extras, Samples, pack_extras, pack_samples, unpack_extras, unpack_samples
from anyascope.store.journal.positions import Position
from anyascope.store.journal.records import Kind, Record
from anyascope.store.labelindex import LabelIndex

T = TypeVar("T")

FLUSH_S = 5.0  # the engine merges an insert in 5 s at ease; a start reads no more than that again
FLUSH_ROWS = 1_000_000  # 24 MB; larger blocks are not cheaper a row
UNSORTED_ROWS_MAX = 4_000_000  # 100 MB; from here on writers wait for the tables
RETRY_S = 5.0  # after the engine refused; the journal holds what waits
RETRY_AFTER_S = 5.0  # a disk that takes nothing needs a person
WEEK_MS = 7 * 86_400_000  # a partition of the tables
APPEND_BUCKETS_S = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0)

log = structlog.get_logger("anyascope.store")


@dataclass(slots=True)
class Rows:
    """Rows on their way to the tables, series as ids."""

    samples: list[Samples] = field(default_factory=list)
    extras: list[Extras] = field(default_factory=list)

    @property
    def count(self) -> int:
        """How many samples."""
        return sum(len(each.ids) for each in self.samples)


class Sorter:
    """Appends to the journal, shows what is not in the tables yet, and brings it there.

    Args:
        directory: of the journal.
        index: for the ids of series.
        on_written: told the stretch of time (UTC milliseconds, inclusive) in which the tables have just got rows.
    """

    def __init__(
        self,
        engine: Engine,
        directory: Path,
        *,
        index: LabelIndex,
        options: JournalOptions,
        clock: Clock,
        registry: CollectorRegistry,
        on_written: Callable[[int, int], None] = lambda _first_ms, _last_ms: None,
    ) -> None:
        self._engine = engine
        self._on_written = on_written
        self._index = index
        self._clock = clock
        try:
            self.journal = Journal(directory, options=options, clock=clock)
        except OSError as error:
            raise UnavailableError(
                f"the journal {directory} cannot be used: {error}", retry_after_s=RETRY_AFTER_S
            ) from error
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="store-journal")
        self._waiting = Unsorted()  # appended since the last flush began
        self._moving = Unsorted()  # what a flush is writing to the tables
        self._moving_to = Position(0, 0)  # behind that
        self._appending = asyncio.Lock()  # so that a flush takes exactly what stands before its position
        self._flushing = asyncio.Lock()
        self._arrived = asyncio.Event()
        self._is_full = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self.fault = ""  # why the tables do not follow; empty while they do
        self._measure(registry)

    def _measure(self, registry: CollectorRegistry) -> None:
        self._append_seconds = Histogram(
            "anyascope_journal_append_duration_seconds",
            "How long one append to the journal took.",
            buckets=APPEND_BUCKETS_S,
            registry=registry,
        )
        self._flush_failures = Counter(
            "anyascope_journal_flush_failures", "Flushes to the tables that failed.", registry=registry
        )
        Gauge("anyascope_journal_bytes", "Size of the journal's files.", registry=registry).set_function(
            lambda: self.journal.size_bytes
        )
        Gauge(
            "anyascope_journal_unsorted_rows", "Rows that only the journal and memory hold yet.", registry=registry
        ).set_function(lambda: self.rows)

    @property
    def rows(self) -> int:
        """Samples, histograms and exemplars that are not in the tables yet."""
        return self._waiting.rows + self._moving.rows

    def unsorted(self) -> tuple[Unsorted, Unsorted]:
        """What is not in the tables yet, the older first. It may be in the tables as well, and counts as written later."""
        return self._moving, self._waiting

    # --- start and end ------------------------------------------------------------------------------------------------

    async def recover(self) -> list[str]:
        """Bring what an earlier process left behind into the tables; what was found amiss, a sentence each."""
        found = [self.journal.fault] if self.journal.fault else []
        position, damaged, count = self.journal.position(STORE), 0, 0
        while True:
            rows = Rows()
            while rows.count < FLUSH_ROWS:
                reading = await self._read(position)
                position = reading.position
                damaged += reading.damaged_bytes
                if not reading.records:
                    break
                damaged += sum(_unpack_into(rows, record) for record in reading.records)
            if not rows.samples and not rows.extras:
                break
            await self._write(rows)
            await self._commit(position)
            count += rows.count
        if count:
            log.info("journal_recovered", samples=count)
        if damaged:
            found.append(f"{damaged} bytes of the journal are damaged: samples that were in them are missing")
        return found

    async def _read(self, position: Position) -> Reading:
        return await self._on_thread(lambda: self.journal.read(position))

    def start(self) -> None:
        """Keep the tables up to date from now on."""
        self._task = asyncio.create_task(self._run(), name="store-sorter")

    async def close(self) -> None:
        """Bring everything into the tables, where the engine takes it, and let go of the journal."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
        try:
            await self.flush()
        except AnyascopeError as error:
            log.warning("journal_not_sorted", rows=self.rows, error=str(error))  # the next start does it
        finally:
            await asyncio.get_running_loop().run_in_executor(None, self._thread.shutdown)
            self.journal.close()

    async def _run(self) -> None:
        while True:
            await self._arrived.wait()
            await wait_for(self._is_full, clock=self._clock, timeout_s=FLUSH_S)
            try:
                await self.flush()
            except AnyascopeError as error:
                log.warning("journal_flush_failed", rows=self.rows, error=str(error))
                await self._clock.sleep(RETRY_S)
            except Exception as error:
                self._failed(error)
                log.exception("journal_flush_failed", rows=self.rows)
                await self._clock.sleep(RETRY_S)

    # --- appending ----------------------------------------------------------------------------------------------------

    async def append(
        self,
        piece: Appended | None,
        histograms: Sequence[tuple[int, HistogramSample]] = (),
        exemplars: Sequence[tuple[int, Exemplar]] = (),
        metadata: Sequence[MetricMetadata] = (),
    ) -> None:
        """Make these durable and let readers see them.

        Raises:
            UnavailableError: the disk does not take them; nothing of them is kept.
        """
        if self.rows >= UNSORTED_ROWS_MAX:
            await self.flush()
        extras = self._extras(histograms, exemplars, metadata)
        samples = None
        if piece is not None:
            samples = Samples(self._index.ids(piece.refs), piece.times_ms, piece.values)
        # Shielded: what is in the journal must be known here, whoever went away meanwhile.
        await asyncio.shield(self._append(samples, extras, lambda: self._noted(piece, histograms, exemplars, metadata)))

    async def _append(self, samples: Samples | None, extras: Extras, noted: Callable[[], None]) -> None:
        begun = self._clock.monotonic_ns()
        async with self._appending:
            await self._on_thread(lambda: self._write_records(samples, extras))
            noted()
        self._append_seconds.observe((self._clock.monotonic_ns() - begun) / NS_PER_S)

    def _write_records(self, samples: Samples | None, extras: Extras) -> None:
        # Extras first: should the second append fail, the samples, of which senders hear, are not half of the batch.
        if extras:
            self.journal.append(Kind.EXTRAS, (pack_extras(extras),))
        if samples is not None:
            self.journal.append(Kind.SAMPLES, pack_samples(samples))

    def _noted(
        self,
        piece: Appended | None,
        histograms: Sequence[tuple[int, HistogramSample]],
        exemplars: Sequence[tuple[int, Exemplar]],
        metadata: Sequence[MetricMetadata],
    ) -> None:
        if piece is not None:
            self._waiting.add(piece)
        self._waiting.add_extras(histograms, exemplars, {entry.metric: entry for entry in metadata})
        self._arrived.set()
        if self._waiting.rows >= FLUSH_ROWS:
            self._is_full.set()

    def _extras(
        self,
        histograms: Sequence[tuple[int, HistogramSample]],
        exemplars: Sequence[tuple[int, Exemplar]],
        metadata: Sequence[MetricMetadata],
    ) -> Extras:
        return Extras(
            tuple(self._index.ids(_refs(histograms)).tolist()),
            tuple(each for _, each in histograms),
            tuple(self._index.ids(_refs(exemplars)).tolist()),
            tuple(each for _, each in exemplars),
            tuple(metadata),
        )

    # --- to the tables ------------------------------------------------------------------------------------------------

    async def flush(self) -> None:
        """Bring everything that was appended before into the tables.

        Raises:
            AnyascopeError: the engine did not take it; it stays where it is, and is tried again.
        """
        async with self._flushing:
            await self._flush()

    @asynccontextmanager
    async def settled(self) -> AsyncIterator[None]:
        """Everything that was appended before is in the tables, and nothing more comes into them inside the block."""
        async with self._flushing:
            await self._flush()
            yield

    def cut(self, refs: NDArray[np.uint32], *, start_ms: int, end_ms: int) -> None:
        """Forget what came after the last flush of these series in a stretch (inclusive); only inside `settled`."""
        self._waiting.cut(refs, start_ms=start_ms, end_ms=end_ms)

    async def _flush(self) -> None:
        if not self._moving:  # else the last flush failed, and is repeated
            async with self._appending:
                self._moving, self._waiting = self._waiting, Unsorted()
                self._moving_to = self.journal.end
                self._is_full.clear()
                self._arrived.clear()
        if not self._moving:
            return
        try:
            await self._write(self._rows_of(self._moving))
        except Exception as error:
            self._failed(error)
            self._arrived.set()
            raise
        self.fault = ""
        first_ms, last_ms = self._moving.stretch_ms()
        self._moving = Unsorted()
        self._on_written(first_ms, last_ms)
        await self._commit(self._moving_to)

    def _failed(self, error: Exception) -> None:
        self._flush_failures.inc()
        self.fault = f"samples wait in the journal, the tables do not take them: {str(error) or type(error).__name__}"

    def _rows_of(self, unsorted: Unsorted) -> Rows:
        samples = [
            Samples(self._index.ids(piece.refs), piece.times_ms, piece.values) for piece in unsorted.pieces
        ]  # fmt: skip
        extras = self._extras(unsorted.histograms, unsorted.exemplars, tuple(unsorted.metadata.values()))
        return Rows(samples, [extras] if extras else [])

    async def _write(self, rows: Rows) -> None:
        if rows.samples:
            for block, count in await self._engine.work(lambda: list(sample_blocks(rows.samples))):
                await self._engine.insert("samples", block, rows=count)
        for extras in rows.extras:
            await self._write_extras(extras)

    async def _write_extras(self, extras: Extras) -> None:
        if extras.histograms:
            ids = np.array(extras.histogram_ids, np.uint64)
            block = await self._engine.work(lambda: histogram_block(ids, extras.histograms))
            await self._engine.insert("histograms", block, rows=len(extras.histograms))
        if extras.exemplars:
            block = exemplar_block(np.array(extras.exemplar_ids, np.uint64), extras.exemplars)
            await self._engine.insert("exemplars", block, rows=len(extras.exemplars))
        if extras.metadata:
            block = metadata_block(extras.metadata, updated_ms=self._clock.now_ns() // NS_PER_MS)
            await self._engine.insert("metadata", block, rows=len(extras.metadata))

    async def _commit(self, position: Position) -> None:
        try:
            await self._on_thread(lambda: self.journal.commit(STORE, position))
        except UnavailableError as error:
            log.warning("journal_position_not_written", error=str(error))  # the next start reads more than it must

    async def _on_thread(self, task: Callable[[], T]) -> T:
        try:
            return await asyncio.wrap_future(self._thread.submit(task))
        except OSError as error:
            raise UnavailableError(
                f"the journal does not take the data: {error.strerror or error}", retry_after_s=RETRY_AFTER_S
            ) from error
        except RuntimeError as error:
            raise UnavailableError("the store is closing", retry_after_s=RETRY_AFTER_S) from error


def _refs(pairs: Sequence[tuple[int, object]]) -> NDArray[np.uint32]:
    return np.array([ref for ref, _ in pairs], np.uint32)


def _unpack_into(rows: Rows, record: Record) -> int:
    """Take a record in; how many bytes of it are not what its kind says."""
    try:
        if record.kind == Kind.SAMPLES:
            rows.samples.append(unpack_samples(record.payload))
        elif record.kind == Kind.EXTRAS:
            rows.extras.append(unpack_extras(record.payload))
    except ValueError:
        return len(record.payload)
    return 0


def sample_blocks(pieces: Sequence[Samples]) -> Iterator[tuple[bytes, int]]:
    """Blocks of table `samples` with their rows; one, unless times reach over more partitions than an insert may touch."""
    ids = np.concatenate([piece.ids for piece in pieces])
    times_ms = np.concatenate([piece.times_ms for piece in pieces])
    values = np.concatenate([piece.values for piece in pieces])
    # A partition is a calendar week; a week of any other beginning touches two of them.
    weeks_max = PARTITIONS_PER_INSERT_MAX // 2
    if int(times_ms.max()) - int(times_ms.min()) < weeks_max * WEEK_MS:
        yield sample_block(ids, times_ms, values), len(ids)
        return
    group = times_ms // (weeks_max * WEEK_MS)
    for number in np.unique(group).tolist():
        own = group == number
        yield sample_block(ids[own], times_ms[own], values[own]), int(own.sum())
