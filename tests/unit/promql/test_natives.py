"""Arithmetic of native histograms."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anyascope.frames.histogram import SCHEMA_CUSTOM, NativeHistogram, ResetHint
from anyascope.promql.boxes import NativeTable
from anyascope.promql.functions.natives import quantile, share
from anyascope.promql.natives import (
    MixedSchemasError,
    added,
    at_schema,
    compacted,
    is_equal,
    is_reset,
    subtracted,
    summed,
)

buckets = st.dictionaries(st.integers(-20, 20), st.integers(0, 50).map(float), max_size=8).map(
    lambda found: dict(sorted(found.items()))
)


@st.composite
def histograms(draw, schemas=(-2, 3)):
    positive, negative = draw(buckets), draw(buckets)
    zero = float(draw(st.integers(0, 9)))
    return NativeHistogram(
        schema=draw(st.integers(*schemas)),
        count=sum(positive.values()) + sum(negative.values()) + zero,
        sum=float(draw(st.integers(-99, 99))),
        zero_threshold=draw(st.sampled_from([0.0, 0.001, 0.5, 3.0])),
        zero_count=zero,
        positive=positive,
        negative=negative,
    )


@settings(deadline=None)
@given(histograms(), histograms())
def test_adding_keeps_every_observation(left, right):
    """However resolutions and zero buckets differ, the buckets hold as many observations as before."""
    both = added(left, right).histogram

    assert sum(bucket.count for bucket in both.buckets()) == left.count + right.count == both.count
    assert both.schema == min(left.schema, right.schema)
    assert both.zero_threshold >= max(left.zero_threshold, right.zero_threshold)


@settings(deadline=None)
@given(histograms(), histograms())
def test_taking_away_what_was_added_leaves_the_rest(left, right):
    """(a + b) - b is a at the resolution and with the zero bucket of both."""
    both = added(left, right).histogram
    rest = subtracted(both, right).histogram
    again = added(left, NativeHistogram(schema=both.schema, zero_threshold=both.zero_threshold)).histogram

    assert is_equal(rest, again)


@settings(deadline=None)
@given(st.lists(histograms(schemas=(1, 1)), min_size=1, max_size=5))
def test_a_sum_of_many_is_the_sum_one_by_one(many):
    """At one resolution the order of addition makes no difference."""
    one_by_one = many[0]
    for each in many[1:]:
        one_by_one = added(one_by_one, each).histogram

    assert is_equal(summed(many, is_mean=False).histogram, one_by_one)


@settings(deadline=None)
@given(histograms(), st.floats(0, 1))
def test_a_quantile_lies_within_the_populated_buckets(histogram, wanted):
    """Nothing is made up beyond the bounds of what was observed."""
    found = quantile(histogram, wanted)
    populated = [bucket for bucket in histogram.buckets() if bucket.count]

    if populated:
        # Powers of two of logarithms, as upstream has it: the last bit is rounding's.
        assert min(bucket.lower for bucket in populated) - math.ulp(found) <= found
        assert found <= max(0.0, *(bucket.upper for bucket in populated)) + math.ulp(found)
    else:
        assert math.isnan(found)


@settings(deadline=None)
@given(histograms())
def test_fractions_rise_from_nothing_to_all(histogram):
    """The share below a value never falls."""
    if histogram.count:
        shares = [share(histogram, -math.inf, upper) for upper in (-1e9, -3.0, -0.1, 0.0, 0.2, 5.0, 1e9)]
        assert shares == sorted(shares)
        assert shares[0] >= 0
        assert share(histogram, -math.inf, math.inf) == pytest.approx(1.0)


@settings(deadline=None)
@given(histograms(), histograms())
def test_what_only_grew_was_not_reset(before, more):
    """A histogram to which observations were added is no reset; the same the other way round is, if any were added."""
    both = added(before, more).histogram

    assert not is_reset(both, before) or before.schema < both.schema
    if more.count and both.schema == before.schema and both.zero_threshold == before.zero_threshold:
        assert is_reset(before, both)


def test_a_lower_resolution_joins_neighbours():
    """Two buckets of schema 1 are one of schema 0."""
    fine = NativeHistogram(schema=1, positive={-1: 1.0, 0: 2.0, 1: 4.0, 2: 8.0, 3: 16.0})

    assert at_schema(fine, 0).positive == {0: 3.0, 1: 12.0, 2: 16.0}


def test_buckets_of_different_kinds_are_not_added():
    """Exponential and custom buckets have no common bounds."""
    with pytest.raises(MixedSchemasError):
        added(NativeHistogram(), NativeHistogram(schema=SCHEMA_CUSTOM))


def test_custom_bounds_meet_at_those_that_both_have():
    """What lies between bounds that one lacks is counted in the next common bucket."""
    left = NativeHistogram(schema=SCHEMA_CUSTOM, custom_bounds=(1.0, 2.0, 4.0), positive={0: 1.0, 1: 2.0, 3: 4.0})
    right = NativeHistogram(schema=SCHEMA_CUSTOM, custom_bounds=(2.0, 3.0), positive={0: 8.0, 1: 16.0})

    both = added(left, right)

    assert both.is_reconciled
    assert both.histogram.custom_bounds == (2.0,)
    assert both.histogram.positive == {0: 11.0, 1: 20.0}


@pytest.mark.parametrize(
    ("left", "right", "hint", "conflict"),
    [
        (ResetHint.NOT_RESET, ResetHint.NOT_RESET, ResetHint.NOT_RESET, False),
        (ResetHint.GAUGE, ResetHint.RESET, ResetHint.GAUGE, False),
        (ResetHint.UNKNOWN, ResetHint.RESET, ResetHint.UNKNOWN, False),
        (ResetHint.NOT_RESET, ResetHint.RESET, ResetHint.UNKNOWN, True),
    ],
)
def test_hints_that_contradict_are_told(left, right, hint, conflict):
    """Of a sum of a histogram after a reset and one after none, nothing is known."""
    both = added(NativeHistogram(hint=left), NativeHistogram(hint=right))

    assert (both.histogram.hint, both.has_conflict) == (hint, conflict)


def test_empty_buckets_make_no_difference():
    """Histograms with and without explicit zeros are equal."""
    assert is_equal(NativeHistogram(positive={1: 0.0, 2: 3.0}), NativeHistogram(positive={2: 3.0}))
    assert compacted(NativeHistogram(positive={1: 0.0})).positive == {}


def test_a_box_is_found_among_floats_of_any_kind():
    """Only what was boxed is a histogram, not NaN, infinities or the staleness marker."""
    import numpy as np

    from anyascope.model.metrics import STALE_NAN

    table = NativeTable()
    box = table.box(NativeHistogram(count=3.0))
    values = np.array([1.0, math.nan, box, math.inf, STALE_NAN, -math.nan])

    assert table.mask(values).tolist() == [False, False, True, False, False, False]
    assert table.at(float(values[2])).count == 3.0
