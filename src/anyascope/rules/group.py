"""One group at one time: its rules in order, what they store, and what they raise."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace

import structlog

from anyascope.clock import NS_PER_S
from anyascope.errors import AnyascopeError, LimitExceededError
from anyascope.model.alerts import Alert, AlertState
from anyascope.model.documents import Change, Delete
from anyascope.model.labels import Labels, labels_of
from anyascope.model.metrics import STALE_NAN
from anyascope.model.status import AlertView, RuleGroupView, RuleHealth, RuleKind, RuleView
from anyascope.promql.asking import asked_by
from anyascope.rules.blocks import LABEL_CHAIN, Reading, read_clock
from anyascope.rules.chainclock import ChainClock
from anyascope.rules.definition import AlertingRule, RecordingRule, Rule, RuleGroup
from anyascope.rules.evaluate import Moment, Sample, alert_samples, batch_of, decide, find, record
from anyascope.rules.lint.labelsets import labels_of_alert
from anyascope.rules.nodata import Memory, look_at_data
from anyascope.rules.options import House
from anyascope.rules.persist import STATE_KIND, Active, GroupState, rule_keys, state_key, to_document
from anyascope.rules.state import VALID_FOR_SENDS, ActiveAlert, moved, moved_ns, needs_sending
from anyascope.rules.triggers import Reads, writes_of
from anyascope.rules.turns import inherited, rank_of
from anyascope.semconv.alerts import LABEL_CORRELATION_ID
from anyascope.wire.gotemplate.prometheus import table_link

SOURCE = "rules"  # how the samples of rules are called at the intake
PUNCTUALITY = 30  # a rule by arrival is as punctual as a thirtieth of the time that it goes by: two seconds in a minute
HEARTBEAT_NS = 60 * NS_PER_S  # a group with alerts keeps its state so often, to know how long the server was away

log = structlog.get_logger("anyascope.rules")


@dataclass(slots=True)
class RuleState:
    """What is known of one rule between evaluations."""

    rule: Rule
    reads: Reads
    active: Active = field(default_factory=dict)
    series: frozenset[Labels] = frozenset()
    memory: Memory = field(default_factory=Memory)
    health: RuleHealth = RuleHealth.UNKNOWN
    error: str = ""
    duration_s: float = 0.0
    judged_ns: int = 0
    is_settled: bool = False  # it was judged well, and no alert of it waits for time to pass


@dataclass(frozen=True, slots=True)
class _News:
    """A state that is to be kept: what tells it from others, and its document."""

    signature: object
    change: Change
    at_ns: int


class GroupEvaluation:
    """A group's rules with their state; evaluates all or some of them.

    Args:
        group: what to evaluate.
        reads: what each rule reads.
        house: engine, intake, sink and so on.
        known: the state to go on from, of before a restart or a reload.
    """

    def __init__(
        self,
        group: RuleGroup,
        reads: Sequence[Reads],
        *,
        house: House,
        known: GroupState,
    ) -> None:
        self.group = group
        self._house = house
        self._keys = rule_keys(group.rules)
        self.rules = [
            _rule_state(rule, read, known, key) for rule, read, key in zip(group.rules, reads, self._keys, strict=True)
        ]
        self._believed_from_ns = known.believed_from_ns
        self._clock = ChainClock(house.engine, known.heights)
        self._saved_ns = 0
        self._saved: object = self._signature()
        self.duration_s = 0.0
        self.judged_ns = 0
        self.is_unsent = False
        self.write_error = ""
        self._keeping: asyncio.Task[None] | None = None
        self._ranks = [rank_of(rule) for rule in group.rules]
        offset_s = group.query_offset_s
        self._offset_ms = round((house.options.query_offset_s if offset_s is None else offset_s) * 1000)
        self.interval_s = group.interval_s or house.options.interval_s

    # --- evaluating ---------------------------------------------------------------------------------------------------

    async def evaluate(self, now_ns: int, chosen: Sequence[int], *, slot_ns: int | None = None) -> None:
        """Evaluate the rules of these indices, in this order, at `now_ns`; each keeps its own error.

        Args:
            now_ns: the evaluation's time.
            chosen: of the rules.
            slot_ns: when it was due by the interval; None for one that an arrival caused.
        """
        began_ns = self._house.clock.monotonic_ns()
        moment = replace(self._moment(now_ns), slot_ns=slot_ns)
        waiting: list[Sample] = []
        unwritten: frozenset[str] = frozenset()
        count = 0
        for index, rank in zip(chosen, inherited([self._ranks[index] for index in chosen]), strict=True):
            state = self.rules[index]
            await self._house.turns.come(rank)
            if state.reads.touches(unwritten):
                await self.settle()
                await self._write(waiting)
                waiting, unwritten = [], frozenset()
            samples = await self._evaluate_rule(state, moment)
            waiting.extend(samples)
            unwritten |= writes_of(state.rule)
            count += len(samples)
        # Commits take up to a tenth of a second each, for which nobody here needs to wait: the next arrival may be judged.
        await self.settle()
        self.judged_ns = now_ns
        self._keeping = asyncio.create_task(self._keep(waiting, self._news(now_ns)))
        self.duration_s = (self._house.clock.monotonic_ns() - began_ns) / NS_PER_S
        self._tell_metrics("arrival" if slot_ns is None else "interval", rules=len(chosen), samples=count)

    def may_wait_ns(self, index: int, *, is_news: bool) -> int | None:
        """How long a rule may wait from now on, since what it reads arrived.

        Args:
            is_news: whether a series that it reads says something else than before.

        Returns:
            0 for one that has failed, or with an alert whose `for` or `keep_firing_for` runs. None where its answer can be
            no other one than before, until its interval: it goes by the newest samples alone, and they say the same.
        """
        state = self.rules[index]
        if not state.is_settled:
            return 0
        if state.reads.is_momentary and not is_news:
            return None
        pace_ns = _pace_ns(state, is_news=is_news)
        return min(pace_ns, max(0, state.judged_ns + pace_ns - self._house.clock.now_ns()))

    def move(self, *, by_ns: int) -> None:
        """The wall clock was set by this much: what `for`, resends and absences wait for takes as long as before."""
        self.judged_ns = moved_ns(self.judged_ns, by_ns)
        self._saved_ns = moved_ns(self._saved_ns, by_ns)
        self._believed_from_ns = moved_ns(self._believed_from_ns, by_ns)
        for state in self.rules:
            state.judged_ns = moved_ns(state.judged_ns, by_ns)
            state.active = {labels: moved(alert, by_ns=by_ns) for labels, alert in state.active.items()}
            state.memory.move(by_ns=by_ns)

    def _moment(self, now_ns: int) -> Moment:
        options = self._house.options
        return Moment(now_ns, self._offset_ms, options.external_url, options.external_labels)

    async def _evaluate_rule(self, state: RuleState, moment: Moment) -> list[Sample]:
        began_ns = self._house.clock.monotonic_ns()
        try:
            with asked_by({"ruleGroup": {"file": self.group.file, "name": self.group.name}}):
                samples, fault = await self._samples_of(state, moment)
        except AnyascopeError as error:
            self._note_failure(state, str(error))
            return []
        except Exception as error:  # noqa: BLE001 - a fault of ours in one rule must not silence all others
            self._note_failure(state, f"{type(error).__name__}: {error}")
            return []
        finally:
            state.judged_ns = moment.now_ns
            state.duration_s = (self._house.clock.monotonic_ns() - began_ns) / NS_PER_S
        if fault:
            self._note_failure(state, fault)
        else:
            state.health, state.error = RuleHealth.OK, ""
            state.is_settled = not any(_is_timed(alert) for alert in state.active.values())
        series = frozenset(labels for labels, _, _ in samples)
        ended = state.series - series
        state.series = series
        return samples + [(labels, moment.time_ms, STALE_NAN) for labels in sorted(ended)]

    async def _samples_of(self, state: RuleState, moment: Moment) -> tuple[list[Sample], str]:
        """What is to be stored, and what is wrong with a part of the alerts while the others were judged."""
        rule, limit = state.rule, self.group.limit
        if isinstance(rule, RecordingRule):
            if rule.span is not None:
                rule = rule.over(await self._clock.window(rule.span, moment.time_ms))
            return await record(rule, self._house.engine, moment, limit=limit), ""
        engine = self._house.engine
        missing, held = await look_at_data(
            rule,
            state.active,
            state.memory,
            engine=engine,
            moment=moment,
            is_absence_believed=moment.now_ns >= self._believed_from_ns,
        )
        found = await find(rule, engine, moment, missing=missing)
        alive = {labels for labels, alert in state.active.items() if alert.state is not AlertState.INACTIVE}
        clock = await self._read_clock(rule, alive | found.keys(), moment)
        try:
            state.active = decide(rule, state.active, found, held=held, clock=clock, moment=moment, limit=limit)
        except LimitExceededError:
            state.active = {}
            raise
        await self._send(state, rule, moment.now_ns)
        return alert_samples(state.active.values(), moment), clock.fault

    async def _read_clock(self, rule: AlertingRule, alerts: Collection[Labels], moment: Moment) -> Reading:
        """How high the chains of these alerts are; nothing for a rule that does not count blocks."""
        span = rule.block_span
        if span is None:
            return Reading()
        heights = await self._clock.read(moment.time_ms)
        is_demanded = self._house.options.is_clock_demanded and moment.now_ns >= self._believed_from_ns
        if (
            not alerts
            and is_demanded
            and (span.chain or not heights or not labels_of_alert(rule).may_have(LABEL_CHAIN))
        ):
            return read_clock(span, [()], heights)  # a rule that could never fire says so before it should
        return read_clock(span, alerts, heights)

    def _note_failure(self, state: RuleState, message: str) -> None:
        if state.error != message:
            log.warning("rule_failed", group=self.group.key, rule=state.rule.name, error=message)
        state.health, state.error, state.is_settled = RuleHealth.ERR, message, False
        self._house.metrics.failures.inc()
        self._house.metrics.group_failures.labels(self.group.key).inc()

    # --- telling ------------------------------------------------------------------------------------------------------

    async def send_again(self, now_ns: int) -> None:
        """Hand on what could not be handed on before."""
        self.is_unsent = False
        for state in self.rules:
            if isinstance(state.rule, AlertingRule):
                await self._send(state, state.rule, now_ns)

    async def _send(self, state: RuleState, rule: AlertingRule, now_ns: int) -> None:
        resend_ns = round(self._house.options.resend_s * NS_PER_S)
        due = [alert for alert in state.active.values() if needs_sending(alert, now_ns=now_ns, resend_ns=resend_ns)]
        if not due or not await self._hand_over([self._alert(rule, alert, now_ns) for alert in due]):
            return
        for alert in due:
            state.active[alert.labels] = replace(alert, sent_ns=now_ns)

    async def _hand_over(self, alerts: Sequence[Alert]) -> bool:
        try:
            await self._house.sink.receive(alerts)
        except AnyascopeError as error:
            if not self.is_unsent:
                log.warning("alerts_not_taken", group=self.group.key, alerts=len(alerts), error=str(error))
            self._house.metrics.send_failures.inc()
            self.is_unsent = True
            return False
        return True

    def _alert(self, rule: AlertingRule, alert: ActiveAlert, now_ns: int) -> Alert:
        options = self._house.options
        labels = labels_of({**options.external_labels, **dict(alert.labels)})
        valid_ns = VALID_FOR_SENDS * round(max(options.resend_s, self.interval_s) * NS_PER_S)
        correlation_id = dict(labels).get(LABEL_CORRELATION_ID) or alert.annotations.get(LABEL_CORRELATION_ID, "")
        return Alert(
            labels=labels,
            annotations=alert.annotations,
            starts_ns=alert.fired_ns,
            ends_ns=alert.resolved_ns or now_ns + valid_ns,
            generator_url=options.external_url.rstrip("/") + table_link(rule.expr),
            correlation_id=correlation_id,
        )

    # --- keeping ------------------------------------------------------------------------------------------------------

    async def settle(self) -> None:
        """Return once everything that was made is stored, or refused."""
        keeping, self._keeping = self._keeping, None
        if keeping is not None:
            await keeping

    async def _keep(self, samples: Sequence[Sample], news: _News | None) -> None:
        await self._write(samples)
        await self._commit(news)

    async def _write(self, samples: Sequence[Sample]) -> None:
        if not samples:
            return
        try:
            await self._house.intake.metrics(batch_of(samples), source=SOURCE)
        except AnyascopeError as error:
            if not self.write_error:
                log.warning("samples_not_stored", group=self.group.key, samples=len(samples), error=str(error))
            self.write_error = str(error)
            self._house.metrics.write_failures.inc()
            return
        self.write_error = ""

    def state(self) -> GroupState:
        """What the same group goes on from after a reload or a restart."""
        return GroupState(
            self.judged_ns,
            {key: state.active for key, state in zip(self._keys, self.rules, strict=True)},
            {key: state.memory for key, state in zip(self._keys, self.rules, strict=True)},
            {key: state.series for key, state in zip(self._keys, self.rules, strict=True)},
            self._believed_from_ns,
            dict(self._clock.heights),
        )

    def _signature(self) -> object:
        """Changes whenever an alert appears, vanishes or changes its state."""
        return [
            (
                index,
                alert.labels,
                alert.state,
                alert.active_ns,
                alert.active_slot_ns,
                alert.keep_firing_since_ns,
                alert.keep_firing_slot_ns,
                alert.active_height,
                alert.keep_firing_height,
            )
            for index, state in enumerate(self.rules)
            for alert in state.active.values()
        ]

    def _news(self, now_ns: int) -> _News | None:
        """What is to be kept of the state as it is now; None where it is kept already."""
        signature = self._signature()
        is_beating = bool(signature) and now_ns - self._saved_ns >= HEARTBEAT_NS
        if signature == self._saved and not is_beating:
            return None
        change: Change = to_document(self.group.key, self.state())
        if not signature:
            change = Delete(STATE_KIND, state_key(self.group.key))
        return _News(signature, change, now_ns)

    async def _commit(self, news: _News | None) -> None:
        if news is None:
            return
        try:
            await self._house.documents.commit([news.change])
        except AnyascopeError as error:
            log.warning("rule_state_not_kept", group=self.group.key, error=str(error))
            self._house.metrics.state_failures.inc()
            return
        self._saved, self._saved_ns = news.signature, news.at_ns

    async def save(self) -> None:
        """Store what waits and keep the state as it is now, at the end."""
        await self.settle()
        self._saved_ns = 0
        self.judged_ns = self._house.clock.now_ns()
        await self._commit(self._news(self.judged_ns))

    async def retire(self, *, kept: Collection[str] = ()) -> None:
        """End the alerts and series of rules that are gone: all but those of these keys (`persist.rule_keys`)."""
        await self.settle()
        now_ns = self._house.clock.now_ns()
        ended: list[Labels] = []
        for key, state in zip(self._keys, self.rules, strict=True):
            if key in kept:
                continue
            ended.extend(sorted(state.series))
            state.series = frozenset()
            if isinstance(state.rule, AlertingRule):
                fired = [alert for alert in state.active.values() if alert.state is not AlertState.PENDING]
                state.active = {alert.labels: _ended(alert, now_ns) for alert in fired}
                await self._send(state, state.rule, now_ns)
                state.active = {}
        moment = self._moment(now_ns)
        await self._write([(labels, moment.time_ms, STALE_NAN) for labels in ended])
        self.judged_ns = now_ns
        await self._commit(self._news(now_ns))

    # --- showing ------------------------------------------------------------------------------------------------------

    def _tell_metrics(self, cause: str, *, rules: int, samples: int) -> None:
        metrics, key = self._house.metrics, self.group.key
        metrics.evaluations.labels(cause).inc(rules)
        metrics.duration.labels(cause).observe(self.duration_s)
        metrics.group_evaluations.labels(key).inc(rules)
        metrics.last_duration.labels(key).set(self.duration_s)
        metrics.last_evaluation.labels(key).set(self.judged_ns / NS_PER_S)
        metrics.last_samples.labels(key).set(samples)
        metrics.interval.labels(key).set(self.interval_s)
        metrics.rules.labels(key).set(len(self.rules))

    def view(self) -> RuleGroupView:
        """How it stands, for people."""
        return RuleGroupView(
            name=self.group.name,
            file=self.group.file,
            interval_s=self.interval_s,
            rules=tuple(_rule_view(state) for state in self.rules),
            limit=self.group.limit,
            evaluation_time_s=self.duration_s,
            last_evaluation_ns=self.judged_ns,
            objective=self.group.objective,
        )


def _rule_state(rule: Rule, reads: Reads, known: GroupState, key: str) -> RuleState:
    active = dict(known.alerts.get(key, {}))
    # What a restored alert wrote before the restart must be marked when it ends; its series follow from its labels.
    restored = frozenset(labels for labels, _, _ in alert_samples(active.values(), Moment(0)))
    memory = known.memories.get(key) or Memory()
    return RuleState(rule, reads, active=active, memory=memory, series=known.series.get(key, restored))


def _is_timed(alert: ActiveAlert) -> bool:
    """Whether it changes by time alone: `for`, `keep_firing_for` or the grace after a start runs."""
    return bool(alert.state is AlertState.PENDING or alert.keep_firing_since_ns or alert.grace_until_ns)


def _pace_ns(state: RuleState, *, is_news: bool) -> int:
    """How far apart evaluations by arrival may lie.

    An alert that waits for `for` fires the later by so much. Without news a window moves on over what is known already.
    """
    if isinstance(state.rule, RecordingRule):
        return 0
    goes_by_s = max(state.rule.hold_s, 0 if is_news else state.reads.window_ms / 1000)
    return round(goes_by_s * NS_PER_S) // PUNCTUALITY


def _ended(alert: ActiveAlert, now_ns: int) -> ActiveAlert:
    if alert.state is AlertState.INACTIVE:
        return alert
    return replace(alert, state=AlertState.INACTIVE, resolved_ns=now_ns)


def _rule_view(state: RuleState) -> RuleView:
    rule = state.rule
    if isinstance(rule, RecordingRule):
        return RuleView(
            kind=RuleKind.RECORDING,
            name=rule.name,
            query=rule.expr,
            labels=rule.labels,
            health=state.health,
            last_error=state.error,
            evaluation_time_s=state.duration_s,
            last_evaluation_ns=state.judged_ns,
        )
    shown = shown_alerts(state)
    states = {alert.state for alert in shown}
    return RuleView(
        kind=RuleKind.ALERTING,
        name=rule.name,
        query=rule.expr,
        labels=rule.label_texts,
        health=state.health,
        last_error=state.error,
        evaluation_time_s=state.duration_s,
        last_evaluation_ns=state.judged_ns,
        state=next(
            (state for state in (AlertState.FIRING, AlertState.PENDING) if state in states), AlertState.INACTIVE
        ),
        hold_s=rule.hold_s,
        keep_firing_s=rule.keep_firing_s,
        hold_blocks=str(rule.hold_blocks or ""),
        keep_firing_blocks=str(rule.keep_firing_blocks or ""),
        annotations=rule.annotation_texts,
        alerts=shown,
    )


def shown_alerts(state: RuleState) -> tuple[AlertView, ...]:
    """A rule's alerts that are pending or firing."""
    return tuple(_alert_view(alert) for alert in state.active.values() if alert.state is not AlertState.INACTIVE)


def _alert_view(alert: ActiveAlert) -> AlertView:
    return AlertView(
        labels=alert.labels,
        annotations=alert.annotations,
        state=alert.state,
        active_ns=alert.active_ns,
        value=alert.value,
        keep_firing_since_ns=alert.keep_firing_since_ns,
        active_height=alert.active_height,
    )
