"""Native histograms as the engine has them."""

from __future__ import annotations

import math

import pytest

from anyascope.frames.histogram import SCHEMA_CUSTOM, NativeHistogram, ResetHint, bound_of

LABELS = (("__name__", "h"),)


@pytest.mark.parametrize(
    ("index", "schema", "bound"),
    [
        (0, 0, 1.0),
        (1, 0, 2.0),
        (-1, 0, 0.5),
        (1, -2, 16.0),
        (1, 1, math.sqrt(2)),
        (8, 3, 2.0),
        (-8, 3, 0.5),
        (1024, 0, math.ldexp(1 - 2**-53, 1024)),
        (1025, 0, math.inf),
        (-2000, 0, 0.0),
    ],
)
def test_bounds_are_powers_of_the_base(index, schema, bound):
    """The upper bound of a bucket is (2 ** 2 ** -schema) ** index; the last finite one is the largest float."""
    assert bound_of(index, schema) == pytest.approx(bound, rel=1e-15)


def test_bounds_are_prometheus_own_to_the_last_bit():
    """Where rounding made Prometheus' bound another double than the nearest, ours is the same; as its API shows them."""
    shown = [
        *(1.0905077326652577, 1.189207115002721, 1.2968395546510096, 1.414213562373095),
        *(1.5422108254079407, 1.6817928305074288, 1.8340080864093422, 2.0),
    ]
    assert [bound_of(index, 3) for index in range(1, 9)] == shown
    assert [bound_of(index, 8) for index in (1, 127, 128)] == [
        1.0027112750502025,
        1.4103896082172704,
        1.414213562373095,
    ]


def test_a_stored_sample_and_a_histogram_are_each_other():
    """Spans with gaps become indices, and indices the same spans."""
    histogram = NativeHistogram(
        schema=2,
        count=9.0,
        sum=4.5,
        zero_threshold=0.001,
        zero_count=1.0,
        positive={-3: 1.0, -2: 2.0, 4: 3.0},
        negative={0: 2.0},
        hint=ResetHint.GAUGE,
    )

    sample = histogram.sample(LABELS, 7)

    assert sample.positive_spans == ((-3, 2), (5, 1))
    assert sample.positive_counts == (1.0, 2.0, 3.0)
    assert NativeHistogram.of(sample) == histogram


def test_buckets_ascend_from_the_lowest_negative_one():
    """Negative buckets are open above, positive ones below, the zero bucket is closed."""
    histogram = NativeHistogram(zero_threshold=0.5, zero_count=1.0, positive={1: 2.0}, negative={1: 3.0, 2: 4.0})

    found = [(each.lower, each.upper, each.count, each.has_lower, each.has_upper) for each in histogram.buckets()]

    assert found == [
        (-4.0, -2.0, 4.0, True, False),
        (-2.0, -1.0, 3.0, True, False),
        (-0.5, 0.5, 1.0, True, True),
        (1.0, 2.0, 2.0, False, True),
    ]


def test_custom_buckets_reach_from_nothing_to_everything():
    """The first has no lower and the one after the last no upper bound."""
    histogram = NativeHistogram(schema=SCHEMA_CUSTOM, custom_bounds=(5.0,), positive={0: 1.0, 1: 2.0})

    assert [(each.lower, each.upper) for each in histogram.buckets()] == [(-math.inf, 5.0), (5.0, math.inf)]
