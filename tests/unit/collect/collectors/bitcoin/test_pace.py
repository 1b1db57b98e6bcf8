"""Unit tests of how fast a node's blocks come."""

from __future__ import annotations

import json
import math

import pytest

from anyascope.collect.collectors.bitcoin.branches import Branch
from anyascope.collect.collectors.bitcoin.pace import Arrival, Pace, gap_probability, spacing_of, window_to_ask
from anyascope.collect.collectors.bitcoin.verdict import NodeView, standing_of

BITCOIN = "000000000019d6689c085ae165831e934ff763ae46a2a6c172b3f1b60a8ce26f"
LITECOIN = "12a765e31ffd4059bada1e25190f6e98c99d9714d334efa41a195a7e7e04bfe2"
REGTEST = "0f9188f13cb7b2c71f2a335e3a4fc328bf5beb436012afca590b1a11466e2206"
S = 1_000_000_000
HOUR_S = 3_600


def measured(average_s: float, *, blocks: int = 144) -> dict[str, float]:
    return {"window_block_count": blocks, "window_interval": average_s * blocks}


def test_two_chains_called_main_have_their_own_spacing():
    """The genesis block tells Bitcoin from Litecoin."""
    assert spacing_of(BITCOIN, {}) == 600
    assert spacing_of(LITECOIN, {}) == 150


def test_a_network_that_aims_at_nothing_has_no_spacing_unless_it_is_configured():
    """Blocks of regtest come on demand; what somebody configured is taken."""
    assert spacing_of(REGTEST, measured(1)) is None
    assert spacing_of(REGTEST, measured(1), configured_s=5) == 5
    assert spacing_of(BITCOIN, {}, configured_s=60) == 60


@pytest.mark.parametrize(
    ("stats", "spacing_s"),
    [
        (measured(1_200), 1_200),
        (measured(500), 600),
        (measured(1_200, blocks=143), 600),
        ({"window_block_count": 144}, 600),
        ({"window_block_count": 144, "window_interval": -5}, 600),
    ],
)
def test_after_miners_left_the_longer_spacing_counts(stats, spacing_s):
    """A whole window only, and never below the aim."""
    assert spacing_of(BITCOIN, stats) == spacing_s


def test_a_young_chain_is_asked_for_what_it_has():
    """`getchaintxstats` refuses a window as long as the chain."""
    assert [window_to_ask(height) for height in (0, 1, 2, 144, 145, 900_000)] == [0, 0, 1, 143, 144, 144]


def test_gaps_are_as_likely_as_they_happen():
    """Of 144 gaps a day, 53 are longer than 10 minutes; one over 60 comes every 2.8 days, over 90 every 56 days."""
    assert round(144 * gap_probability(600, 600)) == 53
    assert round(1 / (144 * gap_probability(3_600, 600)), 1) == 2.8
    assert round(1 / (144 * gap_probability(5_400, 600))) == 56
    assert gap_probability(0, 600) == 1
    assert gap_probability(math.inf, 600) == 0


@pytest.mark.parametrize(
    ("after_s", "header_s", "came_s"),
    [
        (9_985, 9_990, 9_990),  # between two looks: the header says when
        (9_985, 13_000, 10_000),  # a miner's clock ahead
        (9_985, 7_000, 9_985),  # a miner's clock behind
        (9_985, 2_000, 2_000),  # an old block that a node catches up with
        (5_000, 8_000, 8_000),  # while nobody looked
        (None, 4_000, 4_000),  # there at the first look
        (None, 12_000, 10_000),
        (None, None, None),
        (9_985, None, 10_000),
    ],
)
def test_a_tip_came_when_it_was_seen_to(after_s, header_s, came_s):
    """After the look without it, not after the one with it at 10,000 s; in between by the time in its header."""
    arrival = Arrival("t", None if after_s is None else after_s * S, 10_000 * S)
    assert arrival.time_s(header_s) == came_s


def test_an_age_is_never_negative_and_grows():
    """A header of the future does not make time run backwards."""
    pace = Pace()
    assert pace.age_s(50.0, now_ns=100 * S) is None
    pace.looked("a", 1, now_ns=100 * S)
    assert pace.age_s(7_000.0, now_ns=100 * S) == 0
    assert pace.age_s(7_000.0, now_ns=90 * S) == 0
    pace.looked("a", 1, now_ns=115 * S)
    assert pace.age_s(7_000.0, now_ns=115 * S) == 15


