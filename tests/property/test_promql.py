"""The columns say what a loop over samples would say."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from anyascope.frames.samples import SampleFrame
from anyascope.promql.functions import counters, over_time
from anyascope.promql.lexer import unquoted
from anyascope.promql.numbers import format_float
from anyascope.promql.values import Windows
from anyascope.promql.windows import newest, starts, stops

FEW = settings(max_examples=35, deadline=None)
times = st.lists(st.integers(0, 400), unique=True, max_size=25).map(sorted)
number = st.one_of(st.integers(-50, 50).map(float), st.just(math.nan), st.floats(-1e6, 1e6))
series = st.lists(st.tuples(times, st.lists(number, min_size=25, max_size=25)), max_size=20)
grids = st.tuples(st.integers(-50, 300), st.integers(1, 90), st.integers(1, 12))


def frame_of(rows: Sequence[tuple[list[int], list[float]]]) -> SampleFrame:
    lengths = [len(row) for row, _ in rows]
    return SampleFrame(
        [(("n", str(number)),) for number in range(len(rows))],
        np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
        np.array([time for row, _ in rows for time in row], np.int64),
        np.array([value for row, values in rows for value in values[: len(row)]], np.float64),
    )


def grid_of(grid: tuple[int, int, int]) -> np.ndarray:
    start, step, count = grid
    return start + step * np.arange(count, dtype=np.int64)


def windows_of(rows: Sequence[tuple[list[int], list[float]]], grid: tuple[int, int, int], range_ms: int) -> Windows:
    frame, right = frame_of(rows), grid_of(grid)
    stop = stops(frame, right)
    first = starts(frame, right, range_ms, stop)
    return Windows(frame.labels, frame.times_ms, frame.values, first, stop, right, range_ms)


def seen(row: tuple[list[int], list[float]], right: int, range_ms: int) -> list[tuple[int, float]]:
    return [(time, value) for time, value in zip(row[0], row[1], strict=False) if right - range_ms < time <= right]


def same(expected: float, found: float) -> bool:
    return math.isclose(expected, found, rel_tol=1e-9, abs_tol=1e-9) or (math.isnan(expected) and math.isnan(found))


@FEW
@given(series, grids, st.integers(1, 300))
def test_windows_hold_the_samples_after_the_left_edge_up_to_the_right_one(
    rows: list[tuple[list[int], list[float]]], grid: tuple[int, int, int], range_ms: int
) -> None:
    """However many series there are, and whether or not the range is a multiple of the step."""
    windows = windows_of(rows, grid, range_ms)

    for number_, row in enumerate(rows):
        for step, right in enumerate(grid_of(grid).tolist()):
            part = slice(windows.first[number_, step], windows.stop[number_, step])
            assert windows.times_ms[part].tolist() == [time for time, _ in seen(row, right, range_ms)]


@FEW
@given(series, grids, st.integers(1, 300))
def test_an_instant_selector_sees_the_newest_sample(
    rows: list[tuple[list[int], list[float]]], grid: tuple[int, int, int], lookback_ms: int
) -> None:
    """If it is young enough."""
    frame = frame_of(rows)
    chosen, present = newest(frame, grid_of(grid), lookback_ms)

    for number_, row in enumerate(rows):
        for step, right in enumerate(grid_of(grid).tolist()):
            expected = seen(row, right, lookback_ms)
            assert bool(present[number_, step]) == bool(expected)
            if expected:
                assert frame.times_ms[chosen[number_, step]] == expected[-1][0]


def increase_by_loop(samples: list[tuple[int, float]], right: int, range_ms: int) -> float:
    """`increase`, sample by sample. Source: Prometheus, `extrapolatedRate`."""
    rise = samples[-1][1] - samples[0][1]
    for (_, before), (_, after) in pairwise(samples):
        if after < before:
            rise += before
    to_start, to_end = (samples[0][0] - (right - range_ms)) / 1000, (right - samples[-1][0]) / 1000
    sampled = (samples[-1][0] - samples[0][0]) / 1000
    spacing = sampled / (len(samples) - 1)
    to_start = spacing / 2 if to_start >= spacing * 1.1 else to_start
    if rise > 0 and samples[0][1] >= 0:
        to_start = min(to_start, sampled * (samples[0][1] / rise))
    to_end = spacing / 2 if to_end >= spacing * 1.1 else to_end
    return rise * ((sampled + to_start + to_end) / sampled)


@FEW
@given(series, grids, st.integers(1, 300))
def test_increase_is_what_a_loop_over_samples_gives(
    rows: list[tuple[list[int], list[float]]], grid: tuple[int, int, int], range_ms: int
) -> None:
    """Resets, NaN, edges and all."""
    values, present = counters.increase(windows_of(rows, grid, range_ms), ())

    for number_, row in enumerate(rows):
        for step, right in enumerate(grid_of(grid).tolist()):
            samples = seen(row, right, range_ms)
            assert bool(present[number_, step]) == (len(samples) > 1)
            if len(samples) > 1:
                assert same(increase_by_loop(samples, right, range_ms), values[number_, step])


def quantile_by_sorting(samples: list[float], wanted: float) -> float:
    ordered = sorted(samples, key=lambda value: (not math.isnan(value), 0.0 if math.isnan(value) else value))
    rank = wanted * (len(ordered) - 1)
    lower = math.floor(rank)
    upper = min(lower + 1, len(ordered) - 1)
    return ordered[lower] * (1 - (rank - lower)) + ordered[upper] * (rank - lower)


@FEW
@given(series, grids, st.integers(1, 300), st.floats(0, 1))
def test_quantiles_are_those_of_the_sorted_samples(
    rows: list[tuple[list[int], list[float]]], grid: tuple[int, int, int], range_ms: int, wanted: float
) -> None:
    """NaN sorts first."""
    arguments = [np.full(grid[2], wanted)]
    values, _ = over_time.quantile_over_time(windows_of(rows, grid, range_ms), arguments)

    for number_, row in enumerate(rows):
        for step, right in enumerate(grid_of(grid).tolist()):
            samples = [value for _, value in seen(row, right, range_ms)]
            if samples:
                assert same(quantile_by_sorting(samples, wanted), values[number_, step])


@FEW
@given(series, grids, st.integers(1, 300))
def test_sums_are_exact(rows: list[tuple[list[int], list[float]]], grid: tuple[int, int, int], range_ms: int) -> None:
    """To ten digits of what remains, whatever cancels."""
    values, _ = over_time.sum_over_time(windows_of(rows, grid, range_ms), ())

    for number_, row in enumerate(rows):
        for step, right in enumerate(grid_of(grid).tolist()):
            samples = [value for _, value in seen(row, right, range_ms)]
            if samples:
                assert same(math.fsum(samples), values[number_, step])


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_written_number_reads_back_as_itself(value: float) -> None:
    """And has no exponent."""
    text = format_float(value)

    assert float(text) == value
    assert "e" not in text


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_a_quoted_string_reads_back_as_itself(text: str) -> None:
    """Whatever is in it."""
    quoted = '"' + "".join(f"\\U{ord(character):08x}" for character in text) + '"'

    assert unquoted(quoted) == text
