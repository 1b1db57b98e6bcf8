"""The alerts that a manager holds: in memory, without threads, times passed in."""

from __future__ import annotations

import heapq
from collections import OrderedDict, deque
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from anyascope.clock import NS_PER_S, Clock
from anyascope.sdk.alerting.alert import Alert, fingerprint_of
from anyascope.sdk.alerting.ladder import Ladder, Turn, ladder_of
from anyascope.sdk.alerting.policy import EscalationPolicy
from anyascope.sdk.alerting.status import AlertStatus, EscalationState, SendOutcome, SendRecord

ALERTS_MAX = 1_000  # 5 MB; a service with more open troubles than that has one trouble
SENDS_KEPT_MAX = 50  # attempts that are remembered of an alert: the first hours of a critical one
ALIASES_MAX = 10_000  # ids of alerts that repeated one that was held already
QUIET_S = 900  # told to its end and not sent again for as long: it is over, and the next one is news
ACKNOWLEDGED_KEPT_S = 86_400  # somebody works on it; a day later it is news again
RESOLVED_KEPT_S = 900  # as long as Prometheus repeats an end to its Alertmanagers
LONG_AGO_NS = -(10**18)  # 31 years before anything on a steady clock
UNDELIVERED_KEPT_S = 86_400  # for a hand-over that never got through


@dataclass(frozen=True, slots=True)
class Moment:
    """Now, on a clock that never steps back and on the one that people read."""

    steady_ns: int
    utc_ns: int

    @classmethod
    def of(cls, clock: Clock) -> Moment:
        """The moment that a clock shows."""
        return cls(clock.monotonic_ns(), clock.now_ns())


@dataclass(slots=True, eq=False)
class Held:
    """One alert from its first sending to its end.

    Attributes:
        number: of the episode, never used twice in a process.
        alert: redacted; the description is the latest one.
        ladder: how far it has climbed.
        started_utc_ns: when it was first sent.
        heard_ns: when it was last sent, on the steady clock; also stands for the acknowledgement.
        ended_ns: when it was resolved, on the steady clock.
        open: sends on their way, by (level, channel): which repeat.
        handed: by target, when it last took the alert (steady), and in which state.
        exemplar: the trace in which it was sent.
    """

    fingerprint: str
    alert: Alert
    ladder: Ladder
    started_utc_ns: int
    heard_ns: int
    number: int = 0
    state: EscalationState = EscalationState.PENDING
    ended_ns: int = 0
    attempts: int = 0
    repeats: int = 0
    sends: deque[SendRecord] = field(default_factory=lambda: deque(maxlen=SENDS_KEPT_MAX))
    open: dict[tuple[int, str], int] = field(default_factory=dict)
    handed: dict[str, tuple[int, bool]] = field(default_factory=dict)
    acknowledged_by: str = ""
    acknowledged_ns: int = 0
    resolved_ns: int = 0
    exemplar: dict[str, str] | None = None

    @property
    def is_climbing(self) -> bool:
        """Whether people are still to be told."""
        return self.state in (EscalationState.PENDING, EscalationState.SENT)

    @property
    def is_resolved(self) -> bool:
        """Whether it is over."""
        return self.state is EscalationState.RESOLVED

    def status(self) -> AlertStatus:
        """What can be said of it now."""
        return AlertStatus(
            alert=self.alert,
            state=self.state,
            attempts=self.attempts,
            repeats=self.repeats,
            sends=tuple(self.sends),
            acknowledged_by=self.acknowledged_by,
            acknowledged_ns=self.acknowledged_ns,
            resolved_ns=self.resolved_ns,
        )

    def record(self, record: SendRecord) -> None:
        """Take note of an attempt, or of why there was none."""
        self.sends.append(record)
        if record.outcome in (SendOutcome.OK, SendOutcome.RETRY, SendOutcome.FAILED):
            self.attempts += 1
        if record.outcome is SendOutcome.OK and self.state is EscalationState.PENDING:
            self.state = EscalationState.SENT


