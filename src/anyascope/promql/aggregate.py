"""Aggregations: many series become one a group, or the chosen ones of each group."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from anyascope.frames.labelsets import LabelSets
from anyascope.model.labels import METRIC_NAME, Labels
from anyascope.promql.columns import Bools, Floats, Ints
from anyascope.promql.errors import QueryError
from anyascope.promql.functions.over_time import quantiles
from anyascope.promql.functions.sums import group_means, group_sums, group_variances
from anyascope.promql.hashes import HASHES, label_hash
from anyascope.promql.lexer import go_quoted
from anyascope.promql.mixed import aggregated
from anyascope.promql.natives import written
from anyascope.promql.numbers import format_float, format_general
from anyascope.promql.syntax import Aggregate, Expression
from anyascope.promql.values import Context, Nameless, Vector, label_of, merged, rows_of, seen

C = TypeVar("C", bound=np.generic)

CELLS_SORTED_MAX = 2_000_000  # series times steps that are ranked at once: 100 MB while it lasts
K_MAX = 2.0**63  # Prometheus takes `k` as a 64-bit integer


@dataclass(frozen=True, slots=True)
class Groups:
    """Which group each series belongs to, series of a group side by side.

    Attributes:
        labels: of each group, in the order of its first series.
        order: int64[series], the series sorted by group, within a group in their own order.
        begins: int64[groups], where each group begins in `order`.
        rows: int64[series], the group of each series.
    """

    labels: list[Labels]
    order: Ints
    begins: Ints
    rows: Ints

    def ordered(self, cells: NDArray[C]) -> NDArray[C]:
        """A column of [series, steps] with the series of a group side by side."""
        return cells if len(self.labels) == 1 else cells[self.order]


def grouped(labels: Sequence[Labels], node: Aggregate, dropped: frozenset[str] = frozenset()) -> Groups:
    """Group series by `by` or `without`; labels in `dropped` count for nothing."""
    if not node.grouping and not node.is_without:
        everything = np.arange(len(labels))
        return Groups([()], everything, np.zeros(1, np.int64), np.zeros(len(labels), np.int64))
    if isinstance(labels, Nameless) and (METRIC_NAME not in node.grouping or node.is_without):
        reserved_grouped = any(name.startswith("__") for name in node.grouping)
        if not node.is_without and not reserved_grouped:
            labels = labels.named  # what has been dropped of them is not looked at
    key = ("grouped", node.grouping, node.is_without, dropped)
    if isinstance(labels, LabelSets):
        return labels.once(key, lambda labels: _grouped(labels, node, dropped))
    return _grouped(labels, node, dropped)


def _grouped(labels: Sequence[Labels], node: Aggregate, dropped: frozenset[str]) -> Groups:
    index: dict[Labels, int] = {}
    if node.is_without:
        gone = frozenset(node.grouping) | {METRIC_NAME} | dropped
        keys = (tuple([pair for pair in each if pair[0] not in gone]) for each in labels)
    else:
        kept = frozenset(node.grouping) - dropped
        keys = (tuple([pair for pair in each if pair[0] in kept]) for each in labels)
    rows = np.fromiter((index.setdefault(key, len(index)) for key in keys), np.int64, len(labels))
    order = np.argsort(rows, kind="stable")
    begins = np.searchsorted(rows[order], np.arange(len(index)))
    return Groups(list(index), order, begins, rows)


def aggregate(node: Aggregate, body: Vector, parameter: Floats | str | None, context: Context) -> Vector:
    """The aggregation of a vector at each step.

    Raises:
        QueryError: the parameter is not usable.
    """
    if node.operator == "count_values":
        assert isinstance(parameter, str)
        return _count_values(node, body, parameter, context)
    if not len(body):
        return Vector((), np.empty((0, context.steps)), np.empty((0, context.steps), np.bool_))
    if context.natives:
        body = _known_to(node, body, context)
    if node.operator in {"topk", "bottomk", "limitk"}:
        assert isinstance(parameter, np.ndarray)
        return _choose(node, body, parameter, context)
    if node.operator == "limit_ratio":
        assert isinstance(parameter, np.ndarray)
        return _share(node, body, parameter, context)
    groups = grouped(body.labels, node)
    if node.operator in COMPENSATED:
        result = COMPENSATED[node.operator](body.values, body.present, groups.rows, len(groups.labels))
        found = _any_present(body.present, groups)
        if context.natives and node.operator in {"sum", "avg"}:
            values, present = groups.ordered(body.values), groups.ordered(body.present)
            names = [label_of(body.labels[row], METRIC_NAME) for row in groups.order.tolist()]
            result, found = aggregated(
                node, values, present, groups.begins, names=names, result=result, context=context
            )
    else:
        values, present = groups.ordered(body.values), groups.ordered(body.present)
        counts = np.add.reduceat(present, groups.begins, axis=0, dtype=np.int64)
        found = counts > 0
        if node.operator == "quantile":
            assert isinstance(parameter, np.ndarray)
            _warn_of_quantiles(parameter, node.parameter, context)
            result = _quantile(values, present, groups, parameter)
        else:
            result = REDUCERS[node.operator](values, present, groups.begins, counts)
    fading = None
    if body.fading is not None:
        fading = np.zeros(len(groups.labels), np.bool_)
        np.logical_or.at(fading, groups.rows, body.fading & body.present.any(axis=1))
    return _without_empty(Vector(groups.labels, result, found, fading))


def _any_present(present: Bools, groups: Groups) -> Bools:
    """bool[groups, steps]: where a group has a value."""
    if present.all():
        return np.ones((len(groups.labels), present.shape[1]), np.bool_)
    found: Bools = np.logical_or.reduceat(groups.ordered(present), groups.begins, axis=0)
    return found


# What these say of a group is about floats only; histograms are left out of it.
_OF_FLOATS = frozenset({"bottomk", "max", "min", "quantile", "stddev", "stdvar", "topk"})


def _known_to(node: Aggregate, body: Vector, context: Context) -> Vector:
    """The vector without the histograms that an operator does not know, which is said."""
    if node.operator not in _OF_FLOATS:
        return body
    boxed = context.natives.mask(body.values) & body.present
    if not boxed.any():
        return body
    pos = node.pos if node.operator in {"topk", "bottomk"} else node.body_pos
    context.notes.info(f"ignored histogram in {node.operator} aggregation", pos)
    return replace(body, present=body.present & ~boxed)


def _without_empty(vector: Vector) -> Vector:
    kept = seen(vector.present, 1)
    return vector if kept.all() else rows_of(vector, kept)


def _filled(values: Floats, present: Bools, filler: float) -> Floats:
    return values if present.all() else np.where(present, values, filler)


def _min(values: Floats, present: Bools, begins: Ints, _counts: Ints) -> Floats:
    smallest: Floats = np.fmin.reduceat(_filled(values, present, np.nan), begins, axis=0)
    return smallest


def _max(values: Floats, present: Bools, begins: Ints, _counts: Ints) -> Floats:
    largest: Floats = np.fmax.reduceat(_filled(values, present, np.nan), begins, axis=0)
    return largest


def _count(_values: Floats, _present: Bools, _begins: Ints, counts: Ints) -> Floats:
    return counts.astype(np.float64)


def _group(_values: Floats, _present: Bools, _begins: Ints, counts: Ints) -> Floats:
    return np.ones(counts.shape)


REDUCERS: dict[str, Callable[[Floats, Bools, Ints, Ints], Floats]] = {
    "count": _count,
    "group": _group,
    "max": _max,
    "min": _min,
}

COMPENSATED: dict[str, Callable[[Floats, Bools, Ints, int], Floats]] = {
    "avg": group_means,
    "stddev": lambda values, present, rows, groups: np.sqrt(group_variances(values, present, rows, groups)),
    "stdvar": group_variances,
    "sum": group_sums,
}


def _warn_of_quantiles(wanted: Floats, parameter: Expression | None, context: Context) -> None:
    pos = parameter.pos if parameter is not None else -1
    for quantile in invalid_quantiles(wanted):
        context.notes.warn(f"quantile value should be between 0 and 1, got {format_general(quantile)}", pos)


def invalid_quantiles(wanted: Floats) -> list[float]:
    """What of these is no quantile: NaN alone where there is one, else the largest above 1 and the smallest below 0."""
    if np.isnan(wanted).any():
        return [math.nan]
    found = []
    if (wanted > 1).any():
        found.append(float(wanted.max()))
    if (wanted < 0).any():
        found.append(float(wanted.min()))
    return found


def _quantile(values: Floats, present: Bools, groups: Groups, wanted: Floats) -> Floats:
    """The quantile of each group at each step; both are handled as one list of groups."""
    steps = values.shape[1]
    counts = np.add.reduceat(present, groups.begins, axis=0, dtype=np.int64)
    per_step = counts.T.ravel()
    flat = values.T[present.T]
    some = per_step > 0
    begins = np.cumsum(per_step) - per_step
    found = np.full(len(per_step), np.nan)
    found[some] = quantiles(flat, begins[some], per_step[some], np.repeat(wanted, len(groups.labels))[some])
    return found.reshape(steps, len(groups.labels)).T


def _choose(node: Aggregate, body: Vector, wanted: Floats, context: Context) -> Vector:
    """`topk`, `bottomk` and `limitk`: up to `k` series of each group, which may be others at each step."""
    if not (wanted >= 1).any() and not np.isnan(wanted).any():
        return rows_of(body, np.zeros(len(body), np.bool_))
    if np.isnan(wanted).any():
        raise QueryError("Parameter value is NaN")
    if wanted.min() <= -K_MAX:
        raise QueryError(f"Scalar value {format_general(float(wanted.min()))} underflows int64")
    if wanted.max() >= K_MAX:
        raise QueryError(f"Scalar value {format_general(float(wanted.max()))} overflows int64")
    groups = grouped(body.labels, node)
    if context.is_instant:
        # The answer lists the groups one after the other, each from its first to its last.
        rank, order = _ranks(node.operator, body, groups)
        rows = order[:, 0]
        return rows_of(body, rows[(body.present & (rank < np.floor(wanted)))[rows, 0]])
    chosen = _chosen(node.operator, body, groups, np.floor(wanted), context=context)
    return _without_empty(Vector(body.labels, body.values, chosen, body.fading, body.is_one_metric))


def _chosen(operator: str, body: Vector, groups: Groups, wanted: Floats, *, context: Context) -> Bools:
    """bool[series, steps]: which are among the first of their group; some steps at a time, as sorting takes much memory."""
    if (wanted >= np.bincount(groups.rows).max()).all():
        return body.present
    chosen = np.empty(body.present.shape, np.bool_)
    at_once = max(CELLS_SORTED_MAX // len(body), 1)
    for begin in range(0, body.steps, at_once):
        context.check(1)
        part = slice(begin, begin + at_once)
        some = replace(body, values=body.values[:, part], present=body.present[:, part])
        chosen[:, part] = some.present & (_ranks(operator, some, groups)[0] < wanted[part])
    return chosen


def _share(node: Aggregate, body: Vector, wanted: Floats, context: Context) -> Vector:
    """`limit_ratio`: the series whose labels' hash lies in a part of all hashes; of a negative ratio, in the rest.

    Source: Prometheus, `RatioSampler`.
    """
    if np.isnan(wanted).any():
        raise QueryError("Ratio value is NaN")
    pos = node.parameter.pos if node.parameter is not None else -1
    for ratio in np.unique(wanted[np.abs(wanted) > 1]).tolist():
        capped = format_general(math.copysign(1.0, ratio))
        message = f"ratio value should be between -1 and 1, got {format_general(ratio)}, capping to {capped}"
        context.notes.warn(message, pos)
    ratio = np.clip(wanted, -1.0, 1.0)
    place = np.array([label_hash(labels) / HASHES for labels in body.labels])[:, None]
    chosen = np.where(ratio >= 0, place < ratio, place >= 1.0 + ratio)
    return _without_empty(replace(body, present=body.present & chosen))


def _ranks(operator: str, body: Vector, groups: Groups) -> tuple[Ints, Ints]:
    """int64[series, steps], each series' place within its group from 0; and the series in that order."""
    group = np.broadcast_to(groups.rows[:, None], body.present.shape)
    if operator == "limitk":
        keys: tuple[Floats | Bools | Ints, ...] = (~body.present, group)
    else:
        # NaN comes last either way, absent series after everything.
        sign = -1.0 if operator == "topk" else 1.0
        keys = (sign * body.values, np.isnan(body.values), ~body.present, group)
    order = np.lexsort(keys, axis=0)
    place = np.arange(len(body))[:, None] - groups.begins[groups.rows[order]]
    rank = np.empty_like(order)
    np.put_along_axis(rank, order, place, axis=0)
    return rank, order


