"""What evaluation passes from node to node, and where it happens."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeAlias, overload

import numpy as np

from anyascope.errors import LimitExceededError
from anyascope.frames.samples import SampleFrame
from anyascope.frames.steps import StepFrame
from anyascope.model.labels import METRIC_NAME, Labels
from anyascope.promql.asking import Leash
from anyascope.promql.boxes import NativeTable
from anyascope.promql.columns import Bools, Floats, Ints
from anyascope.promql.errors import QueryError
from anyascope.promql.syntax import Extension

# Labels that say what the values of a series mean; whatever changes the meaning drops them.
RESERVED = frozenset({METRIC_NAME, "__type__", "__unit__"})
SAME_LABELS = "vector cannot contain metrics with the same labelset"


@dataclass(frozen=True, slots=True)
class Scalars:
    """float64[steps]: a number at each step."""

    values: Floats


@dataclass(frozen=True, slots=True)
class Words:
    """A string, the same at each step."""

    text: str


@dataclass(frozen=True, slots=True)
class Vector(StepFrame):
    """An instant vector at each step.

    Attributes:
        fading: bool[series], which metric names are to be dropped at the end of the query; None is none of them.
        is_one_metric: all series are known to have the same metric name, so that without it they still differ.
    """

    fading: Bools | None = None
    is_one_metric: bool = False


@dataclass(frozen=True, slots=True)
class Windows:
    """A range vector: for each series and step a stretch of samples.

    Attributes:
        labels, fading, is_one_metric: as in `Vector`.
        times_ms: int64[samples], flat; within a series ascending.
        values: float64[samples], without staleness markers.
        first, stop: int64[series, steps]; the window's samples are `first:stop`.
        right_ms: int64[steps], the inclusive right edge of each window; the left edge, exclusive, is `range_ms` before.
        leash: what is asked between two long pieces of work; None where nothing ends them.
        extension: where windows reach beyond their edges, how those are looked at.
    """

    labels: Sequence[Labels]
    times_ms: Ints
    values: Floats
    first: Ints
    stop: Ints
    right_ms: Ints
    range_ms: int
    fading: Bools | None = None
    is_one_metric: bool = False
    leash: Leash | None = None
    extension: Extension | None = None


Value: TypeAlias = Scalars | Words | Vector


class Nameless(Sequence[Labels]):
    """Label sets without their reserved labels, made when somebody looks at them."""

    __slots__ = ("_made", "named")

    def __init__(self, named: Sequence[Labels]) -> None:
        self.named: Sequence[Labels] = named.named if isinstance(named, Nameless) else named
        self._made: list[Labels] | None = None

    def _all(self) -> list[Labels]:
        if self._made is None:
            self._made = [without_reserved(labels) for labels in self.named]
        return self._made

    def __len__(self) -> int:
        return len(self.named)

    @overload
    def __getitem__(self, index: int) -> Labels: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Labels]: ...
    def __getitem__(self, index: int | slice) -> Labels | Sequence[Labels]:
        return self._all()[index]

    def __iter__(self) -> Iterator[Labels]:
        return iter(self._all())


def seen(mask: Bools, axis: int) -> Bools:
    """Where anything along an axis is true."""
    found: Bools = np.logical_or.reduce(mask, axis=axis)
    return found


def without_reserved(labels: Labels) -> Labels:
    """The labels that do not say what the values mean."""
    return tuple(pair for pair in labels if pair[0] not in RESERVED)


def label_of(labels: Labels, name: str) -> str:
    """One label's value, empty where it is absent."""
    for found, value in labels:
        if found == name:
            return value
    return ""


@dataclass(slots=True)
class Notes:
    """Annotations on the way: each text once, with the place that it speaks of."""

    warnings: dict[str, int] = field(default_factory=dict)
    infos: dict[str, int] = field(default_factory=dict)

    def warn(self, message: str, pos: int) -> None:
        self.warnings.setdefault(f"PromQL warning: {message}", pos)

    def info(self, message: str, pos: int) -> None:
        self.infos.setdefault(f"PromQL info: {message}", pos)