class Book:
    """Held alerts by the id of their first sending, by fingerprint and by the ids of those that repeated them."""

    def __init__(self) -> None:
        self._by_id: dict[str, Held] = {}
        self._by_fingerprint: dict[str, Held] = {}
        self._by_number: dict[int, Held] = {}
        self._aliases: OrderedDict[str, str] = OrderedDict()
        self._times: list[tuple[int, int]] = []  # a heap of when which episode is due; some are out of date
        self._last_number = 0

    def __iter__(self) -> Iterator[Held]:
        return iter(tuple(self._by_number.values()))

    def __len__(self) -> int:
        return len(self._by_number)

    def find(self, wanted: str | Alert) -> Held | None:
        """The alert of this id, or of the id of one that repeated it; an alert is found by what it says, too."""
        identity = wanted.id if isinstance(wanted, Alert) else wanted
        held = self._by_id.get(identity) or self._by_id.get(self._aliases.get(identity, ""))
        if held is None and isinstance(wanted, Alert):
            held = self._by_fingerprint.get(fingerprint_of(wanted))
        return held

    def episode(self, number: int) -> Held | None:
        """The alert of this episode, unless it was forgotten."""
        return self._by_number.get(number)

    def put(self, alert: Alert, policy: EscalationPolicy, now: Moment) -> tuple[Held | None, bool]:
        """Hold an alert, or refresh the one that it repeats; and whether it is a new one.

        None where no more can be held.
        """
        fingerprint = fingerprint_of(alert)
        known = self._by_fingerprint.get(fingerprint)
        if known is not None and not known.is_resolved:
            self._refresh(known, alert, now)
            return known, False
        if len(self) >= ALERTS_MAX and not self._make_room():
            return None, False
        held = Held(
            fingerprint=fingerprint,
            alert=alert,
            ladder=ladder_of(policy, started_ns=now.steady_ns),
            started_utc_ns=now.utc_ns,
            heard_ns=now.steady_ns,
        )
        self._insert(held)
        return held, True

    def restore(self, held: Held) -> None:
        """Hold an episode that began before, under a number of its own; what was sent since and repeats it gives way."""
        known = self._by_fingerprint.get(held.fingerprint)
        if known is not None and not known.is_resolved and not held.is_resolved:
            self._forget(known)
            self._alias(known.alert.id, held.alert.id)
            held.repeats += 1 + known.repeats
        if len(self) < ALERTS_MAX or self._make_room():
            self._insert(held)

    def _insert(self, held: Held) -> None:
        self._last_number += 1
        held.number = self._last_number
        self._by_number[held.number] = held
        self._by_id[held.alert.id] = held
        self._by_fingerprint[held.fingerprint] = held
        self._schedule(held)

    def _schedule(self, held: Held) -> None:
        next_ns = held.ladder.next_ns()
        if next_ns is not None:
            heapq.heappush(self._times, (next_ns, held.number))

    def due(self, now: Moment) -> list[tuple[Held, Turn]]:
        """The turns that are to be taken now; each is given once."""
        found: list[tuple[Held, Turn]] = []
        while (next_ns := self.next_ns()) is not None and next_ns <= now.steady_ns:
            held = self._by_number[heapq.heappop(self._times)[1]]
            found.extend((held, turn) for turn in held.ladder.due(now.steady_ns))
            held.ladder = held.ladder.climbed(now.steady_ns)
            self._schedule(held)
        return found

    def next_ns(self) -> int | None:
        """When the next turn is due, on the steady clock."""
        while self._times:
            at_ns, number = self._times[0]
            held = self._by_number.get(number)
            if held is not None and held.is_climbing and held.ladder.next_ns() == at_ns:
                return at_ns
            heapq.heappop(self._times)  # answered, or forgotten
        return None

    def acknowledge(self, held: Held, by: str, now: Moment) -> bool:
        """Whether this stops the escalation: not where it is over, or somebody answered before."""
        if not held.is_climbing:
            return False
        held.state = EscalationState.ACKNOWLEDGED
        held.acknowledged_by, held.acknowledged_ns, held.heard_ns = by, now.utc_ns, now.steady_ns
        held.open.clear()
        return True

    def resolve(self, held: Held, now: Moment) -> bool:
        """Whether this ends the alert: not where it has ended before."""
        if held.is_resolved:
            return False
        held.state = EscalationState.RESOLVED
        held.resolved_ns, held.ended_ns = now.utc_ns, now.steady_ns
        held.open.clear()
        return True

    def tidy(self, now: Moment, targets: frozenset[str]) -> list[Held]:
        """Forget, and give, what is over.

        Args:
            targets: to whom alerts are handed over; what one of them has not taken yet is kept for longer.
        """
        old = [held for held in self._by_number.values() if _is_over(held, now, targets)]
        for held in old:
            self._forget(held)
        return old

    def _refresh(self, held: Held, alert: Alert, now: Moment) -> None:
        held.heard_ns = now.steady_ns
        held.repeats += 1
        if alert.description != held.alert.description or alert.annotations != held.alert.annotations:
            # Its labels stay: to an Alertmanager other labels would be another alert.
            held.alert = replace(held.alert, description=alert.description, annotations=alert.annotations)
            held.handed = {target: (LONG_AGO_NS, over) for target, (_, over) in held.handed.items()}
        self._alias(alert.id, held.alert.id)

    def _alias(self, identity: str, of: str) -> None:
        if identity == of:
            return
        self._aliases[identity] = of
        while len(self._aliases) > ALIASES_MAX:
            self._aliases.popitem(last=False)

    def _make_room(self) -> bool:
        """Whether something that is over, or was told to its end, could be forgotten."""
        ended = [held for held in self._by_number.values() if held.is_resolved and not held.open]
        told = [held for held in self._by_number.values() if not held.open and _is_told(held)]
        for held in (*sorted(ended, key=lambda held: held.ended_ns), *sorted(told, key=lambda held: held.heard_ns)):
            self._forget(held)
            return True
        return False

    def _forget(self, held: Held) -> None:
        del self._by_number[held.number]
        if self._by_id.get(held.alert.id) is held:
            del self._by_id[held.alert.id]
        if self._by_fingerprint.get(held.fingerprint) is held:
            del self._by_fingerprint[held.fingerprint]


def _is_told(held: Held) -> bool:
    """Whether nobody is left to be told, now or later."""
    return not held.is_climbing or held.ladder.next_ns() is None


def _is_over(held: Held, now: Moment, targets: frozenset[str]) -> bool:
    if held.is_resolved:
        is_known = all(held.handed.get(target, (0, False))[1] for target in targets)
        kept_s = RESOLVED_KEPT_S if is_known else UNDELIVERED_KEPT_S
        return now.steady_ns - held.ended_ns > kept_s * NS_PER_S
    if held.state is EscalationState.ACKNOWLEDGED:
        return now.steady_ns - held.heard_ns > ACKNOWLEDGED_KEPT_S * NS_PER_S
    if held.open or not _is_told(held):
        return False
    kept_s = QUIET_S if targets <= held.handed.keys() else UNDELIVERED_KEPT_S
    return now.steady_ns - held.heard_ns > kept_s * NS_PER_S
