"""Function calls once their arguments are known."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TypeAlias

import numpy as np

from anyascope.errors import UnsupportedError
from anyascope.frames.histogram import NativeHistogram
from anyascope.model.labels import METRIC_NAME, Labels, MatchOp
from anyascope.promql import ranges
from anyascope.promql.columns import Bools, Floats
from anyascope.promql.functions import histograms, labelling, maths, regression
from anyascope.promql.functions import natives as native
from anyascope.promql.functions.registry import NAME_KEEPING, OF_ONE_HISTOGRAM, RANGE
from anyascope.promql.numbers import format_float, format_general
from anyascope.promql.syntax import Call, Expression, Select, is_range, unwrapped
from anyascope.promql.values import (
    Context,
    Scalars,
    Value,
    Vector,
    Windows,
    Words,
    elementwise,
    label_of,
    merged,
    rows_of,
    seen,
)

MS_PER_S = 1000.0
COUNTER_ENDINGS = ("_total", "_sum", "_count", "_bucket")
MONOTONICITY = (
    "input to histogram_quantile needed to be fixed for monotonicity "
    "(see https://prometheus.io/docs/prometheus/latest/querying/functions/#histogram_quantile)"
)

Handler: TypeAlias = Callable[[Call, Sequence[Value], Context], Value]


def over_range(node: Call, windows: Windows, scalars: Sequence[Floats], context: Context) -> Vector:
    """A function of a range vector.

    Raises:
        QueryError: an argument is out of bounds, or two series would be the same without their names.
        UnsupportedError: there is no such function here.
    """
    if node.name == "absent_over_time":
        return absent_over_time(node, windows)
    touched = _touched(windows, context)
    handler = ranges.HANDLERS.get(node.name)
    pos = place_of_range(next(each for each in map(unwrapped, node.arguments) if is_range(each)))
    if touched is None or node.name in ranges.ANY_KIND:
        values, present = _by_kernel(node, windows, scalars, context)
    elif handler is None:
        floats = ranges.without_histograms(windows, context, _place_of_first(node))
        values, present = _by_kernel(node, floats, scalars, context)
    else:
        floats = replace(windows, stop=np.where(touched, windows.first, windows.stop))
        answer = _by_kernel(node, floats, scalars, context)
        values, present = ranges.fill(handler, windows, touched, answer, context=context, pos=pos)
    vector = Vector(windows.labels, values, present, windows.fading, windows.is_one_metric)
    if node.name == "quantile_over_time" and present.any():
        warn_of_quantile(node, 0, scalars[0], context)
    if node.name in {"rate", "increase"}:
        note_no_counter(node, vector, context)
    return vector if node.name in NAME_KEEPING else context.renamed(vector)


def place_of_range(node: Expression) -> int:
    """Where notes say that a range vector stands; of a subquery Prometheus says that it stands at the beginning."""
    return node.pos if isinstance(node, Select) else 0


def _place_of_first(node: Call) -> int:
    first = unwrapped(node.arguments[0])
    return place_of_range(first) if is_range(first) else first.pos


def _touched(windows: Windows, context: Context) -> Bools | None:
    """Which windows hold a histogram; None where none does."""
    if not context.natives:
        return None
    touched = ranges.with_histograms(windows, context)
    return touched if touched.any() else None


def _by_kernel(node: Call, windows: Windows, scalars: Sequence[Floats], context: Context) -> tuple[Floats, Bools]:
    with np.errstate(invalid="ignore", over="ignore"):
        if node.name == "predict_linear":
            return regression.predict_linear(windows, scalars, context.times_ms)
        if node.name in RANGE:
            return RANGE[node.name](windows, scalars)
    raise UnsupportedError(f"the function {node.name} is not evaluated")


def absent_over_time(node: Call, windows: Windows) -> Vector:
    """1 where no series has a sample."""
    return _absent(node, seen(windows.stop > windows.first, 0))


def _absent(node: Call, found: Bools) -> Vector:
    labels = labelling.absent_labels(unwrapped(node.arguments[0]))
    vector = Vector([labels], np.ones((1, len(found))), ~found[None, :])
    return vector if not found.all() else rows_of(vector, np.zeros(1, np.bool_))


def note_no_counter(node: Call, vector: Vector, context: Context) -> None:
    """Say that a metric is not named as counters are."""
    argument = unwrapped(node.arguments[0])
    vector = _floats_of(vector, context)
    if not vector.present.any():
        return
    matchers = argument.matchers if isinstance(argument, Select) else ()
    named = [m.value for m in matchers if m.name == METRIC_NAME and m.op is MatchOp.EQUAL]
    if named:
        names = named[:1]
    else:
        some = seen(vector.present, 1)
        names = sorted({label_of(labels, METRIC_NAME) for labels in rows_of(vector, some).labels})
    for name in names:
        if name and not name.endswith(COUNTER_ENDINGS):
            message = "metric might not be a counter, name does not end in _total/_sum/_count/_bucket:"
            context.notes.info(f'{message} "{name}"', place_of_range(argument))


def warn_of_quantile(node: Call, argument: int, wanted: Floats, context: Context) -> None:
    """Warn where a quantile is none."""
    for value in np.unique(wanted[~((wanted >= 0) & (wanted <= 1))]).tolist():
        message = f"quantile value should be between 0 and 1, got {format_general(value)}"
        context.notes.warn(message, node.arguments[argument].pos)


def call(node: Call, arguments: Sequence[Value], context: Context) -> Value:
    """A function that takes no range vector.

    Raises:
        QueryError: an argument is out of bounds, or two series would be the same without their names.
        UnsupportedError: there is no such function here.
    """
    if node.name in maths.SIMPLE:
        return _simple(maths.SIMPLE[node.name], _vector(arguments[0]), context)
    if node.name in maths.CALENDAR:
        return _calendar(node, arguments, context)
    if node.name in OF_ONE_HISTOGRAM:
        return _of_histograms(OF_ONE_HISTOGRAM[node.name], _vector(arguments[0]), context)
    handler = HANDLERS.get(node.name)
    if handler is None:
        raise UnsupportedError(f"the function {node.name} is not evaluated")
    return handler(node, arguments, context)


def _vector(value: Value) -> Vector:
    assert isinstance(value, Vector)
    return value


def _scalars(value: Value) -> Floats:
    assert isinstance(value, Scalars)
    return value.values


def _texts(values: Sequence[Value]) -> list[str]:
    return [value.text for value in values if isinstance(value, Words)]


def _simple(change: Callable[[Floats], Floats], vector: Vector, context: Context) -> Vector:
    """A function of floats; it makes nothing of histograms."""
    with np.errstate(all="ignore"):
        return context.renamed(elementwise(_floats_of(vector, context), change))


def _floats_of(vector: Vector, context: Context) -> Vector:
    """The vector without histograms."""
    if not context.natives:
        return vector
    return replace(vector, present=vector.present & ~context.natives.mask(vector.values))


def _of_histograms(read: Callable[[NativeHistogram], float], vector: Vector, context: Context) -> Vector:
    """A number read off each histogram; floats are left out."""
    present = context.natives.mask(vector.values) & vector.present
    values = np.zeros(present.shape)
    values[present] = [read(histogram) for histogram in context.natives.taken(vector.values[present])]
    kept = seen(present, 1)
    return context.renamed(rows_of(replace(vector, values=values, present=present), kept))


def _calendar(node: Call, arguments: Sequence[Value], context: Context) -> Vector:
    kernel = maths.CALENDAR[node.name]
    if not arguments:
        seconds = np.floor(context.times_ms / MS_PER_S)
        return _lone(kernel(seconds).astype(np.float64))
    vector = _vector(arguments[0])

    def dated(values: Floats) -> Floats:
        return kernel(values).astype(np.float64)

    return _simple(dated, vector, context)


def _lone(values: Floats) -> Vector:
    """A vector of one series without labels, present everywhere."""
    return Vector([()], values[None, :], np.ones((1, len(values)), np.bool_))


def _time(_node: Call, _arguments: Sequence[Value], context: Context) -> Value:
    return Scalars(context.times_ms / MS_PER_S)


def _pi(_node: Call, _arguments: Sequence[Value], context: Context) -> Value:
    return Scalars(np.full(context.steps, math.pi))


def _start(_node: Call, _arguments: Sequence[Value], context: Context) -> Value:
    return Scalars(np.full(context.steps, context.edges[0] / MS_PER_S))


def _end(_node: Call, _arguments: Sequence[Value], context: Context) -> Value:
    return Scalars(np.full(context.steps, context.edges[1] / MS_PER_S))


def _range(_node: Call, _arguments: Sequence[Value], context: Context) -> Value:
    return Scalars(np.full(context.steps, (context.edges[1] - context.edges[0]) / MS_PER_S))


def _step(_node: Call, _arguments: Sequence[Value], context: Context) -> Value:
    return Scalars(np.full(context.steps, context.query_step_ms / MS_PER_S))


def _least_of(_node: Call, arguments: Sequence[Value], _context: Context) -> Value:
    return Scalars(np.minimum(_scalars(arguments[0]), _scalars(arguments[1])))


def _most_of(_node: Call, arguments: Sequence[Value], _context: Context) -> Value:
    return Scalars(np.maximum(_scalars(arguments[0]), _scalars(arguments[1])))


def _vector_of(_node: Call, arguments: Sequence[Value], _context: Context) -> Value:
    return _lone(_scalars(arguments[0]))


def _scalar_of(_node: Call, arguments: Sequence[Value], context: Context) -> Value:
    vector = _floats_of(_vector(arguments[0]), context)
    if not len(vector):
        return Scalars(np.full(context.steps, np.nan))
    alone = np.count_nonzero(vector.present, axis=0) == 1
    values = vector.values[vector.present.argmax(axis=0), np.arange(context.steps)]
    return Scalars(np.where(alone, values, np.nan))


def _absent_of(node: Call, arguments: Sequence[Value], context: Context) -> Value:
    vector = _vector(arguments[0])
    return _absent(node, seen(vector.present, 0) if len(vector) else np.zeros(context.steps, np.bool_))


def _clamp(_node: Call, arguments: Sequence[Value], context: Context) -> Value:
    vector = _floats_of(_vector(arguments[0]), context)
    low, high = _scalars(arguments[1]), _scalars(arguments[2])
    clamped = replace(
        vector,
        values=maths.clamp(vector.values, low, high),
        present=vector.present & ~(high < low),
    )
    return context.renamed(clamped)


def _clamp_min(_node: Call, arguments: Sequence[Value], context: Context) -> Value:
    low = _scalars(arguments[1])
    return _simple(lambda values: maths.clamp(values, low, np.inf), _vector(arguments[0]), context)


def _clamp_max(_node: Call, arguments: Sequence[Value], context: Context) -> Value:
    high = _scalars(arguments[1])
    return _simple(lambda values: maths.clamp(values, -np.inf, high), _vector(arguments[0]), context)


def _round(_node: Call, arguments: Sequence[Value], context: Context) -> Value:
    nearest: Floats | float = _scalars(arguments[1]) if len(arguments) > 1 else 1.0
    return _simple(lambda values: maths.round_to(values, nearest), _vector(arguments[0]), context)


def _timestamp(_node: Call, arguments: Sequence[Value], context: Context) -> Value:
    # Of anything but a selector the samples are made at the step itself.
    times = context.times_ms / MS_PER_S
    vector = _vector(arguments[0])
    return context.renamed(elementwise(vector, lambda values: np.broadcast_to(times, values.shape)))


def _label_replace(_node: Call, arguments: Sequence[Value], _context: Context) -> Value:
    return labelling.label_replace(_vector(arguments[0]), _texts(arguments[1:]))


def _label_join(_node: Call, arguments: Sequence[Value], _context: Context) -> Value:
    return labelling.label_join(_vector(arguments[0]), _texts(arguments[1:]))


def _sort(node: Call, arguments: Sequence[Value], context: Context) -> Value:
    vector = _vector(arguments[0])
    if context.query_step_ms:
        message = "sort is ineffective for range queries since results are always ordered by labels"
        context.notes.warn(message, node.pos)
        return vector if node.name.startswith("sort_by_label") else _floats_of(vector, context)
    is_descending = node.name.endswith("_desc")
    if not context.is_instant:
        return vector
    if node.name.startswith("sort_by_label"):
        return labelling.sorted_by_label(vector, _texts(arguments[1:]), is_descending=is_descending)
    floats = _floats_of(vector, context)
    return labelling.sorted_by_value(rows_of(floats, seen(floats.present, 1)), is_descending=is_descending)


def _histogram_quantile(node: Call, arguments: Sequence[Value], context: Context) -> Value:
    wanted = _scalars(arguments[0])
    warn_of_quantile(node, 0, wanted, context)
    places = (node.arguments[1].pos, node.arguments[0].pos)
    return _quantile_of(wanted, _vector(arguments[1]), context, places)


def _histogram_quantiles(node: Call, arguments: Sequence[Value], context: Context) -> Value:
    """Several quantiles at once, each with its own value of a label."""
    (label,) = _texts(arguments[1:2])
    labelling.check_label("", label, node.name)
    parts = []
    for index, argument in enumerate(arguments[2:], 2):
        wanted = _scalars(argument)
        warn_of_quantile(node, index, wanted, context)
        places = (node.arguments[0].pos, node.arguments[0].pos)
        found = _quantile_of(wanted, _vector(arguments[0]), context, places)
        for step_value in np.unique(wanted).tolist():
            at = wanted == step_value if not math.isnan(step_value) else np.isnan(wanted)
            labels = [labelling.with_label(each, label, format_float(step_value)) for each in found.labels]
            kept = found.present & at
            parts.append(rows_of(replace(found, labels=labels, present=kept), seen(kept, 1)))
    return _together(parts, context)


def _quantile_of(wanted: Floats, of: Vector, context: Context, places: tuple[int, int]) -> Vector:
    """The quantile of each histogram; `places` are those of what is said of classic and of native ones."""
    pos, native_pos = places
    natives, vector = _parted(of, context, pos)
    parts = []
    for alike in histograms.histograms_of(vector, context, pos):
        values, forced = histograms.quantiles_of(alike, alike.columns(wanted))
        for row in np.flatnonzero(forced.reshape(len(alike.labels), -1).any(axis=1)).tolist():
            context.notes.info(MONOTONICITY + _named(alike.labels[row], context), pos)
        parts.append(alike.vector(values))

    def read(histogram: NativeHistogram, step: int, labels: Labels) -> float:
        found = native.quantile(histogram, float(wanted[step]))
        if math.isnan(histogram.sum) and histogram.count and 0 <= wanted[step] <= 1:
            outcome = "result is NaN" if math.isnan(found) else "result is skewed higher"
            message = f"input to histogram_quantile has NaN observations, {outcome}"
            context.notes.info(message + _named(labels, context), native_pos)
        return found

    return _histogram_answer(parts, natives, read, context)


def _histogram_fraction(node: Call, arguments: Sequence[Value], context: Context) -> Value:
    lower, upper = _scalars(arguments[0]), _scalars(arguments[1])
    pos = node.arguments[2].pos
    natives, vector = _parted(_vector(arguments[2]), context, pos)
    parts = [
        alike.vector(histograms.fractions_of(alike, alike.columns(lower), alike.columns(upper)))
        for alike in histograms.histograms_of(vector, context, pos)
    ]

    def read(histogram: NativeHistogram, step: int, labels: Labels) -> float:
        found = native.share(histogram, float(lower[step]), float(upper[step]))
        if math.isnan(histogram.sum) and not math.isnan(found):
            message = "input to histogram_fraction has NaN observations, which are excluded from all fractions"
            context.notes.info(message + _named(labels, context), node.arguments[0].pos)
        return found

    return _histogram_answer(parts, natives, read, context)


def _named(labels: Labels, context: Context) -> str:
    """The end of a note that names the metric, which is known where names are dropped at the end only."""
    name = label_of(labels, METRIC_NAME) if context.is_name_removal_delayed else ""
    return f' for metric name "{name}"' if name else ""


def _parted(vector: Vector, context: Context, pos: int) -> tuple[Vector, Vector]:
    """The native histograms of a vector, and the series with classic buckets; not those of which there are both."""
    boxed = context.natives.mask(vector.values) & vector.present
    if not boxed.any():
        return rows_of(vector, np.zeros(len(vector), np.bool_)), vector
    natives = rows_of(replace(vector, present=boxed), seen(boxed, 1))
    floats = vector.present & ~boxed
    classic = rows_of(replace(vector, present=floats), seen(floats, 1))
    return _without_doubles(natives, classic, context, pos)


def _without_doubles(natives: Vector, classic: Vector, context: Context, pos: int) -> tuple[Vector, Vector]:
    """Both without the histograms that are there in both forms, which is said: nobody knows which one is meant."""
    rows = {labels: row for row, labels in enumerate(natives.labels)}
    kept, floats = natives.present.copy(), classic.present.copy()
    for row, labels in enumerate(classic.labels):
        other = rows.get(tuple(pair for pair in labels if pair[0] != histograms.BUCKET_LABEL))
        if other is None:
            continue
        double = natives.present[other] & classic.present[row]
        if double.any():
            message = "vector contains a mix of classic and native histograms"
            context.notes.warn(message + _named(labels, context), pos)
            kept[other] &= ~double
            floats[row] &= ~double
    return (
        rows_of(replace(natives, present=kept), seen(kept, 1)),
        rows_of(replace(classic, present=floats), seen(floats, 1)),
    )


def _histogram_answer(
    parts: Sequence[Vector],
    natives: Vector,
    read: Callable[[NativeHistogram, int, Labels], float],
    context: Context,
) -> Vector:
    if not len(natives):
        return context.renamed(_together(parts, context))
    values = np.zeros(natives.present.shape)
    for row, step in np.argwhere(natives.present).tolist():
        histogram = context.natives.at(float(natives.values[row, step]))
        values[row, step] = read(histogram, step, natives.labels[row])
    return context.renamed(_together([*parts, replace(natives, values=values)], context))


def _together(parts: Sequence[Vector], context: Context) -> Vector:
    if not parts:
        return Vector((), np.empty((0, context.steps)), np.empty((0, context.steps), np.bool_))
    if len(parts) == 1:
        return parts[0]
    fading = [part.fading if part.fading is not None else np.zeros(len(part), np.bool_) for part in parts]
    return merged(
        Vector(
            [labels for part in parts for labels in part.labels],
            np.concatenate([part.values for part in parts]),
            np.concatenate([part.present for part in parts]),
            np.concatenate(fading),
        )
    )


HANDLERS: dict[str, Handler] = {
    "absent": _absent_of,
    "clamp": _clamp,
    "clamp_max": _clamp_max,
    "clamp_min": _clamp_min,
    "end": _end,
    "histogram_fraction": _histogram_fraction,
    "histogram_quantile": _histogram_quantile,
    "histogram_quantiles": _histogram_quantiles,
    "label_join": _label_join,
    "label_replace": _label_replace,
    "max_of": _most_of,
    "min_of": _least_of,
    "pi": _pi,
    "range": _range,
    "round": _round,
    "scalar": _scalar_of,
    "sort": _sort,
    "sort_by_label": _sort,
    "sort_by_label_desc": _sort,
    "sort_desc": _sort,
    "start": _start,
    "step": _step,
    "time": _time,
    "timestamp": _timestamp,
    "vector": _vector_of,
}
