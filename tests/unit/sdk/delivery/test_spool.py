"""The disk queue as one process sees it, beside others and on a bad disk."""

from __future__ import annotations

import logging
import os
import shutil
import subprocess
import sys

import pytest

from anyascope.sdk.delivery import segments, spool
from anyascope.sdk.delivery.backlog import Body
from anyascope.sdk.delivery.spool import Spool, SpoolOptions
from anyascope.sdk.delivery.tally import Tally
from anyascope.sdk.guard import forget_told
from support.components import REPOSITORY

WEEK_S = 7 * 86_400


class House:
    """Spools on one folder, each as a process of its own would have it."""

    def __init__(self, directory):
        self.directory = directory
        self.tally = Tally()
        self.now_ns = 1_700_000_000 * 10**9
        self.spools = []

    def spool(self, **limits):
        made = Spool(SpoolOptions(self.directory, **limits), tally=self.tally, now_ns=lambda: self.now_ns)
        self.spools.append(made)
        return made

    def dropped(self, signal="traces"):
        stats = self.tally.stats().get(signal)
        return stats.dropped if stats else {}


@pytest.fixture
def house(tmp_path):
    forget_told()
    yield House(tmp_path / "spool")
    forget_told()


def put(lane, *bodies):
    for body in bodies:
        lane.put(Body(body, 1))


def taken(lane, bytes_max=10**9):
    return [body.data for body in lane.take(bytes_max)]


def dead_process(directory, *bodies, signal="traces"):
    """Another process spools these and is killed."""
    script = f"""
import os, sys
from pathlib import Path
from anyascope.sdk.delivery.backlog import Body
from anyascope.sdk.delivery.spool import Spool, SpoolOptions
from anyascope.sdk.delivery.tally import Tally
lane = Spool(SpoolOptions(Path(sys.argv[1])), tally=Tally(), now_ns=lambda: 1_700_000_000 * 10**9).lane("{signal}", "otlp")
for body in sys.argv[2:]:
    lane.put(Body(body.encode(), 1))
os.kill(os.getpid(), 9)
"""
    done = subprocess.run(
        [sys.executable, "-c", script, str(directory), *bodies],
        env={**os.environ, "PYTHONPATH": str(REPOSITORY / "src")},
        check=False,
    )
    assert done.returncode == -9


def test_a_body_lies_on_disk_when_put_returns(house):
    """It is in a file of ours before anything else happens."""
    lane = house.spool().lane("traces", "otlp")
    put(lane, b"the body")
    (path,) = house.directory.glob("*/traces.otlp.0/*.segment")
    assert b"the body" in path.read_bytes()
    assert taken(lane) == [b"the body"]


def test_nothing_is_made_before_it_is_needed(house):
    """A spool that nothing was put into leaves no folder."""
    house.spool().lane("traces", "otlp")
    assert not house.directory.exists()


def test_a_dead_neighbours_bodies_go_first_and_once(house):
    """What a killed process left is taken over, sent before our own, and its folder removed."""
    dead_process(house.directory, "old1", "old2")
    lane = house.spool().lane("traces", "otlp")
    put(lane, b"new")
    assert taken(lane) == [b"old1", b"old2"]
    lane.done(2)
    assert taken(lane) == [b"new"]
    lane.done(1)
    house.spools[0].flush_at_exit(0)
    assert list(house.directory.iterdir()) == []


def test_two_heirs_share_nothing(house):
    """Of two processes that live beside a dead one, one sends what it left."""
    dead_process(house.directory, "once")
    heir = house.spool().lane("traces", "otlp")
    assert taken(heir) == [b"once"]
    code = f"""
import sys
from pathlib import Path
from anyascope.sdk.delivery.spool import Spool, SpoolOptions
from anyascope.sdk.delivery.tally import Tally
lane = Spool(SpoolOptions(Path({str(house.directory)!r})), tally=Tally()).lane("traces", "otlp")
print(len(lane.take(10**9)))
"""
    other = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": str(REPOSITORY / "src")},
        capture_output=True,
        text=True,
        check=True,
    )
    assert other.stdout.strip() == "0"


def test_a_living_neighbour_is_left_alone(house):
    """A folder whose process lives is nobody else's."""
    mine, others = house.spool().lane("traces", "otlp"), house.spool().lane("traces", "otlp")
    put(others, b"theirs")
    assert taken(mine) == []
    assert taken(others) == [b"theirs"]


def test_an_heir_takes_only_what_it_can_send(house):
    """A process that sends no audit events leaves those of a dead one to somebody who does."""
    dead_process(house.directory, "event", signal="audit")
    assert taken(house.spool().lane("traces", "otlp")) == []
    assert taken(house.spool().lane("audit", "otlp")) == [b"event"]


def test_formats_do_not_mix(house):
    """Jaeger's bodies are not sent as OTLP's."""
    first = house.spool()
    jaeger, otlp = first.lane("traces", "jaeger"), first.lane("traces", "otlp")
    put(jaeger, b"thrift")
    assert taken(otlp) == []


def test_two_doors_of_one_kind_keep_apart(house):
    """Two far ends for one signal: each has its own files."""
    one = house.spool()
    first, second = one.lane("traces", "otlp"), one.lane("traces", "otlp")
    put(first, b"1")
    put(second, b"2")
    assert (taken(first), taken(second)) == ([b"1"], [b"2"])


