"""When a group is evaluated: by its interval, and as soon as what it reads has arrived."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
from collections.abc import Collection, Mapping

import structlog

from anyascope.clock import NS_PER_MS, NS_PER_S, WallWatch
from anyascope.rules.group import GroupEvaluation
from anyascope.rules.options import House
from anyascope.rules.triggers import affected_rules
from anyascope.rules.turns import Work, rank_of

STOP_S = 5.0  # an evaluation under way at the end may take so long; then it is left
SEND_RETRY_S = 1.0  # alerting said no: its store is busy or full for a moment
ARRIVAL_DUTY = 4  # after an evaluation by arrival, rest so many times what it took: at most a fifth of the time
URGENT, PATIENT = "urgent", "patient"
URGENT_RANK = 1  # critical and high: somebody is woken, or must act within a quarter of an hour

BROKEN_REST_S = 1.0  # after a fault of ours: long enough not to fill the log, short enough to be back soon

log = structlog.get_logger("anyascope.rules")


def phase_ns(key: str, interval_ns: int) -> int:
    """When in each interval the group is due: the same on every start, spread over the groups."""
    digest = hashlib.blake2b(key.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "big") % interval_ns


def slot_after(now_ns: int, key: str, interval_ns: int) -> int:
    """The group's first due time after `now_ns`."""
    phase = phase_ns(key, interval_ns)
    return now_ns - (now_ns - phase) % interval_ns + interval_ns


