"""Unit tests of following the host's logs."""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from anyascope.clock import SystemClock
from anyascope.collect import tail as tails
from anyascope.collect.collectors import journal
from anyascope.collect.collectors.journal import DOCUMENT_KIND, JournalCollector
from anyascope.collect.options import JournalOptions
from anyascope.collect.tail import FileTail
from anyascope.collect.tally import CollectorTally
from anyascope.ports import HealthStatus
from anyascope.store.documents import MemoryDocuments
from support.collecting import RecordingIntake, until


class Scene:
    """A collector on a real clock, with an intake that remembers."""

    def __init__(self, *, program: str = "no-such-journalctl", refusals: int = 0, **options) -> None:
        self.intake = RecordingIntake(refusals)
        self.documents = MemoryDocuments(clock=SystemClock())
        self.registry = CollectorRegistry()
        self.program = program
        self.options = JournalOptions(**options)
        self.collector = self.make()
        self.task: asyncio.Task[None] | None = None

    def make(self) -> JournalCollector:
        return JournalCollector(
            self.options,
            intake=self.intake,
            documents=self.documents,
            clock=SystemClock(),
            tally=CollectorTally(CollectorRegistry()),
            program=self.program,
        )

    async def __aenter__(self):
        self.task = asyncio.create_task(self.collector.run())
        return self

    async def __aexit__(self, *_: object) -> None:
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)

    async def restart(self) -> None:
        await self.__aexit__()
        self.collector = self.make()
        await self.__aenter__()

    async def remembers(self, key: str, position: dict[str, str]) -> None:
        """Wait until this is the position; entries that come in several batches have one each, a little later than they."""
        async with asyncio.timeout(60):
            while (document := await self.documents.get(DOCUMENT_KIND, key)) is None or document.body != position:  # noqa: ASYNC110  # a document has no event
                await asyncio.sleep(0.01)

    def bodies(self) -> list[str]:
        return [record.body for record in self.intake.log_records]


def fake_journalctl(folder: Path, *, entries: str, more: str = "sleep 60") -> str:
    """A program that prints one entry when asked for one, and otherwise these, from its cursor on."""
    path = folder / "journalctl"
    path.write_text(
        "#!/bin/sh\n"
        f'echo "$@" >> {folder}/calls\n'
        'case "$*" in *--lines=1*) case "$*" in *--follow*) ;; *) echo \'{"MESSAGE": "one"}\'; exit 0;; esac;; esac\n'
        f"cat <<'X'\n{entries}\nX\n{more}\n"
    )
    path.chmod(0o755)
    return str(path)


def entry(number: int, **fields: str) -> str:
    return json.dumps({"MESSAGE": f"m{number}", "PRIORITY": "6", "__CURSOR": f"c{number}", **fields})


async def test_follows_the_journal(tmp_path, monkeypatch) -> None:
    """Entries of the journal become records, and the position is remembered after they are stored."""
    monkeypatch.setattr(journal, "BATCH_WAIT_S", 0.05)
    program = fake_journalctl(tmp_path, entries="\n".join(entry(n) for n in range(3)))
    async with Scene(program=program) as scene:
        await until(lambda: len(scene.bodies()) == 3)
        assert scene.bodies() == ["m0", "m1", "m2"]
        assert scene.collector.health().status is HealthStatus.HEALTHY
        await scene.remembers("journal:", {"cursor": "c2"})


async def test_goes_on_behind_the_remembered_position(tmp_path, monkeypatch) -> None:
    """After a restart the journal is read from behind what was stored."""
    monkeypatch.setattr(journal, "BATCH_WAIT_S", 0.05)
    program = fake_journalctl(tmp_path, entries=entry(1))
    async with Scene(program=program, units=("ssh.service",)) as scene:
        await until(lambda: scene.bodies() == ["m1"])
        await scene.remembers("journal:ssh.service", {"cursor": "c1"})
        await scene.restart()
        await until(lambda: len(scene.bodies()) == 2)
    calls = (tmp_path / "calls").read_text().splitlines()
    assert "--lines=1000" in calls[1]
    assert "--unit=ssh.service" in calls[1]
    assert "--after-cursor=c1" in calls[3]


