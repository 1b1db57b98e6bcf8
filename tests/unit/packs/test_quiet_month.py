"""A simulated month of what is healthy tells nothing above low; one fault in it does."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from anyascope import packs
from anyascope.model.alerts import AlertSeverity
from anyascope.rules.definition import AlertingRule
from anyascope.rules.packs import load_pack_rules
from support.healthy_custody import tell_hsm, tell_wallet
from support.healthy_nodes import tell_nodes
from support.pack_data import metrics_in
from support.replay import DAY_STEPS, Replay

DAYS = 30
PACKS = {"bitcoin": tell_nodes, "hsm": tell_hsm, "wallets": tell_wallet}


def month(*names, seed=1):
    replay = Replay(DAYS * DAY_STEPS)
    for name in names:
        PACKS[name](replay, seed=seed)
    return replay


async def told(replay, *names):
    """(severity, alert) of what fired, with how often; no rule may fail."""
    report = await replay.judged([group for name in names for group in load_pack_rules(name)])
    assert [(outcome.rule, outcome.error) for outcome in report.rules if outcome.error] == []
    assert len(report.rules) == sum(
        isinstance(rule, AlertingRule) for name in names for group in load_pack_rules(name) for rule in group.rules
    )
    return Counter((dict(firing.labels)["severity"], firing.rule) for firing in report.firings if firing.fired_ns)


def test_every_pack_has_its_month():
    """A pack that ships is judged here."""
    assert set(PACKS) == set(packs.names())


@pytest.mark.parametrize("name", PACKS)
def test_the_month_has_whatever_the_rules_read(name):
    """No rule is quiet because what it reads is not there."""
    read = set().union(*(metrics_in(rule.expr) for group in load_pack_rules(name) for rule in group.rules))

    assert read - {name.removesuffix("_bucket") for name in month(*PACKS).names()} == set()


@pytest.mark.long
@pytest.mark.parametrize("seed", [1, 2])
async def test_a_healthy_month_tells_nothing_above_low(seed):
    """Reorg, restart, full mempool, a spike of fees, a week of slow blocks and chance included: what is told is low, and each of these is told."""
    found = await told(month(*PACKS, seed=seed), *PACKS)

    assert {severity for severity, _ in found} == {AlertSeverity.LOW.value}
    assert found["low", "BitcoinReorg"] == 1
    assert found["low", "BitcoinNodeRestarted"] == 1
    assert found["low", "BitcoinMempoolNearlyFull"] == 2
    assert found["low", "BitcoinFeesHigh"] == 2
    assert found["low", "WalletDustMuch"] == 1
    assert found["low", "CustodySpendLate"] == 1
    assert sum(found.values()) <= 15


@pytest.mark.long
async def test_a_fault_in_the_month_is_told():
    """Two hours with 5 outbound peers, and an hour of a clock that is off, are told once each."""
    replay = month("bitcoin")
    for metric, value, hours in (("bitcoin_conn_out", 5.0, 2), ("anya_bitcoin_time_offset_seconds", 30.0, 1)):
        [labels] = [each for each in replay.series if {("__name__", metric), ("node", "core-1")} <= set(each)]
        values = np.array(replay.series[labels])
        values[4 * DAY_STEPS : 4 * DAY_STEPS + hours * 60] = value
        replay.series[labels] = values

    found = await told(replay, "bitcoin")

    assert {alert: count for (severity, alert), count in found.items() if severity != "low"} == {
        "BitcoinOutboundPeersFew": 1,
        "BitcoinClockOff": 1,
    }
