"""Unit tests of turning a collector's families into batches."""

from __future__ import annotations

from anyascope.collect.points import Family, PointBook, counter, gauge
from anyascope.collect.series import SERIES_SPARE
from anyascope.model.labels import labels_of
from anyascope.model.metrics import MetricType
from support.collecting import ended_in, values_of

TARGET = labels_of({"job": "node", "instance": "h1"})


def write(book: PointBook, *families: Family):
    draft, batch = book.draft(families, time_ns=5_000_000_000)
    book.commit(draft, batch)
    return batch


def test_points_carry_the_targets_labels() -> None:
    """Job and instance win over labels of the same name; empty labels are left out."""
    found = values_of(write(PointBook(TARGET), gauge("x", "X.", 1.0, ("job", "own"), ("a", "b"), ("empty", ""))))
    assert found == {labels_of({"__name__": "x", "a": "b", "job": "node", "instance": "h1"}): 1.0}


def test_what_is_collected_no_more_is_ended() -> None:
    """A device that is gone ends its series."""
    book = PointBook(TARGET)
    write(book, gauge("x", "X.", 1.0, ("a", "1")), gauge("y", "Y.", 1.0))
    batch = write(book, gauge("y", "Y.", 2.0), Family("x", MetricType.GAUGE, "X."))
    assert ended_in(batch) == {labels_of([("__name__", "x"), ("a", "1"), *TARGET])}


def test_metadata_is_told_when_it_changes() -> None:
    """Types and helps come with the first batch, and again when there are others."""
    book = PointBook(TARGET)
    assert [entry.metric for entry in write(book, gauge("x", "X.", 1.0)).metadata] == ["x"]
    assert write(book, gauge("x", "X.", 2.0)).metadata == ()
    assert [entry.type for entry in write(book, counter("x_total", "X.", 2.0)).metadata] == [MetricType.COUNTER]


def test_what_went_is_forgotten() -> None:
    """Series that come and go do not stay in memory, and what is there goes on as it was."""
    book = PointBook(TARGET)
    for number in range(3 * SERIES_SPARE):
        batch = write(book, gauge("stays", "S.", 1.0), gauge("comes", "C.", float(number), ("txid", str(number))))
    assert len(book) <= SERIES_SPARE + 10
    assert list(values_of(batch).values()) == [1.0, 3.0 * SERIES_SPARE - 1]
    last = labels_of([("__name__", "comes"), ("txid", str(3 * SERIES_SPARE - 1)), *TARGET])
    assert ended_in(write(book, gauge("stays", "S.", 2.0))) == {last}
