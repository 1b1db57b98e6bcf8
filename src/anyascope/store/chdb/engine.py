"""The embedded engine: one a process, called from worker threads only, never from the event loop.

Statements run on handles that are checked out exclusively: the engine mixes up bound parameters of threads that share a
handle. Inserts and questions have their own threads, so that a heavy question never keeps an acknowledgement waiting.
The process must not fork while an engine is open: the child would hang in its first statement.
"""

from __future__ import annotations

import asyncio
import itertools
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import TypeVar

import chdb
import pyarrow as pa
import structlog
from chdb.state.sqlitelike import Connection
from prometheus_client import CollectorRegistry, Counter, Histogram

from anyascope.clock import NS_PER_S, Clock
from anyascope.errors import AnyascopeError, InvalidInputError, UnavailableError
from anyascope.store.chdb.binding import Parameter, bound
from anyascope.store.chdb.faults import translate
from anyascope.store.chdb.lock import DirectoryLock

T = TypeVar("T")

MEBIBYTE = 1024 * 1024
RETRY_AFTER_S = 1.0  # a closing store is opened again soon, or never
TOKEN_CHARS_MAX = 200  # of a deduplication token; ours are ids and hashes
PARTITIONS_PER_INSERT_MAX = 1000  # days or weeks that one batch may touch: a part each, all merged later
BUCKETS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)

NO_ROWS = pa.Table.from_batches([], schema=pa.schema([]))

log = structlog.get_logger("anyascope.store")


@dataclass(frozen=True, slots=True)
class EngineOptions:
    """How much of the machine the engine may take.

    Attributes:
        memory_bytes_max: of the engine as a whole, caches included.
        query_memory_bytes_max, query_seconds_max: of one question; past either it ends with `LimitExceededError`.
        query_spill_bytes: from here on a large aggregation goes to disk.
        mark_cache_bytes, index_mark_cache_bytes: the engine's own defaults are 5 GiB each.
        background_threads: that merge parts.
        insert_threads, query_threads: statements at once; each has a handle of its own.
    """

    memory_bytes_max: int = 2048 * MEBIBYTE
    query_memory_bytes_max: int = 600 * MEBIBYTE
    query_seconds_max: float = 30.0
    query_spill_bytes: int = 150 * MEBIBYTE
    mark_cache_bytes: int = 128 * MEBIBYTE
    index_mark_cache_bytes: int = 64 * MEBIBYTE
    background_threads: int = 4
    insert_threads: int = 3
    query_threads: int = 4

    def connection_string(self, path: Path) -> str:
        """Server settings (the first handle's count) and each handle's own defaults."""
        settings = {
            "max_server_memory_usage": self.memory_bytes_max,
            "mark_cache_size": self.mark_cache_bytes,
            "index_mark_cache_size": self.index_mark_cache_bytes,
            "background_pool_size": self.background_threads,
            "max_memory_usage": self.query_memory_bytes_max,
            "max_bytes_before_external_group_by": self.query_spill_bytes,
            "max_bytes_before_external_sort": self.query_spill_bytes,
            "max_threads": 1,  # on few cores a second thread takes from the inserts what it gives to the question
            "max_insert_threads": 1,
            "async_insert": 0,
            "max_partitions_per_insert_block": PARTITIONS_PER_INSERT_MAX,
            "output_format_arrow_compression_method": "none",
            "max_query_size": 16 * MEBIBYTE,  # deletions name their series
        }
        return f"{path}?" + "&".join(f"{name}={value}" for name, value in settings.items())


