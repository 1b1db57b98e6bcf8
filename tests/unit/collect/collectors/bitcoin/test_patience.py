"""Unit tests of how rarely a slow call is made."""

from __future__ import annotations

import pytest

from anyascope.clock import NS_PER_S
from anyascope.collect.collectors.bitcoin.patience import Patience, rest_s


def test_a_slow_call_rests():
    """Up to 0.2 s a call is made whenever it is wanted; slow twice in a row, the node gets its rest."""
    patience = Patience()
    assert patience.is_due("listunspent", now_ns=0)
    for took_s in (0.2, 0.5, 0.1, 0.5):  # once is chance
        patience.note("listunspent", took_s, now_ns=0)
        assert patience.is_due("listunspent", now_ns=0)
        assert patience.slow() == ()
    patience.note("listunspent", 0.4, now_ns=0)
    assert not patience.is_due("listunspent", now_ns=200 * NS_PER_S - 1)
    assert patience.is_due("listunspent", now_ns=200 * NS_PER_S)
    assert [(call.method, call.took_s, call.rest_s) for call in patience.slow()] == [("listunspent", 0.4, 200.0)]


@pytest.mark.parametrize(
    ("took_s", "longest_s", "rest"),
    [(0.2, 0.2, 0.0), (0.2, 0.1, 0.0), (0.5, 0.1, 50.0), (0.5, 0.3, 150.0), (9.0, 0.1, 600.0), (9.0, 9.0, 600.0)],
)
def test_many_quick_calls_are_load_alone(took_s, longest_s, rest):
    """They hold nobody up: a hundredth of the time, where one slow call has a five-hundredth; never beyond ten minutes."""
    assert rest_s(took_s, longest_s) == rest