class GroupRunner:
    """Keeps one group going from `start` to `stop`.

    Slots are times of the wall clock; rests go by the clock that is not set.
    """

    def __init__(self, evaluation: GroupEvaluation, *, house: House) -> None:
        self.evaluation = evaluation
        self._house = house
        self._interval_ns = round(evaluation.interval_s * NS_PER_S)
        self._arrived: dict[int, int] = {}  # since when (monotonic) by rule; one that may wait, from when on
        self._urgent = frozenset(at for at, rule in enumerate(evaluation.group.rules) if rank_of(rule) <= URGENT_RANK)
        self._rested_ns = 0  # until when (monotonic) nothing is evaluated by arrival
        self._patient_ns = 0  # until when (monotonic) only urgent rules are
        self._wall = WallWatch(house.clock)
        self._wake = asyncio.Event()
        self._is_stopping = False
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin; the first evaluation is due within an interval, or with the first arrival."""
        self._task = asyncio.create_task(self._run(), name=f"rules {self.evaluation.group.key}")

    async def stop(self) -> None:
        """Let an evaluation under way finish, then end."""
        if self._task is None:
            return
        self._is_stopping = True
        self._wake.set()
        await asyncio.wait((self._task,), timeout=STOP_S)
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task
        self._task = None

    def arrived(self, rules: set[int], *, news: set[int]) -> None:
        """Series that these rules (by index) read have been stored.

        Args:
            news: those of the rules for which they say something else than before. Of the others, those are left out whose
                answer can be no other one, which on most machines are most: nobody is the later for it.
        """
        now_ns = self._house.clock.monotonic_ns()
        for rule in rules:
            wait_ns = self.evaluation.may_wait_ns(rule, is_news=rule in news)
            if wait_ns is not None:
                self._arrived[rule] = min(self._arrived.get(rule, now_ns + wait_ns), now_ns + wait_ns)
        if self._arrived:
            self._wake.set()

    async def _run(self) -> None:
        due_ns = self._slot_after_now()
        while True:
            due_ns = await self._wait(due_ns)
            if self._is_stopping:
                return
            try:
                due_ns = await self._work(due_ns)
            except Exception:
                # A fault of ours, or of a neighbour who raises what nobody announced, must not end the group for good.
                log.exception("group_broke", group=self.evaluation.group.key)
                await self._house.clock.sleep(BROKEN_REST_S)
                due_ns = self._slot_after_now()

    async def _work(self, due_ns: int) -> int:
        """Do what is due now; when the group is next due by time."""
        now_ns = self._house.clock.now_ns()
        if now_ns >= due_ns:
            due_ns = await self._tick(due_ns, now_ns)
        elif self._arrived and self._house.clock.monotonic_ns() >= self._rested_ns:
            await self._evaluate_arrived(now_ns)
        if self.evaluation.is_unsent:
            await self._send_again()
        return due_ns

    def _slot_after_now(self) -> int:
        return slot_after(self._house.clock.now_ns(), self.evaluation.group.key, self._interval_ns)

    async def _wait(self, due_ns: int) -> int:
        """Until the group is due by time, or something has arrived and the rest after the last arrival is over.

        Returns:
            When it is due by time, which is another one where the wall clock was set meanwhile.
        """
        while not self._is_stopping:
            due_ns = self._due_after_setting(due_ns)
            wait_ns = self._wait_ns(due_ns)
            if wait_ns <= 0:
                break
            self._wake.clear()
            # A clock that is set is noticed within an interval, since no sleep is longer.
            await self._sleep_or_wake(wait_ns / NS_PER_S)
        return due_ns

    def _due_after_setting(self, due_ns: int) -> int:
        """When the group is due by time; where the wall clock was set, by the new time, and its alerts move along."""
        by_ns = self._wall.moved_ns()
        if not by_ns:
            return due_ns
        self.evaluation.move(by_ns=by_ns)
        return self._slot_after_now()

    def _wait_ns(self, due_ns: int) -> int:
        """How long there is nothing to do, as things are now."""
        clock = self._house.clock
        now_ns, wait_ns = clock.monotonic_ns(), due_ns - clock.now_ns()
        for rule, from_ns in self._arrived.items():
            patient_ns = 0 if rule in self._urgent else self._patient_ns
            wait_ns = min(wait_ns, max(from_ns, self._rested_ns, patient_ns) - now_ns)
        if self.evaluation.is_unsent:
            wait_ns = min(wait_ns, self._rested_ns - now_ns)
        return wait_ns

    async def _sleep_or_wake(self, seconds: float) -> None:
        waiting = (
            asyncio.ensure_future(self._house.clock.sleep(seconds)),
            asyncio.ensure_future(self._wake.wait()),
        )
        try:
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for future in waiting:
                future.cancel()

    async def _tick(self, due_ns: int, now_ns: int) -> int:
        """Evaluate all rules; the next due time."""
        metrics, key = self._house.metrics, self.evaluation.group.key
        late = (now_ns - due_ns) // self._interval_ns
        metrics.iterations.labels(key).inc(late + 1)
        metrics.iterations_missed.labels(key).inc(late)
        slot_ns = due_ns + late * self._interval_ns
        # Recorded series keep an even step, unless that would overlook what has arrived since the slot.
        at_ns = now_ns if self._arrived or slot_ns <= self.evaluation.judged_ns else slot_ns
        since_ns = self._take(self._arrived.keys())
        await self.evaluation.evaluate(at_ns, range(len(self.evaluation.rules)), slot_ns=slot_ns)
        self._tell_delay(since_ns)
        return slot_ns + self._interval_ns

    async def _evaluate_arrived(self, now_ns: int) -> None:
        evaluation = self.evaluation
        monotonic_ns = self._house.clock.monotonic_ns()
        is_urgent = monotonic_ns < self._patient_ns
        waiting = frozenset(rule for rule, from_ns in self._arrived.items() if from_ns <= monotonic_ns)
        concerned = waiting & self._urgent if is_urgent else waiting
        if not concerned:
            return
        since_ns = self._take(concerned)
        rules = [state.rule for state in evaluation.rules]
        chosen = affected_rules(rules, [state.reads for state in evaluation.rules], concerned)
        # A second evaluation within a millisecond would overwrite the samples of the first.
        at_ns = max(now_ns, evaluation.judged_ns + NS_PER_MS)
        work = Work(evaluation.evaluate(at_ns, chosen), worked_ns=self._house.worked_ns)
        await work
        self._tell_delay(since_ns)
        # An alarm rests by what the processor had to do. On a busy machine most of an evaluation's length is waiting: four
        # times that again is for those whose alerts can wait, so that there is the less to do the busier it is.
        ended_ns = self._house.clock.monotonic_ns()
        self._rested_ns = ended_ns + self._rest_ns(work.seconds)
        if not is_urgent:
            self._patient_ns = ended_ns + self._rest_ns(evaluation.duration_s)

    def _take(self, rules: Collection[int]) -> dict[str, int]:
        """Take these out of what has arrived; since when the oldest of them waits, by urgency."""
        since_ns: dict[str, int] = {}
        for rule in list(rules):
            urgency = URGENT if rule in self._urgent else PATIENT
            arrived_ns = self._arrived.pop(rule)
            since_ns[urgency] = min(arrived_ns, since_ns.get(urgency, arrived_ns))
        return since_ns

    def _tell_delay(self, since_ns: Mapping[str, int]) -> None:
        now_ns = self._house.clock.monotonic_ns()
        for urgency, arrived_ns in since_ns.items():
            self._house.metrics.arrival_delay.labels(urgency).observe(max(0, now_ns - arrived_ns) / NS_PER_S)

    def _rest_ns(self, worked_s: float) -> int:
        return round(max(self._house.options.debounce_s, ARRIVAL_DUTY * worked_s) * NS_PER_S)

    async def _send_again(self) -> None:
        if self._house.clock.monotonic_ns() >= self._rested_ns:
            await self.evaluation.send_again(self._house.clock.now_ns())
            self._rested_ns = self._house.clock.monotonic_ns() + round(SEND_RETRY_S * NS_PER_S)