@pytest.mark.parametrize(("settled_after_s", "uptime_s", "expected"), [(0, 0, True), (60, 59, False), (60, 60, True)])
def test_a_node_settles_as_soon_as_its_settings_say(settled_after_s, uptime_s, expected):
    """A node that is made to be tried out speaks at once; one in its initial download never does."""
    pace = Pace(settled_after_s=settled_after_s)
    assert pace.is_settled(behind_headers=0, uptime_s=uptime_s, is_downloading=False) is expected
    assert pace.is_settled(behind_headers=0, uptime_s=uptime_s, is_downloading=True) is False


def test_what_was_seen_is_kept_over_a_restart():
    """As the document store gives it back; what is not ours is ignored."""
    pace = Pace()
    pace.looked("a", 1, now_ns=100 * S)
    pace.looked("b", 2, now_ns=115 * S)
    later = Pace()
    later.take_up(json.loads(json.dumps(pace.to_json())))
    later.looked("b", 2, now_ns=500 * S)
    assert later.age_s(9_000.0, now_ns=500 * S) == 385
    later.take_up({"came": ["b", "odd", 3]})
    later.take_up({})
    assert later.age_s(9_000.0, now_ns=500 * S) == 385
    assert Pace().to_json() == {}


def settled(pace: Pace, *, behind: int = 0, uptime_s: int | None = HOUR_S, downloading: bool = False) -> bool:
    return pace.is_settled(behind_headers=behind, uptime_s=uptime_s, is_downloading=downloading)


def test_a_node_is_settled_once_it_has_caught_up_and_run_for_a_while():
    """Not in initial download, not before 10 minutes, not while it fetches what it missed."""
    assert not settled(Pace(), uptime_s=599)
    assert settled(Pace(), uptime_s=600)
    assert settled(Pace(), behind=1, uptime_s=600)
    assert not settled(Pace(), behind=2, uptime_s=3_599)
    assert settled(Pace(), behind=2, uptime_s=HOUR_S)
    assert not settled(Pace(), downloading=True, uptime_s=9 * HOUR_S)
    assert settled(Pace(), uptime_s=None)
    assert not settled(Pace(), behind=2, uptime_s=None)


def test_what_a_starting_node_has_not_heard_yet_does_not_count():
    """Without peers it knows no headers that it lacks; ten minutes later it does."""
    pace = Pace()
    assert not settled(pace, behind=0, uptime_s=5)
    assert not settled(pace, behind=70, uptime_s=700)
    assert settled(pace, behind=1, uptime_s=900)


def test_a_settled_node_that_falls_behind_stays_settled():
    """Else a full disk would mute the alarm about it; a restart begins anew."""
    pace = Pace()
    assert settled(pace, uptime_s=700)
    assert settled(pace, behind=40, uptime_s=800)
    pace.restarted()
    assert not settled(pace, behind=40, uptime_s=700)


def view(name: str, height: int, pace: Pace) -> NodeView:
    branch = Branch({at: str(at) for at in range(height + 1)})
    return NodeView(name, ("main", BITCOIN), branch, is_settled=True, came_ns=pace.came_ns())


def test_a_lag_begins_with_the_first_block_that_another_had():
    """It shrinks as the node catches up, and blocks that a reorg took away do not count."""
    ahead = Pace()
    for height, now_s in ((5, 100), (6, 200), (7, 300)):
        ahead.looked(str(height), height, now_ns=now_s * S)

    def ahead_s(height: int) -> float | None:
        found = standing_of(view("b", height, Pace()), [view("a", 7, ahead)])
        return None if found is None or found.ahead_ns is None else found.ahead_ns / S

    assert [ahead_s(height) for height in (3, 5, 6, 7)] == [100, 200, 300, None]
    ahead.looked("6'", 6, now_ns=400 * S)
    assert [ahead_s(5), ahead_s(6)] == [200, None]
    ahead.looked("200", 200, now_ns=500 * S)
    assert list(ahead.came_ns()) == [200]
