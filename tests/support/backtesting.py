"""Backtests over a store in memory, and the same rules stepped live, to compare."""

from __future__ import annotations

from prometheus_client import CollectorRegistry

from anyascope.clock import NS_PER_S, ManualClock
from anyascope.model.alerts import AlertState
from anyascope.promql.engine import Engine
from anyascope.rules.backtest import Backtest, BacktestOptions
from anyascope.rules.backtest.overlay import OverlayReader
from anyascope.rules.definition import AlertingRule, RecordingRule
from anyascope.rules.evaluate import batch_of
from anyascope.rules.group import GroupEvaluation
from anyascope.rules.load import load_rules
from anyascope.rules.metrics import RuleMetrics
from anyascope.rules.options import House, RulesOptions
from anyascope.rules.persist import GroupState
from anyascope.rules.series import parse_series, parse_values
from anyascope.rules.triggers import reads_of_rule
from anyascope.store.api.metrics import Selection
from anyascope.store.memory.metrics import MemoryMetrics
from anyascope.wire.prompb.read import ReadSeries
from support.rules_house import MemoryDocuments, Pipe, Sink

START_S = 1_700_000_040  # a whole minute, far enough from 1970 for every look back


async def stored(series, *, every_s=60):
    """A store with series in the notation of unit tests, from `START_S` on."""
    store = MemoryMetrics()
    samples = [
        (parse_series(name), (START_S + slot * every_s) * 1000, value)
        for name, values in series.items()
        for slot, value in enumerate(parse_values(values))
        if value is not None
    ]
    await store.write_metrics(batch_of(samples))
    return store


class StoreHistory:
    """A store as a server's remote read shows it."""

    def __init__(self, store):
        self.store, self.queries = store, []

    async def read(self, query):
        self.queries.append(query)
        selection = Selection(query.matchers, query.start_ms, query.end_ms)
        frame = await self.store.select(selection)
        found = {
            labels: ReadSeries(labels, frame.times_ms[begin:end], frame.values[begin:end])
            for labels, begin, end in zip(frame.labels, frame.offsets[:-1], frame.offsets[1:], strict=True)
        }
        for histogram in await self.store.select_histograms(selection):
            known = found.get(histogram.labels) or ReadSeries(histogram.labels, frame.times_ms[:0], frame.values[:0])
            joined = (*known.histograms, histogram)
            found[histogram.labels] = ReadSeries(known.labels, known.times_ms, known.values, joined)
        return list(found.values())


async def backtested(text, store, *, minutes, begin_minutes=0, **options):
    """The report on rules from minute to minute after `START_S`."""
    groups = load_rules(text, file="r.yml")
    recorded = frozenset(rule.name for group in groups for rule in group.rules if isinstance(rule, RecordingRule))
    memory = MemoryMetrics()
    reader = OverlayReader(StoreHistory(store), memory, recorded)
    engine = Engine(reader, clock=ManualClock(0), registry=CollectorRegistry())
    start_ns, end_ns = ((START_S + 60 * each) * NS_PER_S for each in (begin_minutes, minutes))
    try:
        return await Backtest(groups, engine, reader, memory, BacktestOptions(start_ns, end_ns, **options)).run()
    finally:
        engine.close()


async def lived(text, store, *, minutes, step_s=60):
    """What the server would have raised: {(minute, alert's labels): state} of the same rules, evaluated step by step."""
    clock, pipe = ManualClock(START_S * NS_PER_S), Pipe(store)
    registry = CollectorRegistry()
    engine = Engine(store, clock=clock, registry=registry)
    house = House(engine, pipe, Sink(), MemoryDocuments(), clock, RulesOptions(), RuleMetrics(registry))
    groups = [
        GroupEvaluation(group, [reads_of_rule(rule) for rule in group.rules], house=house, known=GroupState())
        for group in load_rules(text, file="r.yml")
    ]
    seen = {}
    for second in range(0, minutes * 60 + 1, step_s):
        for group in groups:
            now_ns = (START_S + second) * NS_PER_S
            await group.evaluate(now_ns, range(len(group.rules)), slot_ns=now_ns)
            await group.settle()
            for state in group.rules:
                if isinstance(state.rule, AlertingRule):
                    for alert in state.active.values():
                        if alert.state is AlertState.FIRING:
                            seen[second, alert.labels] = alert.fired_ns
    engine.close()
    return seen


def steps_firing(report, *, minutes, step_s=60):
    """The same of a report."""
    return {
        (second, firing.labels): firing.fired_ns
        for firing in report.firings
        if firing.fired_ns
        for second in range(0, minutes * 60 + 1, step_s)
        if firing.fired_ns <= (START_S + second) * NS_PER_S < (firing.ended_ns or 1 << 63)
    }
