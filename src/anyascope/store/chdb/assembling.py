"""What the disk answered, and what memory holds, as one frame."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from anyascope.frames.samples import SampleFrame
from anyascope.model.labels import Labels
from anyascope.store.hot import Gathered
from anyascope.store.ragged import Columns, Piece, frame_of, offsets_of


def numpy_of(table: pa.Table, name: str) -> NDArray[Any]:
    """A numeric column without NULLs; not copied where it is in one piece.

    Arrow's own `to_numpy` would import pandas for it.
    """
    chunks = [np.from_dlpack(chunk) for chunk in table[name].chunks]
    return chunks[0] if len(chunks) == 1 else np.concatenate(chunks)


def has_repeats(table: pa.Table) -> bool:
    """Whether a series has a time twice; the table is sorted by both."""
    if len(table) < 2:
        return False
    ids, times_ms = numpy_of(table, "series_id"), numpy_of(table, "time_ms")
    return bool(np.any((ids[1:] == ids[:-1]) & (times_ms[1:] == times_ms[:-1])))


def assembled(labels: Sequence[Labels], early: Piece | None, recent: Gathered) -> SampleFrame:
    """Disk and memory as one frame; what memory has is all later."""
    late = piece_of(recent)
    return frame_of(labels, late) if early is None else frame_of(labels, early, late)


def from_disk(ids: NDArray[np.uint64], table: pa.Table, waiting: Sequence[Columns]) -> Piece | None:
    """What stands before the hot window; None where nothing does.

    Args:
        ids: uint64[series], of the asked series.
        table: what the disk has of them, sorted by id and time.
        waiting: what was written later and is on its way to the disk, oldest first; parts of it may be there already.
    """
    written = [part for part in waiting if len(part.rows)]
    if not len(table):
        return Piece.of(Columns.settled(*_concatenated(written)), len(ids)) if written else None
    found, times_ms, values = (numpy_of(table, name) for name in ("series_id", "time_ms", "value"))
    is_same = found[1:] == found[:-1]
    begins = np.flatnonzero(np.concatenate(([True], ~is_same)))
    counts = np.diff(np.append(begins, len(found)))
    order = np.argsort(ids)
    rows = order[np.searchsorted(ids[order], found[begins])]
    if written or (is_same & (times_ms[1:] == times_ms[:-1])).any():
        disk = Columns(np.repeat(rows, counts), times_ms, values)
        return Piece.of(Columns.settled(*_concatenated([disk, *written])), len(ids))
    early = Piece(np.zeros(len(ids), np.int64), np.zeros(len(ids), np.int64), times_ms, values)
    early.begins[rows], early.counts[rows] = begins, counts
    return early


def _concatenated(parts: Sequence[Columns]) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    return (
        np.concatenate([part.rows for part in parts]),
        np.concatenate([part.times_ms for part in parts]),
        np.concatenate([part.values for part in parts]),
    )


def piece_of(recent: Gathered) -> Piece:
    """What memory has, each time once."""
    if recent.is_settled:
        return Piece(offsets_of(recent.counts)[:-1], recent.counts, recent.times_ms, recent.values)
    columns = Columns.settled(recent.rows, recent.times_ms, recent.values)
    return Piece.of(columns, len(recent.counts))
