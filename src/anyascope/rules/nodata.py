"""What data say of a rule's alerts beside its expression: whether they have recovered, and whether there are data at all.

Only for rules that have `recover`, `recover_expr` or `no_data`, which are fields of our own.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from anyascope.clock import MS_PER_S, NS_PER_S
from anyascope.errors import LimitExceededError
from anyascope.model.alerts import AlertState
from anyascope.model.labels import Labels, without_name
from anyascope.rules.definition import AlertingRule, NoData
from anyascope.rules.evaluate import Evaluator, Moment, Value, query_vector
from anyascope.rules.state import ActiveAlert

REMEMBERED_NS = 7 * 86_400 * NS_PER_S  # who has not acted on missing data for a week has taken the thing away
REMEMBERED_MAX = 10_000  # series of one rule; one that watches more needs an aggregation
SEEDS_S = (600, 3600)  # at the start, what had data so long ago is remembered: it may have ended while we were away


@dataclass(frozen=True, slots=True)
class Evidence:
    """What one evaluation finds.

    Attributes:
        data: the series that have data, without their names.
        recovered: those of which the recovery condition holds.

    Either may have fewer labels than an alert's series, and speaks for all that have its own.
    """

    data: frozenset[Labels]
    recovered: frozenset[Labels] = frozenset()

    def has_data(self, source: Labels) -> bool:
        """Whether there are data of an alert's series."""
        return _speaks(self.data, source)

    def is_recovered(self, source: Labels) -> bool:
        """Whether the recovery condition holds for it."""
        return _speaks(self.recovered, source)


def _speaks(found: frozenset[Labels], source: Labels) -> bool:
    return source in found or any(set(labels).issubset(source) for labels in found)


@dataclass(slots=True)
class Memory:
    """Which series of a rule have had data, and when last (UTC nanoseconds); of rules that alert on missing ones."""

    seen_ns: dict[Labels, int] = field(default_factory=dict)
    is_seeded: bool = False

    async def note(self, rule: AlertingRule, data: Collection[Labels], engine: Evaluator, moment: Moment) -> None:
        """Remember these, and at first those of a while ago; forget what has had no data for a week.

        Raises:
            AnyascopeError: a query failed, or there are more than `REMEMBERED_MAX`.
        """
        if not self.is_seeded:
            for age_s in SEEDS_S:
                for labels in await _series(engine, rule.data_expr, moment.time_ms - age_s * MS_PER_S):
                    self.seen_ns.setdefault(labels, moment.now_ns - age_s * NS_PER_S)
            self.is_seeded = True
        self.seen_ns.update(dict.fromkeys(data, moment.now_ns))
        oldest_ns = moment.now_ns - REMEMBERED_NS
        self.seen_ns = {labels: seen_ns for labels, seen_ns in self.seen_ns.items() if seen_ns >= oldest_ns}
        if len(self.seen_ns) > REMEMBERED_MAX:
            raise LimitExceededError(
                f"no_data: alert remembers {REMEMBERED_MAX} series, and there are {len(self.seen_ns)}"
            )

    def move(self, *, by_ns: int) -> None:
        """The wall clock was set by this much."""
        self.seen_ns = {labels: seen_ns + by_ns for labels, seen_ns in self.seen_ns.items()}

    def missing(self, data: Collection[Labels]) -> list[tuple[Labels, Value]]:
        """The elements that stand for missing series; where nothing ever had data, one without labels."""
        gone = [labels for labels in self.seen_ns if labels not in data]
        if not self.seen_ns:
            gone = [()]
        return [(labels, float("nan")) for labels in gone]


async def look_at_data(
    rule: AlertingRule,
    active: Mapping[Labels, ActiveAlert],
    memory: Memory,
    *,
    engine: Evaluator,
    moment: Moment,
    is_absence_believed: bool = True,
) -> tuple[list[tuple[Labels, Value]], frozenset[Labels]]:
    """Elements that stand for missing series, and the alerts that stay as they are where the expression finds them no longer.

    Args:
        rule: what is judged; one without a `data_expr` asks nothing.
        active: its alerts.
        memory: which of its series have had data; updated.
        engine: answers expressions.
        moment: when.
        is_absence_believed: False shortly after a start, when series may not have been sent again yet.

    Raises:
        AnyascopeError: a query failed, or a limit is exceeded.
    """
    if not rule.data_expr:
        return [], frozenset()
    evidence = await evidence_of(rule, engine, moment)
    missing: list[tuple[Labels, Value]] = []
    if rule.no_data is NoData.ALERT:
        await memory.note(rule, evidence.data, engine, moment)
        missing = memory.missing(evidence.data) if is_absence_believed else []
    return missing, held_alerts(rule, active, evidence, is_absence_believed=is_absence_believed)


async def evidence_of(rule: AlertingRule, engine: Evaluator, moment: Moment) -> Evidence:
    """What data say now.

    Raises:
        AnyascopeError: a query failed.
    """
    data = await _series(engine, rule.data_expr, moment.time_ms)
    recovered = await _series(engine, rule.recover_expr, moment.time_ms) if rule.recover_expr else []
    return Evidence(frozenset(data), frozenset(recovered))


async def _series(engine: Evaluator, expr: str, time_ms: int) -> list[Labels]:
    return [without_name(labels) for labels, _ in await query_vector(engine, expr, time_ms)]


def held_alerts(
    rule: AlertingRule,
    active: Mapping[Labels, ActiveAlert],
    evidence: Evidence,
    *,
    is_absence_believed: bool = True,
) -> frozenset[Labels]:
    """The alerts that stay as they are although the expression no longer finds them.

    Args:
        rule: theirs.
        active: the alerts.
        evidence: of now.
        is_absence_believed: False shortly after a start, when series may not have been sent again yet.
    """
    return frozenset(
        labels
        for labels, alert in active.items()
        if _is_held(rule, alert, evidence, is_absence_believed=is_absence_believed)
    )


def _is_held(rule: AlertingRule, alert: ActiveAlert, evidence: Evidence, *, is_absence_believed: bool) -> bool:
    if alert.state is AlertState.INACTIVE:
        return False
    if not evidence.has_data(alert.source):
        return rule.no_data is NoData.KEEP or (rule.no_data is NoData.ALERT and not is_absence_believed)
    # Between the two thresholds; once it has recovered, `keep_firing_for` runs, and being between them changes nothing.
    is_between = bool(rule.recover_expr) and not evidence.is_recovered(alert.source)
    return is_between and alert.state is AlertState.FIRING and not alert.keep_firing_since_ns
