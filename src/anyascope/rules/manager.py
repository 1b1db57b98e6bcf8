"""All groups: started, reloaded, told of arrivals, and shown."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

import structlog
from prometheus_client import CollectorRegistry

from anyascope.clock import NS_PER_S, Clock
from anyascope.errors import AnyascopeError
from anyascope.model.alerts import Alert, AlertState
from anyascope.model.documents import Delete
from anyascope.model.labels import Labels
from anyascope.model.metrics import MetricBatch
from anyascope.model.status import AlertView, RuleGroupView, RuleHealth
from anyascope.ports import AlertSink, Arrivals, ComponentHealth, HealthStatus, Intake
from anyascope.rules.definition import RuleGroup
from anyascope.rules.evaluate import Evaluator
from anyascope.rules.forstate import Written, needs_series, read_series, restored_group, with_heights
from anyascope.rules.group import GroupEvaluation, shown_alerts
from anyascope.rules.metrics import RuleMetrics
from anyascope.rules.options import House, RulesOptions
from anyascope.rules.persist import STATE_KIND, Active, GroupState, from_document, rule_keys, state_key
from anyascope.rules.runner import GroupRunner
from anyascope.rules.state import ActiveAlert, restore
from anyascope.rules.triggers import Reads, Watch, reads_of_rule, watch_of
from anyascope.store.api.documents import DocumentStore, every_document

FAILING_SHOWN_MAX = 3  # rules named in one line of health

log = structlog.get_logger("anyascope.rules")


class Rules:
    """Runs rule groups against the engine, stores what they record, and hands their alerts on.

    Args:
        engine: answers expressions.
        intake: takes recorded series, ALERTS and ALERTS_FOR_STATE, with the source `rules`.
        sink: takes alerts.
        arrivals: tells what has just been stored.
        options: how rules are run.
        documents: keeps the state of alerts over restarts (kind `rule-state`).
        clock: the time.
        registry: where `anyascope_rule_*` and `prometheus_rule_*` are counted.
        worked_ns: how long the processor has worked in this thread; what evaluations take of it decides how long they rest.
    """

    def __init__(
        self,
        engine: Evaluator,
        intake: Intake,
        sink: AlertSink,
        arrivals: Arrivals,
        *,
        options: RulesOptions,
        documents: DocumentStore,
        clock: Clock,
        registry: CollectorRegistry,
        worked_ns: Callable[[], int] = time.thread_time_ns,
    ) -> None:
        self._house = House(engine, intake, sink, documents, clock, options, RuleMetrics(registry), worked_ns=worked_ns)
        self._arrivals = arrivals
        self._documents = documents
        self._runners: dict[str, GroupRunner] = {}
        self._watch = Watch()
        self._kept: dict[str, GroupState] = {}
        self._series: dict[Labels, Written] = {}
        self._gone: list[ActiveAlert] = []
        self._unsubscribe: Callable[[], None] | None = None
        self._lock = asyncio.Lock()
        for state in (AlertState.PENDING, AlertState.FIRING):
            self._house.metrics.alerts.labels(state.value).set_function(partial(self._count, state))

    async def start(self, groups: Sequence[RuleGroup] = ()) -> None:
        """Restore the state of alerts and begin with these groups. Alerts of rules that are gone by now are ended.

        Raises:
            UnavailableError: the kept state cannot be read.
        """
        self._kept = await self._read_kept()
        self._series = await self._read_series(groups)
        self._unsubscribe = self._arrivals.on_metrics(self._on_metrics)
        await self.reload(groups)
        self._series = {}
        await self._end_gone()

    async def stop(self) -> None:
        """Finish what is under way, and keep the state."""
        if self._unsubscribe is not None:
            self._unsubscribe()
            self._unsubscribe = None
        async with self._lock:
            await asyncio.gather(*(runner.stop() for runner in self._runners.values()))
            for runner in self._runners.values():
                await runner.evaluation.save()

    async def reload(self, groups: Sequence[RuleGroup]) -> None:
        """Run these groups from now on. Unchanged ones go on undisturbed; changed ones keep the state of their rules."""
        async with self._lock:
            wanted = {group.key: group for group in groups}
            reads = {group.key: [reads_of_rule(rule) for rule in group.rules] for group in groups}
            changed = [key for key, runner in self._runners.items() if runner.evaluation.group != wanted.get(key)]
            stopped = {key: self._runners.pop(key) for key in changed}
            await asyncio.gather(*(runner.stop() for runner in stopped.values()))
            for key, runner in stopped.items():
                await self._retire(runner, wanted.get(key))
            for group in groups:
                if group.key not in self._runners:
                    former = stopped.get(group.key)
                    known = former.evaluation.state() if former else self._restored(group)
                    self._begin(group, reads[group.key], known)
            # Groups are shown in the order of their files.
            self._runners = {key: self._runners[key] for key in wanted}
            self._watch = watch_of([group for group in groups if self._reacts(group)], reads)
        log.info("rules_loaded", groups=len(groups), rules=sum(len(group.rules) for group in groups))

    def groups(self) -> Sequence[RuleGroupView]:
        """How every group stands, in the order of their files."""
        return [runner.evaluation.view() for runner in self._runners.values()]

    def alerts(self) -> Sequence[AlertView]:
        """What is pending and firing: a page asks for it each second, and few of the rules have any."""
        return [
            alert
            for runner in self._runners.values()
            for state in runner.evaluation.rules
            if state.active
            for alert in shown_alerts(state)
        ]

    def health(self) -> Sequence[ComponentHealth]:
        """Degraded while a rule fails, or while what rules make cannot be stored or handed on."""
        failing = [
            f"{state.rule.name}: {state.error}"
            for runner in self._runners.values()
            for state in runner.evaluation.rules
            if state.health is RuleHealth.ERR
        ]
        stuck = [runner.evaluation for runner in self._runners.values()]
        problems = [f"{len(failing)} rules fail ({'; '.join(failing[:FAILING_SHOWN_MAX])})"] if failing else []
        if errors := {evaluation.write_error for evaluation in stuck if evaluation.write_error}:
            problems.append(f"recorded series are not stored ({'; '.join(sorted(errors)[:FAILING_SHOWN_MAX])})")
        if any(evaluation.is_unsent for evaluation in stuck):
            problems.append("alerts wait to be handed on")
        count = sum(len(evaluation.rules) for evaluation in stuck)
        return [
            ComponentHealth(
                component="rules",
                kind="rules",
                status=HealthStatus.DEGRADED if problems else HealthStatus.HEALTHY,
                message=", ".join(problems) or f"{count} rules in {len(stuck)} groups",
                advice="see the rule's error under /api/v1/rules and mend its file, then reload" if failing else "",
            )
        ]

    # --- inside -------------------------------------------------------------------------------------------------------

    def _on_metrics(self, batch: MetricBatch) -> None:
        concerned, news = self._watch.look(batch)
        for key, rules in concerned.items():
            if key in self._runners:  # while groups are reloaded one may be away for a moment
                self._runners[key].arrived(rules, news=news.get(key, set()))

    def _reacts(self, group: RuleGroup) -> bool:
        """Whether arrivals concern it: one that looks into the past does not see them yet."""
        offset_s = group.query_offset_s
        return (self._house.options.query_offset_s if offset_s is None else offset_s) <= 0

    def _begin(self, group: RuleGroup, reads: Sequence[Reads], known: GroupState) -> None:
        evaluation = GroupEvaluation(group, reads, house=self._house, known=known)
        runner = GroupRunner(evaluation, house=self._house)
        self._runners[group.key] = runner
        runner.start()

    async def _retire(self, runner: GroupRunner, following: RuleGroup | None) -> None:
        await runner.evaluation.retire(kept=rule_keys(following.rules) if following else ())
        if following is None:
            self._house.metrics.forget(runner.evaluation.group.key)

    def _count(self, state: AlertState) -> int:
        return sum(
            alert.state is state
            for runner in self._runners.values()
            for rule in runner.evaluation.rules
            for alert in rule.active.values()
        )

    # --- after a restart ----------------------------------------------------------------------------------------------

    async def _read_kept(self) -> dict[str, GroupState]:
        stored = every_document(self._documents, STATE_KIND)
        return {document.key: from_document(document.body) async for document in stored}

    async def _read_series(self, groups: Sequence[RuleGroup]) -> dict[Labels, Written]:
        """What series say of alerts, where groups have no kept state to go on from."""
        house = self._house
        unknown = [group for group in groups if state_key(group.key) not in self._kept]
        if not needs_series(unknown, house.options):
            return {}
        try:
            series = await read_series(house.engine, now_ns=house.clock.now_ns(), options=house.options)
            return await with_heights(series, unknown, house.engine)
        except AnyascopeError as error:
            log.warning("for_not_restored", error=str(error))
            return {}

    def _restored(self, group: RuleGroup) -> GroupState:
        """What was kept of a group, as of now; alerts of rules that it no longer has are put aside, to be ended."""
        kept = self._kept.pop(state_key(group.key), None)
        house, now_ns = self._house, self._house.clock.now_ns()
        believed_ns = now_ns + round(house.options.restore_grace_s * NS_PER_S)
        if kept is None:
            restored = restored_group(group, self._series, now_ns=now_ns, options=house.options)
            return replace(restored, believed_from_ns=believed_ns)
        keys = rule_keys(group.rules)
        self._gone.extend(alert for key, active in kept.alerts.items() if key not in keys for alert in active.values())
        alerts = {key: self._aged(kept.alerts[key], kept.judged_ns) for key in keys if key in kept.alerts}
        if count := sum(len(active) for active in alerts.values()):
            log.info("alerts_restored", group=group.key, alerts=count)
        return GroupState(kept.judged_ns, alerts, believed_from_ns=believed_ns, heights=kept.heights)

    def _aged(self, active: Active, down_ns: int) -> Active:
        options, now_ns = self._house.options, self._house.clock.now_ns()
        restored = (
            restore(
                alert,
                down_ns=down_ns,
                now_ns=now_ns,
                tolerance_ns=round(options.outage_tolerance_s * NS_PER_S),
                grace_ns=round(options.restore_grace_s * NS_PER_S),
            )
            for alert in active.values()
        )
        return {alert.labels: alert for alert in restored if alert is not None}

    async def _end_gone(self) -> None:
        """Alerts of groups and rules that no longer exist end."""
        for state in self._kept.values():
            self._gone.extend(alert for active in state.alerts.values() for alert in active.values())
        now_ns = self._house.clock.now_ns()
        ended = [
            Alert(alert.labels, alert.annotations, starts_ns=alert.fired_ns, ends_ns=now_ns)
            for alert in self._gone
            if alert.state is AlertState.FIRING
        ]
        if ended:
            await self._house.sink.receive(ended)
        await self._documents.commit([Delete(STATE_KIND, key) for key in self._kept])
        self._kept, self._gone = {}, []
