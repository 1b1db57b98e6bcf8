"""Which rules must be looked at again when series arrive, and which of a group's rules read what others record.

Arrivals are matched by the part of a series' id that comes from its metric's name, so that a batch of 50,000 series costs
some 0.1 ms on the event loop. Two names may share that part (one pair in a million): the rule is then evaluated once more
than needed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from anyascope.model.labels import METRIC_NAME, SERIES_ID_LABEL_BITS, SERIES_ID_METRIC_BITS, metric_of, series_id
from anyascope.model.metrics import MetricBatch
from anyascope.promql.parse import parse
from anyascope.promql.syntax import TIME_DEPENDENT, Call, Expression, Select, Subquery, walk
from anyascope.rules.blocks import HEIGHT_METRIC
from anyascope.rules.definition import AlertingRule, RecordingRule, Rule, RuleGroup

ALERTS = "ALERTS"
ALERTS_FOR_STATE = "ALERTS_FOR_STATE"
LONG_RANGE_MS = 3_600_000  # windows of the fastest burn-rate alerts in the field; those wait for their interval anyway

PAUSE_MS = 30_000  # after a longer silence the same value is news: alerts may have ended for want of data
COMPARED_MAX = 5_000  # samples of a batch, 2 ms; a larger one is news as a whole
REMEMBERED_MAX = 200_000  # series whose newest sample is remembered, some 40 MB; then all are news once more


@dataclass(frozen=True, slots=True)
class Reads:
    """What an expression reads.

    Attributes:
        names: of the metrics.
        is_any: it selects by something else than a name.
        is_prompt: whether one sample more can matter at once. An expression that looks back an hour or longer is dear to
            evaluate and changes little with each sample: its interval is enough.
        window_ms: how far it looks back at most.
        is_momentary: its answer depends on the newest samples alone: where these say what they said before, so does it.
        is_clocked: whether the rule counts blocks: it is judged when one has come, also if what it reads does not move.
    """

    names: frozenset[str] = frozenset()
    is_any: bool = False
    is_prompt: bool = True
    window_ms: int = 0
    is_momentary: bool = False
    is_clocked: bool = False

    def touches(self, names: frozenset[str]) -> bool:
        """Whether it reads any of these."""
        return bool(names) and (self.is_any or not self.names.isdisjoint(names))


def reads_of(expr: str) -> Reads:
    """What an expression reads.

    Raises:
        InvalidInputError: it does not parse.
    """
    query = parse(expr)
    ranges_ms = (node.range_ms for node in walk(query.root) if isinstance(node, Select | Subquery))
    window_ms = max(ranges_ms, default=0)
    names = query.metric_names
    return Reads(
        names or frozenset(),
        is_any=names is None,
        is_prompt=window_ms < LONG_RANGE_MS,
        window_ms=window_ms,
        is_momentary=names is not None and all(_is_momentary(node) for node in walk(query.root)),
    )


def _is_momentary(node: Expression) -> bool:
    match node:
        case Select():
            looks_elsewhere = node.range_ms or node.offset_ms or node.anchor is not None
            return not (looks_elsewhere or node.extension is not None or node.lengths is not None)
        case Subquery():
            return False
        case Call():
            return node.name not in TIME_DEPENDENT
    return True


def reads_of_rule(rule: Rule) -> Reads:
    """What a rule reads, for its condition and that of its recovery.

    Raises:
        InvalidInputError: an expression does not parse.
    """
    reads = reads_of(rule.expr)
    if isinstance(rule, RecordingRule):
        return replace(reads, is_prompt=reads.is_prompt and not rule.is_steady, is_momentary=False)
    is_momentary = reads.is_momentary and not (rule.recover_expr or rule.data_expr or rule.block_span)
    reads = replace(reads, is_clocked=rule.block_span is not None, is_momentary=is_momentary)
    if not rule.recover_expr:
        return reads
    recovery = reads_of(rule.recover_expr)
    return replace(
        reads,
        names=reads.names | recovery.names,
        is_any=reads.is_any or recovery.is_any,
        is_prompt=reads.is_prompt and recovery.is_prompt,
        window_ms=min(reads.window_ms, recovery.window_ms),
    )


def writes_of(rule: Rule) -> frozenset[str]:
    """The metrics that a rule records."""
    return frozenset((ALERTS, ALERTS_FOR_STATE)) if isinstance(rule, AlertingRule) else frozenset((rule.name,))


def affected_rules(rules: Sequence[Rule], reads: Sequence[Reads], arrived: frozenset[int]) -> list[int]:
    """The rules to evaluate, in file order: those whose series arrived, and those that read what these record."""
    chosen: list[int] = []
    written: frozenset[str] = frozenset()
    for index, rule in enumerate(rules):
        if index in arrived or (reads[index].is_prompt and reads[index].touches(written)):
            chosen.append(index)
            written |= writes_of(rule)
    return chosen


@dataclass(slots=True)
class Watch:
    """Answers which rules a batch concerns.

    Attributes:
        targets: by metric hash, the (group key, rule index) pairs that read it.
        any_targets: those that read any metric, each with the hashes that it must not react to.
        clocked: those that count blocks.
    """

    targets: Mapping[int, tuple[tuple[str, int], ...]] = field(default_factory=dict)
    any_targets: tuple[tuple[tuple[str, int], frozenset[int]], ...] = ()
    clocked: tuple[tuple[str, int], ...] = ()
    _heights: dict[int, float] = field(default_factory=dict)
    _newest: dict[int, tuple[int, int]] = field(default_factory=dict)  # by series: time in ms, bits of the value
    _table: NDArray[np.bool_] = field(init=False)

    def __post_init__(self) -> None:
        self._table = np.zeros(1 << SERIES_ID_METRIC_BITS, np.bool_)
        self._table[list(self.targets)] = True

    def concerned(self, batch: MetricBatch) -> dict[str, set[int]]:
        """Rule indices by group key."""
        return self.look(batch)[0]

    def look(self, batch: MetricBatch) -> tuple[dict[str, set[int]], dict[str, set[int]]]:
        """Rule indices by group key: whom the batch concerns, and for whom of these it says something new."""
        concerned, news = self._hashes(batch), self._news(batch)
        is_clock_moved = bool(self.clocked) and self._has_moved(batch)
        return self._rules_of(concerned, is_clock_moved), self._rules_of(concerned & news, is_clock_moved)

    def _rules_of(self, hashes: set[int], is_clock_moved: bool) -> dict[str, set[int]]:  # noqa: FBT001
        found: dict[str, set[int]] = {}
        for metric in hashes:
            for group, rule in self.targets.get(metric, ()):
                found.setdefault(group, set()).add(rule)
        for (group, rule), blocked in self.any_targets:
            if hashes - blocked:
                found.setdefault(group, set()).add(rule)
        for group, rule in self.clocked if is_clock_moved else ():
            found.setdefault(group, set()).add(rule)
        return found

    def _news(self, batch: MetricBatch) -> set[int]:
        """The metrics of which a series is new, says something else than before, or spoke after a silence."""
        samples = batch.samples
        metrics = (samples.series_ids >> np.uint64(SERIES_ID_LABEL_BITS)).astype(np.int64)
        news = {metric_hash(metric_of(sample.labels)) for sample in batch.histograms}
        chosen = np.flatnonzero(self._table[metrics[samples.rows]])
        if self.any_targets or len(chosen) > COMPARED_MAX:
            return news | set(metrics.tolist())
        rows = samples.rows[chosen]
        bits = np.asarray(samples.values[chosen], np.float64).view(np.int64)
        columns = (samples.series_ids[rows], metrics[rows], samples.times_ms[chosen], bits)
        for series, metric, time_ms, value in zip(*(column.tolist() for column in columns), strict=True):
            before_ms, before = self._newest.get(series, (0, 0))
            if time_ms < before_ms:
                news.add(metric)  # one that comes late fills a hole, perhaps
                continue
            if value != before or time_ms - before_ms > PAUSE_MS:
                news.add(metric)
            self._newest[series] = (time_ms, value)
        if len(self._newest) > REMEMBERED_MAX:
            self._newest.clear()
        return news

    def _has_moved(self, batch: MetricBatch) -> bool:
        """Whether a node tells another height than before: heights are sent far more often than blocks come."""
        samples = batch.samples
        series = np.flatnonzero(samples.series_ids >> np.uint64(SERIES_ID_LABEL_BITS) == _CLOCK_HASH)
        if not len(series):
            return False
        before = {int(samples.series_ids[each]): self._heights.get(int(samples.series_ids[each])) for each in series}
        for sample in np.flatnonzero(np.isin(samples.rows, series)):
            self._heights[int(samples.series_ids[samples.rows[sample]])] = float(samples.values[sample])
        return any(self._heights.get(each) != height for each, height in before.items())

    def _hashes(self, batch: MetricBatch) -> set[int]:
        metrics = (batch.samples.series_ids >> np.uint64(SERIES_ID_LABEL_BITS)).astype(np.int64)
        if not self.any_targets:
            metrics = metrics[self._table[metrics]]
        hashes = set(np.unique(metrics).tolist())
        return hashes | {metric_hash(metric_of(sample.labels)) for sample in batch.histograms}


def metric_hash(name: str) -> int:
    """The bits that the ids of all series of this metric begin with."""
    return series_id(((METRIC_NAME, name),)) >> SERIES_ID_LABEL_BITS


_CLOCK_HASH = metric_hash(HEIGHT_METRIC)


def watch_of(groups: Sequence[RuleGroup], reads: Mapping[str, Sequence[Reads]]) -> Watch:
    """What to look out for.

    A group does not react to what it records itself, nor to what is recorded by a group that in turn reads, directly or
    through others, what this one records: such a circle would feed itself for ever. Their interval still evaluates them.

    Args:
        groups: those that evaluate on arrival.
        reads: by group key, what each rule reads.
    """
    circles = _circles(groups, reads)
    targets: dict[int, list[tuple[str, int]]] = {}
    any_targets: list[tuple[tuple[str, int], frozenset[int]]] = []
    clocked = tuple(
        (group.key, index) for group in groups for index, read in enumerate(reads[group.key]) if read.is_clocked
    )
    for group in groups:
        blocked = frozenset().union(*(writes_of(rule) for other in circles[group.key] for rule in other.rules))
        for index, read in enumerate(reads[group.key]):
            if not read.is_prompt:
                continue
            if read.is_any:
                any_targets.append(((group.key, index), frozenset(metric_hash(name) for name in blocked)))
            for name in read.names - blocked:
                targets.setdefault(metric_hash(name), []).append((group.key, index))
    return Watch({metric: tuple(found) for metric, found in targets.items()}, tuple(any_targets), clocked)


def _circles(groups: Sequence[RuleGroup], reads: Mapping[str, Sequence[Reads]]) -> dict[str, list[RuleGroup]]:
    """For each group those that lie on a circle with it, itself included."""
    by_key = {group.key: group for group in groups}
    writes = {group.key: frozenset().union(*(writes_of(rule) for rule in group.rules)) for group in groups}
    readers = {
        writer: {reader for reader in by_key if any(read.touches(writes[writer]) for read in reads[reader])}
        for writer in by_key
    }
    reached = {key: _reachable(key, readers) for key in by_key}
    return {
        key: [by_key[other] for other in by_key if other == key or (other in reached[key] and key in reached[other])]
        for key in by_key
    }


def _reachable(start: str, readers: Mapping[str, set[str]]) -> set[str]:
    seen: set[str] = set()
    waiting = [start]
    while waiting:
        for following in readers[waiting.pop()] - seen:
            seen.add(following)
            waiting.append(following)
    return seen
