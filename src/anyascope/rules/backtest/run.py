"""Runs rules over a stretch of the past: recording rules first, in file order, then every alerting rule step by step."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

import numpy as np

from anyascope.clock import NS_PER_MS
from anyascope.errors import AnyascopeError, DeniedError, InvalidInputError, LimitExceededError, UnavailableError
from anyascope.model.alerts import AlertState
from anyascope.model.labels import Labels
from anyascope.model.metrics import STALE_NAN
from anyascope.promql.parse import parse
from anyascope.promql.result import QueryResult
from anyascope.promql.syntax import Select, Subquery, walk
from anyascope.rules.backtest.heights import HeightSteps, heights_over
from anyascope.rules.backtest.overlay import OverlayReader
from anyascope.rules.backtest.report import BacktestReport, Firing, RecordedOutcome, RuleOutcome, summed
from anyascope.rules.chainclock import ChainClock
from anyascope.rules.definition import INTERVAL_DEFAULT_S, AlertingRule, RecordingRule, Rule, RuleGroup
from anyascope.rules.evaluate import (
    Evaluator,
    Moment,
    Sample,
    Value,
    batch_of,
    checked_samples,
    decide,
    found_in,
    query_vector,
)
from anyascope.rules.nodata import Memory, look_at_data
from anyascope.rules.state import ActiveAlert
from anyascope.rules.triggers import reads_of
from anyascope.semconv.alerts import LABEL_SEVERITY
from anyascope.store.api.metrics import MetricWriter

STEPS_MAX = 600_000  # of one rule: a year by the minute
CHUNK_STEPS = 2_000  # asked of the engine at once: some seconds of work, and samples of a day in memory
RECORDED_SAMPLES_MAX = 20_000_000  # kept in memory: 320 MB
FIRINGS_MAX = 100_000  # a rule that fires more often says nothing about its threshold
FAILURES_IN_ROW_MAX = 20  # evaluations: a rule that fails as often fails for ever, and is given up
WRITTEN_TOGETHER = 50_000  # samples put into memory at once: one piece a series and write, which reads must join
BLOCK_S, BLOCKS_SLOW_S = 1_200.0, 3_600.0  # so long blocks take at most, but once in some thousands of times
LOOKBACK_S = 300.0  # how long a recorded series without newer samples counts

Elements = list[tuple[Labels, Value]]
Progress = Callable[[str, int, int], None]
"""Told the rule under way, how many steps of all rules are done, and how many there are."""


class RangeEngine(Evaluator, Protocol):
    """What a backtest needs of the engine."""

    async def range(self, query: str, start_ms: int, end_ms: int, step_ms: int) -> QueryResult:
        """The answers of an expression at steps."""


@dataclass(frozen=True, slots=True)
class BacktestOptions:
    """What to look at.

    Attributes:
        start_ns, end_ns: the stretch, both inclusive; steps are whole multiples of the step, as rule groups' are.
        step_s: between evaluations; 0 for each group's own interval.
        rule: only alerts of this name; empty for all. What is recorded for it is evaluated in any case.
        interval_s: of groups that name none.
    """

    start_ns: int
    end_ns: int
    step_s: float = 0.0
    rule: str = ""
    interval_s: float = INTERVAL_DEFAULT_S


@dataclass(frozen=True, slots=True)
class _Job:
    """One rule with its steps: UTC milliseconds, the last inclusive; before `from_ms` nothing is told."""

    group: RuleGroup
    rule: Rule
    begin_ms: int
    end_ms: int
    step_ms: int
    offset_ms: int

    @property
    def steps_ms(self) -> range:
        return range(self.begin_ms, self.end_ms + 1, self.step_ms)

    @property
    def steps(self) -> int:
        return len(self.steps_ms)


@dataclass(slots=True)
class _Failures:
    """Evaluations of one rule that failed."""

    steps: int = 0
    in_row: int = 0
    first: str = ""

    def note(self, error: AnyascopeError) -> None:
        """One more."""
        self.steps += 1
        self.in_row += 1
        self.first = self.first or str(error)
        if self.in_row >= FAILURES_IN_ROW_MAX:
            raise _HopelessError(str(error))

    def note_clock(self, message: str) -> None:
        """One more for want of a chain's height, which may be known later."""
        self.steps += 1
        self.first = self.first or message


