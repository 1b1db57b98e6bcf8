"""A compiled loop, the loop as it is written and numpy answer the same, bit for bit."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anyascope import compiled
from anyascope.frames.samples import SampleFrame
from anyascope.model.metrics import STALE_NAN
from anyascope.promql.functions import counters, over_time, sums
from anyascope.promql.values import Windows
from anyascope.promql.windows import bounds_of, newest_values
from anyascope.store.hot import CHUNK, HotWindow
from support.compiling import compiled_loop

FEW = settings(max_examples=60, deadline=None)
HUGE = 1.7e308
NUMBERS = st.one_of(
    st.integers(-50, 50).map(float),
    st.floats(-1e6, 1e6),
    st.floats(1e14, 1e18),
    st.sampled_from([0.1, -0.0, np.nan, np.inf, -np.inf, STALE_NAN, HUGE, -HUGE, 1e-300]),
)
ROW = st.lists(st.tuples(st.integers(0, 400), NUMBERS), max_size=25, unique_by=lambda pair: pair[0]).map(sorted)
ROWS = st.lists(ROW, min_size=1, max_size=20)
GRIDS = st.tuples(st.integers(-50, 300), st.integers(0, 90), st.integers(1, 12))
RANGES = st.integers(1, 300)
SERIES_FUNCTIONS = [
    counters.rate,
    counters.increase,
    counters.delta,
    over_time.sum_over_time,
    over_time.avg_over_time,
    over_time.stdvar_over_time,
]
GROUP_FUNCTIONS = [sums.group_sums, sums.group_means, sums.group_variances]


@pytest.fixture(scope="module", params=["plain", pytest.param("compiled", marks=pytest.mark.slow)])
def loops(request: pytest.FixtureRequest) -> Callable[[], object]:
    """A context in which every kernel is ready: as it is written, or compiled."""
    is_compiled = request.param == "compiled"
    ready = {kernel: compiled_loop(kernel) if is_compiled else kernel.plain for kernel in compiled._kernels}

    @contextmanager
    def all_ready() -> Iterator[None]:
        for kernel, loop in ready.items():
            kernel._compiled = loop
        try:
            with np.errstate(all="ignore"):
                yield
        finally:
            for kernel in ready:
                kernel._compiled = None

    return all_ready


def frame_of(rows: Sequence[Sequence[tuple[int, float]]]) -> SampleFrame:
    return SampleFrame(
        [(("n", str(number)),) for number in range(len(rows))],
        np.concatenate([[0], np.cumsum([len(row) for row in rows])]).astype(np.int64),
        np.array([time for row in rows for time, _ in row], np.int64),
        np.array([value for row in rows for _, value in row], np.float64),
    )


def grid_of(grid: tuple[int, int, int]) -> np.ndarray:
    start, step, count = grid
    return start + step * np.arange(count, dtype=np.int64)


def same(first: np.ndarray, second: np.ndarray, present: np.ndarray) -> None:
    """Equal to the last bit where anything is present; NaN is NaN."""
    np.testing.assert_array_equal(first[present], second[present])


@FEW
@given(rows=ROWS, grid=GRIDS, range_ms=RANGES)
def test_windows_and_newest_samples(loops, rows, grid, range_ms) -> None:
    """Where windows lie, and which sample an instant selector sees, marker or none."""
    frame, right = frame_of(rows), grid_of(grid)
    bounds, (values, present) = bounds_of(frame, right, range_ms), newest_values(frame, right, range_ms)
    with loops():
        same_bounds, (same_values, same_present) = (
            bounds_of(frame, right, range_ms),
            newest_values(frame, right, range_ms),
        )
    np.testing.assert_array_equal(bounds[1] - bounds[0], same_bounds[1] - same_bounds[0])
    held = bounds[1] > bounds[0]
    np.testing.assert_array_equal(bounds[0][held], same_bounds[0][held])
    np.testing.assert_array_equal(present, same_present)
    np.testing.assert_array_equal(values.view(np.int64)[present], same_values.view(np.int64)[present])


@FEW
@given(rows=ROWS, grid=GRIDS, range_ms=RANGES)
def test_functions_of_windows(loops, rows, grid, range_ms) -> None:
    """Rates, sums, means and variances."""
    frame, right = frame_of(rows), grid_of(grid)
    first, stop = bounds_of(frame, right, range_ms)
    windows = Windows(frame.labels, frame.times_ms, frame.values, first, stop, right, range_ms)
    for function in SERIES_FUNCTIONS:
        with np.errstate(all="ignore"):
            values, present = function(windows, [])
        with loops():
            same_values, same_present = function(windows, [])
        np.testing.assert_array_equal(present, same_present)
        same(values, same_values, present)


@FEW
@given(data=st.data(), steps=st.sampled_from([1, 3, sums.STEP_COST + 1]), groups=st.integers(1, 4))
def test_aggregations(loops, data, steps, groups) -> None:
    """Sums, means and variances of groups, however many steps there are."""
    rows = np.array(data.draw(st.lists(st.integers(0, groups - 1), min_size=1, max_size=12)), np.int64)
    some = data.draw(st.lists(NUMBERS, min_size=1, max_size=20))
    values = np.resize(np.array(some), (len(rows), steps))
    present = np.resize(np.array(data.draw(st.lists(st.booleans(), min_size=1, max_size=20))), values.shape)
    for function in GROUP_FUNCTIONS:
        with np.errstate(all="ignore"):
            expected = function(values, present, rows, groups)
        with loops():
            found = function(values, present, rows, groups)
        held = np.array([present[rows == group].any(axis=0) for group in range(groups)])
        same(expected, found, held)


BATCH = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 60)), min_size=1, max_size=2 * CHUNK + 3)


@FEW
@given(batches=st.lists(BATCH, min_size=1, max_size=3), start_ms=st.integers(0, 70), end_ms=st.integers(0, 70))
def test_the_hot_window(loops, batches, start_ms, end_ms) -> None:
    """What memory gives out of its chunks; what is said to be in order is."""
    window = HotWindow(start_ms=5, samples_max=10_000)
    for number, batch in enumerate(batches):
        refs, times = (np.array(column) for column in zip(*batch, strict=True))
        window.append(refs.astype(np.uint32), times.astype(np.int64), np.arange(len(batch)) + 1000.0 * number)
    asked = np.array([2, 0, 9_999, 3], np.uint32)
    expected = window.gather(asked, start_ms=start_ms, end_ms=end_ms)
    with loops():
        found = window.gather(asked, start_ms=start_ms, end_ms=end_ms)
    for name in ("counts", "rows", "times_ms", "values"):
        np.testing.assert_array_equal(getattr(expected, name), getattr(found, name))
    steps = np.diff(found.times_ms)[np.diff(found.rows) == 0]
    assert found.is_settled == bool((steps > 0).all())
