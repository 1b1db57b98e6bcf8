"""Unit tests of noticing that a node started again."""

from __future__ import annotations

import pytest

from anyascope.clock import NS_PER_S
from anyascope.collect.collectors.bitcoin.starts import StartWatch


@pytest.mark.parametrize(
    ("uptime_s", "is_new"),
    [
        (115, False),
        (111, False),  # whole seconds, and an answer that took a while
        (9_000, False),  # its clock was set
        (109, True),  # more than it had, but less than it should have by now
        (0, True),
    ],
)
def test_an_uptime_that_does_not_grow_as_time_does_is_another_start(uptime_s, is_new):
    """Fifteen seconds later it should be fifteen seconds more."""
    starts = StartWatch()
    assert starts.looked(100, now_ns=0)
    assert starts.looked(uptime_s, now_ns=15 * NS_PER_S) is is_new
    assert starts.uptime_s == uptime_s


def test_without_an_uptime_an_absence_counts():
    """A node whose user may not ask for it started again, as far as can be known, when it was away."""
    starts = StartWatch()
    assert starts.looked(None, now_ns=0)
    assert not starts.looked(None, now_ns=1)
    starts.lost()
    assert starts.looked(None, now_ns=2)


def test_an_absence_of_the_network_is_no_start():
    """The node is back, and has run all the time."""
    starts = StartWatch()
    starts.looked(100, now_ns=0)
    starts.lost()
    assert not starts.looked(160, now_ns=60 * NS_PER_S)