def test_bounded_in_bytes(house, monkeypatch):
    """Beyond the limit the oldest segments go, counted; the audit trail goes last."""
    monkeypatch.setattr(segments, "SEGMENT_BYTES", 1_000)
    own = house.spool(bytes_max=10_000)
    audit, traces = own.lane("audit", "otlp"), own.lane("traces", "otlp")
    put(audit, *[b"a" * 100] * 20)
    put(traces, *[bytes([number]) * 100 for number in range(200)])
    on_disk = sum(path.stat().st_size for path in house.directory.glob("*/*/*.segment"))
    assert on_disk <= 10_000
    assert house.dropped("audit") == {}
    left = [body[0] for body in taken(traces)]
    assert left == list(range(200 - len(left), 200))
    assert house.dropped() == {"spool_full": 200 - len(left)}


def test_bounded_in_age(house):
    """What is older than the limit is dropped unsent, and counted."""
    lane = house.spool(age_s_max=WEEK_S).lane("traces", "otlp")
    put(lane, b"old")
    house.now_ns += (WEEK_S - 1) * 10**9
    assert taken(lane) == [b"old"]
    put(lane, b"young")
    house.now_ns += 2 * 10**9
    assert taken(lane) == [b"young"]
    assert house.dropped() == {"expired": 1}


def test_a_clock_that_was_set_back_expires_nothing(house):
    """What seems to come from the future is sent."""
    lane = house.spool().lane("traces", "otlp")
    put(lane, b"tomorrow's")
    house.now_ns -= 86_400 * 10**9
    assert taken(lane) == [b"tomorrow's"]


def test_the_folder_is_for_the_owner_alone(house):
    """A folder that others could read is closed to them."""
    house.directory.mkdir(mode=0o755)
    put(house.spool().lane("traces", "otlp"), b"x")
    modes = {path.stat().st_mode & 0o777 for path in [house.directory, *house.directory.rglob("*")] if path.is_dir()}
    assert modes == {0o700}


def test_a_folder_that_cannot_be_made_is_one_line_and_memory(house, caplog):
    """A file stands where the folder should: telemetry goes on in memory."""
    house.directory.write_text("in the way")
    lane = house.spool().lane("traces", "otlp")
    with caplog.at_level(logging.WARNING, logger="anyascope.sdk"):
        put(lane, b"a", b"b")
    assert taken(lane) == [b"a", b"b"]
    assert len(caplog.records) == 1
    assert "spool" in caplog.text


def test_a_full_disk_is_one_line_and_memory_and_then_disk_again(house, caplog, monkeypatch):
    """While the disk is full bodies wait in memory; it is tried again after a while."""
    lane = house.spool().lane("traces", "otlp")
    put(lane, b"1")
    write = os.write

    def full(_fd, _data):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    with caplog.at_level(logging.WARNING, logger="anyascope.sdk"):
        put(lane, b"2", b"3")
    assert len(caplog.records) == 1
    monkeypatch.setattr(os, "write", write)
    monkeypatch.setattr(house.spools[0], "_disk_at_s", 0.0)
    put(lane, b"4")
    assert taken(lane) == [b"1", b"4"]
    lane.done(2)
    assert taken(lane) == [b"2", b"3"]


def test_a_folder_that_is_deleted_under_us_is_made_again(house, monkeypatch):
    """Whoever cleans up costs what lay there, counted, and nothing of what comes."""
    lane = house.spool().lane("traces", "otlp")
    put(lane, b"gone")
    shutil.rmtree(house.directory)
    monkeypatch.setattr(lane._own, "_look_at_s", 0.0)
    put(lane, b"kept")
    assert taken(lane) == [b"kept"]
    assert house.dropped() == {"torn": 1}


def test_what_was_refused_is_kept_for_people(house, monkeypatch):
    """The last refused bodies lie beside, as they were sent."""
    monkeypatch.setattr(spool, "REFUSED_FILES_MAX", 3)
    own = house.spool()
    put(own.lane("traces", "otlp"), b"x")
    for number in range(5):
        house.now_ns += 1
        own.set_aside("traces", Body(f"bad{number}".encode(), 1))
    kept = sorted(house.directory.glob("refused/*"))
    assert [path.read_bytes() for path in kept] == [b"bad2", b"bad3", b"bad4"]
    assert all(path.stat().st_mode & 0o777 == 0o600 for path in kept)


def test_an_empty_spool_leaves_nothing_behind(house):
    """Once everything was sent the process's folder goes with the process."""
    own = house.spool()
    lane = own.lane("traces", "otlp")
    put(lane, b"x")
    taken(lane)
    lane.done(1)
    own.flush_at_exit(0)
    assert list(house.directory.iterdir()) == []


def test_what_was_not_sent_stays_behind(house):
    """At a clean end too, for whoever lives next."""
    own = house.spool()
    put(own.lane("traces", "otlp"), b"x")
    own.flush_at_exit(0)
    assert len(list(house.directory.glob("*/traces.otlp.0/*.segment"))) == 1


def test_a_forked_child_has_a_folder_of_its_own(house):
    """After a fork nothing of the parent's is sent by the child, and both write apart."""
    own = house.spool()
    lane = own.lane("traces", "otlp")
    put(lane, b"parent's")
    own.after_fork()
    lane.after_fork()
    put(lane, b"child's")
    assert taken(lane) == [b"child's"]
    assert len(list(house.directory.iterdir())) == 2


def test_a_half_made_folder_is_nobodys(house):
    """A process that died while it made its folder leaves nothing that holds others up."""
    hidden = house.directory / ".77-1-aa"
    hidden.mkdir(parents=True)
    os.utime(hidden, (0, 0))
    lane = house.spool().lane("traces", "otlp")
    put(lane, b"x")
    assert taken(lane) == [b"x"]
    assert not hidden.exists()
