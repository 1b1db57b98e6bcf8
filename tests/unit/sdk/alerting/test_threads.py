"""The manager in a running process: the host never waits, one channel never holds up another, forks begin anew."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import threading
import time

import pytest
from prometheus_client import CollectorRegistry

from anyascope.sdk.alerting import AlertManager, EscalationState, SendOutcome, runner
from support.alerting import an_alert
from support.components import REPOSITORY
from support.server import eventually

WITHIN_S = 60.0


class Told:
    """A channel that says what it was told, and waits for `gate` first."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.gate = threading.Event()
        self.gate.set()
        self.titles: list[str] = []
        self.threads: set[str] = set()

    def channel_name(self) -> str:
        return self.name

    def supports_severity(self, severity) -> bool:
        return True

    def send_alert(self, alert) -> None:
        self.threads.add(threading.current_thread().name)
        self.gate.wait(WITHIN_S)
        self.titles.append(alert.title)


@pytest.fixture
def channels():
    before = set(threading.enumerate())
    made = {name: Told(name) for name in ("slack", "email", "phone")}
    yield made
    for channel in made.values():
        channel.gate.set()
    for thread in set(threading.enumerate()) - before:
        thread.join(WITHIN_S)  # what it logs is not the next test's


@pytest.fixture
def manager(channels):
    made = AlertManager(channels.values(), registry=CollectorRegistry())
    yield made
    made._runner.end()


def test_alerts_are_told_by_threads_of_our_own(manager, channels):
    """Each channel has a daemon thread, named so; none runs before the first alert."""
    before = set(threading.enumerate())
    manager.send_alert(an_alert())
    assert manager.flush(WITHIN_S)
    assert channels["slack"].threads == {"anyascope-alert-slack"}
    assert channels["email"].threads == {"anyascope-alert-email"}
    ours = set(threading.enumerate()) - before
    assert {thread.name for thread in ours} == {"anyascope-alerting", "anyascope-alert-slack", "anyascope-alert-email"}
    assert all(thread.daemon for thread in ours)


def test_a_hanging_channel_holds_up_nobody(manager, channels):
    """While Slack hangs, e-mail gets every alert, the host goes on, and other alerts wait for Slack alone."""
    channels["slack"].gate.clear()
    for number in range(20):
        manager.send_alert(an_alert(f"Trouble {number}", id=f"id-{number}"))
    eventually(lambda: len(channels["email"].titles) == 20, within_s=WITHIN_S)
    assert channels["slack"].titles == []
    channels["slack"].gate.set()
    eventually(lambda: len(channels["slack"].titles) == 20, within_s=WITHIN_S)


def test_an_attempt_that_never_ends_is_given_up(manager, channels, monkeypatch):
    """After its time another thread goes on with the channel; the alert is tried again there."""
    monkeypatch.setattr(runner, "ATTEMPT_S_MAX", 0.0)
    monkeypatch.setattr(runner, "HANG_GRACE_S", 0.2)
    monkeypatch.setattr(runner, "WATCH_S", 0.05)
    channels["slack"].gate.clear()
    identity = manager.send_alert(an_alert())
    eventually(
        lambda: any(record.outcome is SendOutcome.RETRY for record in manager.status(identity).sends), within_s=WITHIN_S
    )
    channels["slack"].gate.set()
    eventually(lambda: len(channels["slack"].titles) >= 2, within_s=WITHIN_S)
    eventually(
        lambda: any(
            (record.channel, record.outcome) == ("slack", SendOutcome.OK) for record in manager.status(identity).sends
        ),
        within_s=WITHIN_S,
    )


def test_many_threads_may_call_at_once(manager, channels):
    """Alerts from many threads, acknowledged and resolved meanwhile, are each told once."""

    def work(number: int) -> None:
        for step in range(10):
            identity = manager.send_alert(an_alert(f"Trouble {number}-{step}", id=f"{number}-{step}"))
            eventually(lambda one=identity: manager.status(one).state is EscalationState.SENT, within_s=WITHIN_S)
            manager.acknowledge(identity, "ada")
            manager.resolve(identity)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(WITHIN_S)
    manager.flush(WITHIN_S)
    assert all(status.state is EscalationState.RESOLVED for status in manager.statuses())
    told = channels["slack"].titles + channels["email"].titles
    assert max(told.count(title) for title in told) <= 2
    assert len({*told}) == 80


