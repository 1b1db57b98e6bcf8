"""Operators between two vectors: whose series meet, and what becomes of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from anyascope.model.labels import METRIC_NAME, Labels
from anyascope.promql.columns import Bools, Ints
from anyascope.promql.errors import QueryError
from anyascope.promql.mixed import operate
from anyascope.promql.operators import ARITHMETIC
from anyascope.promql.syntax import Binary, Cardinality, Matching
from anyascope.promql.values import RESERVED, Context, Nameless, Vector, merged, rows_of, seen

MANY_TO_MANY = (
    "found duplicate series for the match group {group} on the {side} hand-side of the operation: [{first}, {second}];"
    "many-to-many matching not allowed: matching labels must be unique on one side"
)
IMPLICIT_MANY = "multiple matches for labels: many-to-one matching must be explicit (group_left/group_right)"
AMBIGUOUS = "multiple matches for labels: grouping labels must ensure unique matches"


@dataclass(frozen=True, slots=True)
class Signatures:
    """Series by the labels that they are matched by.

    Attributes:
        left, right: int64[series], the number of each series' signature.
        count: how many signatures there are.
    """

    left: Ints
    right: Ints
    count: int


def signature_of(matching: Matching) -> Callable[[Labels], Labels]:
    """What is compared of a label set."""
    names = frozenset(matching.labels)
    if matching.is_on:
        return lambda labels: tuple(pair for pair in labels if pair[0] in names)
    ignored = names | {METRIC_NAME}
    return lambda labels: tuple(pair for pair in labels if pair[0] not in ignored)


def signatures(left: Vector, right: Vector, matching: Matching) -> Signatures:
    """Number the signatures of both sides."""
    index: dict[Labels, int] = {}
    reads_name = matching.is_on and METRIC_NAME in matching.labels
    numbers = []
    of = signature_of(matching)
    for vector in (left, right):
        labels: Sequence[Labels] = vector.labels
        if isinstance(labels, Nameless) and not reads_name and matching.is_on:
            labels = labels.named  # what has been dropped of them is not looked at
        numbers.append(np.fromiter((index.setdefault(of(each), len(index)) for each in labels), np.int64, len(vector)))
    return Signatures(numbers[0], numbers[1], len(index))


def set_operation(node: Binary, left: Vector, right: Vector) -> Vector:
    """`and`, `or`, `unless`."""
    signs = signatures(left, right, node.matching)
    match node.operator:
        case "and":
            kept = left.present & _present(right, signs.right, signs.count)[signs.left]
            return _compact(replace(left, present=kept))
        case "unless":
            kept = left.present & ~_present(right, signs.right, signs.count)[signs.left]
            return _compact(replace(left, present=kept))
    added = replace(right, present=right.present & ~_present(left, signs.left, signs.count)[signs.right])
    return _joined(left, _compact(added))


def _present(vector: Vector, rows: Ints, count: int) -> Bools:
    """bool[signatures, steps]: at which steps a series of each signature is present."""
    if len(rows) == count and (rows == np.arange(count)).all():
        return vector.present
    present = np.zeros((count, vector.steps), np.bool_)
    np.logical_or.at(present, rows, vector.present)
    return present


def _compact(vector: Vector) -> Vector:
    """The vector without series that are never present."""
    kept = seen(vector.present, 1)
    return vector if kept.all() else rows_of(vector, kept)


def _joined(first: Vector, second: Vector) -> Vector:
    if not len(second):
        return first
    if not len(first):
        return second
    fading = None
    if first.fading is not None or second.fading is not None:
        fading = np.concatenate([_fading(first), _fading(second)])
    together = Vector(
        [*first.labels, *second.labels],
        np.concatenate([first.values, second.values]),
        np.concatenate([first.present, second.present]),
        fading,
    )
    return merged(together)


def _fading(vector: Vector) -> Bools:
    return vector.fading if vector.fading is not None else np.zeros(len(vector), np.bool_)


def vector_operation(node: Binary, left: Vector, right: Vector, context: Context) -> Vector:
    """Arithmetic and comparison between the series that meet.

    Raises:
        QueryError: series of the "one" side share a signature, or results share their labels, at the same step.
    """
    signs = signatures(left, right, node.matching)
    if node.matching.fills:
        left, right = filled(left, right, signs, node.matching)
        signs = signatures(left, right, node.matching)
    is_swapped = node.matching.cardinality is Cardinality.ONE_TO_MANY
    many, one = (right, left) if is_swapped else (left, right)
    many_rows, one_rows = (signs.right, signs.left) if is_swapped else (signs.left, signs.right)
    # Steps at which a side has nothing are not judged at all.
    live = seen(many.present, 0) & seen(one.present, 0)
    _check_one_side(one, one_rows, signs.count, live=live, matching=node.matching)
    many_index, one_index = _pairs(many_rows, one_rows, signs.count)
    context.check(len(many_index))
    present = many.present[many_index] & one.present[one_index]
    operands = (many.values[many_index], one.values[one_index])
    first, second = operands[::-1] if is_swapped else operands
    values, keep, present = operate(node, first, second, present=present, context=context)
    if node.returns_bool:
        assert keep is not None
        values, keep = keep.astype(np.float64), None
    labels = _result_labels(
        node, many, one, many_index=many_index, one_index=one_index, is_delayed=context.is_name_removal_delayed
    )
    if node.matching.cardinality is Cardinality.ONE_TO_ONE:
        _check_alone(present, many_rows[many_index], signs.count)
    else:
        _check_unique(present, labels, many_rows[many_index])
    if keep is not None:
        present &= keep
    fading = _result_fading(node, many, many_index, context)
    return merged(_compact(Vector(labels, values, present, fading)))


def filled(left: Vector, right: Vector, signs: Signatures, matching: Matching) -> tuple[Vector, Vector]:
    """Both sides, each with a series in place of what the other has and it lacks, where a value is given for it."""
    of = signature_of(matching)
    on_left, on_right = _present(left, signs.left, signs.count), _present(right, signs.right, signs.count)
    names: list[Labels] = [()] * signs.count
    for vector, rows in ((left, signs.left), (right, signs.right)):
        for labels, row in zip(vector.labels, rows.tolist(), strict=True):
            names[row] = of(labels)
    fill_left, fill_right = matching.fill_left, matching.fill_right
    if matching.cardinality is Cardinality.ONE_TO_MANY:
        # Prometheus swaps the sides of `group_right` before it fills, and its tests expect what comes of that.
        fill_left, fill_right = fill_right, fill_left
    added_left = _stand_ins(names, on_right & ~on_left, fill_left)
    added_right = _stand_ins(names, on_left & ~on_right, fill_right)
    return _beside(left, added_left), _beside(right, added_right)


def _stand_ins(names: Sequence[Labels], lacking: Bools, value: float | None) -> Vector:
    rows = np.flatnonzero(lacking.any(axis=1)) if value is not None else np.empty(0, np.int64)
    present = lacking[rows]
    return Vector([names[row] for row in rows.tolist()], np.full(present.shape, value or 0.0), present)


def _beside(first: Vector, second: Vector) -> Vector:
    """The series of both, which may have the same labels: they are not there at the same step."""
    if not len(second):
        return first
    fading = None if first.fading is None else np.concatenate([first.fading, np.zeros(len(second), np.bool_)])
    return Vector(
        [*first.labels, *second.labels],
        np.concatenate([first.values, second.values]),
        np.concatenate([first.present, second.present]),
        fading,
    )


def _pairs(many_rows: Ints, one_rows: Ints, count: int) -> tuple[Ints, Ints]:
    """Every pair of series with the same signature, as two columns of numbers, in the order of the "many" side."""
    order = np.argsort(one_rows, kind="stable")
    totals = np.bincount(one_rows, minlength=count)
    begins = np.cumsum(totals) - totals
    partners = totals[many_rows]
    many_index = np.repeat(np.arange(len(many_rows)), partners)
    within = np.arange(len(many_index)) - np.repeat(np.cumsum(partners) - partners, partners)
    one_index = order[begins[many_rows[many_index]] + within] if len(many_index) else many_index
    return many_index, one_index


def _crowded(rows: Ints, count: int) -> Ints:
    """The signatures that several series share."""
    return np.flatnonzero(np.bincount(rows, minlength=count) > 1)


def _check_one_side(one: Vector, rows: Ints, count: int, *, live: Bools, matching: Matching) -> None:
    doubles: list[tuple[int, int, int]] = []
    for sign in _crowded(rows, count).tolist():
        members = np.flatnonzero(rows == sign)
        crowd = one.present[members].sum(axis=0)
        steps = np.flatnonzero((crowd > 1) & live)
        if len(steps):
            present = members[one.present[members, steps[0]]]
            doubles.append((int(steps[0]), int(present[1]), int(present[0])))
    if doubles:
        # The one that is told is the one that a reader of step after step, series after series, meets first.
        _, later, earlier = min(doubles)
        first, second = one.labels[earlier], one.labels[later]
        side = "left" if matching.cardinality is Cardinality.ONE_TO_MANY else "right"
        group = written(signature_of(matching)(second))
        raise QueryError(MANY_TO_MANY.format(group=group, side=side, first=written(second), second=written(first)))


def _check_alone(present: Bools, rows: Ints, count: int) -> None:
    for sign in _crowded(rows, count).tolist():
        if (present[rows == sign].sum(axis=0) > 1).any():
            raise QueryError(IMPLICIT_MANY)


def _check_unique(present: Bools, labels: Sequence[Labels], rows: Ints) -> None:
    known: dict[tuple[Labels, int], int] = {}
    for row, key in enumerate(zip(labels, rows.tolist(), strict=True)):
        other = known.setdefault(key, row)
        if other != row:
            if (present[other] & present[row]).any():
                raise QueryError(AMBIGUOUS)
            present = present.copy()
            present[other] |= present[row]


def _result_labels(
    node: Binary, many: Vector, one: Vector, *, many_index: Ints, one_index: Ints, is_delayed: bool
) -> Sequence[Labels]:
    matching = node.matching
    drops_name = node.operator in ARITHMETIC or (node.returns_bool and not is_delayed)
    names = frozenset(matching.labels)
    dropped = RESERVED if drops_name else frozenset[str]()
    include = frozenset(matching.include)
    if matching.cardinality is not Cardinality.ONE_TO_ONE:
        if not include:
            chosen = [many.labels[row] for row in many_index.tolist()]
            return Nameless(chosen) if drops_name else chosen
        # A label that the "one" side brings takes the place of the "many" side's, even where it is absent.
        dropped |= include
        brought = [tuple(pair for pair in labels if pair[0] in include) for labels in one.labels]
        kept = [tuple(pair for pair in labels if pair[0] not in dropped) for labels in many.labels]
        return [
            tuple(sorted(kept[row] + brought[other])) if brought[other] else kept[row]
            for row, other in zip(many_index.tolist(), one_index.tolist(), strict=True)
        ]
    if matching.is_on:
        chosen = [
            tuple(pair for pair in labels if pair[0] in names and pair[0] not in dropped) for labels in many.labels
        ]
    else:
        dropped |= names
        chosen = [tuple(pair for pair in labels if pair[0] not in dropped) for labels in many.labels]
    return [chosen[row] for row in many_index.tolist()]


def _result_fading(node: Binary, many: Vector, many_index: Ints, context: Context) -> Bools | None:
    if context.is_name_removal_delayed and node.returns_bool:
        return np.ones(len(many_index), np.bool_)
    if node.operator in ARITHMETIC or many.fading is None:
        return None
    return many.fading[many_index]


def written(labels: Labels) -> str:
    """A label set as Prometheus writes it in messages, the metric's name among the labels."""
    return "{" + ", ".join(f'{name}="{value}"' for name, value in labels) + "}"
