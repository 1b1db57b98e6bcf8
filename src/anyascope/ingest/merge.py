"""Many metric batches as one, so that one insert serves all of them."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain

import numpy as np

from anyascope.model.metrics import MetricBatch, Numbered, SampleBatch


def merge_metrics(batches: Sequence[MetricBatch]) -> MetricBatch:
    """Everything that these batches say, in their order."""
    if len(batches) == 1:
        return batches[0]
    return MetricBatch(
        samples=merge_samples([batch.samples for batch in batches if len(batch.samples)]),
        histograms=tuple(histogram for batch in batches for histogram in batch.histograms),
        exemplars=tuple(exemplar for batch in batches for exemplar in batch.exemplars),
        metadata=tuple(dict.fromkeys(entry for batch in batches for entry in batch.metadata)),
    )


def merge_samples(parts: Sequence[SampleBatch]) -> SampleBatch:
    """The samples of these parts, in their order; a series stands once a part."""
    if not parts:
        return SampleBatch.empty()
    if len(parts) == 1:
        return parts[0]
    starts = np.cumsum([0, *(len(part.series) for part in parts[:-1])])
    return SampleBatch(
        series=list(chain.from_iterable(part.series for part in parts)),
        series_ids=np.concatenate([part.series_ids for part in parts]),
        rows=np.concatenate([part.rows + np.uint32(start) for part, start in zip(parts, starts, strict=True)]),
        times_ms=np.concatenate([part.times_ms for part in parts]),
        values=np.concatenate([part.values for part in parts]),
        numbered=_numbered(parts),
    )


def _numbered(parts: Sequence[SampleBatch]) -> Numbered | None:
    """The numbers of all series, as far as one and the same gave them."""
    by = next((part.numbered.by for part in parts if part.numbered is not None), None)
    if by is None:
        return None
    numbers = [
        part.numbered.numbers
        if part.numbered is not None and part.numbered.by is by
        else np.full(len(part.series), -1, np.int64)
        for part in parts
    ]
    return Numbered(by, np.concatenate(numbers))
