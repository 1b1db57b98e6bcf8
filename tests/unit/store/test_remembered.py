"""What was read from disk is found again, exactly, until something changes or it is pushed out."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from anyascope.store.chdb.remembered import GRID_MS, SEGMENTS_MAX, Remembered, Segment, first_from, piece_of_segments
from anyascope.store.ragged import Columns, Piece


def segment(data, *, start_ms=0, end_ms=GRID_MS - 1):
    """A segment of {id: times}, in the order of the mapping; values are the times."""
    ids = np.array(list(data), np.uint64)
    rows = np.repeat(np.arange(len(ids)), [len(times) for times in data.values()])
    times_ms = np.array([time for times in data.values() for time in times], np.int64)
    piece = Piece.of(Columns(rows, times_ms, times_ms.astype(np.float64)), len(ids))
    return Segment.of(ids, piece, start_ms=start_ms, end_ms=end_ms)


def asked(memory, ids, start_ms, end_ms):
    """{id: times} that are found of these ids, and the ids that are not."""
    ids = np.array(ids, np.uint64)
    found, missing = memory.find(ids, start_ms, end_ms)
    piece = piece_of_segments(found, len(ids), start_ms=start_ms, end_ms=end_ms)
    stretches = [
        piece.times_ms[begin : begin + count].tolist()
        for begin, count in zip(piece.begins.tolist(), piece.counts.tolist(), strict=True)
    ]
    return dict(zip(ids.tolist(), stretches, strict=True)), ids[missing].tolist()


def test_series_are_found_in_any_order():
    """Each asked series comes from one segment that has all of the stretch; the others are named."""
    memory = Remembered()
    memory.add(segment({7: [1, 5, 9], 3: []}), version=0)
    memory.add(segment({5: [2, 4], 3: [99]}), version=0)

    assert asked(memory, [3, 9, 7, 5], 4, 9) == ({3: [], 9: [], 7: [5, 9], 5: [4]}, [9])
    assert asked(memory, [7], 0, GRID_MS)[1] == [7]


def test_questions_are_rounded_to_a_grid():
    """What is read begins and ends at the grid, before the samples in memory, and never is too much to remember."""
    memory = Remembered(samples_max=1_000)

    assert memory.stretch(GRID_MS + 5, GRID_MS + 6, hot_ms=10 * GRID_MS, series=1) == (GRID_MS, 2 * GRID_MS - 1)
    assert memory.stretch(5, GRID_MS, hot_ms=GRID_MS + 7, series=1) == (0, GRID_MS + 6)
    assert memory.stretch(-5, 5, hot_ms=GRID_MS, series=1) == (-GRID_MS, GRID_MS - 1)
    assert memory.stretch(0, 5, hot_ms=GRID_MS, series=100) is None
    assert memory.stretch(0, 97 * GRID_MS, hot_ms=10**12, series=1) is None


def test_changes_are_forgotten():
    """What lies in a stretch that has changed is forgotten, and what was read meanwhile is not remembered."""
    memory = Remembered()
    memory.add(segment({1: [1]}), version=0)
    memory.add(segment({2: [GRID_MS]}, start_ms=GRID_MS, end_ms=2 * GRID_MS - 1), version=0)

    memory.forget(GRID_MS - 1, GRID_MS - 1)
    memory.add(segment({3: [1]}), version=0)

    assert asked(memory, [1, 3], 0, 5)[1] == [1, 3]
    assert asked(memory, [2], GRID_MS, GRID_MS)[1] == []
    assert memory.samples == 1


def test_the_least_lately_used_go_first():
    """Room is bounded by samples and by segments; what is too large by itself is not remembered."""
    memory = Remembered(samples_max=10)
    memory.add(segment({1: range(5)}), version=0)
    memory.add(segment({2: range(5)}), version=0)
    assert asked(memory, [1], 0, 9)[1] == []

    memory.add(segment({3: range(3)}), version=0)
    memory.add(segment({4: range(6)}), version=0)

    assert (asked(memory, [1, 2, 3, 4], 0, 9)[1], memory.samples) == ([2, 4], 8)
    for number in range(SEGMENTS_MAX + 1):
        memory.add(segment({100 + number: []}), version=0)
    assert asked(memory, [1, 3, 100, 101], 0, 9)[1] == [1, 3, 100]


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.lists(st.integers(0, 20), unique=True, max_size=8).map(sorted), min_size=1, max_size=6),
    st.integers(-1, 21),
)
def test_where_a_time_is_reached(stretches, time_ms):
    """For all series at once what a search in each would find."""
    counts = np.array([len(each) for each in stretches], np.int64)
    ends = np.cumsum(counts)
    times_ms = np.array([time for each in stretches for time in each], np.int64)

    found = first_from(times_ms, ends - counts, ends, time_ms)

    assert (found - (ends - counts)).tolist() == [np.searchsorted(each, time_ms) for each in stretches]
