"""How many shards, which lanes, and how long to wait: pure."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from anyascope.forward.options import LANES, QueueOptions
from anyascope.forward.shards import Load, Rate, Wait, lane_bounds, lanes_of, next_shards, shards_wanted, wait_after

# 1000 samples a second come and go; a request of 100 takes 0.1 s: one shard is just enough.
EVEN = Load(in_per_s=1000.0, out_per_s=1000.0, dropped_per_s=0.0, sending=1.0, delay_s=0.0)
OPTIONS = QueueOptions(min_shards=1, max_shards=10)


@pytest.mark.parametrize(
    ("changes", "wanted"),
    [
        ({}, 1.0),
        ({"in_per_s": 3000.0}, 3.0),
        ({"sending": 4.0}, 4.0),
        ({"delay_s": 20.0}, 2.0),  # 5 % of what waits is made up each second
        ({"in_per_s": 4000.0, "dropped_per_s": 1000.0}, 2.0),  # half of it is not for this far end
        ({"out_per_s": 0.0}, None),
    ],
)
def test_shards_wanted(changes, wanted):
    """Seconds of sending a sample, times the samples a second that are to be sent."""
    assert shards_wanted(replace(EVEN, **changes)) == wanted


@pytest.mark.parametrize(
    ("current", "changes", "count"),
    [
        (1, {"sending": 1.2}, 2),
        (4, {"sending": 5.0}, 4),  # within 30 %
        (4, {"sending": 5.3}, 6),
        (4, {"sending": 1.0}, 1),
        (4, {"sending": 1.0, "delay_s": 11.0, "in_per_s": 100.0}, 4),  # behind: not fewer
        (4, {"sending": 99.0}, 10),
        (4, {"out_per_s": 0.0}, 4),
    ],
)
def test_next_shards(current, changes, count):
    """Within min and max; small changes are none; not fewer while behind."""
    assert next_shards(current, replace(EVEN, **changes), OPTIONS) == count


def test_a_rate_begins_with_what_it_sees_and_moves_by_a_fifth():
    """The first stretch counts whole, each further one for 20 %."""
    rate = Rate()
    rate.tick()
    assert rate.per_s == 0
    rate.add(100)
    rate.tick()
    assert rate.per_s == 10
    rate.add(200)
    rate.tick()
    assert rate.per_s == pytest.approx(12)


@pytest.mark.parametrize("shards", [1, 2, 3, 50, LANES])
def test_every_lane_has_one_shard(shards):
    """The shards' lanes follow each other and differ by one at most."""
    bounds = lane_bounds(shards)
    assert bounds[0][0] == 0
    assert bounds[-1][1] == LANES
    assert all(before[1] == after[0] for before, after in pairwise(bounds))
    widths = {end - first for first, end in bounds}
    assert max(widths) - min(widths) <= 1


def test_a_series_keeps_its_lane():
    """The lane is a part of the id."""
    ids = np.array([0, 255, 256, 2**64 - 1], np.uint64)
    assert lanes_of(ids).tolist() == [0, 255, 0, 255]


@pytest.mark.parametrize(
    ("backoff_s", "retry_after_s", "wait"),
    [
        (0.03, 0.0, Wait(0.03, 0.06)),
        (4.0, 0.0, Wait(4.0, 5.0)),
        (0.03, 2.0, Wait(2.0, 4.0)),
        (0.03, 86_400.0, Wait(600.0, 5.0)),
    ],
)
def test_wait_after(backoff_s, retry_after_s, wait):
    """Doubled up to the longest one; what the far end asks for counts, within reason."""
    assert wait_after(backoff_s, retry_after_s=retry_after_s, max_s=5.0) == wait
