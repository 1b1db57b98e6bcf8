"""Unit tests of making native histograms smaller."""

from __future__ import annotations

import pytest

from anyascope.model.metrics import HistogramSample
from anyascope.wire.exposition.natives import (
    BucketLimitError,
    at_most_buckets,
    at_most_schema,
    native_of,
    schema_of_factor,
)
from anyascope.wire.exposition.schema import Metric


def histogram(schema: int, spans, counts, **fields) -> HistogramSample:
    return HistogramSample((), 0, sum(counts), 0.0, schema, 0.0, 0.0, tuple(spans), tuple(counts), **fields)


def test_a_coarser_schema_merges_neighbours() -> None:
    """Buckets 1 and 2 of a schema are bucket 1 of the next coarser; nothing is lost."""
    found = at_most_schema(histogram(3, [(1, 4)], [1.0, 2.0, 3.0, 4.0]), 2)
    assert (found.schema, found.positive_spans, found.positive_counts) == (2, ((1, 2),), (3.0, 7.0))
    assert at_most_schema(found, 5) is found


def test_custom_bounds_are_not_merged() -> None:
    """A histogram with bounds of its own keeps them."""
    found = histogram(-53, [(0, 2)], [1.0, 2.0], custom_bounds=(1.0,))
    assert at_most_schema(found, -4) is found
    with pytest.raises(BucketLimitError, match="histogram bucket limit exceeded"):
        at_most_buckets(found, 1)


def test_merges_until_the_limit_holds() -> None:
    """As few steps as are needed; at the coarsest schema it is refused."""
    found = at_most_buckets(histogram(8, [(1, 8)], [1.0] * 8), 3)
    assert (found.schema, found.positive_counts) == (6, (4.0, 4.0))
    assert at_most_buckets(found, 2) is found
    with pytest.raises(BucketLimitError):
        at_most_buckets(histogram(-4, [(-5, 1), (20, 1)], [1.0, 1.0]), 1)


def test_a_finer_schema_than_ours_is_merged_when_read() -> None:
    """Whatever is finer than schema 8 is read at schema 8."""
    spans = [{"offset": 1, "length": 4}]
    message = Metric(histogram={"sample_count": 4, "schema": 9, "positive_span": spans, "positive_delta": [1, 0, 0, 0]})
    found = native_of(message.histogram, is_gauge=False, family="h")
    assert (found.schema, found.positive_counts) == (8, (2.0, 2.0))


@pytest.mark.parametrize(
    ("factor", "schema"),
    [(0, 8), (1, 8), (1.0001, 8), (1.003, 8), (1.1, 3), (1.5, 1), (2, 0), (4, -1), (65536, -4), (1e30, -4)],
)
def test_the_factor_names_a_schema(factor: float, schema: int) -> None:
    """The coarsest schema whose factor is not above the one that is named."""
    assert schema_of_factor(factor) == schema
