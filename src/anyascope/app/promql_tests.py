"""Runs test scripts for PromQL without a server, each on an empty store."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

from prometheus_client import CollectorRegistry

from anyascope.app.stores import Metrics
from anyascope.clock import Clock, SystemClock
from anyascope.config.settings import StoreKind
from anyascope.errors import InvalidInputError
from anyascope.promql.engine import Engine
from anyascope.promql.judge import Makes, ScriptReport, run_script
from anyascope.promql.options import EngineOptions
from anyascope.promql.script import parse_script
from anyascope.promql.signatures import EVERY_FEATURE
from anyascope.store.chdb.store import ChdbStore, StoreOptions
from anyascope.store.memory.metrics import MemoryMetrics
from anyascope.wire.settings import SETTINGS_BYTES_MAX

FOREVER_MS = 1 << 60  # beyond every time that a script can name

# What the scripts assume of the engine that they judge.
OPTIONS = EngineOptions(features=EVERY_FEATURE)


def run_promql_tests(path: Path, *, store: StoreKind) -> ScriptReport:
    """The report on one script; what stands in it never raises."""
    try:
        if path.stat().st_size > SETTINGS_BYTES_MAX:
            return ScriptReport(str(path), error=f"is larger than {SETTINGS_BYTES_MAX} bytes")
        commands = parse_script(path.read_text("utf-8"))
    except InvalidInputError as error:
        return ScriptReport(str(path), error=str(error))
    except UnicodeDecodeError as error:
        return ScriptReport(str(path), error=f"is not UTF-8: {error}")
    except OSError as error:
        return ScriptReport(str(path), error=f"cannot be read: {error.strerror or error}")

    async def run() -> ScriptReport:
        async with OPEN[store](SystemClock()) as make:
            return ScriptReport(str(path), tuple(await run_script(commands, make)))

    return asyncio.run(run())


def _engine(metrics: Metrics, clock: Clock) -> Engine:
    return Engine(metrics, options=OPTIONS, clock=clock, registry=CollectorRegistry())


@asynccontextmanager
async def in_memory(clock: Clock) -> AsyncIterator[Makes]:
    """Empty stores in memory."""

    async def make() -> tuple[Metrics, Engine]:
        metrics = MemoryMetrics()
        return metrics, _engine(metrics, clock)

    yield make


@asynccontextmanager
async def on_disk(clock: Clock) -> AsyncIterator[Makes]:
    """One store of chDB, in a folder that goes at the end, emptied each time."""
    with tempfile.TemporaryDirectory(prefix="anyascope-test-") as folder:
        store = await ChdbStore.open(Path(folder), options=StoreOptions(), clock=clock, registry=CollectorRegistry())

        async def make() -> tuple[Metrics, Engine]:
            await store.metrics.delete([()], start_ms=-FOREVER_MS, end_ms=FOREVER_MS)
            return store.metrics, _engine(store.metrics, clock)

        try:
            yield make
        finally:
            await store.close()


OPEN: dict[StoreKind, Callable[[Clock], AbstractAsyncContextManager[Makes]]] = {
    StoreKind.MEMORY: in_memory,
    StoreKind.CHDB: on_disk,
}