class Engine:
    """The open engine. Made by `open`; call `close` at the end."""

    def __init__(
        self, directory: Path, *, options: EngineOptions, clock: Clock, registry: CollectorRegistry, lock: DirectoryLock
    ) -> None:
        self._options = options
        self._address = options.connection_string(directory / "engine")
        self._clock = clock
        self._lock = lock
        self._anchor: Connection | None = None
        self._free: list[Connection] = []
        self._guard = threading.Lock()
        self._numbers = itertools.count(1)
        self._closed = False
        self._inserters = ThreadPoolExecutor(options.insert_threads, thread_name_prefix="store-insert")
        self._askers = ThreadPoolExecutor(options.query_threads, thread_name_prefix="store-query")
        self._killer = ThreadPoolExecutor(1, thread_name_prefix="store-kill")
        self._inserted_rows = Counter(
            "anyascope_store_inserted_rows", "Rows that the store has made durable.", ["table"], registry=registry
        )
        self._insert_seconds = Histogram(
            "anyascope_store_insert_duration_seconds",
            "How long one insert took.",
            ["table"],
            buckets=BUCKETS_S,
            registry=registry,
        )
        self._query_seconds = Histogram(
            "anyascope_store_query_duration_seconds",
            "How long one question to the store took, by its statement.",
            ["statement"],
            buckets=BUCKETS_S,
            registry=registry,
        )
        self._failures = Counter(
            "anyascope_store_failures",
            "Statements that failed, by the code of the error.",
            ["kind", "code"],
            registry=registry,
        )

    @property
    def left_by(self) -> str:
        """The pid of the process that last had the directory and died with it, else empty."""
        return self._lock.left_by

    @staticmethod
    async def open(directory: Path, *, options: EngineOptions, clock: Clock, registry: CollectorRegistry) -> Engine:
        """Take the data directory and start the engine in it.

        Raises:
            ConflictError: another process has the directory.
            UnavailableError: the directory cannot be used.
            InvalidInputError: the path holds a question mark, which the engine would cut.
        """
        if "?" in str(directory):
            raise InvalidInputError(f"data directory {directory} must not have a question mark in its path")
        lock = DirectoryLock(directory)
        engine = Engine(directory, options=options, clock=clock, registry=registry, lock=lock)
        try:
            await engine._run(engine._askers, engine._start, is_write=True)
        except BaseException:
            await engine.close()
            raise
        return engine

    def _start(self) -> None:
        # Never asked anything: the engine stops when its last handle closes, and failed ones are closed at any time.
        self._anchor = chdb.connect(self._address)

    async def close(self) -> None:
        """Wait for what runs, then stop the engine and give the directory back. May be called again."""
        if self._closed:
            return
        self._closed = True
        await asyncio.get_running_loop().run_in_executor(None, self._stop)

    def _stop(self) -> None:
        for executor in (self._inserters, self._askers, self._killer):
            executor.shutdown(wait=True)
        for handle in self._free:
            handle.close()
        self._free.clear()
        if self._anchor is not None:
            self._anchor.close()
        self._lock.release()

    # --- statements ---------------------------------------------------------------------------------------------------

    async def insert(self, table: str, block: bytes, *, rows: int, token: str = "") -> None:
        """Append a Native block to a table; returns once its rows survive `kill -9`.

        Args:
            table: one of ours.
            block: with its columns named.
            rows: how many it holds, for the counter.
            token: a block whose non-empty token was written to the table before is dropped; without one none is.

        Raises:
            UnavailableError: the store cannot write now.
        """
        # Without a token the engine would compare contents: a series deleted and made again would lose its labels.
        setting = f"insert_deduplication_token='{literal(token)}'" if token else "deduplicate_insert='disable'"
        statement = f"INSERT INTO {table} SETTINGS {setting}"
        begun = self._clock.monotonic_ns()
        # Shielded: an insert is never left half done because its caller went away.
        await asyncio.shield(self._run(self._inserters, lambda: self._insert(statement, block), is_write=True))
        self._insert_seconds.labels(table).observe((self._clock.monotonic_ns() - begun) / NS_PER_S)
        self._inserted_rows.labels(table).inc(rows)

    def _insert(self, statement: str, block: bytes) -> None:
        def insert(handle: Connection) -> None:
            with handle.send_insert(statement, "Native") as stream:
                stream.append(block)
                stream.finish()

        self._with_handle(insert)

    async def ask(
        self, name: str, parameters: Mapping[str, Parameter] | None = None, *, parts: Mapping[str, str] | None = None
    ) -> pa.Table:
        """The answer to the statement in `queries/<name>.sql`, as Arrow columns.

        Args:
            name: the file's name.
            parameters: values for its `{name:Type}` places.
            parts: SQL for its `/*name*/` places, built by this package from allow-listed pieces and never from a value.

        Raises:
            LimitExceededError: it ran past a limit of time or memory.
        """
        statement = statement_of(name)
        for place, sql in (parts or {}).items():
            statement = statement.replace(f"/*{place}*/", sql)
        return await self.question(name, statement, parameters)

    async def question(self, name: str, statement: str, parameters: Mapping[str, Parameter] | None = None) -> pa.Table:
        """Like `ask`, for a statement that is at hand; `name` stands in the metrics."""
        tag = f"anyascope-{next(self._numbers)}"
        tagged = (
            f"{statement}\nSETTINGS log_comment = '{tag}', max_execution_time = {self._options.query_seconds_max:.3f}"
        )
        values = {key: bound(value) for key, value in (parameters or {}).items()}
        begun = self._clock.monotonic_ns()
        try:
            answer: pa.Table = await self._run(self._askers, lambda: self._ask(tagged, values), is_write=False)
        except asyncio.CancelledError:
            self._kill(tag)
            raise
        self._query_seconds.labels(name).observe((self._clock.monotonic_ns() - begun) / NS_PER_S)
        return answer

    def _ask(self, statement: str, values: Mapping[str, str]) -> pa.Table:
        answer = self._with_handle(lambda handle: handle.query(statement, "ArrowStream", params=dict(values)).bytes())
        return pa.ipc.open_stream(answer).read_all() if answer else NO_ROWS

    def _kill(self, tag: str) -> None:
        """End a question whose asker went away. One that still waits for a thread was cancelled there already."""
        statement = f"KILL QUERY WHERE Settings['log_comment'] = '{tag}' ASYNC"
        if not self._closed:
            self._killer.submit(self._command, statement)

    async def command(self, statement: str) -> None:
        """Run a statement that changes tables and answers nothing."""
        await asyncio.shield(self._run(self._inserters, lambda: self._command(statement), is_write=True))

    def _command(self, statement: str) -> None:
        self._with_handle(lambda handle: handle.query(statement))

    async def work(self, task: Callable[[], T]) -> T:
        """Compute something heavy of ours on a writer's thread, such as building a block."""
        return await self._run(self._inserters, task, is_write=True)

    async def compute(self, task: Callable[[], T]) -> T:
        """The same on a reader's thread, such as putting an answer together."""
        return await self._run(self._askers, task, is_write=False)

    async def _run(self, executor: ThreadPoolExecutor, task: Callable[[], T], *, is_write: bool) -> T:
        if self._closed:
            raise UnavailableError("the store is closing", retry_after_s=RETRY_AFTER_S)
        future: Future[T] = executor.submit(task)
        try:
            return await asyncio.wrap_future(future)
        except AnyascopeError:
            raise
        # The engine cuts quoted input in the middle of a character, and then decoding its message fails.
        except (chdb.ChdbError, RuntimeError, UnicodeDecodeError, OSError) as error:
            fault = translate(error, is_write=is_write)
            self._failures.labels("write" if is_write else "read", fault.code).inc()
            log.warning("statement_failed", is_write=is_write, error=str(fault))
            raise fault from error

    def _with_handle(self, task: Callable[[Connection], T]) -> T:
        """Do the task with a handle that nobody else has meanwhile."""
        with self._guard:
            handle = self._free.pop() if self._free else None
        if handle is None:
            handle = chdb.connect(self._address)
        try:
            outcome = task(handle)
        except BaseException:
            # What a failed statement had already put out would come before the next one's answer: never use it again.
            handle.close()
            raise
        with self._guard:
            self._free.append(handle)
        return outcome


def literal(text: str) -> str:
    """A token as it may stand between quotes: what is not plain is spelt in hex."""
    if len(text) <= TOKEN_CHARS_MAX and text.isascii() and text.replace("-", "").replace("_", "").isalnum():
        return text
    return text.encode("utf-8", "surrogatepass").hex()


def statement_of(name: str) -> str:
    """The text of a query file, without its comment."""
    found = STATEMENTS.get(name)
    if found is None:
        text = (resources.files("anyascope.store.chdb") / "queries" / f"{name}.sql").read_text("utf-8")
        lines = (line for line in text.splitlines() if not line.startswith("--"))
        found = STATEMENTS[name] = "\n".join(lines).strip().removesuffix(";")
    return found


STATEMENTS: dict[str, str] = {}
