"""Unit tests of how rarely a slow call is made."""

from __future__ import annotations

from anyascope.clock import NS_PER_S
from anyascope.collect.collectors.bitcoin.wallets.patience import Patience, rest_s


def test_a_slow_call_rests():
    """Up to 0.2 s a call is made whenever it is wanted; beyond it the node gets its rest, ten minutes at most."""
    patience = Patience()
    assert patience.is_due("listunspent", now_ns=0)
    patience.note("listunspent", 0.2, now_ns=0)
    assert patience.is_due("listunspent", now_ns=0)
    assert patience.slow() == ()
    patience.note("listunspent", 0.4, now_ns=0)
    assert not patience.is_due("listunspent", now_ns=200 * NS_PER_S - 1)
    assert patience.is_due("listunspent", now_ns=200 * NS_PER_S)
    assert [(call.method, call.rest_s) for call in patience.slow()] == [("listunspent", 200.0)]
    assert rest_s(9.0) == 600.0
