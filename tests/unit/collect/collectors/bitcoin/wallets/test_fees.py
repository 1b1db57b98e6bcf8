"""Unit tests of today's fee, and of fees over days."""

from __future__ import annotations

import pytest

from anyascope.clock import NS_PER_S
from anyascope.collect.collectors.bitcoin.wallets.fees import HOURS_MAX, HOURS_MIN, Fee, FeeBook, Market, fee_of

HOUR_NS = 3_600 * NS_PER_S


@pytest.mark.parametrize(
    ("estimate", "pool", "fee"),
    [
        ({"feerate": 0.00012345}, {"mempoolminfee": 0.00001}, Fee(12_345, "estimate")),
        ({"errors": ["no"]}, {"mempoolminfee": 0.00001, "minrelaytxfee": 0.000001}, Fee(1_000, "minimum")),
        ({"feerate": 0.00002}, {"mempoolminfee": 0.00003}, Fee(3_000, "minimum")),
        ({"feerate": 0.00002}, {}, Fee(2_000, "estimate")),
        ({}, {}, None),
    ],
)
def test_todays_fee(estimate, pool, fee):
    """The node's estimate, or the least that it takes, and which of the two."""
    assert fee_of(estimate, pool) == fee


def test_fees_of_days_are_remembered_by_the_hour():
    """An average an hour, kept over restarts, forgotten after two weeks."""
    book = FeeBook()
    for hour in range(HOURS_MIN):
        assert book.market(now_ns=hour * HOUR_NS) is None
        for rate in (hour * 1_000, hour * 1_000 + 200):
            book.note(rate, now_ns=hour * HOUR_NS)
    market = FeeBook.from_json(book.to_json()).market(now_ns=(HOURS_MIN - 1) * HOUR_NS)
    assert market == Market(median=24_100, cheap=12_100, hours=HOURS_MIN)
    assert book.market(now_ns=HOURS_MAX * HOUR_NS) is None
    book.note(5_000, now_ns=(HOURS_MAX + 9) * HOUR_NS)
    assert book.hours == HOURS_MIN - 10 + 1
    assert FeeBook.from_json({"hours": [["x"], 3, [1, 2]]}).hours == 0
