"""Operators and aggregations where values may be native histograms.

Source: Prometheus, "Operators" and "Aggregation operators": which operation knows histograms, and what is said of others.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np

from anyascope.frames.histogram import NativeHistogram
from anyascope.promql.columns import Bools, Floats, Ints
from anyascope.promql.functions.trim import trimmed
from anyascope.promql.natives import (
    MixedSchemasError,
    added,
    compacted,
    divided,
    is_equal,
    scaled,
    subtracted,
    summed,
)
from anyascope.promql.operators import compute
from anyascope.promql.syntax import TRIM_OPERATORS, Aggregate, Binary
from anyascope.promql.values import Context, Notes

HISTOGRAM, FLOAT = "histogram", "float"
ADDITION, SUBTRACTION, AGGREGATION = "addition", "subtraction", "aggregation"


def note_incompatible(notes: Notes, operator: str, kinds: tuple[str, str], pos: int) -> None:
    """Say that two values have no common operation."""
    left, right = kinds
    notes.info(
        f'incompatible sample types encountered for binary operator "{operator}": {left} {operator} {right}', pos
    )


def note_reconciled(notes: Notes, doing: str, pos: int) -> None:
    """Say that custom bounds differed."""
    notes.info(f"mismatched custom buckets were reconciled during {doing}", pos)


def warn_of_conflict(notes: Notes, doing: str, pos: int) -> None:
    """Say that some histograms follow a reset and others do not."""
    notes.warn(f"conflicting counter resets during histogram {doing}", pos)


def warn_of_schemas(notes: Notes, name: str, pos: int) -> None:
    """Say that histograms have buckets of different kinds."""
    named = f'metric name "{name}"' if name else "metric name"
    notes.warn(f"vector contains a mix of histograms with exponential and custom buckets schemas for {named}", pos)


def operate(
    node: Binary, left: Floats, right: Floats, *, present: Bools, context: Context
) -> tuple[Floats, Bools | None, Bools]:
    """An operator between columns that may hold histograms.

    Args:
        node: arithmetic or comparison.
        left, right: float64 of the shape of `present`, or of one that grows to it.
        present: which cells count.

    Returns:
        The values; of a comparison where it holds; and where there is a result at all.
    """
    if node.operator in TRIM_OPERATORS:
        return _cut(node, left, right, present=present, context=context)
    values, holds = compute(node.operator, left, right)
    if not context.natives:
        return values, holds, present
    left, right = np.broadcast_to(left, present.shape), np.broadcast_to(right, present.shape)
    of_left, of_right = context.natives.mask(left), context.natives.mask(right)
    touched = (of_left | of_right) & present
    if not touched.any():
        return values, holds, present
    values = np.array(np.broadcast_to(values, present.shape))
    holds = np.array(np.broadcast_to(holds, present.shape)) if holds is not None else None
    kept = present.copy()
    refused: dict[int, tuple[str, str]] = {}
    for row, step in np.argwhere(touched).tolist():
        one = context.natives.at(left[row, step]) if of_left[row, step] else float(left[row, step])
        two = context.natives.at(right[row, step]) if of_right[row, step] else float(right[row, step])
        result = _of_two(node, one, two, context.notes)
        if result is None:
            kept[row, step] = False
            if not _has_operation(node, one, two):
                refused[step] = (_kind(one), _kind(two))
        elif isinstance(result, NativeHistogram):
            values[row, step] = context.natives.box(result)
        else:
            assert holds is not None
            holds[row, step] = result
    # Of each step Prometheus tells the last pair alone.
    for kinds in refused.values():
        note_incompatible(context.notes, node.operator, kinds, node.pos)
    return values, holds, kept


def _cut(
    node: Binary, left: Floats, right: Floats, *, present: Bools, context: Context
) -> tuple[Floats, Bools | None, Bools]:
    """`</` and `>/`: of a histogram at a number, and of nothing else."""
    left, right = np.broadcast_to(left, present.shape), np.broadcast_to(right, present.shape)
    of_left, of_right = context.natives.mask(left), context.natives.mask(right)
    kept = present & of_left & ~of_right
    values = np.zeros(present.shape)
    for row, step in np.argwhere(kept).tolist():
        histogram = context.natives.at(left[row, step])
        result = trimmed(histogram, float(right[row, step]), keeps_below=node.operator == "</")
        values[row, step] = context.natives.box(result)
    kinds = (FLOAT, HISTOGRAM)
    for is_left, is_right in np.unique(np.stack([of_left, of_right])[:, present & ~kept], axis=1).T.tolist():
        note_incompatible(context.notes, node.operator, (kinds[is_left], kinds[is_right]), node.pos)
    return values, None, kept


Operand: TypeAlias = NativeHistogram | float


def _of_two(node: Binary, left: Operand, right: Operand, notes: Notes) -> NativeHistogram | bool | None:  # noqa: PLR0911 -- one return a rule
    """The result of an operator of which one operand at least is a histogram; None where there is none."""
    match left, right, node.operator:
        case NativeHistogram(), NativeHistogram(), "+" | "-":
            return _combined(node, left, right, notes)
        case NativeHistogram(), NativeHistogram(), "==":
            return is_equal(left, right)
        case NativeHistogram(), NativeHistogram(), "!=":
            return not is_equal(left, right)
        case NativeHistogram(), float(), "*":
            return compacted(scaled(left, right))
        case NativeHistogram(), float(), "/":
            return compacted(divided(left, right))
        case float(), NativeHistogram(), "*":
            return compacted(scaled(right, left))
    return None


def _has_operation(node: Binary, left: Operand, right: Operand) -> bool:
    """Whether the operator knows such a pair at all."""
    match left, right, node.operator:
        case NativeHistogram(), NativeHistogram(), "+" | "-" | "==" | "!=":
            return True
        case NativeHistogram(), float(), "*" | "/":
            return True
        case float(), NativeHistogram(), "*":
            return True
    return False


def _kind(operand: Operand) -> str:
    return HISTOGRAM if isinstance(operand, NativeHistogram) else FLOAT


def _combined(node: Binary, left: NativeHistogram, right: NativeHistogram, notes: Notes) -> NativeHistogram | None:
    is_addition = node.operator == "+"
    doing = ADDITION if is_addition else SUBTRACTION
    try:
        result = added(left, right) if is_addition else subtracted(left, right)
    except MixedSchemasError:
        warn_of_schemas(notes, "", node.pos)
        return None
    if result.has_conflict:
        warn_of_conflict(notes, doing, node.pos)
    if result.is_reconciled:
        note_reconciled(notes, doing, node.pos)
    return compacted(result.histogram)


def total(
    histograms: Sequence[NativeHistogram], notes: Notes, pos: int, *, name: str, is_mean: bool
) -> NativeHistogram | None:
    """The sum or the mean of histograms; None, with a warning, where they cannot be added."""
    try:
        result = summed(histograms, is_mean=is_mean)
    except MixedSchemasError:
        warn_of_schemas(notes, name, pos)
        return None
    if result.has_conflict:
        warn_of_conflict(notes, AGGREGATION, pos)
    if result.is_reconciled:
        note_reconciled(notes, AGGREGATION, pos)
    return compacted(result.histogram)


def aggregated(
    node: Aggregate,
    values: Floats,
    present: Bools,
    begins: Ints,
    *,
    names: Sequence[str],
    result: Floats,
    context: Context,
) -> tuple[Floats, Bools]:
    """`sum` and `avg` of groups some of whose members are histograms.

    Args:
        node: the aggregation.
        values, present: [series, steps], the series of a group side by side.
        begins: int64[groups].
        names: of the series' metrics, for what is said of them.
        result: float64[groups, steps], of the floats alone.

    Returns:
        The result with histograms, and bool[groups, steps] where there is one: nowhere where a group mixes both.
    """
    boxed = context.natives.mask(values) & present
    some = np.logical_or.reduceat(boxed, begins, axis=0)
    floats = np.logical_or.reduceat(present & ~boxed, begins, axis=0)
    kept = some | floats
    ends = np.append(begins[1:], len(values))
    result = result.copy()
    for group, step in np.argwhere(some).tolist():
        if floats[group, step]:
            context.notes.warn("encountered a mix of histograms and floats for aggregation", node.body_pos)
            kept[group, step] = False
            continue
        members = slice(begins[group], ends[group])
        rows = np.flatnonzero(boxed[members, step]) + begins[group]
        histograms = context.natives.taken(values[rows, step])
        name = names[rows[_first_of_another_kind(histograms)]]
        is_mean = node.operator == "avg"
        found = total(histograms, context.notes, node.body_pos, name=name, is_mean=is_mean)
        if found is None:
            kept[group, step] = False
        else:
            result[group, step] = context.natives.box(found)
    return result, kept


def _first_of_another_kind(histograms: Sequence[NativeHistogram]) -> int:
    """Which of these cannot be added to the ones before it, if one cannot."""
    return next((n for n, each in enumerate(histograms) if each.is_custom is not histograms[0].is_custom), 0)