def test_a_channel_may_raise_alerts_itself(channels):
    """A channel whose failure is an alert of its own neither recurses nor deadlocks."""
    registry = CollectorRegistry()

    class Loop(Told):
        def send_alert(self, alert) -> None:
            super().send_alert(alert)
            made.send_alert(an_alert("Slack is slow", id="own", escalation_policy="default"))

    loop = Loop("slack")
    made = AlertManager([loop], registry=registry)
    made.send_alert(an_alert(escalation_policy="default"))
    eventually(lambda: loop.titles == ["Signing failed", "Slack is slow"], within_s=WITHIN_S)
    made._runner.end()


def run_python(program: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)],
        env={**os.environ, "PYTHONPATH": f"{REPOSITORY / 'src'}{os.pathsep}{REPOSITORY / 'tests'}"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


CHANNEL = """
import os, sys, time
from anyascope.sdk.alerting import AlertManager
from support.alerting import an_alert

class Printed:
    def __init__(self, name): self.name = name
    def channel_name(self): return self.name
    def supports_severity(self, severity): return True
    def send_alert(self, alert):
        os.write(1, f"{self.name} {alert.title} {'child' if os.getpid() != parent else 'parent'}\\n".encode())

parent = os.getpid()
manager = AlertManager([Printed("slack")])
"""


def test_what_waits_is_told_before_the_process_ends():
    """An alert that is sent right before the end gets out."""
    assert run_python(CHANNEL + "manager.send_alert(an_alert())\n") == "slack Signing failed parent\n"


def test_a_forked_child_tells_its_own_alerts_only():
    """The parent's escalation stays the parent's; the child's alerts are told by threads of its own; nothing deadlocks."""
    told = run_python(
        CHANNEL
        + """
manager.send_alert(an_alert("From the parent"))
manager.flush()
children = []
for _ in range(5):
    pid = os.fork()
    if pid == 0:
        assert manager.statuses() == ()
        manager.send_alert(an_alert("From the child"))
        manager.flush()
        os._exit(0)
    children.append(pid)
for pid in children:
    assert os.waitpid(pid, 0)[1] == 0
"""
    )
    assert sorted(told.splitlines()) == ["slack From the child child"] * 5 + ["slack From the parent parent"]


def test_a_killed_process_is_carried_on_by_the_next(tmp_path):
    """After kill -9 right after an alert was taken in, the next process tells it."""
    state = tmp_path / "alerts"
    program = CHANNEL.replace('[Printed("slack")]', f'[Printed("slack")], state_file={str(state)!r}')
    failing = program.replace("os.write(1,", "time.sleep(60) or os.write(1,")
    run_python_killed(failing + "manager.send_alert(an_alert())\ntime.sleep(60)\n", until=state)
    told = run_python(program + "deadline = time.monotonic() + 20\n"
                      "while not manager.statuses() and time.monotonic() < deadline: time.sleep(0.01)\n"
                      "assert manager.flush(20)\n")  # fmt: skip
    assert told == "slack Signing failed parent\n"


def run_python_killed(program: str, *, until) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONPATH": f"{REPOSITORY / 'src'}{os.pathsep}{REPOSITORY / 'tests'}"},
    )
    try:
        eventually(lambda: until.exists() and until.stat().st_size > 0, within_s=WITHIN_S)
    finally:
        process.kill()
        process.wait()


def test_the_host_does_not_wait_for_a_black_hole(manager, channels):
    """A thousand alerts while every channel hangs: all calls come back, and what does not fit is refused."""
    for channel in channels.values():
        channel.gate.clear()
    identities = [manager.send_alert(an_alert(f"Trouble {number}", id=f"id-{number}")) for number in range(1_100)]
    assert identities.count("") == 100
    assert len(manager.statuses()) == 1_000
    began = time.monotonic()
    manager.flush(0.05)
    assert time.monotonic() - began < WITHIN_S
