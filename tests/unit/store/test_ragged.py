"""Ragged sample columns."""

from __future__ import annotations

import numpy as np

from anyascope.store.ragged import Columns, frame_of, joined, regrouped, settle
from support.telemetry import labels


def columns(*rows):
    held = np.array(rows, np.int64).reshape(-1, 3)
    return held[:, 0], held[:, 1], held[:, 2].astype(np.float64)


def shown(held):
    return list(zip(held.rows.tolist(), held.times_ms.tolist(), held.values.tolist(), strict=True))


def test_settling_orders_and_keeps_the_last():
    """Samples are put in order; of equal times the later entry stays."""
    settled = Columns(*settle(*columns((1, 5, 1), (0, 9, 2), (1, 5, 3), (1, 4, 4))))

    assert shown(settled) == [(0, 9, 2.0), (1, 4, 4.0), (1, 5, 3.0)]


def test_settled_samples_stay_the_same_arrays():
    """What is in order is not copied."""
    rows, times, values = columns((0, 1, 1), (0, 2, 2), (1, 1, 3))

    assert settle(rows, times, values)[2] is values


def test_regrouping_sorts_rows_that_come_together():
    """Rows in any order, each together, end up by row."""
    assert shown(regrouped(*columns((2, 1, 1), (2, 2, 2), (0, 5, 3), (3, 1, 4)))) == [
        (0, 5, 3.0),
        (2, 1, 1.0),
        (2, 2, 2.0),
        (3, 1, 4.0),
    ]


def test_joining_puts_early_before_late():
    """Each row's early samples come before its late ones."""
    early = Columns(*columns((0, 1, 1), (2, 1, 2), (2, 2, 3)))
    late = Columns(*columns((0, 5, 4), (1, 5, 5), (2, 5, 6)))

    assert [row[:2] for row in shown(joined(early, late, series=4))] == [(0, 1), (0, 5), (1, 5), (2, 1), (2, 2), (2, 5)]


def test_a_frame_leaves_out_series_without_samples():
    """Only series with samples are in the frame."""
    frame = frame_of([labels("a"), labels("b"), labels("c")], Columns(*columns((0, 1, 1), (2, 1, 2))))

    assert list(frame.labels) == [labels("a"), labels("c")]
    assert frame.offsets.tolist() == [0, 1, 2]
    assert len(frame_of([labels("a")], Columns(*columns()))) == 0
