"""Killed again and again in the middle of a storm, to a far end that fails now and then: nobody misses anything."""

from __future__ import annotations

import pytest

from anyascope.notify.patience import CourierOptions
from support.kill_storm import ROUTES, kill_storm

ROUNDS = 4


@pytest.mark.long
def test_nothing_is_lost_in_a_storm_of_kills() -> None:
    """Every alert that was taken over is told; what is told twice carries the same key, and was under way at a kill."""
    counts = kill_storm(ROUNDS)
    assert counts["taken"] > 0
    assert counts["refused"] > 0
    assert counts["lost"] == 0
    assert counts["worst"] <= ROUTES * CourierOptions().lane_parallel
