"""The one thread that talks to a far end, for all signals that go there."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from random import Random
from typing import Protocol

from opentelemetry import context

from anyascope.sdk.delivery.answer import Answer, Verdict
from anyascope.sdk.delivery.backlog import PARCEL_BYTES_MAX, Backlog, Body
from anyascope.sdk.delivery.bell import Bell
from anyascope.sdk.delivery.patience import Patience
from anyascope.sdk.delivery.process import enrol, exit_remaining_s
from anyascope.sdk.delivery.tally import Reason, Tally
from anyascope.sdk.delivery.thread import LazyThread
from anyascope.sdk.guard import tell_once

IDLE_S = 30.0  # how often a courier with nothing to do looks around, for what dead processes left in the spool
ODD_ATTEMPTS_MAX = 5  # of a body at which the far end fails (5xx) while it takes others
LINGER_S = 0.02  # from the first body that waits to the first request, so that those which follow travel along
FLUSH_WITHIN_S = 5.0


class Sender(Protocol):
    """Speaks one protocol to one address."""

    def send(self, data: bytes) -> Answer:
        """One attempt, bounded in time whatever the far end does; never raises."""

    def close(self) -> None:
        """Let go of the connection."""

    def after_fork(self) -> None:
        """Forget the parent's connection without a word on it, in the child."""


class Lane:
    """One signal on its way to one far end: what waits, who speaks, and how patient we are with it.

    Args:
        signal: under which name it is counted.
        backlog: what waits.
        sender: who speaks.
        joins: whether bodies laid one behind the other are one body.
        set_aside: told of each body that the far end will never take.
    """

    def __init__(
        self, signal: str, backlog: Backlog, sender: Sender, *, joins: bool, set_aside: Callable[[str, Body], None]
    ) -> None:
        self.signal = signal
        self.backlog = backlog
        self.sender = sender
        self.joins = joins
        self.set_aside = set_aside
        self.patience = Patience()
        self.goes_singly = False  # after a joined body was refused: which of them was it?
        self.odd_attempts = 0


