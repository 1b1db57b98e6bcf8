"""Some rows of a columnar batch."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from anyascope.model.logs import LogBatch
from anyascope.model.metrics import Numbered, SampleBatch
from anyascope.model.traces import SpanBatch

_LOG_COLUMNS = (
    *("resource_rows", "scope_rows", "times_ns", "observed_ns", "severity_numbers", "severity_texts", "bodies"),
    *("attributes", "trace_ids", "span_ids", "correlation_ids", "event_names", "flags"),
)
_SPAN_COLUMNS = (
    *("resource_rows", "scope_rows", "trace_ids", "span_ids", "parent_ids", "names", "kinds", "starts_ns"),
    *("durations_ns", "statuses", "status_messages", "trace_states", "flags", "attributes", "correlation_ids"),
)


def log_rows(batch: LogBatch, rows: Sequence[int]) -> LogBatch:
    """These rows of a batch, in this order."""
    taken = LogBatch(stream=batch.stream, resources=batch.resources, scopes=batch.scopes)
    for name in _LOG_COLUMNS:
        column = getattr(batch, name)
        setattr(taken, name, [column[row] for row in rows])
    if batch.body_values:
        taken.body_values = {to: batch.body_values[row] for to, row in enumerate(rows) if row in batch.body_values}
    return taken


def span_rows(batch: SpanBatch, rows: Sequence[int]) -> SpanBatch:
    """These rows of a batch, in this order."""
    taken = SpanBatch(resources=batch.resources, scopes=batch.scopes)
    for name in _SPAN_COLUMNS:
        column = getattr(batch, name)
        setattr(taken, name, [column[row] for row in rows])
    taken.events = {to: batch.events[row] for to, row in enumerate(rows) if row in batch.events}
    taken.links = {to: batch.links[row] for to, row in enumerate(rows) if row in batch.links}
    return taken


def sample_rows(batch: SampleBatch, keep: NDArray[np.bool_]) -> SampleBatch:
    """The samples where bool[n] `keep` is true; series without a sample go."""
    used, rows = np.unique(batch.rows[keep], return_inverse=True)
    return SampleBatch(
        series=tuple(batch.series[index] for index in used.tolist()),
        series_ids=batch.series_ids[used],
        rows=rows.astype(np.uint32),
        times_ms=batch.times_ms[keep],
        values=batch.values[keep],
        increments=None if batch.increments is None else batch.increments[keep],
        numbered=None if batch.numbered is None else Numbered(batch.numbered.by, batch.numbered.numbers[used]),
    )
