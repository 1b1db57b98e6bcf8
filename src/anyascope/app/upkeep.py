"""Looks after the disk: keeps the reserve free, drops what is past its bounds, and says how it stands."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge

from anyascope.clock import Clock
from anyascope.errors import AnyascopeError, UnavailableError
from anyascope.model.logs import LogBatch
from anyascope.model.metrics import MetricBatch
from anyascope.model.traces import SpanBatch
from anyascope.ports import Admission, ComponentHealth, HealthStatus, Intake
from anyascope.store.api.retention import RetentionPolicy, StoreKeeper

DISK_EVERY_S = 5.0  # the fastest ingest measured takes 5 s for 150 MB, a seventh of the default reserve
RETENTION_EVERY_S = 600.0  # bounds are whole days and gigabytes
RETRY_AFTER_S = 60.0  # a full disk needs a person or the next retention
NEAR_SHARE = 2.0  # below twice the reserve the disk calls itself degraded

log = structlog.get_logger("anyascope.upkeep")


class Upkeep:
    """Watches the disk of the data directory, and applies retention.

    Args:
        directory: the data directory; None where everything is in memory.
        reserve_bytes: what is left free.
    """

    def __init__(
        self,
        keeper: StoreKeeper,
        *,
        directory: Path | None,
        reserve_bytes: int,
        policies: Mapping[str, RetentionPolicy],
        clock: Clock,
        registry: CollectorRegistry,
    ) -> None:
        self._keeper = keeper
        self._directory = directory
        self._reserve_bytes = reserve_bytes
        self._policies = policies
        self._clock = clock
        self._free_bytes = reserve_bytes
        self._has_room = True
        self._faults: list[str] = []
        self._retention_fault = ""
        self._tasks: list[asyncio.Task[None]] = []
        self._free = Gauge("anyascope_disk_free_bytes", "Free space of the data directory's disk.", registry=registry)
        self._reserve = Gauge(
            "anyascope_disk_reserve_bytes", "Free space that is left on that disk.", registry=registry
        )
        self._dropped = Counter("anyascope_retention_dropped_bytes", "Bytes that retention freed.", registry=registry)
        self._reserve.set(reserve_bytes)

    async def start(self) -> None:
        """Look after the disk from now on."""
        self.look()
        self._faults = await self._keeper.faults()
        self._tasks = [asyncio.create_task(self._watch()), asyncio.create_task(self._retain())]

    async def stop(self) -> None:
        """Look no more."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def set_policies(self, policies: Mapping[str, RetentionPolicy]) -> None:
        """Keep by these bounds from the next round on."""
        self._policies = policies

    def require_room(self) -> None:
        """Refuse new data while the disk has less than the reserve.

        Raises:
            UnavailableError: it has.
        """
        if not self._has_room:
            raise UnavailableError(
                f"the disk is full: {self._free_bytes // 2**20} MiB are free, and {self._reserve_bytes // 2**20} MiB are to "
                "stay free (storage.reserve)",
                retry_after_s=RETRY_AFTER_S,
            )

    def look(self) -> None:
        """Measure the disk now."""
        if self._directory is None:
            return
        self._free_bytes = shutil.disk_usage(self._directory).free
        self._free.set(self._free_bytes)
        has_room = self._free_bytes >= self._reserve_bytes
        if has_room is not self._has_room:
            say = log.info if has_room else log.error
            say(
                "disk_has_room" if has_room else "disk_full",
                free_bytes=self._free_bytes,
                reserve_bytes=self._reserve_bytes,
            )
        self._has_room = has_room

    def health(self) -> Sequence[ComponentHealth]:
        """The disk, and the store's own word on itself."""
        return (self._disk(), self._store())

    def _disk(self) -> ComponentHealth:
        if self._directory is None:
            return ComponentHealth("disk", "store", HealthStatus.HEALTHY, "everything is kept in memory")
        message = f"{self._free_bytes / 2**30:.1f} GiB free"
        if not self._has_room:
            advice = "free space, or lower storage.reserve or retention; new data is refused and kept by its senders"
            return ComponentHealth("disk", "store", HealthStatus.UNHEALTHY, message, advice)
        if self._free_bytes < NEAR_SHARE * self._reserve_bytes:
            advice = "free space, or lower retention, before the reserve is reached"
            return ComponentHealth("disk", "store", HealthStatus.DEGRADED, message, advice)
        return ComponentHealth("disk", "store", HealthStatus.HEALTHY, message)

    def _store(self) -> ComponentHealth:
        trouble = self._keeper.trouble()
        if trouble:
            advice = "nothing that was acknowledged is lost; look at free disk space and at the server's log"
            return ComponentHealth("store", "store", HealthStatus.DEGRADED, trouble, advice)
        if self._faults:
            advice = "what is set aside lies in the data directory; restore it from a backup, then restart"
            return ComponentHealth("store", "store", HealthStatus.DEGRADED, "; ".join(self._faults), advice)
        if self._retention_fault:
            advice = "old data is not dropped; look at the server's log"
            return ComponentHealth("store", "store", HealthStatus.DEGRADED, self._retention_fault, advice)
        return ComponentHealth("store", "store", HealthStatus.HEALTHY)

    async def _watch(self) -> None:
        while True:
            await self._clock.sleep(DISK_EVERY_S)
            try:
                self.look()
            except OSError as error:
                # A disk that does not answer now may do so later: what was measured last counts until then.
                log.warning("disk_not_measured", error=str(error))

    async def _retain(self) -> None:
        while True:
            try:
                freed_bytes = await self._keeper.apply_retention(self._policies)
                self._retention_fault = ""
                if freed_bytes:
                    self._dropped.inc(freed_bytes)
                    log.info("retention_applied", freed_bytes=freed_bytes)
            except AnyascopeError as error:
                self._retention_fault = f"retention failed: {error}"
                log.error("retention_failed", error=str(error))  # noqa: TRY400  # expected; the message says all
            except Exception as error:
                # A fault of ours in one round must not let the disk fill up for good.
                self._retention_fault = f"retention failed: {type(error).__name__}: {error}"
                log.exception("retention_broke")
            await self._clock.sleep(RETENTION_EVERY_S)


class RoomyIntake:
    """The way in, shut while the disk is full."""

    def __init__(self, intake: Intake, *, upkeep: Upkeep) -> None:
        self._intake = intake
        self._upkeep = upkeep

    async def metrics(self, batch: MetricBatch, *, source: str) -> Admission:
        self._upkeep.require_room()
        return await self._intake.metrics(batch, source=source)

    async def logs(self, batches: Sequence[LogBatch], *, source: str) -> Admission:
        self._upkeep.require_room()
        return await self._intake.logs(batches, source=source)

    async def spans(self, batches: Sequence[SpanBatch], *, source: str) -> Admission:
        self._upkeep.require_room()
        return await self._intake.spans(batches, source=source)