async def test_does_not_read_what_we_print_ourselves(tmp_path, monkeypatch) -> None:
    """Our own lines are kept by another road and do not come back through the journal."""
    monkeypatch.setattr(journal, "BATCH_WAIT_S", 0.05)
    lines = [entry(0, _PID=str(os.getpid())), "{broken", entry(1, _PID="1")]
    async with Scene(program=fake_journalctl(tmp_path, entries="\n".join(lines))) as scene:
        await until(lambda: scene.bodies() == ["m1"])


async def test_no_entry_ends_the_following(tmp_path, monkeypatch) -> None:
    """What any program of the host may write into its entries is a record, and those behind it are read."""
    monkeypatch.setattr(journal, "BATCH_WAIT_S", 0.05)
    odd = [entry(0, PRIORITY="\u00b2"), entry(1, SYSLOG_PID="\u00b2"), entry(2, SYSLOG_PID="9" * 5000), entry(3)]
    async with Scene(program=fake_journalctl(tmp_path, entries="\n".join(odd))) as scene:
        await until(lambda: scene.bodies() == ["m0", "m1", "m2", "m3"])


async def test_a_fault_of_ours_does_not_end_the_following(tmp_path, monkeypatch) -> None:
    """Whatever taking an entry apart raises, the health says so and the journal is followed again."""
    monkeypatch.setattr(journal, "BATCH_WAIT_S", 0.05)
    monkeypatch.setattr(journal, "RESTART_S", 0.01)
    made, faults = journal.journal_record, [RuntimeError("odd")]

    def breaks_once(*args, **kwargs):
        if faults:
            raise faults.pop()
        return made(*args, **kwargs)

    monkeypatch.setattr(journal, "journal_record", breaks_once)
    async with Scene(program=fake_journalctl(tmp_path, entries=entry(0))) as scene:
        await until(lambda: scene.bodies() == ["m0"])


async def test_ends_its_subprocess(tmp_path) -> None:
    """When the server stops nothing of it stays behind."""
    program = fake_journalctl(tmp_path, entries=entry(0), more=f"echo $$ > {tmp_path}/pid; exec sleep 60")
    async with Scene(program=program):
        await until(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text().strip() != "")
        pid = int((tmp_path / "pid").read_text())
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


async def test_tells_when_the_journal_ends(tmp_path) -> None:
    """A journal that ends is tried again later, and the health says so."""
    program = fake_journalctl(tmp_path, entries=entry(0), more="exit 3")
    async with Scene(program=program) as scene:
        await until(lambda: scene.collector.health().status is HealthStatus.DEGRADED)
        assert "ended with code 3" in scene.collector.health().message
        assert scene.bodies() == ["m0"]


async def test_a_full_intake_loses_nothing(tmp_path, monkeypatch) -> None:
    """While the intake is full nothing is read on, and nothing is lost."""
    monkeypatch.setattr(journal, "BATCH_WAIT_S", 0.05)
    path = tmp_path / "syslog"
    path.write_text("")
    async with Scene(files=(path,), refusals=1) as scene:
        with path.open("a") as file:
            file.write("one\ntwo\n")
        await until(lambda: scene.bodies() == ["one", "two"])


async def test_a_host_without_logs_is_unknown(tmp_path) -> None:
    """Where nothing can be read that is said, with what to do, and it is no fault."""
    async with Scene(files=(tmp_path / "none",)) as scene:
        await until(lambda: scene.collector.health().message != "not started yet")
        health = scene.collector.health()
    assert health.status is HealthStatus.UNKNOWN
    assert "none can be read" in health.message
    assert "systemd-journal" in health.advice


async def test_follows_a_file(tmp_path, monkeypatch) -> None:
    """Without a journal the first readable file is followed."""
    monkeypatch.setattr(journal, "BATCH_WAIT_S", 0.05)
    monkeypatch.setattr(journal, "POLL_S", 0.01)
    path = tmp_path / "messages"
    path.write_text("2026-02-28T10:00:00Z h1 sshd[12]: Accepted\n")
    async with Scene(files=(tmp_path / "none", path)) as scene:
        await until(lambda: scene.bodies() == ["Accepted"])
        with path.open("a") as file:
            file.write("plain\n")
        await until(lambda: scene.bodies() == ["Accepted", "plain"])
    assert {record.stream for record in scene.intake.log_records} == {"syslog"}


def lines(tail: FileTail) -> list[bytes]:
    found: list[bytes] = []
    for _ in range(5):
        found += [line for line, _ in tail.read()]
    return found


