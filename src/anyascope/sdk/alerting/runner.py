"""The threads of a manager: one that looks at the time, one a channel and target, all started when first needed."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from functools import partial

from anyascope.clock import NS_PER_S, Clock
from anyascope.sdk.alerting.attempt import ATTEMPT_S_MAX, Attempt
from anyascope.sdk.alerting.desk import Desk, Job
from anyascope.sdk.alerting.forward import Forwarder
from anyascope.sdk.alerting.lane import Lane
from anyascope.sdk.alerting.status import SendOutcome
from anyascope.sdk.delivery.bell import Bell
from anyascope.sdk.delivery.courier import suppress_instrumentation
from anyascope.sdk.delivery.process import expect_exit
from anyascope.sdk.guard import tell_once

IDLE_S = 60.0  # how long a thread with nothing to do sleeps; it is woken when there is
FAULT_WAIT_S = 1.0  # after a fault of ours, so that it is no busy loop
HANGING_MAX = 3  # attempts of one channel that never came back; after that it waits for one of them
HANG_GRACE_S = 5.0  # above what the attempt itself may take
WATCH_S = 5  # how often a running attempt is looked at
FLUSH_POLL_S = 0.02  # the time that an end can be seen too late
THREAD_NAME_CHARS_MAX = 60


class Worker:
    """A thread that steps whenever something is due.

    Args:
        name: of the thread.
        step: does one thing; whether there was something to do.
        next_ns: when there is, on the clock; None where nothing waits.
        clock: time.
    """

    def __init__(self, name: str, *, step: Callable[[], bool], next_ns: Callable[[], int | None], clock: Clock) -> None:
        self._name = name
        self._step = step
        self._next_ns = next_ns
        self._clock = clock
        self._bell = Bell()
        self.is_running = False
        self._life = 0  # a thread of an earlier life ends as soon as it can

    def ring(self) -> bool:
        """Wake it, or start it; False where no thread can be started any more. One caller at a time."""
        if not self.is_running:
            thread = threading.Thread(target=self._run, args=(self._life,), name=self._name, daemon=True)
            try:
                thread.start()
            except RuntimeError as error:  # the interpreter ends, or the system has no more
                tell_once(f"starting the thread {self._name}", error)
                return False
            self.is_running = True
            expect_exit()
        self._bell.ring()
        return True

    def end(self) -> None:
        """Let the thread end once it comes back from what it is at; the next ring starts another."""
        self._life += 1
        self.is_running = False
        self._bell.ring()

    def _run(self, life: int) -> None:
        suppress_instrumentation()
        while life == self._life:
            try:
                if self._step():
                    continue
                wait_s = self._wait_s()
            except Exception as error:  # noqa: BLE001  # the thread must outlive any fault of ours
                tell_once(f"a step of {self._name}", error)
                wait_s = FAULT_WAIT_S
            self._bell.wait(wait_s)

    def _wait_s(self) -> float:
        next_ns = self._next_ns()
        if next_ns is None:
            return IDLE_S
        return min(max((next_ns - self._clock.monotonic_ns()) / NS_PER_S, 0.0), IDLE_S)


class LaneRunner:
    """Sends what is due in one lane, and notices where the channel hangs.

    Args:
        desk: knows what is due.
        lane: the channel's.
        settled: called after each attempt.
    """

    def __init__(self, desk: Desk, lane: Lane, *, settled: Callable[[], object]) -> None:
        self._desk = desk
        self.lane = lane
        self._settled = settled
        self._job: Job | None = None
        self._since_s = 0.0
        self._hanging = 0
        self._handing_over = threading.Lock()

    @property
    def is_busy(self) -> bool:
        """Whether an attempt is under way."""
        return self._job is not None

    def step(self) -> bool:
        """Make the next attempt; whether there was one to make."""
        job = self._desk.begin(self.lane)
        if job is None:
            return False
        with self._handing_over:
            self._job, self._since_s = job, time.monotonic()
        result = job.run()
        if self._is_still(job):
            self._desk.finish(job, result)
        self._settled()
        return True

    def gives_up(self) -> bool:
        """Whether the attempt under way takes too long, in which case it has failed and its thread is left to itself."""
        with self._handing_over:
            job = self._job
            is_late = job is not None and time.monotonic() - self._since_s > ATTEMPT_S_MAX + HANG_GRACE_S
            if job is None or not is_late or self._hanging >= HANGING_MAX:
                return False
            self._hanging += 1
            self._job = None
        self._desk.finish(job, Attempt(SendOutcome.RETRY, f"no answer within {ATTEMPT_S_MAX:g} s"))
        return True

    def _is_still(self, job: Job) -> bool:
        """Whether nobody has given up on this attempt meanwhile."""
        with self._handing_over:
            if self._job is job:
                self._job = None
                return True
            self._hanging -= 1
            return False


class Runner:
    """Drives a desk by threads; or, where none may or can be started, in the thread of whoever calls `drive`.

    Args:
        desk: what is driven.
        clock: time.
        is_driven: whether no thread may be started.
    """

    def __init__(self, desk: Desk, *, clock: Clock, is_driven: bool) -> None:
        self._desk = desk
        self._clock = clock
        self._is_driven = is_driven
        self.after_fork()

    def after_fork(self) -> None:
        """No threads, in the child."""
        self._starting = threading.RLock()
        self._lanes: dict[str, LaneRunner] = {}
        self._workers: dict[str, Worker] = {}
        self._scheduler = self._worker("anyascope-alerting", self._schedule, self._schedule_next_ns)

    def nudge(self) -> bool:
        """Something changed; never waits. False where there is no thread that could look."""
        if self._is_driven:
            return False
        with self._starting:
            return self._scheduler.ring()

    def drive(self, deadline_s: float | None = None) -> None:
        """Do, in this thread, everything that is due now, until `deadline_s` of `time.monotonic()`."""
        while deadline_s is None or time.monotonic() < deadline_s:
            self._desk.schedule()
            steps = [self._lane(lane).step() for lane in self._desk.lanes()]
            steps += [self._hand_over(forwarder) for forwarder in self._desk.forwarders]
            if not any(steps):
                return

    def flush(self, within_s: float) -> bool:
        """Whether everything is through within `within_s` seconds; our own back-offs are cut short once."""
        deadline_s = time.monotonic() + within_s
        self._desk.hurry()
        if not self.nudge():
            self.drive(deadline_s)
        while not self._desk.is_idle() and (left_s := deadline_s - time.monotonic()) > 0:
            time.sleep(min(left_s, FLUSH_POLL_S))
        return self._desk.is_done()

    def end(self) -> None:
        """End all threads once what they are at is done."""
        with self._starting:
            for worker in (self._scheduler, *self._workers.values()):
                worker.end()

    def _worker(self, name: str, step: Callable[[], bool], next_ns: Callable[[], int | None]) -> Worker:
        return Worker(name, step=step, next_ns=next_ns, clock=self._clock)

    def _schedule(self) -> bool:
        self._desk.schedule()
        now_ns = self._clock.monotonic_ns()
        for lane in self._desk.lanes():
            runner = self._lane(lane)
            name = f"anyascope-alert-{lane.name}"[:THREAD_NAME_CHARS_MAX]
            if runner.gives_up():
                tell_once(f"the channel {lane.name!r} hangs", TimeoutError(f"after {ATTEMPT_S_MAX:g} s"))
                self._workers[name].end()
            self._wake(name, runner.step, partial(self._desk.lane_next_ns, lane), now_ns)
        for forwarder in self._desk.forwarders:
            step, next_ns = partial(self._hand_over, forwarder), partial(self._desk.forward_next_ns, forwarder)
            self._wake(f"anyascope-alert-to-{forwarder.name}", step, next_ns, now_ns)
        return False

    def _schedule_next_ns(self) -> int:
        next_ns = self._desk.next_ns()
        if any(lane.is_busy for lane in tuple(self._lanes.values())):
            return min(next_ns, self._clock.monotonic_ns() + WATCH_S * NS_PER_S)
        return next_ns

    def _wake(self, name: str, step: Callable[[], bool], next_ns: Callable[[], int | None], now_ns: int) -> None:
        """Wake a thread that has something to do; one that runs knows by itself when that is later."""
        due_ns = next_ns()
        if due_ns is None:
            return
        with self._starting:
            worker = self._workers.get(name)
            if worker is None:
                worker = self._workers[name] = self._worker(name, step, next_ns)
            if due_ns <= now_ns or not worker.is_running:
                worker.ring()

    def _lane(self, lane: Lane) -> LaneRunner:
        found = self._lanes.get(lane.name)
        if found is None:
            found = self._lanes[lane.name] = LaneRunner(self._desk, lane, settled=self.nudge)
        return found

    def _hand_over(self, forwarder: Forwarder) -> bool:
        """Post what a target is to be told now; whether there was something."""
        parcel = self._desk.begin_forward(forwarder)
        if parcel is None:
            return False
        self._desk.finish_forward(forwarder, parcel, forwarder.sender.send(parcel.body))
        self.nudge()
        return True
