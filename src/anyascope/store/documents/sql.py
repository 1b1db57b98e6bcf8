"""Documents in a database, SQLite in WAL mode or PostgreSQL: every commit is on the disk before it is answered.

Commits that wait at the same moment share one transaction and so one fsync. Each keeps its own fate: its versions are
checked against what the ones before it leave, and a conflict takes out its caller alone.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import sqlalchemy as sa
from sqlalchemy import exc
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.pool import ConnectionPoolEntry

from anyascope.clock import Clock
from anyascope.errors import AnyascopeError, ConflictError, InvalidInputError, UnavailableError
from anyascope.model.documents import Change, Document, DocumentPage, Put
from anyascope.store.documents.memory import check_version, decode_body, encode_body
from anyascope.store.documents.schema import documents, migrate

T = TypeVar("T")

BUSY_TIMEOUT_MS = 5_000  # how long a writer waits for another process, such as a backup, to let go
READERS_MAX = 2  # threads; reads are short
GROUP_MAX = 500  # callers that share a transaction; more would keep the first ones waiting
RETRY_AFTER_S = 1.0  # a full disk or a locked file may have been mended by then
KEYS_PER_READ = 400  # bound values in a statement, twice; SQLite's oldest limit is 999
CODE_POINT_MAX = 0x10FFFF
POSTGRES_PREFIXES = ("postgresql://", "postgres://")
POSTGRES_WRITERS = 0x616E7961  # "anya": the advisory lock that writers of one database hold one after the other
# SQLSTATE classes that may pass: connection, rolled back, resources (a full disk), intervention (a shutdown), system.
POSTGRES_PASSING = ("08", "40", "53", "57", "58")
SURROGATES = range(0xD800, 0xE000)

Place = tuple[str, str]


@dataclass(slots=True)
class Waiting:
    """A caller's changes, bodies encoded, and its answer."""

    changes: list[tuple[Change, str]]
    answer: asyncio.Future[None]


async def open_documents(url_or_path: str | Path, *, clock: Clock) -> SqlDocuments:
    """Open (and create or migrate) the database at a path or URL, such as `postgresql://user@host/name`.

    Raises:
        UnsupportedError: a newer release has written it.
        UnavailableError: it cannot be opened.
    """
    url = url_or_path if isinstance(url_or_path, str) and "://" in url_or_path else f"sqlite:///{url_or_path}"
    opened = SqlDocuments(url, clock=clock)
    try:
        await opened.migrate()
    except BaseException:
        await opened.close()
        raise
    return opened


