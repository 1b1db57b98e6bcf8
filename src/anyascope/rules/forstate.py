"""`for` taken up again from the series ALERTS_FOR_STATE, where no state of our own was kept.

So it is after a move to another control store, or from a Prometheus whose series were written into this one.

Source: Prometheus 3.5, `Group.RestoreForState`: `--rules.alert.for-outage-tolerance`, `--rules.alert.for-grace-period`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from anyascope.clock import MS_PER_S, NS_PER_MS, NS_PER_S
from anyascope.model.alerts import AlertState
from anyascope.model.labels import Labels, without_name
from anyascope.rules.blocks import HEIGHTS_EXPR, Reading, heights_of, read_clock
from anyascope.rules.definition import AlertingRule, RuleGroup
from anyascope.rules.evaluate import Evaluator, query_vector
from anyascope.rules.options import RulesOptions
from anyascope.rules.persist import Active, GroupState, rule_keys
from anyascope.rules.state import ActiveAlert
from anyascope.rules.triggers import ALERTS_FOR_STATE
from anyascope.semconv.alerts import LABEL_ALERTNAME

LOOK_BACK_MS = 299_000  # just within the five minutes for which a series without further samples is still seen
ENDS_MAX = 20  # different times of last samples that are looked at; one outage ends all series within one interval

BEGINS_MAX = 100  # different times at which alerts began that heights are asked for, the newest; others begin anew


@dataclass(frozen=True, slots=True)
class Written:
    """What the series of one alert last said.

    Attributes:
        active_ns: since when the alert had been pending or firing.
        seen_ns: the time of the sample.
        heights: of the chains at `active_ns`, where that was asked for.
    """

    active_ns: int
    seen_ns: int
    heights: Mapping[str, int] = field(default_factory=dict)


def needs_series(groups: Sequence[RuleGroup], options: RulesOptions) -> bool:
    """Whether any rule's `for` is long enough to be restored."""
    return any(_is_restored(rule, options) for group in groups for rule in group.rules)


def _is_restored(rule: object, options: RulesOptions) -> bool:
    # Upstream leaves a shorter `for` to begin anew: it runs out before the grace period would.
    return isinstance(rule, AlertingRule) and (rule.hold_s >= options.for_grace_s or rule.hold_blocks is not None)


async def read_series(engine: Evaluator, *, now_ns: int, options: RulesOptions) -> dict[Labels, Written]:
    """What ALERTS_FOR_STATE last said of each alert that was alive at its last sample, by the alert's labels.

    Raises:
        AnyascopeError: the query failed.
    """
    now_ms = now_ns // NS_PER_MS
    answer = await engine.instant(f"{ALERTS_FOR_STATE}[{round(options.outage_tolerance_s * MS_PER_S)}ms]", now_ms)
    frame, last = answer.frame, answer.frame.offsets[1:] - 1
    found = {
        without_name(labels): Written(round(value) * NS_PER_S, time_ms * NS_PER_MS)
        for labels, value, time_ms in zip(
            frame.labels, frame.values[last].tolist(), frame.times_ms[last].tolist(), strict=True
        )
    }
    ends_ms = sorted({written.seen_ns // NS_PER_MS for written in found.values()}, reverse=True)[:ENDS_MAX]
    alive: dict[Labels, Written] = {}
    for end_ms in ends_ms:
        # A range does not show staleness markers; an instant behind the last sample does.
        seen = await engine.instant(ALERTS_FOR_STATE, min(end_ms + LOOK_BACK_MS, now_ms))
        for labels, _ in seen.pairs():
            written = found.get(without_name(labels))
            if written is not None and written.seen_ns // NS_PER_MS == end_ms:
                alive[without_name(labels)] = written
    return alive


async def with_heights(
    series: Mapping[Labels, Written], groups: Sequence[RuleGroup], engine: Evaluator
) -> dict[Labels, Written]:
    """The same with the heights at which alerts of rules that count blocks began, as far as the store still knows them.

    Raises:
        AnyascopeError: a query failed.
    """
    names = {
        rule.name
        for group in groups
        for rule in group.rules
        if isinstance(rule, AlertingRule) and rule.hold_blocks is not None
    }
    concerned = [labels for labels in series if dict(labels).get(LABEL_ALERTNAME) in names]
    begins_ns = sorted({series[labels].active_ns for labels in concerned}, reverse=True)[:BEGINS_MAX]
    heights = {
        begin_ns: heights_of(await query_vector(engine, HEIGHTS_EXPR, begin_ns // NS_PER_MS)) for begin_ns in begins_ns
    }
    found = {labels: replace(series[labels], heights=heights.get(series[labels].active_ns, {})) for labels in concerned}
    return {**series, **found}


def restored_group(
    group: RuleGroup, series: Mapping[Labels, Written], *, now_ns: int, options: RulesOptions
) -> GroupState:
    """The state of a group of which none was kept: its alerts are pending, and fire once they are found and held."""
    alerts: dict[str, Active] = {}
    for key, rule in zip(rule_keys(group.rules), group.rules, strict=True):
        if isinstance(rule, AlertingRule) and _is_restored(rule, options):
            alerts[key] = {
                labels: _pending(labels, written, rule, now_ns=now_ns, options=options)
                for labels, written in series.items()
                if _is_of(rule, dict(labels))
            }
    return GroupState(alerts={key: active for key, active in alerts.items() if active})


def _is_of(rule: AlertingRule, labels: Mapping[str, str]) -> bool:
    constant = {name: template.constant for name, template in rule.labels.items() if template.constant is not None}
    return labels.get(LABEL_ALERTNAME) == rule.name and all(
        labels.get(name, "") == text for name, text in constant.items()
    )


def _active_ns(written: Written, rule: AlertingRule, *, now_ns: int, options: RulesOptions) -> int:
    """Since when the alert counts as pending: the time away does not, and it cannot fire within the grace period.

    The chain's clock went on while the server was away: in blocks nothing is put off.
    """
    if rule.hold_blocks is not None:
        return written.active_ns
    hold_ns, grace_ns = round(rule.hold_s * NS_PER_S), round(options.for_grace_s * NS_PER_S)
    remaining_ns = hold_ns - (written.seen_ns - written.active_ns)
    if remaining_ns <= 0:
        return written.active_ns  # it fired, and does so again as soon as it is found
    if remaining_ns < grace_ns:
        return now_ns + grace_ns - hold_ns
    return written.active_ns + now_ns - written.seen_ns


def _pending(
    labels: Labels, written: Written, rule: AlertingRule, *, now_ns: int, options: RulesOptions
) -> ActiveAlert:
    active_ns = _active_ns(written, rule, now_ns=now_ns, options=options)
    then = read_clock(rule.hold_blocks, [labels], written.heights) if rule.hold_blocks else Reading()
    return ActiveAlert(
        labels,
        {},
        0.0,
        AlertState.PENDING,
        active_ns,
        active_slot_ns=active_ns,
        grace_until_ns=now_ns + round(options.restore_grace_s * NS_PER_S),
        active_height=then.heights.get(labels),
    )
