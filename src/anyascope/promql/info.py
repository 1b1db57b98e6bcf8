"""`info`: labels of info metrics, such as `target_info`, beside the series of the same instance and job.

Source: Prometheus, `info()`, `promql/info.go`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from anyascope.frames.samples import SampleFrame
from anyascope.model.labels import METRIC_NAME, Labels, Matcher, MatchOp
from anyascope.promql.check import matches, matches_absent
from anyascope.promql.columns import Bools, Ints
from anyascope.promql.errors import QueryError
from anyascope.promql.syntax import Select
from anyascope.promql.values import Context, Vector, label_of, merged
from anyascope.promql.windows import newest

IDENTIFYING = ("instance", "job")  # the labels by which Prometheus joins; not to be chosen


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What the label selector asks for.

    Attributes:
        names: which info metrics are meant.
        labels: which of their labels; empty is all.
        needs_any: whether a series without a match is left out.
    """

    names: tuple[Matcher, ...]
    labels: frozenset[str]
    needs_any: bool

    @staticmethod
    def of(node: Select) -> _Wanted:
        names = tuple(matcher for matcher in node.matchers if matcher.name == METRIC_NAME)
        others = [matcher for matcher in node.matchers if matcher.name != METRIC_NAME]
        needs_any = any(not matches_absent(matcher) for matcher in others)
        return _Wanted(names, frozenset(matcher.name for matcher in others), needs_any)

    def is_info(self, labels: Labels) -> bool:
        """Whether a series is an info metric itself, which is not enriched: one that is asked for, not one not excluded."""
        name = label_of(labels, METRIC_NAME)
        is_asked_for = any(matcher.op in {MatchOp.EQUAL, MatchOp.REGEX} for matcher in self.names)
        return is_asked_for and all(matches(matcher, name) for matcher in self.names)


def info(node: Select, base: Vector, frame: SampleFrame, context: Context) -> Vector:
    """The vector with the labels of the info series that belong to each of its series, which may change over time.

    Args:
        node: the label selector, which names info metrics and labels.
        base: the series to be enriched.
        frame: the samples of the info series.
        context: of the query.

    Raises:
        QueryError: info series contradict each other.
    """
    wanted = _Wanted.of(node)
    enriched = [not wanted.is_info(labels) for labels in base.labels]
    winners = _winners(base, np.array(enriched, np.bool_), frame, context)
    by_identity: dict[Labels, list[Ints]] = {}
    for (_, identity), winner in sorted(winners.items(), key=lambda item: item[0]):
        by_identity.setdefault(identity, []).append(winner)
    labels: list[Labels] = []
    rows: list[int] = []
    present: list[Bools] = []
    for row, own in enumerate(base.labels):
        if not enriched[row]:
            labels.append(own)
            rows.append(row)
            present.append(base.present[row])
            continue
        for chosen, mask in _spells(by_identity.get(_identity(own), []), base.present[row]):
            if chosen or not wanted.needs_any:
                labels.append(_joined(own, [frame.labels[each] for each in chosen], wanted))
                rows.append(row)
                present.append(mask)
    fading = base.fading[rows] if base.fading is not None else None
    shape = (len(rows), base.steps)
    found = Vector(labels, base.values[rows].reshape(shape), np.array(present, np.bool_).reshape(shape), fading)
    return merged(found)


def _identity(labels: Labels) -> Labels:
    return tuple(pair for pair in labels if pair[0] in IDENTIFYING)


def _winners(base: Vector, enriched: Bools, frame: SampleFrame, context: Context) -> Mapping[tuple[str, Labels], Ints]:
    """int64[steps], the info series that counts at each step or -1, by its metric's name and what identifies it."""
    known = {
        name: {
            value
            for labels, is_meant in zip(base.labels, enriched, strict=True)
            if is_meant and (value := label_of(labels, name))
        }
        for name in IDENTIFYING
    }
    if not any(known.values()):
        return {}
    chosen, present = newest(frame, context.times_ms, context.lookback_ms)
    groups: dict[tuple[str, Labels], list[int]] = {}
    for row, labels in enumerate(frame.labels):
        if all(label_of(labels, name) in values for name, values in known.items() if values):
            groups.setdefault((label_of(labels, METRIC_NAME), _identity(labels)), []).append(row)
    live = base.present.any(axis=0)
    found = {}
    for key, members in groups.items():
        seen = present[members] & live
        if context.natives and context.natives.mask(frame.values[chosen[members]])[seen].any():
            raise QueryError("info sample should be float")
        times = np.where(seen, frame.times_ms[chosen[members]], -1)
        latest = times.max(axis=0)
        _check_alone(times, seen, frame, members)
        found[key] = np.where(latest >= 0, np.array(members)[times.argmax(axis=0)], -1)
    return found


def _check_alone(times: Ints, seen: Bools, frame: SampleFrame, members: Sequence[int]) -> None:
    newest_ones = seen & (times == times.max(axis=0))
    doubles = np.flatnonzero(newest_ones.sum(axis=0) > 1)
    if len(doubles):
        step = int(doubles[0])
        first, second = np.flatnonzero(newest_ones[:, step])[:2].tolist()
        at = int(times[first, step])
        one, other = (_written(frame.labels[members[each]]) for each in (first, second))
        raise QueryError(f"found duplicate series for info metric: existing {one} @ {at}, new {other} @ {at}")


def _written(labels: Labels) -> str:
    pairs = ", ".join(f'{name}="{value}"' for name, value in labels if name != METRIC_NAME)
    return f"{label_of(labels, METRIC_NAME)}{{{pairs}}}"


def _spells(winners: Sequence[Ints], present: Bools) -> Iterator[tuple[list[int], Bools]]:
    """The info series that count together, and at which steps of a series they do."""
    if not winners:
        yield [], present
        return
    columns = np.stack(winners)
    for column in np.unique(columns[:, present], axis=1).T:
        mask = present & (columns == column[:, None]).all(axis=0)
        yield [int(each) for each in column if each >= 0], mask


def _joined(own: Labels, infos: Sequence[Labels], wanted: _Wanted) -> Labels:
    has = {name for name, _ in own}
    added: dict[str, str] = {}
    for labels in infos:
        for name, value in labels:
            if name == METRIC_NAME or (wanted.labels and name not in wanted.labels):
                continue
            if added.get(name, value) != value:
                raise QueryError(f"conflicting label: {name}")
            if name not in has:
                added[name] = value
    return tuple(sorted((*own, *added.items())))
