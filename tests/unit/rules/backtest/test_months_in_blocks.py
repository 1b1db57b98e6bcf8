"""An objective whose window is two weeks of blocks, over two months of blocks that come by chance: against its definition."""

from __future__ import annotations

import numpy as np
import pytest

from anyascope.clock import NS_PER_S
from anyascope.rules.load import load_rules
from anyascope.rules.slo import BURNS, SHORT_PART
from support.block_times import HEIGHT, mined
from support.replay import DAY_STEPS, START_S, Replay

DAYS, BEGIN_DAY = 60, 30
WINDOW_BLOCKS = 2016
STEP_S = 3600
SEGMENT_S = 12 * STEP_S
FIRST_S = -(-START_S // STEP_S) * STEP_S - START_S  # the first evaluation; steps are whole multiples of the step
TURN_S = FIRST_S + STEP_S / 2  # rates change between evaluations, so that none sees a mixture of two
BAD_SHARES = (0.0, 0.00037, 0.00213, 0.0191)
BUDGET = 0.001
RULES = f"""
slos:
  - {{name: w, objective: 99.9, window: {WINDOW_BLOCKS} blocks, total: asked_total, bad: failed_total}}
"""


def bad_shares(chance, times_s):
    """The share of bad events at each time: another one every few hours."""
    segments = np.floor((times_s - TURN_S) / SEGMENT_S).astype(int) + 1
    return chance.choice(BAD_SHARES, segments.max() + 1, p=(0.8, 0.1, 0.06, 0.04))[segments]


def burning(steps_s, heights, shares, *, blocks, factor):
    """At which steps the budget burned faster than the factor over the last so many blocks.

    They begin where the chain was first seen to be no more than so many lower; the evaluation at which it was belongs to those
    before.
    """
    found = []
    for step, at_s in enumerate(steps_s):
        first = int(np.searchsorted(heights, heights[step] - blocks))
        began_s = min(steps_s[first], at_s - 300)
        found.append(shares[(steps_s > began_s) & (steps_s <= at_s)].mean() / BUDGET > factor)
    return np.array(found)


@pytest.mark.long
async def test_two_months_of_an_objective_in_blocks():
    """Each alert fires at exactly those evaluations at which its two windows, as long as their blocks took, say so."""
    chance = np.random.default_rng(5)
    replay = Replay(DAYS * DAY_STEPS)
    tips = np.searchsorted(mined(chance, days=DAYS), replay.times_s, side="right") - 1
    shares = bad_shares(chance, replay.times_s)
    replay.add("bitcoin_blocks", {"chain": "main", "node": "a"}, HEIGHT + tips)
    replay.add("asked_total", {}, 60.0 * np.arange(replay.steps))
    replay.add("failed_total", {}, np.concatenate(([0.0], np.cumsum(60.0 * shares[1:]))))

    report = await replay.judged(load_rules(RULES, file="r.yml"), step_s=STEP_S, begin_s=BEGIN_DAY * 86_400)

    assert [outcome.error for outcome in (*report.rules, *report.recorded) if outcome.error] == []
    steps_s = np.arange(FIRST_S, DAYS * 86_400 - 60, STEP_S)
    minutes = (steps_s // 60).astype(int)
    told = steps_s >= BEGIN_DAY * 86_400
    fired_at_all = 0
    for burn in BURNS:
        expected = np.ones(len(steps_s), bool)
        for part in (burn.part, burn.part * SHORT_PART):
            blocks = -(-WINDOW_BLOCKS // part)
            expected &= burning(steps_s, tips[minutes], shares[minutes], blocks=blocks, factor=float(burn.factor))
        fired = np.zeros(len(steps_s), bool)
        for firing in report.firings:
            if dict(firing.labels)["severity"] == burn.severity:
                ended_s = firing.ended_ns / NS_PER_S - START_S if firing.ended_ns else np.inf
                fired |= (steps_s >= firing.fired_ns / NS_PER_S - START_S) & (steps_s < ended_s)
        assert steps_s[told & (fired != expected)].tolist() == [], burn.severity
        fired_at_all += int(fired[told].sum())
    assert fired_at_all > 50
