"""Puts book, lanes, targets and journal together, under one lock and without threads: see `runner` for those."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from random import Random

from anyascope.clock import NS_PER_S, Clock
from anyascope.sdk.alerting.accounts import Accounts
from anyascope.sdk.alerting.alert import POLICY_DEFAULT, Alert
from anyascope.sdk.alerting.attempt import Attempt, attempt, supports
from anyascope.sdk.alerting.book import Book, Held, Moment
from anyascope.sdk.alerting.channel import NotificationChannel
from anyascope.sdk.alerting.forward import Forwarder, Parcel
from anyascope.sdk.alerting.journal import Journal
from anyascope.sdk.alerting.ladder import Turn
from anyascope.sdk.alerting.lane import Lane, Send
from anyascope.sdk.alerting.memoir import entry_of, gone_of, held_of
from anyascope.sdk.alerting.policy import DEFAULT_POLICIES, EscalationPolicy
from anyascope.sdk.alerting.status import AlertStatus, SendOutcome, SendRecord
from anyascope.sdk.delivery.answer import Answer
from anyascope.sdk.guard import note_once, tell_once

TIDY_S = 60  # how often what is over is looked for, and a clock that was set is noticed


@dataclass(frozen=True, slots=True)
class Job:
    """A send that is under way."""

    lane: Lane
    send: Send
    held: Held
    alert: Alert
    channel: NotificationChannel

    def run(self) -> Attempt:
        """Make the attempt; takes as long as the channel does."""
        if not supports(self.channel, self.alert.severity):
            return Attempt(SendOutcome.SKIPPED)
        return attempt(self.channel, self.alert, self.send.turn.name)


class Desk:
    """What a manager knows and decides. Any thread may call; nothing that may wait happens under the lock.

    Args:
        clock: time.
        accounts: told of everything.
        forwarders: to whom alerts are handed over.
        state_file: where the state survives the process; None where it does not.
        random: spreads the retries.
    """

    def __init__(
        self,
        *,
        clock: Clock,
        accounts: Accounts,
        forwarders: Iterable[Forwarder],
        state_file: Path | None,
        random: Random,
    ) -> None:
        self._clock = clock
        self._accounts = accounts
        self._random = random
        self._state_file = state_file
        self._channels: dict[str, NotificationChannel] = {}
        self._policies: dict[str, EscalationPolicy] = dict(DEFAULT_POLICIES)
        self.forwarders = tuple(forwarders)
        self._targets = frozenset(forwarder.name for forwarder in self.forwarders)
        self._journal: Journal | None = None
        self.after_fork()

    def after_fork(self) -> None:
        """Hold nothing, in the child: what was held is its parent's to tell."""
        # Re-entrant: a signal handler of the host may send an alert while this thread holds it.
        self._lock = threading.RLock()
        self._writing = threading.Lock()
        self._book = Book()
        self._lanes = {name: Lane(name) for name in self._channels}
        self._dirty: dict[str, Held | None] = {}
        self._under_way = 0
        self._tidied_ns = self._clock.monotonic_ns()
        if self._journal is not None:
            self._journal.close()
        self._journal = Journal(self._state_file) if self._state_file is not None else None
        self._is_open = False
        for forwarder in self.forwarders:
            forwarder.sender.after_fork()
            forwarder.hurry()

    def now(self) -> Moment:
        """The moment that its clock shows."""
        return Moment.of(self._clock)

    # --- what the host says -------------------------------------------------------------------------------------------

    def add_channel(self, name: str, channel: NotificationChannel) -> None:
        """Policies reach this channel by this name from now on."""
        with self._lock:
            self._channels[name] = channel
            self._lanes.setdefault(name, Lane(name))

    def add_policy(self, policy: EscalationPolicy) -> None:
        """Alerts that are sent from now on may name it; one of its name is replaced."""
        with self._lock:
            self._policies[policy.name] = policy

    def knows_policy(self, name: str) -> bool:
        """Whether there is a policy of this name."""
        return name in self._policies

    def take(self, alert: Alert, *, exemplar: dict[str, str] | None) -> str:
        """Take over an alert, and give the id under which it is held; empty where no more can be held."""
        with self._lock:
            held, is_new = self._book.put(alert, self._policy(alert.escalation_policy), self.now())
            if held is not None:
                self._touch(held)
                if is_new:
                    held.exemplar = exemplar
        outcome = "dropped" if held is None else "accepted" if is_new else "repeated"
        self._accounts.raised(alert, outcome=outcome, exemplar=exemplar)
        return held.alert.id if held is not None else ""

    def acknowledge(self, wanted: str | Alert, by: str) -> bool:
        """Whether this stops the escalation."""
        with self._lock:
            held = self._book.find(wanted)
            if held is None or not self._book.acknowledge(held, by, self.now()):
                return False
            self._stop(held)
        self._accounts.acknowledged(held)
        return True

    def resolve(self, wanted: str | Alert) -> bool:
        """Whether this ends the alert."""
        with self._lock:
            held = self._book.find(wanted)
            if held is None or not self._book.resolve(held, self.now()):
                return False
            self._stop(held)
        self._accounts.resolved(held)
        return True

    def status(self, wanted: str | Alert) -> AlertStatus | None:
        """What is known of an alert; None where it is not held, or no longer."""
        with self._lock:
            held = self._book.find(wanted)
            return held.status() if held is not None else None

    def statuses(self) -> tuple[AlertStatus, ...]:
        """Everything that is held, oldest first."""
        with self._lock:
            return tuple(held.status() for held in self._book)

    # --- what time brings ---------------------------------------------------------------------------------------------

    def schedule(self) -> None:
        """Write what changed, put what is due into the lanes, forget what is over."""
        self._open()
        self._write()
        records: list[tuple[Held, SendRecord]] = []
        with self._lock:
            now = self.now()
            for held, turn in self._book.due(now):
                records.extend((held, record) for record in self._distribute(held, turn, now))
                self._touch(held)
            if now.steady_ns - self._tidied_ns >= TIDY_S * NS_PER_S:
                self._tidy(now)
        self._tell(records)
        self._write()

    def lanes(self) -> list[Lane]:
        """The lanes of all channels."""
        with self._lock:
            return list(self._lanes.values())

    def begin(self, lane: Lane) -> Job | None:
        """The lane's next send; None where none is due. What has ended meanwhile is left out."""
        with self._lock:
            while (send := lane.take(self._clock.monotonic_ns())) is not None:
                held = self._book.episode(send.episode)
                if held is not None and held.is_climbing:
                    self._under_way += 1
                    return Job(lane, send, held, held.alert, self._channels[lane.name])
        return None

    def finish(self, job: Job, result: Attempt) -> None:
        """Take note of what came of a send."""
        held, send, lane = job.held, job.send, job.lane
        with self._lock:
            self._under_way -= 1
            now = self.now()
            outcome = result.outcome
            if outcome is SendOutcome.RETRY and not self._retries(job, result, now):
                outcome = SendOutcome.FAILED if held.is_climbing else SendOutcome.ENDED
            key = (send.level, lane.name)
            if outcome is not SendOutcome.RETRY and held.open.get(key) == send.repeat:
                del held.open[key]
            record = SendRecord(now.utc_ns, lane.name, send.level, send.repeat, outcome, result.detail)
            held.record(record)
            self._touch(held)
        self._tell([(held, record)])

    def begin_forward(self, forwarder: Forwarder) -> Parcel | None:
        """What a target is to be told now."""
        with self._lock:
            parcel = forwarder.take(self._book, self.now())
            if parcel is not None:
                self._under_way += 1
            return parcel

    def finish_forward(self, forwarder: Forwarder, parcel: Parcel, answer: Answer) -> None:
        """Take note of what the target said."""
        with self._lock:
            self._under_way -= 1
            records = forwarder.done(parcel, answer, self.now())
            for held, record in records:
                held.record(record)
                self._touch(held)
        self._tell(records)

    def next_ns(self) -> int:
        """When `schedule` has something to do again, on the steady clock."""
        with self._lock:
            tidy_ns = self._clock.monotonic_ns() + TIDY_S * NS_PER_S
            due_ns = self._book.next_ns()
            return tidy_ns if due_ns is None else min(due_ns, tidy_ns)

    def lane_next_ns(self, lane: Lane) -> int | None:
        """When a lane has something to send."""
        with self._lock:
            return lane.next_ns()

    def forward_next_ns(self, forwarder: Forwarder) -> int | None:
        """When a target is to be told something."""
        with self._lock:
            return forwarder.next_ns(self._book)

    def is_idle(self) -> bool:
        """Whether nothing is under way or could be done now."""
        with self._lock:
            now_ns = self._clock.monotonic_ns()
            times = [self._book.next_ns(), *(lane.next_ns() for lane in self._lanes.values())]
            times += [forwarder.next_ns(self._book) for forwarder in self.forwarders]
            is_waiting = any(time_ns is not None and time_ns <= now_ns for time_ns in times)
            return not (self._under_way or self._dirty or is_waiting)

    def is_done(self) -> bool:
        """Whether nothing waits for another attempt either."""
        with self._lock:
            is_failing = any(forwarder.is_failing for forwarder in self.forwarders)
            return self.is_idle() and not is_failing and not any(map(len, self._lanes.values()))

    def hurry(self) -> None:
        """Let our own back-offs be over; what far ends asked for is kept to."""
        with self._lock:
            now_ns = self._clock.monotonic_ns()
            for lane in self._lanes.values():
                lane.hurry(now_ns)
            for forwarder in self.forwarders:
                forwarder.hurry()

    def close(self) -> None:
        """Write what changed and let the state file go."""
        self._write()
        with self._writing:
            if self._journal is not None:
                self._journal.close()
        for forwarder in self.forwarders:
            forwarder.sender.close()

    # --- parts --------------------------------------------------------------------------------------------------------

    def _policy(self, name: str) -> EscalationPolicy:
        return self._policies.get(name) or self._policies[POLICY_DEFAULT]

    def _touch(self, held: Held) -> None:
        if self._journal is not None:
            self._dirty[held.alert.id] = held

    def _stop(self, held: Held) -> None:
        for lane in self._lanes.values():
            lane.drop(held.number)
        self._touch(held)

    def _distribute(self, held: Held, turn: Turn, now: Moment) -> list[SendRecord]:
        """Put a turn into the lanes of its channels; a record of each channel that there is not."""
        records = []
        for name in turn.channels:
            if name in self._lanes:
                self._lanes[name].put(held, turn, now.steady_ns)
            elif not self._targets:  # who takes alerts over has routes of its own
                records.append(SendRecord(now.utc_ns, name, turn.level, turn.repeat, SendOutcome.NO_CHANNEL))
        for record in records:
            held.record(record)
        return records

    def _retries(self, job: Job, result: Attempt, now: Moment) -> bool:
        return job.held.is_climbing and job.lane.failed(
            job.send, now_ns=now.steady_ns, retry_after_s=result.retry_after_s, random=self._random
        )

    def _tell(self, records: Iterable[tuple[Held, SendRecord]]) -> None:
        # Outside of the lock: a log handler of the host may wait, or send an alert of its own.
        for held, record in records:
            if record.outcome is SendOutcome.NO_CHANNEL:
                where = f"alerts of the policy {held.ladder.policy.name!r}"
                note_once(f"{where}: there is no channel {record.channel!r}: see add_channel")
            self._accounts.attempted(held, record)

    def _tidy(self, now: Moment) -> None:
        self._tidied_ns = now.steady_ns
        for held in self._book.tidy(now, self._targets):
            for lane in self._lanes.values():
                lane.drop(held.number)
            for forwarder in self.forwarders:
                forwarder.forget(held.number)
            if self._journal is not None:
                self._dirty[held.alert.id] = None

    # --- the journal --------------------------------------------------------------------------------------------------

    def _open(self) -> None:
        if self._is_open:
            return
        with self._writing:
            if self._journal is None or self._is_open:
                self._is_open = True
                return
            entries = self._journal.open()
            faults: list[Exception] = []
            with self._lock:
                self._is_open = True
                for entry in entries:
                    try:
                        self._restore(held_of(entry, policy_of=self._policy, now=self.now()))
                    except (KeyError, TypeError, ValueError) as error:
                        faults.append(error)
        for fault in faults:
            tell_once("an entry of the state file of alerts cannot be read", fault)

    def _restore(self, held: Held) -> None:
        waiting = list(held.open.items())
        self._book.restore(held)
        self._touch(held)
        if not held.is_climbing:
            return
        now_ns = self._clock.monotonic_ns()
        for (level, name), repeat in waiting:
            if name in self._lanes and level < len(held.ladder.policy.levels):
                self._lanes[name].put(held, Turn(level, repeat, ()), now_ns)
            else:
                del held.open[level, name]

    def _write(self) -> None:
        """Append what changed, or write all anew where the file has grown."""
        if self._journal is None or not self._is_open:
            return
        with self._writing:
            with self._lock:
                changed, self._dirty = self._dirty, {}
                now = self.now()
                is_full = self._journal.is_full
                entries = (
                    [entry_of(held, now) for held in self._book]
                    if is_full
                    else [entry_of(held, now) if held else gone_of(key) for key, held in changed.items()]
                )
            if is_full:
                self._journal.rewrite(entries)
            elif entries:
                self._journal.append(entries)
