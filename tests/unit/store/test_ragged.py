"""Ragged sample columns."""

from __future__ import annotations

import numpy as np
import pytest

from anyascope.store.kernels import place_blocks
from anyascope.store.ragged import Columns, Piece, frame_of, settle
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


def piece(begins, counts, *samples):
    times, values = zip(*samples, strict=True)
    return Piece(np.array(begins), np.array(counts), np.array(times, np.int64), np.array(values, np.float64))


def framed(frame):
    return [
        (labels, list(zip(frame.times_ms[begin:end].tolist(), frame.values[begin:end].tolist(), strict=True)))
        for labels, begin, end in zip(
            frame.labels, frame.offsets[:-1].tolist(), frame.offsets[1:].tolist(), strict=True
        )
    ]


NAMES = [labels("a"), labels("b"), labels("c")]


@pytest.mark.parametrize("is_compiled", [False, True])
def test_a_frame_takes_series_from_where_they_stand(monkeypatch, is_compiled):
    """Samples that stand in another order than the series end up with theirs, early ones before late ones."""
    if is_compiled:
        monkeypatch.setattr(place_blocks, "_compiled", place_blocks.plain)
    early = piece((1, 0, 0), (2, 0, 1), (7, 1.0), (1, 2.0), (2, 3.0))
    late = piece((0, 1, 2), (1, 1, 0), (5, 4.0), (6, 5.0))

    assert framed(frame_of(NAMES, early, late)) == [
        (labels("a"), [(1, 2.0), (2, 3.0), (5, 4.0)]),
        (labels("b"), [(6, 5.0)]),
        (labels("c"), [(7, 1.0)]),
    ]


def test_a_frame_leaves_out_series_without_samples():
    """Only series with samples are in the frame."""
    frame = frame_of(NAMES, Piece.of(Columns(*columns((0, 1, 1), (2, 1, 2))), 3))

    assert list(frame.labels) == [labels("a"), labels("c")]
    assert frame.offsets.tolist() == [0, 1, 2]
    assert len(frame_of(NAMES, Piece.of(Columns(*columns()), 3))) == 0
