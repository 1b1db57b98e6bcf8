"""Where series come from: counted over a snapshot of the label index, away from the event loop."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Iterable, Sequence

import numpy as np

from anyascope.model.labels import METRIC_NAME
from anyascope.store.api.metrics import Cardinality
from anyascope.store.labelindex import LabelIndex, Postings

IN_PLACE_SERIES_MAX = 10_000  # counted on the spot in some 5 ms; a million takes a second, on a thread


async def cardinality_of(
    index: LabelIndex, *, limit: int, focus: str, since_ms: int, samples_in_memory: int
) -> Cardinality:
    """How many series the index has, and where they come from.

    Args:
        index: is only looked at before the first wait.
        limit: entries of each list.
        focus: a label whose values are told too; empty for none.
        since_ms: UTC milliseconds; what began after it is new, what ended before it is quiet.
        samples_in_memory: goes along.
    """
    every = index.every()
    first_ms, last_ms = index.first_ms(every), index.last_ms(every)
    has_begun = first_ms <= last_ms
    first_ms, last_ms = first_ms[has_begun], last_ms[has_begun]
    postings = index.postings()
    if len(every) > IN_PLACE_SERIES_MAX:
        counts = await asyncio.to_thread(_counted, postings, limit=limit, focus=focus)
    else:
        counts = _counted(postings, limit=limit, focus=focus)
    by_metric, by_label, by_pair, by_bytes, by_focus = counts
    return Cardinality(
        series=len(first_ms),
        samples_in_memory=samples_in_memory,
        oldest_ms=int(first_ms.min()) if len(first_ms) else 0,
        newest_ms=int(last_ms.max()) if len(last_ms) else 0,
        by_metric=by_metric,
        by_label=by_label,
        by_pair=by_pair,
        label_pairs=sum(len(values) for _, values in postings),
        bytes_by_label=by_bytes,
        by_focus=by_focus,
        new=int(np.count_nonzero(first_ms >= since_ms)),
        quiet=int(np.count_nonzero(last_ms < since_ms)),
    )


Counts = tuple[tuple[str, int], ...]


def _counted(postings: Postings, *, limit: int, focus: str) -> tuple[Counts, Counts, Counts, Counts, Counts]:
    """By metric, by label, by pair, bytes by label, and by value of the label in focus."""
    names = dict(postings)
    return (
        largest(_sizes(names.get(METRIC_NAME, ())), limit),
        largest(((name, len(values)) for name, values in postings), limit),
        largest(((f"{name}={value}", len(refs)) for name, values in postings for value, refs in values), limit),
        largest(((name, _bytes_of(name, values)) for name, values in postings), limit),
        largest(_sizes(names.get(focus, ())), limit),
    )


def _bytes_of(name: str, values: Iterable[tuple[str, Sequence[int]]]) -> int:
    """What `name`, two signs and the value take in all series, as upstream counts."""
    own = len(name.encode("utf-8", "surrogatepass")) + 2
    return sum((own + len(value.encode("utf-8", "surrogatepass"))) * len(refs) for value, refs in values)


def _sizes(values: Iterable[tuple[str, Sequence[int]]]) -> Iterable[tuple[str, int]]:
    return ((value, len(refs)) for value, refs in values)


def largest(counts: Iterable[tuple[str, int]], limit: int) -> Counts:
    """The `limit` largest counts, equal ones by name."""
    return tuple(heapq.nsmallest(limit, counts, key=lambda pair: (-pair[1], pair[0])))
