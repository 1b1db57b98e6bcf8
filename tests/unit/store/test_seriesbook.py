"""Which rows of the label index are written and removed, over an engine that only writes down what it is told."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from anyascope.clock import ManualClock
from anyascope.model.labels import series_id
from anyascope.store.chdb.seriesbook import SLACK_MS, SeriesBook
from anyascope.store.labelindex import LabelIndex
from support.telemetry import NOW_MS, labels

UP = labels("up", job="a")
NO_ROWS = pa.table({})


class Engine:
    """Answers from tables at hand."""

    def __init__(self, **tables):
        self._tables = tables
        self.inserted = []
        self.commands = []

    async def ask(self, name):
        return self._tables.get(name, NO_ROWS)

    async def insert(self, table, block, *, rows):
        self.inserted.append((table, rows))

    async def command(self, statement):
        self.commands.append(statement)


def on_disk(*series, first_ms=NOW_MS):
    """The rows of these series as a start reads them."""
    return pa.table(
        {
            "series_id": pa.array([series_id(each) for each in series], pa.uint64()),
            "names": [[name for name, _ in each] for each in series],
            "texts": [[text for _, text in each] for each in series],
            "first_ms": pa.array([first_ms] * len(series), pa.int64()),
            "is_moved": [0] * len(series),
        }
    )


async def started(**tables):
    engine, index = Engine(**tables), LabelIndex()
    book = SeriesBook(engine, index, clock=ManualClock())
    await book.load(is_after_crash=False)
    return engine, index, book


def placed(index, series):
    return index.place([series], np.array([series_id(series)], np.uint64)).refs


async def test_a_known_series_is_not_written_again():
    """A series whose row was read at the start needs none."""
    engine, index, book = await started(series_all=on_disk(UP))

    await book.cover(placed(index, UP), np.array([NOW_MS + 1], np.int64))

    assert engine.inserted == []


async def test_a_row_that_a_cut_off_deletion_may_take_is_written_again():
    """While a removal that a stop cut off goes on, a row that was read may vanish: the series is written down anew."""
    deletion = pa.table({"table": ["series"], "reason": [""]})
    engine, index, book = await started(series_all=on_disk(UP), mutations=deletion)
    refs = placed(index, UP)
    assert index.first_ms(refs).tolist() == [NOW_MS]

    await book.cover(refs, np.array([NOW_MS + 1], np.int64))
    await book.cover(refs, np.array([NOW_MS + 2], np.int64))

    assert engine.inserted == [("series", 1)]
    # Its row says since when there are samples, not since when it is written again.
    await book.cover(refs, np.array([NOW_MS + SLACK_MS], np.int64))
    assert engine.inserted == [("series", 1)]


async def test_a_deletion_of_samples_leaves_the_rows_of_series_alone():
    """A deletion in another table takes no labels."""
    deletion = pa.table({"table": ["samples"], "reason": [""]})
    engine, index, book = await started(series_all=on_disk(UP), mutations=deletion)

    await book.cover(placed(index, UP), np.array([NOW_MS + 1], np.int64))

    assert engine.inserted == []


async def test_the_row_of_a_series_that_came_back_is_not_removed():
    """A removal that chose a series which another one removed before it deletes nothing of its successor."""
    engine, index, book = await started(series_all=on_disk(UP))
    first = placed(index, UP)
    dropped = []
    await book.remove(lambda: first, on_dropped=dropped.append)
    assert len(engine.commands) == 2
    second = placed(index, UP)
    await book.cover(second, np.array([NOW_MS], np.int64))

    await book.remove(lambda: first, on_dropped=dropped.append)

    assert len(engine.commands) == 2
    assert [refs.tolist() for refs in dropped] == [first.tolist()]
    assert index.ref_of(series_id(UP)) == second[0]
