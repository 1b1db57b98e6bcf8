"""Every test here runs over each implementation of the store."""

from __future__ import annotations

import pytest
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
    if request.param == "memory":
        opened = MemoryStore(clock=clock, registry=CollectorRegistry())
    else:
        opened = await ChdbStore.open(tmp_path, options=StoreOptions(), clock=clock, registry=CollectorRegistry())
    yield opened
    await opened.close()


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
