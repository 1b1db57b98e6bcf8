"""One process of a folder pushes for all; another takes over when it falls silent."""

from __future__ import annotations

import pytest

from anyascope.clock import NS_PER_S, ManualClock
from anyascope.sdk.metrics import turns as turns_room
from anyascope.sdk.metrics.turns import Turns


class Process:
    """A process that shares the folder; all have the machine's one clock."""

    def __init__(self, folder, clock, pid, monkeypatch):
        self._turns = Turns(folder, "http://far:4318", every_ns=5 * NS_PER_S, clock=clock)
        self._pid = pid
        self._monkeypatch = monkeypatch

    def turn(self, *, is_forced=False):
        self._monkeypatch.setattr(turns_room.os, "getpid", lambda: self._pid)
        return self._turns.turn(is_forced=is_forced)

    def pushes(self, *, is_forced=False):
        with self.turn(is_forced=is_forced) as family:
            return family is not None


@pytest.fixture
def clock():
    return ManualClock()


@pytest.fixture
def processes(tmp_path, clock, monkeypatch):
    return [Process(tmp_path, clock, pid, monkeypatch) for pid in (11, 12)]


async def test_the_first_goes_on(processes, clock):
    """The other stays silent as long as the first pushes."""
    first, second = processes
    for _ in range(3):
        assert first.pushes()
        assert not second.pushes()
        await clock.advance(5)


async def test_another_takes_over_after_one_and_a_half_intervals(processes, clock):
    """Not sooner."""
    first, second = processes
    assert first.pushes()
    await clock.advance(7.4)
    assert not second.pushes()
    await clock.advance(0.1)
    assert second.pushes()
    assert not first.pushes()


def test_a_last_push_has_its_turn_at_once(processes):
    """Whoever pushed before."""
    first, second = processes
    assert first.pushes()
    assert second.pushes(is_forced=True)


def test_two_never_push_together(processes):
    """While one is at it the other is not, even if it must."""
    first, second = processes
    with first.turn(is_forced=False) as family:
        assert family is not None
        assert not second.pushes()


async def test_all_are_one_instance_since_the_same_time(processes, clock):
    """Whoever pushes for them."""
    first, second = processes
    with first.turn(is_forced=False) as family:
        one = family
    await clock.advance(60)
    with second.turn(is_forced=False) as family:
        assert family == one
    assert one.start_ns == clock.now_ns() - 60 * NS_PER_S


async def test_a_reboot_is_no_reason_for_silence(processes, clock):
    """The clock that never steps back began anew."""
    first, second = processes
    await clock.advance(1_000)
    assert first.pushes()
    clock._now_ns = clock._start_ns
    assert second.pushes()


@pytest.mark.parametrize("torn", [b"", b"{", b'{"instance": 5}', b"\xff" * 300, b"[]"])
def test_a_damaged_ledger_begins_anew(processes, tmp_path, torn):
    """And is written again."""
    first, second = processes
    assert first.pushes()
    (ledger,) = tmp_path.glob("anyascope-push-*.json")
    ledger.write_bytes(torn)
    assert second.pushes()
    assert not first.pushes()


def test_a_folder_that_is_gone_makes_nobody_push(tmp_path, clock):
    """There is nothing to tell either."""
    with Turns(tmp_path / "gone", "far", every_ns=1, clock=clock).turn(is_forced=True) as family:
        assert family is None