class SqlDocuments:
    """A `DocumentStore` in a database. Made by `open_documents`; call `close` at the end."""

    def __init__(self, url: str, *, clock: Clock) -> None:
        self._clock = clock
        if url.startswith(POSTGRES_PREFIXES):
            drivers_url = f"postgresql+pg8000://{url.partition('://')[2]}"
            self._engine = sa.create_engine(drivers_url, pool_size=1 + READERS_MAX)
            sa.event.listen(self._engine, "checkout", try_postgres)
            sa.event.listen(self._engine, "begin", begin_postgres)
        else:
            self._engine = sa.create_engine(url)
            sa.event.listen(self._engine, "connect", prepare_sqlite)
            sa.event.listen(self._engine, "begin", begin_sqlite)
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="documents-write")
        self._readers = ThreadPoolExecutor(READERS_MAX, thread_name_prefix="documents-read")
        self._waiting: list[Waiting] = []
        self._flusher: asyncio.Task[None] | None = None
        self._closed = False

    async def migrate(self) -> None:
        """Bring the schema up to date."""
        await self._run(self._writer, self._migrate)

    def _migrate(self) -> None:
        with self._engine.connect().execution_options(anyascope_write=True) as connection, connection.begin():
            migrate(connection)

    async def close(self) -> None:
        """Wait for what was handed in, then let go of the database."""
        self._closed = True
        while self._flusher is not None:
            await asyncio.wait([self._flusher])
        await asyncio.get_running_loop().run_in_executor(self._writer, self._engine.dispose)
        self._writer.shutdown()
        self._readers.shutdown()

    async def _run(self, executor: ThreadPoolExecutor, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(executor, translated, work)

    # --- reading ------------------------------------------------------------------------------------------------------

    async def get(self, kind: str, key: str) -> Document | None:
        check_text(kind, key)
        question = sa.select(documents).where(documents.c.kind == kind, documents.c.key == key)
        rows = await self._run(self._readers, lambda: self._read(question))
        return document_of(rows[0]) if rows else None

    async def page(
        self, kind: str, *, prefix: str = "", after: str = "", limit: int = 1000, descending: bool = False
    ) -> DocumentPage:
        check_text(kind, prefix, after)
        key = documents.c.key
        question = sa.select(documents).where(documents.c.kind == kind)
        if prefix:
            question = question.where(key >= prefix)
            beyond = successor(prefix)
            if beyond:
                question = question.where(key < beyond)
        if after:
            question = question.where(key < after if descending else key > after)
        question = question.order_by(key.desc() if descending else key).limit(limit + 1)
        rows = await self._run(self._readers, lambda: self._read(question))
        found = tuple(document_of(row) for row in rows[:limit])
        return DocumentPage(found, found[-1].key if found and len(rows) > limit else "")

    def _read(self, question: sa.Select[tuple[str, str, int, int, str]]) -> Sequence[sa.Row[tuple[str, ...]]]:
        with self._engine.connect() as connection:
            return connection.execute(question).all()  # type: ignore[return-value]

    # --- writing ------------------------------------------------------------------------------------------------------

    async def commit(self, changes: Sequence[Change]) -> None:
        if self._closed:
            raise UnavailableError("the document store is closing", retry_after_s=RETRY_AFTER_S)
        if not changes:
            return
        encoded: list[tuple[Change, str]] = []
        for change in changes:
            check_text(change.kind, change.key)
            # Encoded now: the caller may change its body once it waits.
            encoded.append((change, encode_body(change.body).decode() if isinstance(change, Put) else ""))
        loop = asyncio.get_running_loop()
        waiting = Waiting(encoded, loop.create_future())
        self._waiting.append(waiting)
        if self._flusher is None:
            self._flusher = loop.create_task(self._flush())
        await waiting.answer

    async def _flush(self) -> None:
        try:
            while self._waiting:
                group, self._waiting = self._waiting[:GROUP_MAX], self._waiting[GROUP_MAX:]
                await self._flush_group(group)
        finally:
            self._flusher = None

    async def _flush_group(self, group: list[Waiting]) -> None:
        outcomes: Sequence[Exception | None]
        try:
            outcomes = await self._run(self._writer, lambda: self._write([waiting.changes for waiting in group]))
        except Exception as error:  # noqa: BLE001 - whatever it was, nobody may wait for ever
            outcomes = [error for _ in group]
        for waiting, outcome in zip(group, outcomes, strict=True):
            if waiting.answer.done():
                continue  # its caller was cancelled and no longer asks
            if outcome is None:
                waiting.answer.set_result(None)
            else:
                waiting.answer.set_exception(outcome)

    def _write(self, group: list[list[tuple[Change, str]]]) -> Sequence[Exception | None]:
        """One transaction for all; an outcome each."""
        with self._engine.connect().execution_options(anyascope_write=True) as connection, connection.begin():
            places = list({(change.kind, change.key) for changes in group for change, _ in changes})
            before = stored_versions(connection, places)
            versions, bodies = dict(before), dict[Place, str | None]()
            outcomes = [stage(changes, versions, bodies) for changes in group]
            self._apply(connection, before, versions, bodies)
        return outcomes

    def _apply(
        self,
        connection: sa.Connection,
        before: dict[Place, int],
        versions: dict[Place, int],
        bodies: dict[Place, str | None],
    ) -> None:
        gone = [{"at_kind": kind, "at_key": key} for kind, key in bodies if (kind, key) in before]
        if gone:
            at = (documents.c.kind == sa.bindparam("at_kind"), documents.c.key == sa.bindparam("at_key"))
            connection.execute(sa.delete(documents).where(*at), gone)
        now_ns = self._clock.now_ns()
        written = [
            {"kind": kind, "key": key, "version": versions[kind, key], "updated_ns": now_ns, "body": body}
            for (kind, key), body in bodies.items()
            if body is not None
        ]
        if written:
            connection.execute(sa.insert(documents), written)


def stored_versions(connection: sa.Connection, places: list[Place]) -> dict[Place, int]:
    """The versions of those of the documents that exist."""
    found: dict[Place, int] = {}
    for begin in range(0, len(places), KEYS_PER_READ):
        part = places[begin : begin + KEYS_PER_READ]
        at = sa.tuple_(documents.c.kind, documents.c.key).in_(part)
        for kind, key, version in connection.execute(
            sa.select(documents.c.kind, documents.c.key, documents.c.version).where(at).with_for_update()
        ):
            found[kind, key] = version
    return found


def stage(
    changes: list[tuple[Change, str]], versions: dict[Place, int], bodies: dict[Place, str | None]
) -> ConflictError | None:
    """Enter one caller's changes into what will be written, or none of them and why."""
    own_versions, own_bodies = dict[Place, int](), dict[Place, str | None]()
    for change, body in changes:
        place = (change.kind, change.key)
        version = own_versions.get(place, versions.get(place, 0))
        if isinstance(change, Put):
            try:
                check_version(change, version)
            except ConflictError as conflict:
                return conflict
            own_versions[place], own_bodies[place] = version + 1, body
        else:
            own_versions[place], own_bodies[place] = 0, None
    versions.update(own_versions)
    bodies.update(own_bodies)
    return None


def translated(work: Callable[[], T]) -> T:
    """Do the work; the database's errors become ours."""
    with translation():
        return work()


@contextlib.contextmanager
def translation() -> Iterator[None]:
    """Inside, what the database raises becomes ours."""
    try:
        yield
    except exc.OperationalError as error:
        raise UnavailableError(
            f"the document database cannot be used now: {error.orig}", retry_after_s=RETRY_AFTER_S
        ) from error
    except exc.DBAPIError as error:
        if error.connection_invalidated or isinstance(error, exc.InterfaceError) or _may_pass(error):
            raise UnavailableError(
                f"the document database cannot be used now: {_said(error)}", retry_after_s=RETRY_AFTER_S
            ) from error
        raise AnyascopeError(f"the document database failed: {_said(error)}") from error
    except OSError as error:
        raise UnavailableError(f"the document database was lost: {error}", retry_after_s=RETRY_AFTER_S) from error
    except exc.SQLAlchemyError as error:
        raise AnyascopeError(f"the document database failed: {error}") from error


def _may_pass(error: exc.DBAPIError) -> bool:
    told = error.orig.args[0] if error.orig is not None and error.orig.args else None
    return isinstance(told, dict) and str(told.get("C", "")).startswith(POSTGRES_PASSING)


def _said(error: exc.DBAPIError) -> str:
    told = error.orig.args[0] if error.orig is not None and error.orig.args else error.orig
    return str(told.get("M", told)) if isinstance(told, dict) else str(told)


def try_postgres(connection: DBAPIConnection, entry: ConnectionPoolEntry, proxy: object) -> None:
    """A server that was restarted has cut the pool's connections: each is tried before it is used, and made anew.

    The driver raises bare errors of the socket, which the pool's own test does not know.
    """
    del entry, proxy
    try:
        connection.cursor().execute("SELECT 1")
        connection.rollback()
    except Exception as error:
        raise exc.DisconnectionError from error


def begin_postgres(connection: sa.Connection) -> None:
    """Writers go one after the other, as in SQLite: versions are read and then written."""
    if connection.get_execution_options().get("anyascope_write", False):
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({POSTGRES_WRITERS})")


def prepare_sqlite(connection: DBAPIConnection, entry: ConnectionPoolEntry) -> None:
    """Durable and patient, and transactions begun by us alone."""
    del entry
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=FULL", f"busy_timeout={BUSY_TIMEOUT_MS}"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def begin_sqlite(connection: sa.Connection) -> None:
    """A writer takes the lock at once: taking it after a read could fail with no way to wait."""
    is_write = connection.get_execution_options().get("anyascope_write", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if is_write else "BEGIN")


def document_of(row: sa.Row[tuple[str, ...]]) -> Document:
    """A stored row as the noun."""
    return Document(row.kind, row.key, decode_body(row.body.encode()), version=row.version, updated_ns=row.updated_ns)


def check_text(*texts: str) -> None:
    """Raise where a text cannot be stored."""
    for text in texts:
        if "\0" in text or (not text.isascii() and any(ord(char) in SURROGATES for char in text)):
            raise InvalidInputError(f"a document's kind and key are text without NUL and surrogates, got {text!r}")


def successor(prefix: str) -> str:
    """The first text, by code points, that is beyond every text with this prefix; empty where there is none."""
    trimmed = prefix.rstrip(chr(CODE_POINT_MAX))
    if not trimmed:
        return ""
    following = ord(trimmed[-1]) + 1
    return trimmed[:-1] + chr(SURROGATES.stop if following in SURROGATES else following)