def _count_values(node: Aggregate, body: Vector, label: str, context: Context) -> Vector:
    """How many series have each value; the value becomes a label."""
    if not label:
        raise QueryError(f"invalid label name {go_quoted(label)}")
    grouping = node.grouping
    plain = Aggregate(node.operator, node.body, None, grouping, is_without=node.is_without)
    groups = grouped(body.labels, plain, frozenset({label}))
    series, step = np.nonzero(body.present)
    shown, kind = _shown_values(body.values[series, step], context)
    pairs, member = np.unique(groups.rows[series] * max(len(shown), 1) + kind, return_inverse=True)
    context.check(len(pairs))
    counts = np.zeros((len(pairs), body.steps))
    np.add.at(counts, (member, step), 1.0)
    # `without` may drop the label that was just made.
    is_dropped = node.is_without and label in grouping
    labels = [
        groups.labels[pair // len(shown)]
        if is_dropped
        else tuple(sorted([*groups.labels[pair // len(shown)], (label, shown[pair % len(shown)])]))
        for pair in pairs.tolist()
    ]
    return _added(Vector(labels, counts, counts > 0)) if is_dropped else merged(Vector(labels, counts, counts > 0))


def _shown_values(values: Floats, context: Context) -> tuple[list[str], Ints]:
    """The distinct values as labels show them, and the number of each value among them."""
    if not context.natives.mask(values).any():
        distinct, kind = np.unique(values, return_inverse=True)
        return [format_float(value) for value in distinct.tolist()], kind
    boxed = context.natives.mask(values).tolist()
    index: dict[str, int] = {}
    texts = (
        written(context.natives.at(value)) if is_boxed else format_float(value)
        for value, is_boxed in zip(values.tolist(), boxed, strict=True)
    )
    numbers = np.array([index.setdefault(text, len(index)) for text in texts], np.int64)
    return list(index), numbers


def _added(vector: Vector) -> Vector:
    """Series of equal labels, added up."""
    index: dict[Labels, int] = {}
    rows = [index.setdefault(labels, len(index)) for labels in vector.labels]
    values = np.zeros((len(index), vector.steps))
    np.add.at(values, rows, vector.values)
    return Vector(list(index), values, values > 0)