class _HopelessError(Exception):
    """The rule fails whenever it is evaluated."""


@dataclass(slots=True)
class Backtest:
    """Evaluates groups over history; made anew for each run.

    Args:
        groups: the rules, in file order.
        engine: answers over `reader`.
        reader: what the engine reads.
        memory: takes what is recorded; `reader` shows it.
        progress: told how far it is.
    """

    groups: Sequence[RuleGroup]
    engine: RangeEngine
    reader: OverlayReader
    memory: MetricWriter
    options: BacktestOptions
    progress: Progress = lambda *_: None
    _done: int = 0
    _job_steps: int = 0
    _total: int = 0
    _recorded_samples: int = 0
    _firings: list[Firing] = field(default_factory=list)
    _clock: ChainClock = field(init=False)

    async def run(self) -> BacktestReport:
        """Evaluate everything.

        Raises:
            InvalidInputError: no such rule, or the stretch is empty.
            LimitExceededError: more steps, samples or alerts than the limits allow.
            AnyascopeError: the server cannot be asked.
        """
        jobs = self._jobs()
        self._total = sum(job.steps for job in jobs)
        recorded = [await self._record(job, job.rule) for job in jobs if isinstance(job.rule, RecordingRule)]
        outcomes = [await self._judge(job, job.rule) for job in jobs if isinstance(job.rule, AlertingRule)]
        steps_s = {job.step_ms / 1000 for job in jobs}
        return BacktestReport(
            self.options.start_ns,
            self.options.end_ns,
            min(steps_s),
            tuple(sorted(self._firings, key=lambda firing: (firing.fired_ns or firing.active_ns, firing.labels))),
            tuple(outcomes),
            tuple(recorded),
        )

    # --- what there is to do ------------------------------------------------------------------------------------------

    def _jobs(self) -> list[_Job]:
        rules = [(group, rule) for group in self.groups for rule in group.rules]
        wanted = self.options.rule
        chosen = [
            (group, rule) for group, rule in rules if isinstance(rule, RecordingRule) or wanted in ("", rule.name)
        ]
        if not any(isinstance(rule, AlertingRule) for _, rule in chosen):
            names = ", ".join(sorted({rule.name for _, rule in rules if isinstance(rule, AlertingRule)}))
            reason = f"there is no alert {wanted!r}" if wanted else "the files have no alerting rule"
            raise InvalidInputError(
                f"{reason}{f'; there are {names}' if names else ''}", path="--rule" if wanted else ""
            )
        if self.options.end_ns < self.options.start_ns:
            raise InvalidInputError("must not be before --from", path="--to")
        warm_ms = round(_warm_up_s([rule for _, rule in chosen]) * 1000)
        jobs = [self._job(group, rule, warm_ms) for group, rule in chosen]
        for job in jobs:
            if job.steps > STEPS_MAX:
                raise LimitExceededError(
                    f"{job.rule.name} would be evaluated {job.steps} times, at most {STEPS_MAX} are: take a longer --step "
                    "or a shorter stretch"
                )
        return jobs

    def _job(self, group: RuleGroup, rule: Rule, warm_ms: int) -> _Job:
        step_ms = max(round((self.options.step_s or group.interval_s or self.options.interval_s) * 1000), 1)
        end_ms = self.options.end_ns // NS_PER_MS // step_ms * step_ms
        begin_ms = -(-(self.options.start_ns // NS_PER_MS - warm_ms) // step_ms) * step_ms
        return _Job(group, rule, begin_ms, end_ms, step_ms, round((group.query_offset_s or 0.0) * 1000))

    def _told(self, job: _Job, steps: int) -> None:
        self._done += steps
        self.progress(job.rule.name, self._done, self._total)

    # --- asking -------------------------------------------------------------------------------------------------------

    async def _answers(self, job: _Job, failures: _Failures) -> AsyncIterator[tuple[int, Elements | None]]:
        """(time, elements or None where the evaluation failed) of every step, in order, chunk by chunk."""
        self._job_steps = 0
        for begin_ms in range(job.begin_ms, job.end_ms + 1, job.step_ms * CHUNK_STEPS):
            end_ms = min(begin_ms + job.step_ms * (CHUNK_STEPS - 1), job.end_ms)
            steps = range(begin_ms, end_ms + 1, job.step_ms)
            self.reader.forget()
            for time_ms, elements in await self._asked(job, steps, failures):
                yield time_ms, elements
            self._job_steps += len(steps)
            self._told(job, len(steps))

    async def _asked(self, job: _Job, steps: range, failures: _Failures) -> list[tuple[int, Elements | None]]:
        """The answers at these steps; where together they fail, half of them at a time, down to the one that does."""
        if isinstance(job.rule, RecordingRule) and job.rule.span is not None:
            return await self._asked_in_blocks(job, job.rule, steps, failures)
        try:
            offset_ms = job.offset_ms
            result = await self.engine.range(job.rule.expr, steps[0] - offset_ms, steps[-1] - offset_ms, job.step_ms)
        except (UnavailableError, DeniedError):
            raise  # the server, not the rule
        except AnyascopeError as error:
            if len(steps) == 1:
                failures.note(error)
                return [(steps[0], None)]
            half = len(steps) // 2
            return [
                *await self._asked(job, steps[:half], failures),
                *await self._asked(job, steps[half:], failures),
            ]
        return list(_by_step(result, steps, offset_ms))

    async def _asked_in_blocks(
        self, job: _Job, rule: RecordingRule, steps: range, failures: _Failures
    ) -> list[tuple[int, Elements | None]]:
        """The same of a rule whose window is another one at each step."""
        found: list[tuple[int, Elements | None]] = []
        assert rule.span is not None
        if steps[0] == job.begin_ms:
            self._clock = ChainClock(self.engine)
        heights = await heights_over(self.engine, steps, offset_ms=job.offset_ms)
        for time_ms in steps:
            at_ms = time_ms - job.offset_ms
            try:
                await self._clock.take(heights.get(time_ms, {}), at_ms)
                window = await self._clock.window(rule.span, at_ms)
            except InvalidInputError as error:
                if time_ms * NS_PER_MS >= self.options.start_ns:
                    failures.note_clock(str(error))
                found.append((time_ms, None))
                continue
            try:
                found.append((time_ms, await query_vector(self.engine, rule.over(window).expr, at_ms)))
            except (UnavailableError, DeniedError):
                raise  # the server, not the rule
            except AnyascopeError as error:
                failures.note(error)
                found.append((time_ms, None))
        return found

    # --- recording ----------------------------------------------------------------------------------------------------

    async def _record(self, job: _Job, rule: RecordingRule) -> RecordedOutcome:
        failures, series = _Failures(), set[Labels]()
        before: frozenset[Labels] = frozenset()
        waiting: list[Sample] = []
        count = 0
        try:
            async for time_ms, elements in self._answers(job, failures):
                samples = _recorded(job, rule, elements, failures, time_ms=time_ms) if elements is not None else None
                if samples is None:
                    continue
                now = frozenset(labels for labels, _, _ in samples)
                waiting += samples
                waiting += [(labels, time_ms - job.offset_ms, STALE_NAN) for labels in before - now]
                before, count = now, count + len(samples)
                series |= now
                if len(waiting) >= WRITTEN_TOGETHER:
                    await self._keep(waiting)
                    waiting = []
        except _HopelessError:
            self._told(job, job.steps - self._job_steps)
        await self._keep(waiting)
        return RecordedOutcome(job.group.name, rule.name, len(series), count, failures.steps, failures.first)

    async def _keep(self, samples: list[Sample]) -> None:
        self._recorded_samples += len(samples)
        if self._recorded_samples > RECORDED_SAMPLES_MAX:
            raise LimitExceededError(
                f"the recording rules make more than {RECORDED_SAMPLES_MAX} samples: take a longer --step or a shorter "
                "stretch"
            )
        if samples:
            await self.memory.write_metrics(batch_of(samples))

    # --- alerting -----------------------------------------------------------------------------------------------------

    async def _judge(self, job: _Job, rule: AlertingRule) -> RuleOutcome:
        failures = _Failures()
        story = _Story(rule.name, self.options.start_ns)
        quiet = replace(rule, annotations={})
        clock = HeightSteps(rule.block_span, self.engine, job.steps_ms, offset_ms=job.offset_ms)
        active: dict[Labels, ActiveAlert] = {}
        memory = Memory()
        try:
            async for time_ms, elements in self._answers(job, failures):
                moment = Moment(time_ms * NS_PER_MS, job.offset_ms)
                try:
                    await clock.advance(time_ms)
                    if elements is None or not (elements or active or rule.data_expr):
                        continue
                    missing, held = await look_at_data(rule, active, memory, engine=self.engine, moment=moment)
                except AnyascopeError as error:
                    failures.note(error)
                    continue
                step = _Step(moment, [*elements, *missing], job.group.limit, held, clock)
                active = await self._judged(step, quiet, active, failures)
                await self._annotate(step, rule, story.follow(active, step.moment.now_ns))
        except _HopelessError:
            self._told(job, job.steps - self._job_steps)
        firings = story.told()
        self._firings.extend(firings)
        if len(self._firings) > FIRINGS_MAX:
            raise LimitExceededError(f"more than {FIRINGS_MAX} alerts: take a shorter stretch, or one --rule")
        blank = RuleOutcome(
            job.group.name,
            rule.name,
            dict(rule.label_texts).get(LABEL_SEVERITY, ""),
            failed_steps=failures.steps,
            error=failures.first,
        )
        return summed(blank, firings, start_ns=self.options.start_ns, end_ns=self.options.end_ns)

    async def _judged(
        self, step: _Step, rule: AlertingRule, active: dict[Labels, ActiveAlert], failures: _Failures
    ) -> dict[Labels, ActiveAlert]:
        """The alerts after one step, as the server would have judged: a failure leaves them, a limit ends them."""
        try:
            found = await found_in(step.elements, rule, self.engine, step.moment)
            alive = {labels for labels, alert in active.items() if alert.state is not AlertState.INACTIVE}
            clock = step.clock.reading(alive | found.keys())
            judged = decide(rule, active, found, held=step.held, clock=clock, moment=step.moment, limit=step.limit)
        except LimitExceededError as error:
            failures.note(error)
            return {}
        except AnyascopeError as error:
            failures.note(error)
            return active
        failures.in_row = 0
        if clock.fault:
            failures.note_clock(clock.fault)
        return judged

    async def _annotate(self, step: _Step, rule: AlertingRule, begun: Sequence[_Open]) -> None:
        """Expand the annotations of alerts that begin to fire: only there is somebody told."""
        if not begun or not rule.annotations:
            return
        found = await found_in(step.elements, rule, self.engine, step.moment)
        for alert in begun:
            if alert.labels in found:
                alert.annotations = found[alert.labels].annotations


def _recorded(
    job: _Job, rule: RecordingRule, elements: Elements, failures: _Failures, *, time_ms: int
) -> list[Sample] | None:
    """What a rule stores at one step; None where it fails."""
    moment = Moment(time_ms * NS_PER_MS, job.offset_ms)
    try:
        samples = checked_samples(rule, elements, moment, limit=job.group.limit)
    except AnyascopeError as error:
        failures.note(error)
        return None
    failures.in_row = 0
    return samples


@dataclass(frozen=True, slots=True)
class _Step:
    """One evaluation of an alerting rule.

    Attributes:
        moment: when.
        elements: what its expression gave, missing series included.
        limit: how many alerts it may make.
        held: alerts that stay as they are where they are not among the elements.
        clock: how high the chains are.
    """

    moment: Moment
    elements: Elements
    limit: int
    held: frozenset[Labels]
    clock: HeightSteps


@dataclass(slots=True)
class _Open:
    """An alert that is not over."""

    labels: Labels
    value: float
    active_ns: int
    fired_ns: int = 0
    annotations: Mapping[str, str] = field(default_factory=dict)


class _Story:
    """Follows a rule's alerts from step to step and keeps what is over."""

    def __init__(self, rule: str, start_ns: int) -> None:
        self._rule = rule
        self._start_ns = start_ns
        self._open: dict[Labels, _Open] = {}
        self._over: list[Firing] = []

    def follow(self, active: dict[Labels, ActiveAlert], now_ns: int) -> list[_Open]:
        """Take the state after a step; the alerts that began to fire with it."""
        begun: list[_Open] = []
        for labels, alert in active.items():
            known = self._open.get(labels)
            if alert.state is AlertState.INACTIVE:
                continue
            if known is None or known.active_ns != alert.active_ns:
                known = self._open[labels] = _Open(labels, alert.value, alert.active_ns)
            if alert.state is AlertState.FIRING and not known.fired_ns:
                known.fired_ns, known.value = alert.fired_ns, alert.value
                begun.append(known)
        for labels in [labels for labels in self._open if not _is_live(active.get(labels))]:
            self._close(self._open.pop(labels), now_ns)
        return begun

    def _close(self, alert: _Open, ended_ns: int) -> None:
        if ended_ns > self._start_ns:
            self._over.append(self._firing(alert, ended_ns))

    def _firing(self, alert: _Open, ended_ns: int) -> Firing:
        return Firing(
            self._rule, alert.labels, alert.annotations, alert.value, alert.active_ns, alert.fired_ns, ended_ns
        )

    def told(self) -> list[Firing]:
        """All alerts of the stretch, also those that are not over at its end."""
        return [*self._over, *(self._firing(alert, 0) for alert in self._open.values())]


def _is_live(alert: ActiveAlert | None) -> bool:
    return alert is not None and alert.state is not AlertState.INACTIVE


def _warm_up_s(rules: Sequence[Rule]) -> float:
    """How long before the stretch evaluation begins, so that at its start everything is as if it had always run."""
    held_s = max((_held_s(rule) for rule in rules if isinstance(rule, AlertingRule)), default=0.0)
    recorded = frozenset(rule.name for rule in rules if isinstance(rule, RecordingRule))
    if not recorded:
        return held_s
    reaches = [_reach_s(rule.expr) for rule in rules if reads_of(rule.expr).touches(recorded)]
    return held_s + max(reaches, default=0.0)


def _held_s(rule: AlertingRule) -> float:
    spans = [span for span in (rule.hold_blocks, rule.keep_firing_blocks) if span]
    blocks_s = sum(span.blocks * BLOCK_S + BLOCKS_SLOW_S for span in spans)
    return rule.hold_s + rule.keep_firing_s + blocks_s


def _reach_s(expr: str) -> float:
    """How far back an expression looks: all its ranges, as if each stood in another."""
    nodes = list(walk(parse(expr).root))
    ranges_ms = sum(node.range_ms for node in nodes if isinstance(node, Select | Subquery))
    offsets_ms = max((abs(node.offset_ms) for node in nodes if isinstance(node, Select | Subquery)), default=0)
    return (ranges_ms + offsets_ms) / 1000 + LOOKBACK_S


def _by_step(result: QueryResult, steps: range, offset_ms: int) -> Iterator[tuple[int, Elements | None]]:
    """A range's answer turned: the elements at each step."""
    frame = result.frame
    boxed = result.natives.mask(frame.values)
    rows = np.repeat(np.arange(len(frame)), np.diff(frame.offsets))
    found: dict[int, Elements] = {}
    columns = zip(rows.tolist(), frame.times_ms.tolist(), frame.values.tolist(), boxed.tolist(), strict=True)
    for row, time_ms, value, is_boxed in columns:
        told: Value = result.natives.at(value) if is_boxed else value
        found.setdefault(time_ms + offset_ms, []).append((frame.labels[row], told))
    for time_ms in steps:
        yield time_ms, found.get(time_ms, [])
