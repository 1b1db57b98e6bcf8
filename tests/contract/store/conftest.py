"""Every test here runs over each implementation of the store."""

from __future__ import annotations

import pytest
import pytest_asyncio
from prometheus_client import CollectorRegistry

from anyascope.clock import ManualClock
from anyascope.store.chdb import ChdbStore, StoreOptions
from anyascope.store.documents import MemoryDocuments, open_documents
from anyascope.store.memory import MemoryStore
from support.postgres import running_postgres


@pytest.fixture
def clock():
    return ManualClock()


@pytest.fixture(params=["memory", "chdb"])
async def store(request, tmp_path, clock):
    made = await opened(request.param, tmp_path, clock)
    yield made
    await made.close()


@pytest_asyncio.fixture(scope="class", loop_scope="class", params=["memory", "chdb"])
async def filled(request, tmp_path_factory):
    """A store into which `fill` of the test's class wrote, for tests that only read: it is opened once for all of them.

    Of a class, because its tests follow each other: the engine has one directory a process, and others open theirs.
    """
    made = await opened(request.param, tmp_path_factory.mktemp("store"), ManualClock())
    await request.cls.fill(made)
    yield made
    await made.close()


async def opened(kind, directory, clock):
    if kind == "memory":
        return MemoryStore(clock=clock, registry=CollectorRegistry())
    return await ChdbStore.open(directory, options=StoreOptions(), clock=clock, registry=CollectorRegistry())


@pytest.fixture(scope="session")
def postgres(tmp_path_factory):
    with running_postgres() as server:
        yield server


@pytest.fixture(params=["memory", "sqlite", "postgres"])
async def documents(request, tmp_path, clock):
    match request.param:
        case "memory":
            opened = MemoryDocuments(clock=clock)
        case "sqlite":
            opened = await open_documents(tmp_path / "state.db", clock=clock)
        case _:
            opened = await open_documents(request.getfixturevalue("postgres").emptied(), clock=clock)
    yield opened
    await opened.close()
