"""Runs a collector again and again and hands in what it brings."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import structlog

from anyascope.clock import NS_PER_S, Clock, wait_for
from anyascope.collect.points import Family, PointBook, gauge
from anyascope.collect.tally import CollectorTally
from anyascope.errors import UnavailableError
from anyascope.model.labels import Labels
from anyascope.model.metrics import MetricBatch
from anyascope.ports import ComponentHealth, HealthStatus, Intake

log = structlog.get_logger("anyascope.collect")

RETRY_S_MIN = 0.05  # between two tries to hand in, whatever the intake says


@dataclass(frozen=True, slots=True)
class Round:
    """What one collection brought; `detail` says it in a few words, `faults` what did not work.

    Attributes:
        advice: what to do about the faults.
        is_down: whether the faults leave nothing working.
    """

    families: list[Family]
    detail: str = ""
    faults: tuple[str, ...] = ()
    advice: str = "see the server's log"
    is_down: bool = False


@dataclass(frozen=True, slots=True)
class Job:
    """One collector and how it is run.

    Attributes:
        name: of the collector, such as `host`; also its source at the intake.
        labels: what all its series carry.
        gather: brings one round; what it raises is a failed collection.
        has_up: whether it tells `up`, as a scraped target would.
        close: lets go of what was gathered from, when it is gathered no more.
        nudge: where it is set, the next collection is at once; the collector clears it.
    """

    name: str
    labels: Labels
    interval_s: float
    gather: Callable[[], Awaitable[Round]]
    has_up: bool = True
    close: Callable[[], Awaitable[None]] | None = None
    nudge: asyncio.Event | None = None


class Runner:
    """Runs one job: at once, then once an interval, at multiples of the interval."""

    def __init__(self, job: Job, *, intake: Intake, clock: Clock, tally: CollectorTally) -> None:
        self.job = job
        self._intake = intake
        self._clock = clock
        self._tally = tally
        self._book = PointBook(job.labels)
        self._health = ComponentHealth(_component(job), "collector", HealthStatus.UNKNOWN, "not collected yet")
        for outcome in ("ok", "failed", "unstored"):
            # At 0 from the start: a rule's increase() sees the first event only of a series that was there before it.
            tally.collections.labels(collector=job.name, outcome=outcome)

    async def run(self) -> None:
        """Collect until cancelled."""
        try:
            await self._run()
        finally:
            if self.job.close is not None:
                await self.job.close()

    async def _run(self) -> None:
        interval_ns = round(self.job.interval_s * NS_PER_S)
        while True:
            now_ns = self._clock.now_ns()
            due_ns = now_ns + interval_ns - now_ns % interval_ns
            try:
                await self.collect(until_ns=due_ns)
            except Exception as error:
                # A fault of one collection must not end the collecting; it is told by the health.
                log.exception("collection_failed", collector=self.job.name)
                self._tally.collections.labels(collector=self.job.name, outcome="failed").inc()
                self._tell(HealthStatus.UNHEALTHY, f"collection failed: {error}", "see the server's log")
            wait_s = min((due_ns - self._clock.now_ns()) / NS_PER_S, self.job.interval_s)
            if self.job.nudge is None:
                await self._clock.sleep(wait_s)
            else:
                await wait_for(self.job.nudge, clock=self._clock, timeout_s=wait_s)

    async def collect(self, *, until_ns: int) -> None:
        """Collect once and hand in; a full intake is asked again until `until_ns` (UTC)."""
        time_ns = self._clock.now_ns()
        started_ns = self._clock.monotonic_ns()
        found = await self.job.gather()
        self._tally.seconds.labels(collector=self.job.name).inc((self._clock.monotonic_ns() - started_ns) / NS_PER_S)
        families = [*found.families, *([gauge("up", UP_HELP, 1.0)] if self.job.has_up else [])]
        draft, batch = self._book.draft(families, time_ns=time_ns)
        if len(batch.samples) and not await self._store(batch, until_ns):
            self._tally.collections.labels(collector=self.job.name, outcome="unstored").inc()
            self._tell(
                HealthStatus.DEGRADED, "collected, but not stored: the intake is full", "see the health of ingest"
            )
            return
        self._book.commit(draft, batch)
        self._tally.collections.labels(collector=self.job.name, outcome="ok").inc()
        if found.faults:
            status = HealthStatus.UNHEALTHY if found.is_down else HealthStatus.DEGRADED
            self._tell(status, "; ".join(found.faults), found.advice)
        else:
            self._tell(HealthStatus.HEALTHY, found.detail or f"every {self.job.interval_s:g} s", "")

    def health(self) -> ComponentHealth:
        """How it is."""
        return self._health

    async def _store(self, batch: MetricBatch, until_ns: int) -> bool:
        while True:
            try:
                await self._intake.metrics(batch, source=self.job.name)
            except UnavailableError as error:
                wait_s = max(error.retry_after_s, RETRY_S_MIN)
                if self._clock.now_ns() + round(wait_s * NS_PER_S) >= until_ns:
                    return False
                await self._clock.sleep(wait_s)
                continue
            return True

    def _tell(self, status: HealthStatus, message: str, advice: str) -> None:
        since_ns = self._health.since_ns if status is self._health.status else self._clock.now_ns()
        self._health = ComponentHealth(_component(self.job), "collector", status, message, advice, since_ns)


UP_HELP = "Whether the target could be read."


def _component(job: Job) -> str:
    return f"collect.{job.name}"
