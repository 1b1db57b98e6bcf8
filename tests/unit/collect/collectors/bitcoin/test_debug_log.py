"""Unit tests of following a node's log."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from prometheus_client import CollectorRegistry

from anyascope.clock import NS_PER_S, ManualClock
from anyascope.collect.collectors.bitcoin.debug_log import DebugLog, record_of
from anyascope.collect.tally import CollectorTally
from anyascope.ports import HealthStatus
from anyascope.store.documents import MemoryDocuments
from anyascope.wire.bitcoin.debug_log import decode_line
from support.collecting import RecordingIntake, until
from support.hanging_files import hanging_file


class Scene:
    """A log on a manual clock; a new start shares the documents."""

    def __init__(self, path) -> None:
        self.path = path
        self.clock = ManualClock()
        self.intake = RecordingIntake()
        self.documents = MemoryDocuments(clock=self.clock)
        self.counts: dict[str, int] = {}
        self.events: dict[str, int] = {}

    @asynccontextmanager
    async def following(self) -> AsyncIterator[DebugLog]:
        """A server that follows the log."""
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
        try:
            yield debug_log
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def until(self, is_so: Callable[[], object]) -> None:
        """Let time go by until something is so: the file is read on a thread, which keeps its own time."""

        async def turn() -> None:
            while True:
                await self.clock.advance(0.5)
                await asyncio.sleep(0.001)

        turning = asyncio.create_task(turn())
        try:
            await until(is_so)
        finally:
            turning.cancel()

    @property
    def bodies(self) -> list[str]:
        """What was handed in."""
        return [record.body for record in self.intake.log_records]

    async def is_kept(self) -> bool:
        """Whether the place behind all of the file is written."""
        kept = await self.documents.get("collect.position", f"bitcoin:core-1:{self.path}")
        return kept is not None and kept.body["offset"] == self.path.stat().st_size

    async def until_kept(self) -> None:
        """The place is written after the lines were handed in."""
        async with asyncio.timeout(60):
            while not await self.is_kept():
                await self.clock.advance(0.5)
                await asyncio.sleep(0.001)


async def test_a_log_is_followed_over_starts(tmp_path):
    """Each line is taken once, also by the next start of the server."""
    scene = Scene(tmp_path / "debug.log")
    scene.path.write_text("2026-12-01T09:57:54Z [net] a\n")
    async with scene.following() as log:
        await scene.until_kept()
        await scene.until(lambda: log.health().status is HealthStatus.HEALTHY)
    with scene.path.open("a") as file:
        file.write("2026-12-01T09:57:55Z b\n")
    async with scene.following():
        await scene.until_kept()
    assert scene.bodies == ["a", "b"]
    assert scene.intake.log_records[0].attributes == {"bitcoin.node": "core-1", "bitcoin.log.category": "net"}


async def test_a_full_intake_loses_no_line(tmp_path):
    """What could not be stored is read again."""
    scene = Scene(tmp_path / "debug.log")
    scene.path.write_text("2026-12-01T09:57:54Z a\n")
    scene.intake.refusals = 2
    async with scene.following():
        await scene.until_kept()
    assert scene.bodies == ["a"]


async def test_warnings_and_errors_are_counted(tmp_path):
    """As far as they were written since the start: an old log has no news."""
    scene = Scene(tmp_path / "debug.log")
    lines = ["1971-01-01T00:00:00Z [error] old", *(f"2096-12-01T09:57:5{at}Z [error] new" for at in range(3))]
    scene.path.write_text("\n".join([*lines, "2096-12-01T09:58:00Z Warning: disk", "2096-12-01T09:58:01Z fine"]) + "\n")
    async with scene.following():
        await scene.until_kept()
    assert scene.counts == {"error": 3, "warning": 1}


async def test_what_lines_tell_of_is_counted(tmp_path):
    """By kind, with the number that the line has; what happened before the start counts nothing."""
    scene = Scene(tmp_path / "debug.log")
    expired = "[mempool] Expired 12 transactions from the memory pool"
    scene.path.write_text(
        f"1971-01-01T00:00:00Z {expired}\n2096-12-01T09:57:50Z {expired}\n2096-12-01T09:57:51Z {expired}\n"
    )
    async with scene.following():
        await scene.until_kept()
    assert scene.events == {"mempool_expired": 24}


async def test_a_missing_log_is_told(tmp_path):
    """The health names the file, and it is taken up when it comes."""
    scene = Scene(tmp_path / "debug.log")
    async with scene.following() as log:
        await scene.until(lambda: log.health().status is HealthStatus.DEGRADED)
        assert str(scene.path) in log.health().message
        scene.path.write_text("2026-12-01T09:57:54Z a\n")
        await scene.until(lambda: log.health().status is HealthStatus.HEALTHY and scene.bodies == ["a"])


async def test_a_read_that_hangs_is_told_and_holds_up_nothing(tmp_path):
    """Neither the loop nor the threads that all share wait for the file; once its disk answers it is followed."""
    scene = Scene(tmp_path / "debug.log")
    before = set(threading.enumerate())
    with hanging_file(scene.path) as answer:
        async with scene.following() as log:
            await scene.until(lambda: log.health().status is HealthStatus.DEGRADED)
            assert str(scene.path) in log.health().message
            await scene.until(lambda: log.late_s > 60)
            names = [thread.name for thread in set(threading.enumerate()) - before]
            assert names.count("debug-log-core-1") == 1
            assert not any(name.startswith("asyncio") for name in names)
            answer("2026-12-01T09:57:54Z a\n")
            await scene.until(lambda: log.health().status is HealthStatus.HEALTHY and scene.bodies == ["a"])
            assert log.late_s == 0


async def test_a_server_stops_while_a_read_hangs(tmp_path):
    """Nobody waits for the read; its thread goes once it is answered."""
    scene = Scene(tmp_path / "debug.log")
    with hanging_file(scene.path) as answer:
        async with scene.following() as log:
            await scene.until(lambda: log.late_s > 0)
        answer("2026-12-01T09:57:54Z a\n")
        await until(lambda: all(thread.name != "debug-log-core-1" for thread in threading.enumerate()))
    assert scene.bodies == []


def test_the_rest_of_a_text_has_the_time_of_its_line():
    """A line without a time belongs to the one before."""
    record = record_of(decode_line("second line"), node="n", now_ns=9 * NS_PER_S, last_ns=5 * NS_PER_S)
    assert (record.time_ns, record.observed_ns) == (5 * NS_PER_S, 9 * NS_PER_S)
