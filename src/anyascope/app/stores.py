"""Opens what telemetry and control state are kept in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from prometheus_client import CollectorRegistry

from anyascope.clock import Clock
from anyascope.config.settings import StorageSettings, StoreKind
from anyascope.model.labels import Labels
from anyascope.store.api.documents import DocumentStore
from anyascope.store.api.logs import LogReader, LogWriter
from anyascope.store.api.metrics import MetricReader, MetricWriter
from anyascope.store.api.retention import StoreKeeper
from anyascope.store.api.spans import SpanReader, SpanWriter
from anyascope.store.chdb.engine import EngineOptions
from anyascope.store.chdb.store import ChdbStore, StoreOptions
from anyascope.store.documents.memory import MemoryDocuments
from anyascope.store.documents.sql import open_documents
from anyascope.store.journal.files import Journal, JournalOptions
from anyascope.store.memory.store import MemoryStore

CONTROL_FILE = "control.sqlite"
TELEMETRY_DIRECTORY = "telemetry"


class Metrics(MetricReader, MetricWriter, Protocol):
    """Both sides of the door to metrics."""


class Logs(LogReader, LogWriter, Protocol):
    """Both sides of the door to logs."""


class Spans(SpanReader, SpanWriter, Protocol):
    """Both sides of the door to spans."""


class Closing(Protocol):
    """Something that is closed at the end."""

    async def close(self) -> None:
        """Let go of everything."""


class Documents(DocumentStore, Closing, Protocol):
    """Control state that can be closed."""


class Telemetry(Closing, Protocol):
    """All doors of one store."""

    @property
    def metrics(self) -> Metrics:
        """Metrics, in and out."""

    @property
    def logs(self) -> Logs:
        """Logs, in and out."""

    @property
    def spans(self) -> Spans:
        """Spans, in and out."""

    @property
    def keeper(self) -> StoreKeeper:
        """How much there is, and how much is kept."""

    @property
    def found_at_start(self) -> list[str]:
        """What recovery found, one sentence each."""


class Journaled(Protocol):
    """Metrics that are appended to a journal first."""

    @property
    def journal(self) -> Journal:
        """Everything that is written, in the order of its coming."""

    def labels_of(self, ids: Sequence[int]) -> Sequence[Labels | None]:
        """The labels of stored ids; None where the series is not known (any more)."""


@dataclass(frozen=True, slots=True)
class Stores:
    """Where everything is kept. `journaled` is None where the store keeps no journal."""

    telemetry: Telemetry
    documents: Documents
    journaled: Journaled | None = None

    async def close(self) -> None:
        """Close both; what was acknowledged is durable already."""
        try:
            await self.documents.close()
        finally:
            await self.telemetry.close()


async def open_stores(
    settings: StorageSettings, *, journal_bytes_max: int, clock: Clock, registry: CollectorRegistry
) -> Stores:
    """Open, migrate and recover.

    Args:
        journal_bytes_max: how much of the journal is kept for who sends metrics on.

    Raises:
        ConflictError: another process uses the data directory.
        UnsupportedError: a newer release wrote it.
        UnavailableError: it cannot be opened.
    """
    if settings.kind is StoreKind.MEMORY:
        return Stores(MemoryStore(clock=clock, registry=registry), MemoryDocuments(clock=clock))
    telemetry = await ChdbStore.open(
        settings.directory / TELEMETRY_DIRECTORY,
        options=StoreOptions(
            engine=EngineOptions(memory_bytes_max=settings.memory_bytes_max),
            journal=JournalOptions(retained_bytes_max=journal_bytes_max),
        ),
        clock=clock,
        registry=registry,
    )
    try:
        database = settings.documents.reveal() if settings.documents is not None else settings.directory / CONTROL_FILE
        documents = await open_documents(database, clock=clock)
    except BaseException:
        await telemetry.close()
        raise
    return Stores(telemetry, documents, telemetry.metrics)
