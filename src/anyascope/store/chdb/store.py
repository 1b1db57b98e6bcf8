"""`ChdbStore`: all doors of the store on disk in one object."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from prometheus_client import CollectorRegistry

from anyascope.clock import Clock
from anyascope.store.chdb.engine import Engine, EngineOptions
from anyascope.store.chdb.logs import ChdbLogs
from anyascope.store.chdb.metrics import ChdbMetrics, HotOptions
from anyascope.store.chdb.retention import ChdbKeeper
from anyascope.store.chdb.schema import migrate
from anyascope.store.chdb.snapshots import Snapshots
from anyascope.store.chdb.spans import ChdbSpans
from anyascope.store.journal.files import JournalOptions


@dataclass(frozen=True, slots=True)
class StoreOptions:
    """Options of the store on disk."""

    engine: EngineOptions = field(default_factory=EngineOptions)
    hot: HotOptions = field(default_factory=HotOptions)
    journal: JournalOptions = field(default_factory=JournalOptions)


class ChdbStore:
    """Metrics, logs and spans on disk. Made by `open`; call `close` at the end.

    Attributes:
        metrics, logs, spans: each is writer and reader of its signal.
        keeper: usage, retention and faults.
        found_at_start: what recovery found, one sentence each.
    """

    def __init__(
        self, engine: Engine, directory: Path, *, options: StoreOptions, clock: Clock, registry: CollectorRegistry
    ) -> None:
        self._engine = engine
        self.metrics = ChdbMetrics(
            engine, directory, options=options.hot, journal=options.journal, clock=clock, registry=registry
        )
        self.logs = ChdbLogs(engine, clock=clock)
        self.spans = ChdbSpans(engine)
        snapshots = Snapshots(engine, directory, clock=clock)
        self.keeper = ChdbKeeper(engine, self.metrics, snapshots=snapshots, clock=clock)
        self.found_at_start: list[str] = []

    @staticmethod
    async def open(directory: Path, *, options: StoreOptions, clock: Clock, registry: CollectorRegistry) -> ChdbStore:
        """Take a data directory, bring its schema up to date and read back what lives in memory.

        One a process; after `close` another directory may be opened.

        Raises:
            ConflictError: another process has the directory.
            UnsupportedError: a newer release has written it.
            UnavailableError: it cannot be used.
        """
        engine = await Engine.open(directory, options=options.engine, clock=clock, registry=registry)
        try:
            steps = await migrate(engine, clock=clock)
            store = ChdbStore(engine, directory, options=options, clock=clock, registry=registry)
            if steps:
                store.found_at_start.append(f"schema brought up to date in {steps} step{'s' if steps > 1 else ''}")
            if engine.left_by:
                store.found_at_start.append(
                    f"process {engine.left_by} ended without closing the store, which recovered"
                )
            store.found_at_start += await store.metrics.load(is_after_crash=bool(engine.left_by))
            await store.spans.load()
            store.found_at_start += await store.keeper.faults()
        except BaseException:
            await engine.close()
            raise
        return store

    async def close(self) -> None:
        """Finish what runs and give the directory back."""
        try:
            await self.metrics.close()
        finally:
            await self._engine.close()
