"""Unit tests of running a collector again and again."""

from __future__ import annotations

import asyncio

from prometheus_client import CollectorRegistry

from anyascope.clock import NS_PER_MS, ManualClock
from anyascope.collect.points import gauge
from anyascope.collect.runner import Job, Round, Runner
from anyascope.collect.tally import CollectorTally
from anyascope.model.labels import labels_of
from anyascope.ports import HealthStatus
from support.collecting import RecordingIntake, named, times_of


class Scene:
    """One runner on a manual clock."""

    def __init__(self, *, refusals: int = 0, faults: tuple[str, ...] = ()) -> None:
        self.clock = ManualClock()
        self.intake = RecordingIntake(refusals)
        self.registry = CollectorRegistry()
        self.faults = faults
        self.error: Exception | None = None
        self.rounds = 0
        job = Job("host", labels_of({"job": "node"}), 15.0, self.gather)
        self.runner = Runner(job, intake=self.intake, clock=self.clock, tally=CollectorTally(self.registry))

    async def gather(self) -> Round:
        self.rounds += 1
        if self.error is not None:
            raise self.error
        return Round([gauge("x", "X.", float(self.rounds))], "all well", self.faults)

    async def run(self, seconds: float) -> None:
        task = asyncio.create_task(self.runner.run())
        await self.clock.advance(seconds)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    def counted(self, outcome: str) -> float:
        labels = {"collector": "host", "outcome": outcome}
        return self.registry.get_sample_value("anyascope_collections_total", labels) or 0.0


async def test_collects_at_once_and_then_once_an_interval() -> None:
    """The first round needs no waiting; later ones come at multiples of the interval."""
    scene = Scene()
    await scene.run(60)
    times = sorted(time_ms for _, batch in scene.intake.batches for time_ms in times_of(batch))
    assert times[0] == ManualClock().now_ns() // NS_PER_MS
    assert all(time_ms % 15_000 == 0 for time_ms in times[1:])
    assert len(times) == 5
    assert scene.intake.batches[0][0] == "host"


def test_outcomes_are_counted_from_zero() -> None:
    """Before the first round each outcome stands at 0, so that a rule sees the first failure as an increase."""
    registry = Scene().registry
    counts = [
        registry.get_sample_value("anyascope_collections_total", {"collector": "host", "outcome": outcome})
        for outcome in ("ok", "failed", "unstored")
    ]
    assert counts == [0, 0, 0]


async def test_tells_that_it_is_up() -> None:
    """A collector tells `up` as a target would, so that `up` has data on the first minute."""
    scene = Scene()
    await scene.run(1)
    assert named(scene.intake.last(), "up") == [1.0]


async def test_a_nudge_collects_at_once() -> None:
    """A collector that hears of news does not wait for its interval, and keeps to it afterwards."""
    clock, nudge, intake = ManualClock(), asyncio.Event(), RecordingIntake()

    async def gather() -> Round:
        nudge.clear()
        return Round([gauge("x", "X.", 1.0)])

    job = Job("node", labels_of({"job": "bitcoin"}), 15.0, gather, has_up=False, nudge=nudge)
    runner = Runner(job, intake=intake, clock=clock, tally=CollectorTally(CollectorRegistry()))
    task = asyncio.create_task(runner.run())
    await clock.advance(3)
    before = len(intake.batches)
    nudge.set()
    await clock.advance(1)
    assert len(intake.batches) == before + 1
    await clock.advance(30)
    assert len(intake.batches) == before + 3
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_a_failure_is_told_and_tried_again() -> None:
    """What breaks one round is told by the health; the next round comes."""
    scene = Scene()
    scene.error = RuntimeError("no such device")
    await scene.run(20)
    health = scene.runner.health()
    assert (health.status, health.message) == (HealthStatus.UNHEALTHY, "collection failed: no such device")
    assert scene.counted("failed") == 2.0
    scene.error = None
    await scene.run(1)
    assert scene.runner.health().status is HealthStatus.HEALTHY


async def test_faults_of_a_part_degrade() -> None:
    """A round that brought less than it should is degraded, with what did not work."""
    scene = Scene(faults=("failing: diskstats",))
    await scene.run(1)
    health = scene.runner.health()
    assert (health.status, health.message) == (HealthStatus.DEGRADED, "failing: diskstats")


async def test_a_full_intake_is_asked_again_within_the_interval() -> None:
    """A full intake is asked again with the same samples."""
    scene = Scene(refusals=1)
    await scene.run(1.5)
    assert len(scene.intake.batches) == 1
    assert times_of(scene.intake.batches[0][1]) == {ManualClock().now_ns() // NS_PER_MS}


async def test_what_cannot_be_stored_in_time_is_counted() -> None:
    """A round that finds no room until the next one is lost, counted and told."""
    scene = Scene(refusals=1000)
    await scene.run(20)
    assert scene.counted("unstored") >= 1.0
    assert scene.runner.health().status is HealthStatus.DEGRADED
