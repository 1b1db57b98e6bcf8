"""The disk is looked after."""

from __future__ import annotations

import pytest
from prometheus_client import CollectorRegistry

from anyascope.app import upkeep
from anyascope.app.upkeep import DISK_EVERY_S, RETENTION_EVERY_S, Upkeep
from anyascope.clock import ManualClock
from anyascope.errors import UnavailableError
from anyascope.ports import HealthStatus
from anyascope.store.api.retention import RetentionPolicy


class Keeper:
    """A store that frees 10 bytes each time, or fails."""

    def __init__(self) -> None:
        self.applied = 0
        self.fails = False
        self.found: list[str] = []
        self.troubled = ""

    async def usage(self):
        return {}

    async def apply_retention(self, policies):
        self.applied += 1
        if self.fails:
            raise UnavailableError("busy", retry_after_s=1)
        return 10

    async def faults(self):
        return self.found

    def trouble(self):
        return self.troubled

    async def clean(self):
        """Nothing."""

    async def snapshot(self, *, skips_head=False):
        return f"name-{skips_head}"


@pytest.fixture
def house(tmp_path, monkeypatch):
    """Upkeep with a disk whose free space the test sets."""
    free = {"bytes": 1000}
    monkeypatch.setattr(upkeep.shutil, "disk_usage", lambda _: type("Usage", (), {"free": free["bytes"]}))
    clock, keeper = ManualClock(), Keeper()
    made = Upkeep(
        keeper,
        directory=tmp_path,
        reserve_bytes=100,
        policies={"logs": RetentionPolicy()},
        clock=clock,
        registry=CollectorRegistry(),
    )
    return made, clock, keeper, free


async def test_a_full_disk_refuses_until_there_is_room(house):
    """Below the reserve new data is refused, above it again accepted, without a restart."""
    made, clock, _, free = house
    await made.start()
    made.require_room()
    free["bytes"] = 99
    await clock.advance(DISK_EVERY_S)
    with pytest.raises(UnavailableError, match="disk is full"):
        made.require_room()
    assert made.health()[0].status is HealthStatus.UNHEALTHY
    free["bytes"] = 150
    await clock.advance(DISK_EVERY_S)
    made.require_room()
    assert made.health()[0].status is HealthStatus.DEGRADED
    await made.stop()


async def test_retention_is_applied_at_once_and_again(house):
    """Old data goes at the start and every ten minutes; a failure is told and tried again."""
    made, clock, keeper, _ = house
    await made.start()
    await clock.advance(1)
    assert keeper.applied == 1
    keeper.fails = True
    await clock.advance(RETENTION_EVERY_S)
    assert made.health()[1].status is HealthStatus.DEGRADED
    keeper.fails = False
    await clock.advance(RETENTION_EVERY_S)
    assert keeper.applied == 3
    assert made.health()[1].status is HealthStatus.HEALTHY
    await made.stop()


async def test_a_fault_ends_neither_the_watch_nor_retention(house, monkeypatch):
    """A disk that does not answer once is measured again, and a round that breaks is followed by the next."""
    made, clock, keeper, free = house
    await made.start()
    await clock.advance(1)
    measured = upkeep.shutil.disk_usage
    monkeypatch.setattr(upkeep.shutil, "disk_usage", _raises(OSError("stale file handle")))
    applied = keeper.apply_retention
    monkeypatch.setattr(keeper, "apply_retention", _raises(RuntimeError("odd")))
    await clock.advance(RETENTION_EVERY_S)
    assert "RuntimeError: odd" in made.health()[1].message
    monkeypatch.setattr(keeper, "apply_retention", applied)
    monkeypatch.setattr(upkeep.shutil, "disk_usage", measured)
    free["bytes"] = 99
    await clock.advance(RETENTION_EVERY_S)
    assert made.health()[0].status is HealthStatus.UNHEALTHY
    assert made.health()[1].status is HealthStatus.HEALTHY
    await made.stop()


def _raises(error):
    def act(*_args, **_kwargs):
        raise error

    return act


async def test_what_the_store_found_damaged_is_told(house):
    """Parts that were set aside degrade the store's health."""
    made, _, keeper, _ = house
    keeper.found = ["1 part of logs was set aside"]
    await made.start()
    assert "set aside" in made.health()[1].message
    await made.stop()
