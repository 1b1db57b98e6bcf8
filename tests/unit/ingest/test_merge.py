"""Many metric batches as one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from anyascope.ingest.merge import merge_metrics
from anyascope.model.labels import Labels, labels_of
from anyascope.model.metrics import Exemplar, MetricBatch, MetricMetadata, MetricType, Numbered, Numbers, SampleBatch

UP, DOWN = labels_of({"__name__": "up"}), labels_of({"__name__": "down"})


def rows_of(batch: SampleBatch) -> list[tuple[Labels, int, float]]:
    return [
        (batch.series[row], time_ms, value)
        for row, time_ms, value in zip(batch.rows.tolist(), batch.times_ms.tolist(), batch.values.tolist(), strict=True)
    ]


def test_one_batch_is_itself() -> None:
    """Nothing is copied where there is nothing to merge."""
    batch = MetricBatch(SampleBatch.of([(UP, 1, 1.0)]))
    assert merge_metrics([batch]) is batch


def test_series_of_several_batches_stay_their_samples() -> None:
    """Samples keep their order and their series."""
    first = SampleBatch.of([(UP, 1, 1.0), (DOWN, 1, 2.0)])
    second = SampleBatch.of([(DOWN, 2, 3.0), (UP, 2, 4.0)])
    merged = merge_metrics([MetricBatch(first), MetricBatch(), MetricBatch(second)]).samples
    assert rows_of(merged) == rows_of(first) + rows_of(second)
    assert len(merged.series) == len(merged.series_ids)


def test_numbers_of_one_decoder_are_kept() -> None:
    """Series that one decoder numbered keep their numbers; those of another, or of none, count as new."""
    by, other = Numbers(), Numbers()
    first = replace(SampleBatch.of([(UP, 1, 1.0)]), numbered=Numbered(by, np.array([7])))
    second = SampleBatch.of([(DOWN, 2, 3.0)])
    third = replace(SampleBatch.of([(UP, 1, 1.0)]), numbered=Numbered(other, np.array([7])))
    merged = merge_metrics([MetricBatch(first), MetricBatch(second), MetricBatch(third)]).samples
    assert merged.numbered is not None
    assert merged.numbered.by is by
    assert merged.numbered.numbers.tolist() == [7, -1, -1]
    assert merge_metrics([MetricBatch(second), MetricBatch(second)]).samples.numbered is None


def test_series_that_share_an_id_by_chance_stay_two() -> None:
    """Ids are hashes; labels decide."""
    first, second = SampleBatch.of([(UP, 1, 1.0)]), SampleBatch.of([(DOWN, 1, 2.0)])
    same = SampleBatch(second.series, first.series_ids, second.rows, second.times_ms, second.values)
    merged = merge_metrics([MetricBatch(first), MetricBatch(same)]).samples
    assert rows_of(merged) == [(UP, 1, 1.0), (DOWN, 1, 2.0)]


def test_everything_else_comes_along_and_metadata_once() -> None:
    """Exemplars follow each other, equal metadata stands once."""
    batch = MetricBatch(exemplars=(Exemplar(UP, 1, 1.0),), metadata=(MetricMetadata("up", MetricType.GAUGE),))
    merged = merge_metrics([batch, batch])
    assert len(merged.exemplars) == 2
    assert merged.metadata == batch.metadata
    assert len(merged.samples) == 0


@pytest.mark.parametrize("count", [0, 3])
def test_nothing_merges_to_nothing(count: int) -> None:
    """Empty batches make an empty batch of the right types."""
    merged = merge_metrics([MetricBatch()] * count) if count else merge_metrics([MetricBatch(), MetricBatch()])
    assert merged.rows == 0
    assert merged.samples.series_ids.dtype == np.uint64
