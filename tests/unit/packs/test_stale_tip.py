"""The stale-tip alarms over replayed time: one page at most in 60 days of chance, and a node that is cut off is named."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from anyascope.clock import NS_PER_S
from anyascope.rules.load import load_rules
from support.block_times import cut_off, gaps_longer, mined, received, tell_tips
from support.components import REPOSITORY
from support.replay import DAY_STEPS, START_S, Replay

PACK = REPOSITORY / "src/anyascope/packs/bitcoin/rules.yml"
ABOUT_TIPS = frozenset(
    (
        *("BitcoinNetworkSlow", "BitcoinNetworkStalled", "BitcoinTipOld", "BitcoinTipStale"),
        *("BitcoinNodeCutOff", "BitcoinNodeBehind", "BitcoinNodeFarBehind", "BitcoinNodesDisagree"),
    )
)
DAYS = 60
PAGE_SPACINGS = 15  # the gap that pages, in spacings
PAGE_FOR_S = 60
PAGED = (
    1132,
    1863,
    2629,
    3262,
    3472,
)  # have a gap that pages; of 10,000 chains 15 have one, none two: bench/stale_tip.py
SEEDS = (*range(8), *PAGED[:2])


def rules():
    groups = load_rules(PACK.read_text(), file="bitcoin:rules.yml")
    kept = (replace(group, rules=tuple(each for each in group.rules if each.name in ABOUT_TIPS)) for group in groups)
    return [group for group in kept if group.rules]


async def told(replay):
    """(chain, rule, node, seconds since the start, annotations) of each alert that fired, by time."""
    report = await replay.judged(rules())
    assert [outcome.error for outcome in report.rules if outcome.error] == []
    return [
        (
            dict(firing.labels)["chain"],
            firing.rule,
            dict(firing.labels).get("node", ""),
            firing.fired_ns / NS_PER_S - START_S,
            firing.annotations,
        )
        for firing in report.firings
        if firing.fired_ns
    ]


def pages_by_chain(alerts):
    """How many critical alerts each chain had; what is low only informs."""
    return Counter(chain for chain, rule, *_ in alerts if rule not in ("BitcoinNetworkSlow", "BitcoinTipOld"))


async def replayed(seeds, *, nodes):
    """Sixty healthy days a seed, each on a chain of its own."""
    replay = Replay(DAYS * DAY_STEPS)
    for seed in seeds:
        chance = np.random.default_rng(seed)
        blocks_s = mined(chance, days=DAYS)
        tell_tips(replay, f"seed{seed}", [(f"node-{number}", received(chance, blocks_s)) for number in range(nodes)])
    return await told(replay)


def gaps_that_page(seed):
    """What the times of the blocks say, without the rules."""
    return gaps_longer(seed, spacings=PAGE_SPACINGS, hold_s=PAGE_FOR_S, days=DAYS)


@pytest.mark.parametrize("nodes", [1, 2])
async def test_sixty_days_of_chance_page_once_at_most(nodes):
    """Blocks come exponentially: with one node and with two, no chain pages twice, and only where the gap is that long."""
    alerts = await replayed(SEEDS, nodes=nodes)

    pages = pages_by_chain(alerts)
    assert max(pages.values(), default=0) <= 1
    assert (
        pages
        == {f"seed{seed}": 1 for seed in PAGED[:2]}
        == {f"seed{seed}": 1 for seed in SEEDS if gaps_that_page(seed)}
    )
    rules_told = {rule for _, rule, *_ in alerts}
    assert rules_told == (
        {"BitcoinTipOld", "BitcoinTipStale"} if nodes == 1 else {"BitcoinNetworkSlow", "BitcoinNetworkStalled"}
    )


@pytest.mark.long
async def test_forty_times_sixty_days():
    """Of 40 chains of two nodes none pages twice; the pages are those that the blocks' times say, and no node is blamed."""
    seeds = (*range(35), *PAGED)
    alerts = await replayed(seeds, nodes=2)

    expected = {f"seed{seed}": count for seed in seeds if (count := gaps_that_page(seed))}
    assert set(expected) == {f"seed{seed}" for seed in PAGED}
    assert pages_by_chain(alerts) == expected
    assert max(expected.values()) == 1
    assert {node for _, _, node, *_ in alerts} == {""}


async def test_a_node_that_is_cut_off_is_named():
    """Where one of two nodes gets no blocks, the page names it within minutes, and nobody says that the network is slow."""
    replay = Replay(2 * DAY_STEPS)
    missed_s = {}
    for seed in range(12):
        chance = np.random.default_rng(seed)
        blocks_s = mined(chance, days=2)
        begin_s = float(chance.uniform(0.2, 1.0)) * 86_400
        well_s, ill_s = received(chance, blocks_s), received(chance, blocks_s)
        ill_s = cut_off(ill_s, from_s=begin_s, to_s=begin_s + 4 * 3600)
        missed_s[f"seed{seed}"] = float(well_s[well_s > begin_s][0])
        tell_tips(replay, f"seed{seed}", [("well", well_s), ("ill", ill_s)])

    alerts = await told(replay)

    cut = [alert for alert in alerts if alert[1] == "BitcoinNodeCutOff"]
    assert sorted(chain for chain, *_ in cut) == sorted(missed_s)
    for chain, _, node, fired_s, texts in cut:
        assert node == "ill"
        assert texts["summary"] == f"Bitcoin node ill ({chain}) is cut off"
        assert "well is at block" in texts["description"]
        assert 600 < fired_s - missed_s[chain] <= 600 + 3 * 60  # after the block that it missed first
    assert {node for _, _, node, *_ in alerts if node} == {"ill"}
    assert not [alert for alert in alerts if alert[1] == "BitcoinNetworkStalled"]


async def test_nodes_that_are_cut_off_together_are_told_together():
    """Where a whole site gets no blocks, one page for the chain says that it may be the site, after fifteen spacings."""
    replay = Replay(DAY_STEPS)
    chance = np.random.default_rng(3)
    blocks_s = mined(chance, days=1)
    begin_s = 6 * 3600.0
    nodes = [(name, cut_off(received(chance, blocks_s), from_s=begin_s, to_s=begin_s + 4 * 3600)) for name in "ab"]
    tell_tips(replay, "main", nodes)

    [slow, stalled] = await told(replay)

    assert (slow[1], stalled[1]) == ("BitcoinNetworkSlow", "BitcoinNetworkStalled")
    assert "or all nodes are cut off together" in stalled[4]["description"]
    last_s = float(nodes[0][1][nodes[0][1] <= begin_s][-1])
    assert 9000 < stalled[3] - last_s < 9000 * 1.3  # the spacing is what a day's blocks measured
