"""The clock of the chain, whatever the chain does: against the definition, from all heights that were ever told."""

from __future__ import annotations

from itertools import accumulate

from hypothesis import given
from hypothesis import strategies as st

from anyascope.rules.blocks import HEIGHTS_EXPR, BlockSpan, BlockWindow
from anyascope.rules.chainclock import WINDOW_MS_MIN, ChainClock
from support.rules_house import vector

MINUTE_MS = 60_000
STEPS = st.lists(st.sampled_from([0, 0, 0, 1, 1, 2, 7, -1, -3]), min_size=1, max_size=120)


class Chain:
    """Tells a height a minute, and nothing of the past."""

    def __init__(self, heights):
        self.heights = heights

    async def instant(self, query, time_ms):
        is_now = query == HEIGHTS_EXPR
        return vector([({"chain": "main"}, float(self.heights[time_ms // MINUTE_MS]))] if is_now else [], time_ms)


def by_definition(heights, blocks):
    """From when the chain was first no more than so many blocks below its highest until now."""
    highest = list(accumulate(heights, max))
    first = next(minute for minute, height in enumerate(highest) if height >= highest[-1] - blocks)
    lasted_ms = (len(heights) - 1 - first) * MINUTE_MS
    return BlockWindow(max(lasted_ms, WINDOW_MS_MIN), min(blocks, highest[-1] - highest[0]))


@given(STEPS, st.lists(st.integers(1, 30), min_size=1, max_size=3))
async def test_a_window_is_as_long_as_its_blocks_took(steps, spans):
    """Reorgs turn nothing back, several blocks at once are seen at once, and what is forgotten is not missed."""
    heights = list(accumulate(steps, initial=1_000))
    clock = ChainClock(Chain(heights))
    for minute in range(len(heights)):
        await clock.window(
            BlockSpan(30), minute * MINUTE_MS
        )  # the longest that is asked for is asked for from the start
        for blocks in spans:
            found = await clock.window(BlockSpan(blocks), minute * MINUTE_MS)
            assert found == by_definition(heights[: minute + 1], blocks)
