"""Every test here runs over each implementation of the store."""

from __future__ import annotations

import pytest
from prometheus_client import CollectorRegistry

from anyascope.clock import ManualClock
from anyascope.store.chdb import ChdbStore, StoreOptions
from anyascope.store.documents import MemoryDocuments, open_documents
from anyascope.store.memory import MemoryStore


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


@pytest.fixture(params=["memory", "sqlite"])
async def documents(request, tmp_path, clock):
    opened = (
        MemoryDocuments(clock=clock)
        if request.param == "memory"
        else await open_documents(tmp_path / "state.db", clock=clock)
    )
    yield opened
    await opened.close()