class Courier:
    """Sends what waits in its lanes, in turn, from a thread that starts with the first body.

    While the far end is unreachable nothing is tried until the back-off has passed, whatever the lanes hold: one thread,
    one attempt at a time. `Retry-After` is obeyed a lane.

    Args:
        name: the far end, for the thread's name and our log line.
        tally: where successes and drops are counted.
        now_s: a clock that never steps back.
        random: spreads the waits.
    """

    flush_order = 1

    def __init__(
        self, name: str, *, tally: Tally, now_s: Callable[[], float] = time.monotonic, random: Random | None = None
    ) -> None:
        self.name = name
        self._tally = tally
        self._now_s = now_s
        self._random = random or Random()  # noqa: S311  # spreads waits, guards nothing
        self._lanes: list[Lane] = []
        self._thread = LazyThread("courier", self._run)
        self.after_fork()
        enrol(self)

    def after_fork(self) -> None:
        """No thread, no connection, nothing of the parent's."""
        self._bell = Bell()
        self._sending = threading.Lock()
        self._thread.after_fork()
        self._outage = Patience()
        self._quiet = threading.Event()
        for lane in self._lanes:
            lane.sender.after_fork()
            lane.backlog.after_fork()
            lane.patience = Patience()
            lane.goes_singly, lane.odd_attempts = False, 0

    @property
    def lanes(self) -> tuple[Lane, ...]:
        """What it sends."""
        return tuple(self._lanes)

    @property
    def outage(self) -> Patience:
        """How patient it is with the far end as a whole."""
        return self._outage

    def add(self, lane: Lane) -> None:
        """Send this one too."""
        self._lanes = [*self._lanes, lane]

    def remove(self, lane: Lane) -> None:
        """Send this one no more; the thread ends with the last one."""
        self._lanes = [other for other in self._lanes if other is not lane]
        self._bell.ring()

    def nudge(self, lane: Lane | None = None) -> None:
        """Something waits, in this lane; never waits itself. While the lane must rest its thread is left asleep."""
        self._thread.ensure()
        if lane is None or max(self._outage.not_before_s, lane.patience.not_before_s) <= self._now_s():
            self._bell.ring()

    def flush(self, within_s: float = FLUSH_WITHIN_S) -> bool:
        """Whether everything was sent within `within_s`; our own back-offs are cut short once."""
        deadline_s = time.monotonic() + exit_remaining_s(within_s)
        for lane in self._lanes:
            lane.backlog.look_around()
        if not self._has_work():
            return True
        for patience in (self._outage, *(lane.patience for lane in self._lanes)):
            patience.hurry()
        if not self._thread.ensure():
            return self._send_here(deadline_s)
        while self._has_work() and (left_s := deadline_s - time.monotonic()) > 0:
            self._quiet.clear()
            self._bell.ring()
            if self._quiet.wait(left_s) and self._is_blocked():
                break
        return not self._has_work()

    def flush_at_exit(self, deadline_s: float) -> None:
        self.flush(deadline_s - time.monotonic())

    def step(self) -> float:
        """Send one parcel of each lane that is due; seconds until there is something to do again, 0 for at once."""
        wait_s = IDLE_S
        for lane in tuple(self._lanes):
            due_s = max(self._outage.not_before_s, lane.patience.not_before_s) - self._now_s()
            if due_s > 0:
                wait_s = min(wait_s, due_s)
            elif bodies := lane.backlog.take(PARCEL_BYTES_MAX if lane.joins and not lane.goes_singly else 0):
                self._send(lane, bodies)
                wait_s = 0.0
        return wait_s

    def _send(self, lane: Lane, bodies: list[Body]) -> None:
        """One attempt with the taken bodies, and what its answer means for the lane."""
        answer = lane.sender.send(bodies[0].data if len(bodies) == 1 else b"".join(body.data for body in bodies))
        items = sum(body.items for body in bodies)
        match answer.verdict:
            case Verdict.TAKEN:
                # Before nothing waits any more: whoever flushes finds in the account what was sent.
                self._tally.exported(lane.signal, max(items - answer.rejected, 0))
                self._tally.dropped(lane.signal, Reason.REFUSED, min(answer.rejected, items))
                self._recovered(lane)
                lane.backlog.done(len(bodies))
            case Verdict.REFUSED:
                self._refused(lane, bodies, answer)
            case Verdict.LATER:
                self._later(lane, bodies, answer)
            case Verdict.UNREACHABLE:
                lane.backlog.done(0)
                self._outage.failed(now_s=self._now_s(), retry_after_s=0.0, random=self._random)
                self._tell(answer)

    def _recovered(self, lane: Lane) -> None:
        self._outage.succeeded()
        lane.patience.succeeded()
        lane.odd_attempts = 0
        lane.goes_singly = False

    def _refused(self, lane: Lane, bodies: list[Body], answer: Answer) -> None:
        self._outage.succeeded()
        self._tell(answer)
        if len(bodies) > 1:  # one of them is wrong: ask about each
            lane.goes_singly = True
            lane.backlog.done(0)
            return
        lane.odd_attempts = 0
        lane.set_aside(lane.signal, bodies[0])
        self._tally.dropped(lane.signal, Reason.REFUSED, bodies[0].items)
        lane.backlog.done(1)

    def _later(self, lane: Lane, bodies: list[Body], answer: Answer) -> None:
        self._outage.succeeded()
        if answer.is_odd:
            lane.odd_attempts += 1
            if lane.odd_attempts >= ODD_ATTEMPTS_MAX:
                self._refused(lane, bodies, answer)
                return
        lane.backlog.done(0)
        lane.patience.failed(now_s=self._now_s(), retry_after_s=answer.retry_after_s, random=self._random)
        self._tell(answer)

    def _tell(self, answer: Answer) -> None:
        tell_once(f"sending telemetry to {self.name}, which is tried again", ConnectionError(answer.detail))

    def _has_work(self) -> bool:
        return any(lane.backlog.waiting()[1] for lane in self._lanes)

    def _is_blocked(self) -> bool:
        """Whether nothing that waits may be tried now."""
        now_s = self._now_s()
        return all(
            max(self._outage.not_before_s, lane.patience.not_before_s) > now_s
            for lane in self._lanes
            if lane.backlog.waiting()[1]
        )

    def _run(self) -> None:
        suppress_instrumentation()
        while not self._is_over():
            wait_s = self._step_safely()
            if wait_s > 0:
                self._quiet.set()
                if self._bell.wait(wait_s):
                    time.sleep(LINGER_S)

    def _is_over(self) -> bool:
        return not self._lanes and self._thread.end_unless(lambda: bool(self._lanes))

    def _step_safely(self) -> float:
        try:
            with self._sending:
                return self.step()
        except Exception as error:  # noqa: BLE001  # the thread must outlive any fault of ours
            tell_once("sending telemetry", error)
            return IDLE_S

    def _send_here(self, deadline_s: float) -> bool:
        """Send from this thread, where no other can be started any more."""
        while self._has_work() and time.monotonic() < deadline_s and not self._is_blocked():
            self._step_safely()
        return not self._has_work()


def suppress_instrumentation() -> None:
    """From now on the calling thread's own requests are not traced by anybody's instrumentation."""
    for key in (context._SUPPRESS_INSTRUMENTATION_KEY, context._SUPPRESS_HTTP_INSTRUMENTATION_KEY):  # noqa: SLF001  # OTel's own exporters do the same
        context.attach(context.set_value(key, True))
