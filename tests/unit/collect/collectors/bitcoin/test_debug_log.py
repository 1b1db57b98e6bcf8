"""Unit tests of following a node's log."""

from __future__ import annotations

import asyncio

from prometheus_client import CollectorRegistry

from anyascope.clock import NS_PER_S, ManualClock
from anyascope.collect.collectors.bitcoin.debug_log import DebugLog, record_of
from anyascope.collect.tally import CollectorTally
from anyascope.ports import HealthStatus
from anyascope.store.documents import MemoryDocuments
from anyascope.wire.bitcoin.debug_log import decode_line
from support.collecting import RecordingIntake


class Scene:
    """A log on a manual clock; a new start shares the documents."""

    def __init__(self, path) -> None:
        self.path = path
        self.clock = ManualClock()
        self.intake = RecordingIntake()
        self.documents = MemoryDocuments(clock=self.clock)
        self.counts: dict[str, int] = {}
        self.events: dict[str, int] = {}

    async def run(self, seconds: float):
        debug_log = DebugLog(
            "core-1",
            self.path,
            intake=self.intake,
            documents=self.documents,
            clock=self.clock,
            tally=CollectorTally(CollectorRegistry()),
            counts=self.counts,
            events=self.events,
        )
        task = asyncio.create_task(debug_log.run())
        await self.clock.advance(seconds)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        return debug_log.health()


async def test_a_log_is_followed_over_starts(tmp_path):
    """Each line is taken once, also by the next start of the server."""
    scene = Scene(tmp_path / "debug.log")
    scene.path.write_text("2026-12-01T09:57:54Z [net] a\n")
    assert (await scene.run(2)).status is HealthStatus.HEALTHY
    with scene.path.open("a") as file:
        file.write("2026-12-01T09:57:55Z b\n")
    await scene.run(2)
    assert [record.body for record in scene.intake.log_records] == ["a", "b"]
    assert scene.intake.log_records[0].attributes == {"bitcoin.node": "core-1", "bitcoin.log.category": "net"}


async def test_a_full_intake_loses_no_line(tmp_path):
    """What could not be stored is read again."""
    scene = Scene(tmp_path / "debug.log")
    scene.path.write_text("2026-12-01T09:57:54Z a\n")
    scene.intake.refusals = 2
    await scene.run(20)
    assert [record.body for record in scene.intake.log_records] == ["a"]


async def test_warnings_and_errors_are_counted(tmp_path):
    """As far as they were written since the start: an old log has no news."""
    scene = Scene(tmp_path / "debug.log")
    lines = ["1971-01-01T00:00:00Z [error] old", *(f"2096-12-01T09:57:5{at}Z [error] new" for at in range(3))]
    scene.path.write_text("\n".join([*lines, "2096-12-01T09:58:00Z Warning: disk", "2096-12-01T09:58:01Z fine"]) + "\n")
    await scene.run(2)
    assert scene.counts == {"error": 3, "warning": 1}


async def test_what_lines_tell_of_is_counted(tmp_path):
    """By kind, with the number that the line has; what happened before the start counts nothing."""
    scene = Scene(tmp_path / "debug.log")
    expired = "[mempool] Expired 12 transactions from the memory pool"
    scene.path.write_text(
        f"1971-01-01T00:00:00Z {expired}\n2096-12-01T09:57:50Z {expired}\n2096-12-01T09:57:51Z {expired}\n"
    )
    await scene.run(2)
    assert scene.events == {"mempool_expired": 24}


async def test_a_missing_log_is_told(tmp_path):
    """The health names the file, and it is taken up when it comes."""
    scene = Scene(tmp_path / "debug.log")
    health = await scene.run(1)
    assert health.status is HealthStatus.DEGRADED
    assert str(scene.path) in health.message


def test_the_rest_of_a_text_has_the_time_of_its_line():
    """A line without a time belongs to the one before."""
    record = record_of(decode_line("second line"), node="n", now_ns=9 * NS_PER_S, last_ns=5 * NS_PER_S)
    assert (record.time_ns, record.observed_ns) == (5 * NS_PER_S, 9 * NS_PER_S)
