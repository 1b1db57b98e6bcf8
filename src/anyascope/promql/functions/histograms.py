"""Quantiles and fractions of classic histograms: series with cumulative counts by upper bound, `le`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from anyascope.model.labels import METRIC_NAME, Labels
from anyascope.promql.columns import Bools, Floats, Ints
from anyascope.promql.values import Context, Vector, label_of, seen

BUCKET_LABEL = "le"
PRECISION = 1e-12  # relative; smaller differences between buckets come of adding floats. Source: Prometheus


@dataclass(frozen=True, slots=True)
class Histograms:
    """Histograms with the same upper bounds, side by side: a column is one histogram at one step.

    Attributes:
        labels: of each histogram, without `le`, with the metric's name.
        bounds: float64[buckets], ascending and distinct.
        counts: float64[buckets, histograms * steps], cumulative.
        has_bucket: bool of the same shape.
        fading: bool[histograms], whose metric name is to be dropped at the end.
    """

    labels: list[Labels]
    bounds: Floats
    counts: Floats
    has_bucket: Bools
    fading: Bools

    def columns(self, per_step: Floats) -> Floats:
        """float64[steps] repeated for each histogram."""
        return np.tile(per_step, len(self.labels))

    def vector(self, values: Floats) -> Vector:
        """A value a column as a vector; absent where a histogram has no bucket at all."""
        shape = (len(self.labels), -1)
        present = seen(self.has_bucket, 0).reshape(shape)
        return Vector(self.labels, values.reshape(shape), present, self.fading)


def parse_bound(text: str) -> float | None:
    """The number of an `le` label, None where it is none (Go's syntax, which knows no blanks)."""
    if text != text.strip():
        return None
    try:
        return float(text)
    except ValueError:
        return None


def histograms_of(vector: Vector, context: Context, pos: int) -> list[Histograms]:
    """The histograms among the series, by their bounds.

    Series whose `le` is no number are left out, with a warning.
    """
    groups: dict[Labels, list[tuple[float, int]]] = {}
    for row, labels in enumerate(vector.labels):
        text = label_of(labels, BUCKET_LABEL)
        bound = parse_bound(text)
        if bound is None:
            name = label_of(labels, METRIC_NAME)
            ending = f' for metric name "{name}"' if name else ""
            context.notes.warn(f'bucket label "le" is missing or has a malformed value of "{text}"{ending}', pos)
            continue
        rest = tuple(pair for pair in labels if pair[0] != BUCKET_LABEL)
        groups.setdefault(rest, []).append((bound, row))
    alike: dict[tuple[float, ...], list[tuple[Labels, list[int]]]] = {}
    for labels, members in groups.items():
        members.sort()
        bounds = tuple(bound for bound, _ in members)
        alike.setdefault(bounds, []).append((labels, [row for _, row in members]))
    return [_stacked(vector, bounds, members) for bounds, members in alike.items()]


def _stacked(vector: Vector, bounds: Sequence[float], members: Sequence[tuple[Labels, list[int]]]) -> Histograms:
    rows = np.array([rows for _, rows in members], np.int64)
    # Buckets first, then histograms and steps as one axis.
    shape = (len(bounds), -1)
    has_bucket = vector.present[rows].transpose(1, 0, 2).reshape(shape)
    counts = vector.values[rows].transpose(1, 0, 2).reshape(shape)
    counts = np.where(has_bucket, counts, 0.0)
    edges = np.array(bounds)
    # Buckets of equal bounds, such as "1" and "1.0", are one.
    distinct = np.flatnonzero(np.concatenate(([True], edges[1:] != edges[:-1])))
    if len(distinct) < len(edges):
        counts = np.add.reduceat(counts, distinct, axis=0)
        has_bucket = np.logical_or.reduceat(has_bucket, distinct, axis=0)
    fading = vector.fading[rows[:, 0]] if vector.fading is not None else np.zeros(len(members), np.bool_)
    return Histograms([labels for labels, _ in members], edges[distinct], counts, has_bucket, fading)


def quantiles_of(histograms: Histograms, wanted: Floats) -> tuple[Floats, Bools]:
    """The quantile of each column.

    Args:
        histograms: their buckets.
        wanted: float64[columns], the quantile.

    Returns:
        float64[columns] the quantiles; bool[columns] where the counts had to be made to rise.

    Source: Prometheus, `BucketQuantile`: linear within a bucket, the first of which begins at 0 if it ends above 0.
    """
    found = np.full(len(wanted), np.nan)
    forced = np.zeros(len(wanted), np.bool_)
    in_bounds = (wanted >= 0) & (wanted <= 1)
    # Columns that lack the same buckets are the same problem; mostly there is one.
    for present, columns in _by_pattern(histograms.has_bucket):
        use = columns[in_bounds[columns]]
        bounds = histograms.bounds[present]
        if not len(use) or not len(bounds) or bounds[-1] != np.inf:
            continue
        counts, forced[use] = _rising(histograms.counts[np.ix_(present, use)])
        if len(bounds) > 1:
            found[use] = _interpolated(bounds, counts, wanted[use])
    found = np.where(wanted < 0, -np.inf, np.where(wanted > 1, np.inf, found))
    return found, forced


def _by_pattern(has_bucket: Bools) -> Iterator[tuple[Ints, Ints]]:
    """Columns with the same buckets: (numbers of the buckets, numbers of the columns)."""
    if has_bucket.all():
        yield np.arange(has_bucket.shape[0]), np.arange(has_bucket.shape[1])
        return
    patterns, kinds = np.unique(has_bucket, axis=1, return_inverse=True)
    kinds = kinds.ravel()
    for kind in range(patterns.shape[1]):
        yield np.flatnonzero(patterns[:, kind]), np.flatnonzero(kinds == kind)


def _rising(counts: Floats) -> tuple[Floats, Bools]:
    """Counts that do not fall from bucket to bucket, float64[buckets, columns], and where that had to be forced.

    Differences within the precision of floats are levelled without a word. Source: Prometheus,
    `ensureMonotonicAndIgnoreSmallDeltas`.
    """
    level = counts.copy()
    forced = np.zeros(counts.shape[1], np.bool_)
    with np.errstate(all="ignore"):
        for bucket in range(1, len(level)):
            before, now = level[bucket - 1], level[bucket]
            is_same = (now == before) | (np.abs(now - before) <= PRECISION * np.abs(now + before))
            falls = (now < before) & ~is_same
            forced |= falls
            level[bucket] = np.where(is_same | falls, before, now)
    return level, forced


def _interpolated(bounds: Floats, counts: Floats, wanted: Floats) -> Floats:
    steps = np.arange(counts.shape[1])
    observed = counts[-1]
    with np.errstate(all="ignore"):
        rank = wanted * observed
        # The first bucket that reaches the rank; the last one stands for all that none reaches.
        reached = counts[:-1] >= rank
        bucket = np.where(reached.any(axis=0), reached.argmax(axis=0), len(bounds) - 1)
        start = np.where(bucket > 0, bounds[np.maximum(bucket - 1, 0)], 0.0)
        below = np.where(bucket > 0, counts[np.maximum(bucket - 1, 0), steps], 0.0)
        inside = counts[bucket, steps] - below
        found = start + (bounds[bucket] - start) * ((rank - below) / inside)
    found = np.where((bucket == 0) & (bounds[0] <= 0), bounds[0], found)
    found = np.where(bucket == len(bounds) - 1, bounds[-2], found)
    result: Floats = np.where((observed == 0) | np.isnan(observed), np.nan, found)
    return result


def fractions_of(histograms: Histograms, lower: Floats, upper: Floats) -> Floats:
    """The share of observations between two bounds, float64[columns] each and as result.

    Source: Prometheus, `BucketFraction`: linear within a bucket, nothing within one without lower bound.
    """
    found = np.full(len(lower), np.nan)
    for present, columns in _by_pattern(histograms.has_bucket):
        bounds = histograms.bounds[present]
        if not len(bounds) or bounds[-1] != np.inf:
            continue
        counts = histograms.counts[np.ix_(present, columns)]
        low, high, total = lower[columns], upper[columns], counts[-1]
        with np.errstate(all="ignore"):
            share = (_rank(bounds, counts, high) - _rank(bounds, counts, low)) / total
        share = np.where(low >= high, 0.0, share)
        is_unknown = (total == 0) | np.isnan(low) | np.isnan(high)
        found[columns] = np.where(is_unknown, np.nan, share)
    return found


def _rank(bounds: Floats, counts: Floats, at: Floats) -> Floats:
    """float64[columns]: how many observations lie at or below a value."""
    steps = np.arange(counts.shape[1])
    begins = np.concatenate(([0.0 if bounds[0] > 0 else -np.inf], bounds[:-1]))
    # The bucket into which the value falls: the last one that begins below it.
    bucket = np.searchsorted(begins, at, side="left") - 1
    inside = np.maximum(bucket, 0)
    below = np.where(inside > 0, counts[np.maximum(inside - 1, 0), steps], 0.0)
    with np.errstate(all="ignore"):
        part = (at - begins[inside]) / (bounds[inside] - begins[inside])
        part = np.where(np.isnan(part), 0.0, part)
        rank = below + (counts[inside, steps] - below) * part
    rank = np.where(at == np.inf, counts[-1], np.where(bucket < 0, 0.0, rank))
    result: Floats = np.minimum(rank, counts[-1])
    return result