@dataclass(frozen=True, slots=True)
class Context:
    """The steps of an evaluation and what it may look at.

    Attributes:
        times_ms: int64[steps], ascending, `step_ms` apart.
        edges: first and last step of the whole query, for `@ start()` and `@ end()`.
        query_step_ms: the step of the whole query; 0 of an instant query.
        frames: what was fetched for each selector, by slot.
        samples_max: values that a result may hold.
        leash: says when to end.
        natives: the native histograms that cells of values may stand for.
        tells_resets: whether selectors give histograms as a reader of counts and sums alone sees them.
    """

    times_ms: Ints
    step_ms: int
    edges: tuple[int, int]
    query_step_ms: int
    frames: Sequence[SampleFrame]
    lookback_ms: int
    subquery_step_ms: int
    is_name_removal_delayed: bool
    samples_max: int
    leash: Leash
    notes: Notes
    natives: NativeTable = field(default_factory=NativeTable)
    tells_resets: bool = False

    @property
    def steps(self) -> int:
        return len(self.times_ms)

    @property
    def is_instant(self) -> bool:
        """Whether order may matter: the answer of one step is not sorted by labels."""
        return len(self.times_ms) == 1

    def at_steps(self, times_ms: Ints, step_ms: int) -> Context:
        """The same query at other steps."""
        return replace(self, times_ms=times_ms, step_ms=step_ms)

    def check(self, series: int) -> None:
        """Raise where the evaluation is to end, or a result of so many series would hold too many values."""
        self.leash.check()
        if series * len(self.times_ms) > self.samples_max:
            raise too_many_samples(self.samples_max)

    def renamed(self, vector: Vector) -> Vector:
        """The vector after an operation that changes what its values mean: the metric's name goes, now or at the end.

        Raises:
            QueryError: two series would be the same.
        """
        if self.is_name_removal_delayed:
            return replace(vector, fading=np.ones(len(vector), np.bool_))
        return merged(replace(vector, labels=Nameless(vector.labels)))


def too_many_samples(limit: int) -> LimitExceededError:
    """The error of a query that holds more than it may."""
    return LimitExceededError(
        f"query processing would load too many samples into memory in query execution (more than {limit})"
    )


def merged(vector: Vector) -> Vector:
    """The vector with series of equal labels made one, each value from the series that is present.

    Raises:
        QueryError: two of them are present at the same step.
    """
    if vector.is_one_metric or len(vector) < 2:
        return vector
    index: dict[Labels, int] = {}
    rows = np.fromiter((index.setdefault(labels, len(index)) for labels in vector.labels), np.int64, len(vector))
    if len(index) == len(vector):
        return vector
    together = np.zeros((len(index), vector.steps), np.int64)
    np.add.at(together, rows, vector.present)
    if (together > 1).any():
        raise QueryError(SAME_LABELS)
    values = np.zeros((len(index), vector.steps))
    where, step = np.nonzero(vector.present)
    values[rows[where], step] = vector.values[where, step]
    fading = None
    if vector.fading is not None:
        fading = np.zeros(len(index), np.bool_)
        np.logical_or.at(fading, rows, vector.fading)
    return Vector(tuple(index), values, together > 0, fading)


def settled(vector: Vector) -> Vector:
    """The vector with the names dropped that were to be dropped at the end.

    Raises:
        QueryError: two series would be the same.
    """
    if vector.fading is None or not vector.fading.any():
        return vector
    labels = [
        without_reserved(labels) if fades else labels
        for labels, fades in zip(vector.labels, vector.fading.tolist(), strict=True)
    ]
    return merged(replace(vector, labels=labels, fading=None, is_one_metric=False))


def elementwise(vector: Vector, change: Callable[[Floats], Floats]) -> Vector:
    """The vector with other values; absent ones may be anything."""
    return replace(vector, values=change(vector.values))


def rows_of(vector: Vector, rows: Ints | Bools) -> Vector:
    """Some series of a vector, by number or by mask."""
    numbers = np.flatnonzero(rows) if rows.dtype == np.bool_ else rows
    labels: Sequence[Labels]
    if isinstance(vector.labels, Nameless):
        labels = Nameless([vector.labels.named[row] for row in numbers.tolist()])
    else:
        labels = [vector.labels[row] for row in numbers.tolist()]
    fading = vector.fading[numbers] if vector.fading is not None else None
    return Vector(labels, vector.values[numbers], vector.present[numbers], fading, vector.is_one_metric)
