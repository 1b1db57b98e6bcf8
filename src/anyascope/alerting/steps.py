"""What others do in the desk's steps: they decide with it, are committed with it, and hold what follows after it.

A follower (escalation, say) never writes to the store by itself. It is asked while the desk holds its lock, answers with
a `Step`, and the desk commits that in the transaction of its own changes: no notification without the state it came of.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import structlog

from anyascope.alerting.book import Book
from anyascope.alerting.grouping import Decision, Group, Timing
from anyascope.alerting.intake import HeldAlert
from anyascope.clock import NS_PER_S
from anyascope.model.documents import Change
from anyascope.model.notifications import Notification

log = structlog.get_logger("anyascope.alerting")

BROKEN_PAUSE_S = 1.0  # a follower whose due work broke is left alone for so long, that the others be served


@dataclass(frozen=True, slots=True)
class Heard:
    """One alert of which something new was heard: as it was (None where it was not known), and as it is."""

    before: HeldAlert | None
    alert: HeldAlert


@dataclass(frozen=True, slots=True)
class Look:
    """One look at a group.

    Attributes:
        group: as it was before the look.
        decision: what it came to; `decision.dropped` are alerts that ended and are forgotten by the group.
        timing: the group's times afterwards.
        notifications: what its receiver will be told.
    """

    group: Group
    decision: Decision
    timing: Timing
    notifications: tuple[Notification, ...] = ()


def _hold_nothing() -> None:
    """Nothing follows from a step that was not taken."""


@dataclass(frozen=True, slots=True)
class Step:
    """What one follower contributes.

    Attributes:
        notifications: to be sent; journal and outbox are written with them.
        changes: documents of the follower's own kinds.
        alerts: alerts as they are now, to be stored and held (one that somebody ended by hand, say).
        hold: called once all of this is durable, under the lock; changes the follower's memory. Quick, never raises.
    """

    notifications: Sequence[Notification] = ()
    changes: Sequence[Change] = ()
    alerts: Sequence[HeldAlert] = ()
    hold: Callable[[], None] = field(default=_hold_nothing)


NO_STEP = Step()


class Follower(Protocol):
    """Takes part in the desk's steps. Each method decides and changes nothing; what follows stands in `Step.hold`."""

    def next_ns(self) -> int | None:
        """When it wants to be asked `on_due`; None where nothing is due. Asked often: no search."""

    def on_heard(self, book: Book, heard: Sequence[Heard], *, now_ns: int) -> Step:
        """These alerts are news (mere repeats are not); `book` does not hold them yet."""

    def on_looked(self, book: Book, looks: Sequence[Look], *, now_ns: int) -> Step:
        """Groups were looked at."""

    def on_due(self, book: Book, *, now_ns: int) -> Step:
        """Its own time has come. After this step `next_ns` must lie in the future, or more be due."""

    def on_clock_set(self, *, by_ns: int, now_ns: int) -> Step:
        """The wall clock was set, forward or back: times that lie ahead move along, so that waits keep their length."""


class Followers:
    """All followers as one. One that breaks contributes nothing, and the desk's own notifications go out."""

    def __init__(self, followers: Iterable[Follower]) -> None:
        self._followers = tuple(followers)
        self._paused: dict[int, int] = {}

    def next_ns(self) -> int | None:
        """When the first of them is due."""
        times = [at_ns for number in range(len(self._followers)) if (at_ns := self._next_ns(number)) is not None]
        return min(times, default=None)

    def on_heard(self, book: Book, heard: Sequence[Heard], *, now_ns: int) -> Step:
        """What they add to alerts that were heard of."""
        return self._ask(range(len(self._followers)), lambda one: one.on_heard(book, heard, now_ns=now_ns), now_ns)

    def on_looked(self, book: Book, looks: Sequence[Look], *, now_ns: int) -> Step:
        """What they add to looks at groups."""
        return self._ask(range(len(self._followers)), lambda one: one.on_looked(book, looks, now_ns=now_ns), now_ns)

    def on_due(self, book: Book, *, now_ns: int) -> Step:
        """What those whose time has come want done."""
        times = ((number, self._next_ns(number)) for number in range(len(self._followers)))
        due = [number for number, at_ns in times if at_ns is not None and at_ns <= now_ns]
        return self._ask(due, lambda one: one.on_due(book, now_ns=now_ns), now_ns)

    def on_clock_set(self, *, by_ns: int, now_ns: int) -> Step:
        """What must be stored anew since the wall clock was set."""
        self._paused = {number: at_ns + by_ns for number, at_ns in self._paused.items()}
        every = range(len(self._followers))
        return self._ask(every, lambda one: one.on_clock_set(by_ns=by_ns, now_ns=now_ns), now_ns)

    def pause(self, *, until_ns: int) -> None:
        """Ask nobody of what is due before this time: it could not be stored."""
        self._paused = dict.fromkeys(range(len(self._followers)), until_ns)

    def _next_ns(self, number: int) -> int | None:
        at_ns = self._followers[number].next_ns()
        return None if at_ns is None else max(at_ns, self._paused.get(number, 0))

    def _ask(self, numbers: Iterable[int], question: Callable[[Follower], Step], now_ns: int) -> Step:
        steps: list[Step] = []
        for number in numbers:
            try:
                steps.append(question(self._followers[number]))
            except Exception:  # whatever a follower's code does, alerts must go on being told
                self._paused[number] = now_ns + int(BROKEN_PAUSE_S * NS_PER_S)
                log.exception("follower_broke", follower=type(self._followers[number]).__name__)
        return together(steps)


def together(steps: Sequence[Step]) -> Step:
    """These steps as one."""
    if not steps:
        return NO_STEP
    if len(steps) == 1:
        return steps[0]

    def hold() -> None:
        for step in steps:
            step.hold()

    return Step(
        notifications=[one for step in steps for one in step.notifications],
        changes=[one for step in steps for one in step.changes],
        alerts=[one for step in steps for one in step.alerts],
        hold=hold,
    )