def test_a_half_line_waits_for_its_end(tmp_path) -> None:
    """A line counts once it is whole."""
    path = tmp_path / "log"
    path.write_bytes(b"a\nhal")
    tail = FileTail(path, {})
    assert lines(tail) == [b"a"]
    with path.open("ab") as file:
        file.write(b"f\n")
    assert lines(tail) == [b"half"]
    tail.close()


def test_follows_a_rotation(tmp_path) -> None:
    """What was still written to the old file is read, then the new one from its start."""
    path = tmp_path / "log"
    path.write_bytes(b"a\n")
    tail = FileTail(path, {})
    lines(tail)
    with path.open("ab") as old:
        path.rename(tmp_path / "log.1")
        old.write(b"b\n")
    path.write_bytes(b"c\n")
    assert lines(tail) == [b"b", b"c"]
    tail.close()


@pytest.mark.parametrize("is_restarted", [False, True])
def test_a_file_that_keeps_its_end_is_read_on(tmp_path, is_restarted) -> None:
    """A node cuts its log to the newest part at a start: what was read of that is not read again."""
    path = tmp_path / "log"
    path.write_bytes(b"".join(b"line %d\n" % number for number in range(100)))
    tail = FileTail(path, {"inode": path.stat().st_ino, "offset": 0})
    [*_, (last, position)] = tail.read()
    assert last == b"line 99"
    if is_restarted:
        tail.close()
    path.write_bytes(b"9\nline 98\nline 99\nstarted\n")
    if is_restarted:
        tail = FileTail(path, position)
    assert lines(tail) == [b"started"]
    path.write_bytes(b"anew\n")
    assert lines(tail) == [b"anew"]
    tail.close()


def test_a_file_that_is_being_cut_is_waited_for(tmp_path) -> None:
    """What it keeps comes in parts: none of it is read again; one that grows without end is read from its start."""
    path = tmp_path / "log"
    path.write_bytes(b"one\ntwo\nthree\n")
    tail = FileTail(path, {"inode": path.stat().st_ino, "offset": 0})
    tail.read()
    for part in (b"", b"two\n", b"two\nthree\nstarted\n"):
        path.write_bytes(part)
        assert tail.read() == []
    assert lines(tail) == [b"started"]
    path.write_bytes(b"")
    found: list[bytes] = []
    for _ in range(2 * tails.CUT_SEEN_MAX):
        with path.open("ab") as file:
            file.write(b"anew and anew\n")
        found += [line for line, _ in tail.read()]
    assert found == [b"anew and anew"] * (2 * tails.CUT_SEEN_MAX)
    tail.close()


def test_follows_a_truncation(tmp_path) -> None:
    """A file that is cut is read from its start."""
    path = tmp_path / "log"
    path.write_bytes(b"aaaaaaaa\n")
    tail = FileTail(path, {})
    lines(tail)
    path.write_bytes(b"b\n")
    assert lines(tail) == [b"b"]
    tail.close()


def test_goes_on_at_a_position(tmp_path) -> None:
    """A remembered position is used while the file is the same; otherwise all of the file is new."""
    path = tmp_path / "log"
    path.write_bytes(b"a\nb\nc\n")
    inode = path.stat().st_ino
    for position, found in (
        ({"inode": inode, "offset": 2}, [b"b", b"c"]),
        ({"inode": inode + 1, "offset": 2}, [b"a", b"b", b"c"]),
        ({"inode": inode, "offset": 99}, [b"a", b"b", b"c"]),
        ({"inode": inode, "offset": "x"}, [b"a", b"b", b"c"]),
    ):
        tail = FileTail(path, position)
        assert lines(tail) == found
        tail.close()


def test_a_first_start_reads_the_newest_part(tmp_path, monkeypatch) -> None:
    """Of a large file the first start reads the end, from the beginning of a line."""
    monkeypatch.setattr(tails, "FIRST_BYTES", 10)
    path = tmp_path / "log"
    path.write_bytes(b"aaaa\nbbbb\ncccc\ndddd\n")
    tail = FileTail(path, {})
    assert lines(tail) == [b"dddd"]
    tail.close()


def test_a_file_that_comes_later_is_seen(tmp_path) -> None:
    """Between two steps of a rotation there may be no file."""
    path = tmp_path / "log"
    tail = FileTail(path, {})
    assert lines(tail) == []
    path.write_bytes(b"a\n")
    assert lines(tail) == [b"a"]
    tail.close()
