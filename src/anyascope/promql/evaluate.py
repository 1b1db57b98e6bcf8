"""Evaluation: a tree and the samples that it needs become values at every step, without a loop over samples."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain

import numpy as np

from anyascope.errors import UnsupportedError
from anyascope.frames.samples import SampleFrame
from anyascope.model.labels import METRIC_NAME, Labels, MatchOp
from anyascope.promql.aggregate import aggregate
from anyascope.promql.calls import call, note_no_counter, over_range
from anyascope.promql.columns import Bools, Floats, Ints
from anyascope.promql.errors import QueryError
from anyascope.promql.extended import RATES, check_safe, extended_bounds, from_anchor, rate_answers, smoothed
from anyascope.promql.fetch import anchored, subquery_grid
from anyascope.promql.info import info
from anyascope.promql.match import set_operation, vector_operation
from anyascope.promql.mixed import operate
from anyascope.promql.natives import scaled
from anyascope.promql.operators import compute
from anyascope.promql.syntax import (
    SET_OPERATORS,
    TRIM_OPERATORS,
    Aggregate,
    Binary,
    Call,
    Expression,
    Extension,
    Negate,
    Number,
    Once,
    Select,
    Subquery,
    Text,
    is_range,
    unwrapped,
)
from anyascope.promql.values import Context, Scalars, Value, Vector, Windows, Words, too_many_samples
from anyascope.promql.windows import bounds_of, newest, newest_values, without_stale

CELLS_AT_ONCE_MAX = (
    1_000_000  # series times steps of a range function: some 8 MB columns, which stay near the processor
)
SAMPLES_AT_ONCE_MAX = 50_000_000  # samples of all windows together: a tenth of a second, until the time is looked at
MS_PER_S = 1000.0

# A selector below these gives histograms as a reader that compares neighbours sees them; below the others it does not.
READS_TOTALS_ALONE = frozenset({"histogram_avg", "histogram_count", "histogram_sum"})
READS_HISTOGRAMS = READS_TOTALS_ALONE | {
    "histogram_fraction",
    "histogram_quantile",
    "histogram_stddev",
    "histogram_stdvar",
}


def evaluate(node: Expression, context: Context) -> Value:  # noqa: PLR0911 — one return a kind of node
    """The value of an expression at every step of the context.

    Raises:
        QueryError: the data do not fit the query.
        LimitExceededError: a part holds too many values.
        QueryTimeoutError: the deadline has passed.
        UnsupportedError: a function or operator is not evaluated here.
    """
    context.check(0)
    match node:
        case Number(value=value):
            return Scalars(np.full(context.steps, value))
        case Text(value=text):
            return Words(text)
        case Once(body=body):
            return _repeated(evaluate(body, context.at_steps(context.times_ms[:1], context.step_ms)), context)
        case Select():
            return select(node, context)
        case Negate(body=body):
            return _negated(evaluate(body, context), context)
        case Aggregate():
            return _aggregated(node, context)
        case Binary():
            return _combined(node, evaluate(node.left, context), evaluate(node.right, context), context)
        case Call():
            return _called(node, context)
        case Subquery():
            raise AssertionError("the checker lets range vectors stand in calls and at the root only")


def _repeated(value: Value, context: Context) -> Value:
    if context.steps == 1:
        return value
    match value:
        case Scalars(values=values):
            return Scalars(np.repeat(values, context.steps))
        case Vector(values=values, present=present):
            context.check(len(value))
            shape = (len(value), context.steps)
            return replace(value, values=np.broadcast_to(values, shape), present=np.broadcast_to(present, shape))
        case Words():
            return value


def _right_edges(node: Select | Subquery, context: Context) -> Ints:
    """int64[steps]: the newest time that the selector may see at each step."""
    pinned = anchored(node.anchor, context.edges)
    if pinned is not None:
        return np.full(context.steps, pinned - node.offset_ms)
    return context.times_ms - node.offset_ms if node.offset_ms else context.times_ms


def _names_one_metric(node: Select) -> bool:
    return any(m.name == METRIC_NAME and m.op is MatchOp.EQUAL for m in node.matchers)


def select(node: Select, context: Context) -> Vector:
    """The newest sample of each series at each step."""
    frame = context.frames[node.slot]
    context.check(len(frame))
    if node.extension is Extension.SMOOTHED:
        frame = without_stale(frame)
        values, present = smoothed(node, frame, _right_edges(node, context), context)
        return Vector(frame.labels, values, present, is_one_metric=_names_one_metric(node))
    values, present = newest_values(frame, _right_edges(node, context), context.lookback_ms)
    if context.tells_resets:
        values = context.natives.telling(values)
    return Vector(frame.labels, values, present, is_one_metric=_names_one_metric(node))


def _negated(value: Value, context: Context) -> Value:
    if isinstance(value, Scalars):
        return Scalars(-value.values)
    assert isinstance(value, Vector)
    boxed = context.natives.mask(value.values)
    values = np.negative(value.values)
    if boxed.any():
        values[boxed] = value.values[boxed]
        values = context.natives.changed(values, boxed & value.present, lambda each: scaled(each, -1.0))
    return context.renamed(replace(value, values=values))


def _aggregated(node: Aggregate, context: Context) -> Vector:
    body = evaluate(node.body, context)
    assert isinstance(body, Vector)
    context.check(len(body))
    parameter: Floats | str | None = None
    if node.parameter is not None:
        match evaluate(node.parameter, context):
            case Scalars(values=values):
                parameter = values
            case Words(text=text):
                parameter = text
            case Vector():
                raise AssertionError("the checker admits scalars and strings as parameters only")
    return aggregate(node, body, parameter, context)


def _combined(node: Binary, left: Value, right: Value, context: Context) -> Value:
    match left, right:
        case Scalars(), Scalars():
            if node.operator in TRIM_OPERATORS:
                raise QueryError(f'operator "{node.operator}" not allowed for Scalar operations')
            values, holds = compute(node.operator, left.values, right.values)
            return Scalars(values if holds is None else holds.astype(np.float64))
        case Vector(), Scalars():
            return _with_scalar(node, left, context, left=left.values, right=right.values)
        case Scalars(), Vector():
            return _with_scalar(node, right, context, left=left.values, right=right.values)
        case Vector(), Vector():
            if node.operator in SET_OPERATORS:
                return set_operation(node, left, right)
            return vector_operation(node, left, right, context)
    raise AssertionError("the checker admits no strings as operands")


def _with_scalar(node: Binary, vector: Vector, context: Context, *, left: Floats, right: Floats) -> Vector:
    values, holds, present = operate(node, left, right, present=vector.present, context=context)
    if node.operator in TRIM_OPERATORS:
        return replace(vector, values=values, present=present)
    if holds is None:
        return context.renamed(replace(vector, values=values, present=present))
    if node.returns_bool:
        return context.renamed(replace(vector, values=holds.astype(np.float64), present=present))
    # What remains of a comparison is the vector's element, on whichever side it stands.
    return replace(vector, present=present & holds)


def _called(node: Call, context: Context) -> Value:
    if node.name in READS_HISTOGRAMS and context.natives:
        context = replace(context, tells_resets=node.name in READS_TOTALS_ALONE)
    arguments = [unwrapped(argument) for argument in node.arguments]
    if node.name == "info":
        return _informed(node.arguments[0], arguments[1], context)
    ranged = next((n for n, argument in enumerate(arguments) if is_range(argument)), None)
    if ranged is not None:
        scalars = [evaluate(argument, context) for n, argument in enumerate(node.arguments) if n != ranged]
        return _over_windows(node, arguments[ranged], [s.values for s in scalars if isinstance(s, Scalars)], context)
    if node.name == "timestamp" and isinstance(arguments[0], Select):
        return _sample_times(arguments[0], context)
    return call(node, [evaluate(argument, context) for argument in node.arguments], context)


def _informed(argument: Expression, labels: Expression, context: Context) -> Vector:
    base = evaluate(argument, context)
    assert isinstance(base, Vector)
    assert isinstance(labels, Select)
    return info(labels, base, context.frames[labels.slot], context)


def _sample_times(node: Select, context: Context) -> Vector:
    frame = context.frames[node.slot]
    context.check(len(frame))
    # With `@` Prometheus reads what the offset says, and looks at the time of `@` itself.
    looked_at = node if node.anchor is None else replace(node, offset_ms=0)
    chosen, present = newest(frame, _right_edges(looked_at, context), context.lookback_ms)
    times = frame.times_ms[chosen] / MS_PER_S if len(frame.times_ms) else np.zeros(chosen.shape)
    return context.renamed(Vector(frame.labels, times, present, is_one_metric=_names_one_metric(node)))


def _over_extended(node: Call, argument: Select, extension: Extension, context: Context) -> Vector:
    """A function of a range that looks beyond its edges."""
    check_safe(argument, node.name)
    source = _ranged(argument, context)
    context.check(len(source.labels))
    frame, right_ms, range_ms = source.frame, source.right_ms, source.range_ms
    first, stop = extended_bounds(argument, frame, right_ms, context.lookback_ms)
    windows = Windows(
        frame.labels,
        frame.times_ms,
        frame.values,
        first,
        stop,
        right_ms,
        range_ms,
        is_one_metric=source.is_one_metric,
        leash=context.leash,
        extension=extension,
    )
    if node.name not in RATES:
        return over_range(node, from_anchor(windows, frame), (), context)
    values, present = rate_answers(windows, frame, function=node.name, context=context, pos=argument.pos)
    vector = Vector(frame.labels, values, present, is_one_metric=source.is_one_metric)
    if node.name != "delta":
        note_no_counter(node, vector, context)
    return context.renamed(vector)


def _over_windows(node: Call, argument: Expression, scalars: Sequence[Floats], context: Context) -> Vector:
    if isinstance(argument, Select) and argument.extension is not None:
        return _over_extended(node, argument, argument.extension, context)
    source = _ranged(argument, context)
    context.check(len(source.labels))
    parts = _parts(source, context)
    first = next(parts)
    if len(first.labels) == len(source.labels):
        return _over_part(node, first, scalars, context)
    # The names are dropped, and doubles looked for, only once all parts are there.
    quiet = replace(context, is_name_removal_delayed=True)
    if node.name == "absent_over_time":
        done = [over_range(node, part, scalars, quiet) for part in chain((first,), parts)]
        kept = [part for part in done if len(part)]
        if len(kept) < len(done):
            return next(part for part in done if not len(part))
        return replace(kept[0], present=np.logical_and.reduce([part.present for part in kept]))
    shape = (len(source.labels), context.steps)
    values, present, fades, row = np.empty(shape), np.empty(shape, np.bool_), False, 0
    for part in chain((first,), parts):
        found = _over_part(node, part, scalars, quiet)
        values[row : row + len(found)], present[row : row + len(found)] = found.values, found.present
        fades = found.fading is not None and bool(found.fading.all())
        row += len(found)
    together = Vector(source.labels, values, present, source.fading, source.is_one_metric)
    return context.renamed(together) if fades else together


def _over_part(node: Call, windows: Windows, scalars: Sequence[Floats], context: Context) -> Vector:
    """The function of these windows; where they hold many samples in all, some steps at a time, so that it can be ended."""
    inside = int((windows.stop - windows.first).sum())
    at_once = max(int(context.steps * SAMPLES_AT_ONCE_MAX / max(inside, 1)), 1)
    if at_once >= context.steps or node.name == "absent_over_time":
        return over_range(node, windows, scalars, context)
    quiet = replace(context, is_name_removal_delayed=True)
    done = []
    for begin in range(0, context.steps, at_once):
        context.check(1)
        some = slice(begin, begin + at_once)
        part = replace(
            windows,
            first=np.ascontiguousarray(windows.first[:, some]),
            stop=np.ascontiguousarray(windows.stop[:, some]),
            right_ms=windows.right_ms[some],
        )
        steps = quiet.at_steps(context.times_ms[some], context.step_ms)
        done.append(over_range(node, part, [scalar[some] for scalar in scalars], steps))
    values = np.concatenate([part.values for part in done], axis=1)
    present = np.concatenate([part.present for part in done], axis=1)
    together = Vector(windows.labels, values, present, windows.fading, windows.is_one_metric)
    return context.renamed(together) if done[0].fading is not None and done[0].fading.all() else together


@dataclass(frozen=True, slots=True)
class _Source:
    """Where the windows of a range vector are cut from."""

    frame: SampleFrame
    right_ms: Ints
    range_ms: int
    fading: Bools | None
    is_one_metric: bool

    @property
    def labels(self) -> Sequence[Labels]:
        return self.frame.labels


def _ranged(node: Expression, context: Context) -> _Source:
    assert isinstance(node, Select | Subquery)
    right_ms = _right_edges(node, context)
    if isinstance(node, Select):
        frame = without_stale(context.frames[node.slot])
        if context.tells_resets:
            frame = replace(frame, values=context.natives.telling(frame.values))
        return _Source(frame, right_ms, node.range_ms, None, is_one_metric=_names_one_metric(node))
    pinned = anchored(node.anchor, context.edges)
    first, last = int(context.times_ms[0]), int(context.times_ms[-1])
    if pinned is not None:
        first = last = pinned
    begin, end, step = subquery_grid(node, first, last, context.subquery_step_ms)
    if (end - begin) // step + 1 > context.samples_max:
        raise too_many_samples(context.samples_max)
    times_ms = np.arange(begin, end + 1, step)
    if not len(times_ms):
        return _Source(SampleFrame.empty(), right_ms, node.range_ms, None, is_one_metric=True)
    body = evaluate(node.body, replace(context.at_steps(times_ms, step), tells_resets=False))
    assert isinstance(body, Vector)
    body = replace(body, values=context.natives.without_hints(body.values, body.present))
    return _Source(body.to_samples(times_ms), right_ms, node.range_ms, body.fading, is_one_metric=body.is_one_metric)


def _parts(source: _Source, context: Context) -> Iterator[Windows]:
    """The windows, some series at a time: what is computed of a part is used while it is in the processor's cache."""
    frame, series = source.frame, len(source.frame)
    at_once = max(min(CELLS_AT_ONCE_MAX // context.steps, _series_at_once(source, context)), 1)
    for begin in range(0, max(series, 1), at_once):
        end = min(begin + at_once, series)
        part = frame if series <= at_once else _slice(frame, begin, end)
        started, stopped = bounds_of(part, source.right_ms, source.range_ms)
        fading = source.fading[begin:end] if source.fading is not None else None
        yield Windows(
            part.labels,
            part.times_ms,
            part.values,
            started,
            stopped,
            source.right_ms,
            source.range_ms,
            fading,
            source.is_one_metric,
            context.leash,
        )
        context.check(1)


def _series_at_once(source: _Source, context: Context) -> int:
    """How many series' windows may be looked at before the time is: windows may be long, and overlap."""
    frame, series = source.frame, max(len(source.frame), 1)
    if not len(frame.times_ms):
        return series
    span_ms = max(int(frame.times_ms[-1] - frame.times_ms[0]), source.range_ms, 1)
    samples = len(frame.times_ms) / series
    a_window = max(samples * min(source.range_ms / span_ms, 1.0), 1.0)
    return int(SAMPLES_AT_ONCE_MAX / (a_window * context.steps))


def _slice(frame: SampleFrame, begin: int, end: int) -> SampleFrame:
    first, last = int(frame.offsets[begin]), int(frame.offsets[end])
    offsets = frame.offsets[begin : end + 1] - first
    return SampleFrame(frame.labels[begin:end], offsets, frame.times_ms[first:last], frame.values[first:last])


def range_samples(node: Expression, context: Context) -> tuple[SampleFrame, Bools | None]:
    """The samples of a range vector at the context's one step, and which names are to be dropped."""
    if isinstance(node, Select) and node.extension is not None:
        raise UnsupportedError(f"a range that is {node.extension.value} is evaluated within functions only")
    source = _ranged(node, context)
    labels: list[Labels] = []
    fading: list[bool] = []
    offsets = [0]
    times: list[Ints] = []
    values: list[Floats] = []
    for windows in _parts(source, context):
        for row in range(len(windows.labels)):
            first, stop = int(windows.first[row, 0]), int(windows.stop[row, 0])
            if stop > first:
                fading.append(windows.fading is not None and bool(windows.fading[row]))
                labels.append(windows.labels[row])
                offsets.append(offsets[-1] + stop - first)
                times.append(windows.times_ms[first:stop])
                values.append(windows.values[first:stop])
    if not labels:
        return SampleFrame.empty(), None
    frame = SampleFrame(labels, np.array(offsets), np.concatenate(times), np.concatenate(values))
    return frame, np.array(fading)
