"""Weeks of series that are computed, not stored, judged by rules as the server would: a sample a minute."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from prometheus_client import CollectorRegistry

from anyascope.clock import MS_PER_S, NS_PER_S, ManualClock
from anyascope.model.labels import METRIC_NAME, Labels, Matcher, MatchOp, labels_of, metric_of
from anyascope.model.metrics import STALE_NAN
from anyascope.promql.engine import Engine
from anyascope.rules.backtest import Backtest, BacktestOptions
from anyascope.rules.backtest.overlay import OverlayReader
from anyascope.rules.backtest.report import BacktestReport
from anyascope.rules.definition import RecordingRule, RuleGroup
from anyascope.store.memory.metrics import MemoryMetrics
from anyascope.wire.prompb.read import ReadQuery, ReadSeries

START_S = 1_700_000_040  # a whole minute
STEP_S = 60
DAY_STEPS = 86_400 // STEP_S

Values = NDArray[np.float64]


@dataclass
class Replay:
    """Series over a stretch, one value a step; NaN is a step without a sample, and the first of them ends the series."""

    steps: int
    series: dict[Labels, Values] = field(default_factory=dict)

    @property
    def times_s(self) -> Values:
        """Seconds since the start of each step."""
        return np.arange(self.steps, dtype=np.float64) * STEP_S

    def add(self, name: str, labels: Mapping[str, str], values: Values | float) -> None:
        """One series; a number stands for all steps."""
        whole = np.broadcast_to(np.asarray(values, np.float64), (self.steps,))
        self.series[labels_of({**labels, METRIC_NAME: name})] = whole

    async def read(self, query: ReadQuery) -> list[ReadSeries]:
        """As a server's remote read has it."""
        first = max(0, -(-(query.start_ms // MS_PER_S - START_S) // STEP_S))
        last = min(self.steps - 1, (query.end_ms // MS_PER_S - START_S) // STEP_S)
        if last < first:
            return []
        times_ms = (START_S + np.arange(first, last + 1, dtype=np.int64) * STEP_S) * MS_PER_S
        return [
            ReadSeries(labels, *_told(times_ms, values[first : last + 1]))
            for labels, values in self.series.items()
            if all(_meets(matcher, dict(labels)) for matcher in query.matchers)
        ]

    async def judged(
        self, groups: Sequence[RuleGroup], *, step_s: float = STEP_S, begin_s: float = 0.0
    ) -> BacktestReport:
        """What the rules would have told from `begin_s` after the start on."""
        recorded = frozenset(rule.name for group in groups for rule in group.rules if isinstance(rule, RecordingRule))
        memory = MemoryMetrics()
        reader = OverlayReader(self, memory, recorded)
        engine = Engine(reader, clock=ManualClock(0), registry=CollectorRegistry())
        start_ns, end_ns = round(START_S + begin_s) * NS_PER_S, (START_S + (self.steps - 1) * STEP_S) * NS_PER_S
        options = BacktestOptions(start_ns, end_ns, step_s=step_s)
        try:
            return await Backtest(groups, engine, reader, memory, options).run()
        finally:
            engine.close()

    def names(self) -> set[str]:
        """The metrics that there are."""
        return {metric_of(labels) for labels in self.series}


def _told(times_ms: NDArray[np.int64], values: Values) -> tuple[NDArray[np.int64], Values]:
    absent = np.isnan(values)
    ends = absent & ~np.concatenate(([True], absent[:-1]))
    kept = ~absent | ends
    return times_ms[kept], np.where(ends, STALE_NAN, values)[kept]


def _meets(matcher: Matcher, labels: Mapping[str, str]) -> bool:
    value = labels.get(matcher.name, "")
    match matcher.op:
        case MatchOp.EQUAL:
            return value == matcher.value
        case MatchOp.NOT_EQUAL:
            return value != matcher.value
        case MatchOp.REGEX:
            return re.fullmatch(matcher.value, value) is not None
        case _:
            return re.fullmatch(matcher.value, value) is None
