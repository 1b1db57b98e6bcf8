"""Buckets of exponential histograms."""

from __future__ import annotations

from anyascope.model.metrics import HistogramSample
from anyascope.wire.otlp.buckets import add_histograms, buckets_of, by_index, coarsen, spans_of


def histogram(**changed: object) -> HistogramSample:
    values: dict[str, object] = {
        "labels": (("__name__", "fee"),),
        "time_ms": 1,
        "count": 0.0,
        "sum": 0.0,
        "schema": 0,
        "zero_threshold": 1e-128,
        "zero_count": 0.0,
    }
    return HistogramSample(**{**values, **changed})  # type: ignore[arg-type]


def test_small_gaps_are_written_and_large_ones_begin_a_span() -> None:
    """Up to two empty buckets are written as zeros."""
    assert spans_of({-3: 1.0, -1: 2.0, 2: 3.0, 6: 4.0}) == (((-3, 6), (3, 1)), (1.0, 0.0, 2.0, 0.0, 0.0, 3.0, 4.0))


def test_no_buckets_have_no_spans() -> None:
    """Nothing stays nothing."""
    assert spans_of({}) == ((), ())
    assert by_index((), ()) == {}


def test_dense_buckets_shift_by_one() -> None:
    """Prometheus numbers a bucket by its upper bound, OTLP by its lower."""
    assert buckets_of([1, 0, 3], offset=-2, scale_down=0) == {-1: 1.0, 1: 3.0}


def test_coarser_buckets_hold_the_same_observations() -> None:
    """Bounds of the coarse schema are bounds of the fine one: (2, 4] and (1, 2] of schema 0 are (1, 4] of schema -1."""
    assert coarsen({1: 1.0, 2: 2.0, 3: 4.0, 0: 8.0}, 1) == {1: 3.0, 2: 4.0, 0: 8.0}


def test_a_sum_has_the_coarser_schema_of_both() -> None:
    """Counts add up in the schema that both can be brought to."""
    fine = histogram(count=3.0, sum=4.0, schema=1, positive_spans=((2, 1),), positive_counts=(3.0,))
    coarse = histogram(time_ms=9, count=2.0, sum=1.0, schema=0, positive_spans=((1, 1),), positive_counts=(2.0,))
    total = add_histograms(fine, coarse)
    assert (total.time_ms, total.schema, total.count, total.sum) == (9, 0, 5.0, 5.0)
    assert (total.positive_spans, total.positive_counts) == (((1, 1),), (5.0,))


def test_a_wider_zero_bucket_swallows_what_lies_inside() -> None:
    """Observations below the wider threshold count as zero; none is lost."""
    narrow = histogram(count=5.0, positive_spans=((-2, 2), (3, 1)), positive_counts=(1.0, 2.0, 2.0))
    wide = histogram(count=1.0, zero_count=1.0, zero_threshold=0.5)
    total = add_histograms(narrow, wide)
    assert (total.zero_threshold, total.zero_count, total.count) == (0.5, 4.0, 6.0)
    assert by_index(total.positive_spans, total.positive_counts) == {3: 2.0}
