"""Many metric batches as one, so that one insert serves all of them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from anyascope.model.labels import Labels
from anyascope.model.metrics import MetricBatch, SampleBatch


def merge_metrics(batches: Sequence[MetricBatch]) -> MetricBatch:
    """Everything that these batches say, in their order; a series stands once."""
    if len(batches) == 1:
        return batches[0]
    return MetricBatch(
        samples=merge_samples([batch.samples for batch in batches if len(batch.samples)]),
        histograms=tuple(histogram for batch in batches for histogram in batch.histograms),
        exemplars=tuple(exemplar for batch in batches for exemplar in batch.exemplars),
        metadata=tuple(dict.fromkeys(entry for batch in batches for entry in batch.metadata)),
    )


def merge_samples(parts: Sequence[SampleBatch]) -> SampleBatch:
    """The samples of these parts, in their order; a series stands once."""
    if not parts:
        return SampleBatch.empty()
    if len(parts) == 1:
        return parts[0]
    series: list[Labels] = [labels for part in parts for labels in part.series]
    ids = np.concatenate([part.series_ids for part in parts])
    starts = np.cumsum([0, *(len(part.series) for part in parts[:-1])])
    rows = np.concatenate([part.rows + np.uint32(start) for part, start in zip(parts, starts, strict=True)])
    _, first, place = np.unique(ids, return_index=True, return_inverse=True)
    representative = first[place]
    # Two label sets may share an id by chance: such a one keeps its own place.
    for index in np.flatnonzero(representative != np.arange(len(series))).tolist():
        if series[index] != series[representative[index]]:
            representative[index] = index
    kept, renumbered = np.unique(representative, return_inverse=True)
    return SampleBatch(
        series=tuple(series[index] for index in kept.tolist()),
        series_ids=ids[kept],
        rows=renumbered[rows].astype(np.uint32),
        times_ms=np.concatenate([part.times_ms for part in parts]),
        values=np.concatenate([part.values for part in parts]),
    )
