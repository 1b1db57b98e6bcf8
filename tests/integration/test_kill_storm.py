"""Killed again and again in the middle of a storm, to a far end that fails now and then: nobody misses anything."""

from __future__ import annotations

import pytest

from support.kill_storm import kill_storm

ROUNDS = 4


@pytest.mark.long
@pytest.mark.timeout(300)
def test_nothing_is_lost_in_a_storm_of_kills() -> None:
    """Every alert that was taken over is told; what is told twice carries the same key, and is little."""
    counts = kill_storm(ROUNDS)
    assert counts["taken"] > 0
    assert counts["refused"] > 0
    assert counts["lost"] == 0
    assert counts["repeated"] < counts["notifications"] / 10
