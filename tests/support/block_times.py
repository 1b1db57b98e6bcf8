"""When blocks come on a healthy network, and what nodes that see them tell of their tips."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from anyascope.collect.collectors.bitcoin.networks import BITCOIN_SPACING_S
from anyascope.collect.collectors.bitcoin.pace import MEASURED_BLOCKS, spacing_of
from support.replay import STEP_S, Replay, Values

MAIN_GENESIS = "000000000019d6689c085ae165831e934ff763ae46a2a6c172b3f1b60a8ce26f"
BEFORE = MEASURED_BLOCKS + 11  # blocks of before the start, so that a day's average and a median are known
HEIGHT = 900_000  # of the first of them
SLOWER = 1.5
MEDIAN_BACK = 5  # the median of 11 block times is that of the sixth newest


def mined(chance: np.random.Generator, *, days: float, slow_days: tuple[float, float] = (0.0, 0.0)) -> Values:
    """Seconds since the start at which blocks are found: without memory, one in ten minutes.

    Args:
        slow_days: in between a third of the miners is away, so that blocks take half as long again.
    """
    count = BEFORE + round(days * 86_400 / BITCOIN_SPACING_S * 1.2) + 100
    times_s = np.cumsum(chance.exponential(BITCOIN_SPACING_S, count))
    times_s -= times_s[BEFORE - 1]
    begin_s, end_s = (day * 86_400 for day in slow_days)
    # Time runs slower for the miners who are left: what they do in between takes half as long again.
    within_s = np.clip(times_s - begin_s, 0.0, (end_s - begin_s) / SLOWER)
    return np.asarray(times_s + (SLOWER - 1) * within_s)


def received(chance: np.random.Generator, blocks_s: Values, *, mean_s: float = 2.0) -> Values:
    """When a node has them: some seconds later, never in another order."""
    return np.maximum.accumulate(blocks_s + chance.exponential(mean_s, len(blocks_s)))


def cut_off(arrivals_s: Values, *, from_s: float, to_s: float) -> Values:
    """A node that gets nothing in between, and everything then."""
    return np.where((arrivals_s > from_s) & (arrivals_s < to_s), to_s, arrivals_s)


def tell_tips(
    replay: Replay, chain: str, nodes: Sequence[tuple[str, Values]], *, settled: Values | float = 1.0
) -> None:
    """What the collector tells of the tips of nodes of one network, each with the times at which its blocks arrived."""
    now_s = replay.times_s
    for name, arrivals_s in nodes:
        labels = {"chain": chain, "node": name, "instance": f"{name}:8332", "job": "bitcoin"}
        tip = np.searchsorted(arrivals_s, now_s, side="right") - 1
        age_s = now_s - arrivals_s[tip]
        replay.add("anya_bitcoin_tip_age_seconds", labels, age_s)
        replay.add("anya_bitcoin_tip_gap_probability", labels, np.exp(-age_s / spacings_s(arrivals_s)[tip]))
        replay.add("anya_bitcoin_settled", labels, settled)
        replay.add("bitcoin_blocks", labels, HEIGHT + tip)
        others = [times_s for other, times_s in nodes if other != name]
        if others:
            ahead_s = np.min(others, axis=0)[tip + 1]  # when the first of them had the block that this one lacks
            replay.add("anya_bitcoin_tip_lag_seconds", labels, np.maximum(0.0, now_s - ahead_s))
            behind = np.searchsorted(np.min(others, axis=0), now_s, side="right") - 1 - tip
            replay.add("anya_bitcoin_behind_blocks", labels, np.maximum(0, behind))
            replay.add("anya_bitcoin_nodes_on_another_branch", labels, 0.0)


def spacings_s(arrivals_s: Values) -> Values:
    """The spacing that the collector goes by after each block."""
    medians_s = np.concatenate((np.full(MEDIAN_BACK, np.nan), arrivals_s[:-MEDIAN_BACK]))
    intervals_s = np.concatenate(
        (np.full(MEASURED_BLOCKS, np.nan), medians_s[MEASURED_BLOCKS:] - medians_s[:-MEASURED_BLOCKS])
    )
    stats = [
        {} if np.isnan(interval_s) else {"window_block_count": MEASURED_BLOCKS, "window_interval": float(interval_s)}
        for interval_s in intervals_s
    ]
    return np.array([spacing_of(MAIN_GENESIS, each) for each in stats], np.float64)


def step_of(seconds: float) -> int:
    """The first step at or after a time since the start."""
    return -(-round(seconds) // STEP_S)


def gaps_longer(seed: int, *, spacings: float, hold_s: float, days: float) -> int:
    """How many gaps of a chain outlast a rule: so many spacings, and for `hold_s` more."""
    blocks_s = mined(np.random.default_rng(seed), days=days)
    waits_s = np.diff(blocks_s[BEFORE - 1 :])
    bars_s = spacings * spacings_s(blocks_s)[BEFORE - 1 : -1] + hold_s
    return int(np.sum((waits_s > bars_s) & (blocks_s[BEFORE:] < days * 86_400)))
