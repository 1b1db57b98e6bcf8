"""Unit tests of which series a source has and had."""

from __future__ import annotations

import numpy as np

from anyascope.collect.series import Live, SeriesBook
from anyascope.model.labels import labels_of, series_id
from anyascope.model.metrics import is_stale

A, B, C = (labels_of({"__name__": name}) for name in "abc")


def slots(book: SeriesBook, *labels) -> np.ndarray:
    return np.array([book.slot_of(one) for one in labels], dtype=np.int64)


def write(book: SeriesBook, *labels, time_ms: int = 1000, **options):
    draft = book.draft(slots(book, *labels), np.arange(len(labels), dtype=np.float64), time_ms=time_ms, **options)
    book.commit(draft)
    return draft.samples


def ended(samples) -> set:
    return {samples.series[row] for row in samples.rows[is_stale(samples.values)].tolist()}


def test_a_series_that_vanishes_is_marked_once() -> None:
    """A series that the source sends no more gets one staleness marker at that time."""
    book = SeriesBook()
    write(book, A, B)
    second = write(book, A, time_ms=2000)
    assert ended(second) == {B}
    assert second.times_ms.tolist() == [2000, 2000]
    assert ended(write(book, A, time_ms=3000)) == set()


def test_a_draft_that_was_not_stored_counts_for_nothing() -> None:
    """Without a commit the next draft compares with what was stored before."""
    book = SeriesBook()
    write(book, A, B)
    book.draft(slots(book, A), np.zeros(1), time_ms=2000)
    assert ended(book.draft(slots(book, A), np.zeros(1), time_ms=3000).samples) == {B}


def test_counts_what_is_new() -> None:
    """New is what was not last written: what comes back is new again."""
    book = SeriesBook()
    write(book, A)
    assert book.count_new(slots(book, A, B, C)) == 2
    write(book, B)
    assert book.count_new(slots(book, A)) == 1


def test_says_farewell_to_all() -> None:
    """When the source is gone every series that it last had is marked."""
    book = SeriesBook()
    write(book, A, B)
    write(book, B, C)
    samples = book.farewell(time_ms=9000).samples
    assert ended(samples) == {B, C}


def test_inherits_what_a_predecessor_wrote() -> None:
    """Series of a predecessor are marked if the successor does not send them."""
    book = SeriesBook(Live((A, B)))
    assert ended(write(book, A)) == {B}


def test_batches_carry_ids_and_distinct_series() -> None:
    """A batch names each series once, with its id, whatever the order and repetition."""
    book = SeriesBook()
    first = write(book, A, B)
    again = write(book, A, B)
    assert (first.series, first.series_ids.tolist()) == ((A, B), [series_id(A), series_id(B)])
    assert again.series is first.series
    twice = write(book, B, A, B, times_ms={0: 1, 2: 2})
    assert [twice.series[row] for row in twice.rows] == [B, A, B]
    assert twice.times_ms.tolist() == [1, 1000, 2]
    assert len(twice.series) == 2


def test_untracked_series_end_without_a_marker() -> None:
    """A series whose times are the target's own ends when it ends."""
    book = SeriesBook()
    write(book, A, B, times_ms={0: 5}, untracked=[0])
    assert ended(write(book)) == {B}


def test_grows() -> None:
    """There may be any number of series."""
    book = SeriesBook()
    many = [labels_of({"__name__": "x", "n": str(number)}) for number in range(1000)]
    samples = write(book, *many)
    assert samples.series_ids.tolist() == [series_id(labels) for labels in many]
