"""What a virtual byte costs that is to be mined soon."""

from __future__ import annotations

import pytest

from anyascope.collect.collectors.bitcoin.transactions.market import Market, market_of, taken_rate

POOL = {"mempoolminfee": 0.00002, "minrelaytxfee": 0.00001, "incrementalrelayfee": 0.00001, "loaded": True}


@pytest.mark.parametrize(
    ("estimate", "taken", "rate"),
    [
        ({"feerate": 0.0002}, [], 20.0),
        ({"feerate": 0.00001}, [], 2.0),
        ({"errors": ["Insufficient data"]}, [30.0, 50.0, 90.0], 50.0),
        ({"errors": ["Insufficient data"]}, [], 2.0),
    ],
)
def test_the_best_that_is_known_counts(estimate, taken, rate):
    """The estimate, else what blocks took, and never less than the mempool asks for."""
    assert market_of(POOL, estimate, taken) == Market(rate, 2.0, 1.0)


def test_an_older_node_says_less():
    """Litecoin 0.21 names no increment: the relay's fee stands in."""
    found = market_of({"mempoolminfee": 0.0001, "minrelaytxfee": 0.0001}, {}, [])
    assert found == Market(10.0, 10.0, 10.0)


def test_a_mempool_that_loads_is_known():
    """What is not in it then was not evicted."""
    assert not market_of({**POOL, "loaded": False}, {}, []).is_pool_loaded


def test_an_empty_block_says_nothing():
    """Its percentiles are zeros."""
    assert taken_rate({"feerate_percentiles": [0, 0, 0, 0, 0], "totalfee": 0}) is None
    assert taken_rate({"feerate_percentiles": [12, 20, 30, 40, 50], "totalfee": 900}) == 12.0
    assert taken_rate({}) is None


@pytest.mark.parametrize(("policy", "replaces"), [("never", False), ("optin", True), ("always", True), (None, True)])
def test_a_node_that_takes_no_replacement_says_so(policy, replaces):
    """Knots with `mempoolreplacement=0`; Core does not say, and replaces."""
    pool = POOL if policy is None else {**POOL, "rbf_policy": policy}
    assert market_of(pool, {}, []).replaces is replaces
