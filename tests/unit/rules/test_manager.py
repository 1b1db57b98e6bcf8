"""Restart, reload, and what is shown."""

from __future__ import annotations

import math

import pytest

from anyascope.clock import NS_PER_S
from anyascope.model.alerts import AlertState
from anyascope.rules.options import RulesOptions
from support.rules_house import RulesHouse

TWO = """
groups:
- name: g
  interval: 60s
  rules:
  - {alert: Held, expr: up == 0, for: 5m}
  - {alert: Now, expr: down}
"""
HELD = "groups: [{name: g, interval: 60s, rules: [{alert: Held, expr: up == 0, for: 5m}]}]"


@pytest.fixture
async def house():
    house = RulesHouse(options=RulesOptions(restore_grace_s=120))
    house.engine.answers.update({"up == 0": [({"job": "x"}, 0.0)], "down": [({"job": "x"}, 1.0)]})
    yield house
    if house.rules:
        await house.rules.stop()


def states(house):
    return {rule.name: rule.state for group in house.rules.groups() for rule in group.rules}


async def test_alerts_survive_a_crash(house):
    """After `kill -9` a firing alert fires on with its start, and a pending one has not lost what it had waited."""
    await house.start(TWO)
    await house.clock.advance(180)
    (first, *_) = house.sink.take()
    await house.crash()
    await house.clock.advance(30)

    await house.start(TWO)

    assert states(house) == {"Held": AlertState.PENDING, "Now": AlertState.FIRING}
    await house.clock.advance(240)
    found = house.sink.take()
    assert {alert.starts_ns for alert in found if dict(alert.labels)["alertname"] == "Now"} == {first.starts_ns}
    assert "Held" in {dict(alert.labels)["alertname"] for alert in found}


async def test_alerts_alone_are_those_of_the_groups(house):
    """Pending and firing ones; none that was resolved."""
    await house.start(TWO)
    await house.clock.advance(180)
    found = list(house.rules.alerts())
    assert {alert.state for alert in found} == {AlertState.PENDING, AlertState.FIRING}
    assert found == [alert for group in house.rules.groups() for rule in group.rules for alert in rule.alerts]

    house.engine.answers.clear()
    await house.clock.advance(180)
    assert house.rules.alerts() == []


async def test_absence_after_a_restart_means_nothing_yet(house):
    """A restored alert does not end because its series have not been sent again yet; after the grace it does."""
    await house.start(TWO)
    await house.clock.advance(180)
    await house.rules.stop()
    house.sink.take()
    house.engine.answers.clear()

    await house.start(TWO)
    await house.clock.advance(60)
    assert states(house) == {"Held": AlertState.PENDING, "Now": AlertState.FIRING}

    await house.clock.advance(120)
    assert states(house) == {"Held": AlertState.INACTIVE, "Now": AlertState.INACTIVE}
    assert [
        dict(alert.labels)["alertname"] for alert in house.sink.take() if alert.ends_ns <= house.clock.now_ns()
    ] == ["Now"]


async def test_a_long_absence_forgets_pending_alerts(house):
    """After more than an hour away a pending alert begins anew; a firing one is still known."""
    await house.start(TWO)
    await house.clock.advance(180)
    await house.rules.stop()
    await house.clock.advance(3700)

    await house.start(TWO)

    assert states(house) == {"Held": AlertState.INACTIVE, "Now": AlertState.FIRING}


async def test_a_rule_that_is_gone_after_a_restart(house):
    """An alert whose rule or group was removed while the server was down ends at the start."""
    await house.start(TWO)
    await house.clock.advance(180)
    await house.rules.stop()
    house.sink.take()

    await house.start(HELD)

    (ended,) = house.sink.take()
    assert (dict(ended.labels)["alertname"], ended.ends_ns) == ("Now", house.clock.now_ns())
    await house.rules.stop()
    await house.start("groups: []")
    assert house.sink.take() == []
    assert house.documents.kept == {}


async def test_unchanged_group_goes_on(house):
    """A reload with the same group does not disturb it."""
    await house.start(TWO)
    await house.clock.advance(180)
    asked = len(house.engine.asked)

    await house.reload(TWO)

    assert states(house) == {"Held": AlertState.PENDING, "Now": AlertState.FIRING}
    await house.clock.advance(60)
    assert len(house.engine.asked) == asked + 2


async def test_changed_group_keeps_its_alerts(house):
    """A rule keeps its alerts when its group, its expression or its annotations change."""
    await house.start(TWO)
    await house.clock.advance(180)
    house.sink.take()

    await house.reload(TWO.replace("interval: 60s", "interval: 30s").replace("expr: down", "expr: 'down > 0'"))

    assert states(house) == {"Held": AlertState.PENDING, "Now": AlertState.FIRING}
    assert house.sink.received == []


async def test_removed_rule_ends(house):
    """A rule that a reload removes ends its alerts and marks its series."""
    await house.start(TWO)
    await house.clock.advance(180)
    house.sink.take()

    await house.reload(HELD)

    (ended,) = house.sink.take()
    assert (dict(ended.labels)["alertname"], ended.ends_ns) == ("Now", house.clock.now_ns())
    marked = [labels for labels, _, value in house.pipe.written() if math.isnan(value)]
    assert {labels["__name__"] for labels in marked} == {"ALERTS", "ALERTS_FOR_STATE"}
    assert {labels["alertname"] for labels in marked} == {"Now"}


async def test_removed_group_ends(house):
    """A group that a reload removes ends, and nothing is counted of it any more."""
    await house.start(TWO)
    await house.clock.advance(180)
    house.sink.take()

    await house.reload("groups: []")
    await house.clock.advance(120)

    assert [dict(alert.labels)["alertname"] for alert in house.sink.take()] == ["Now"]
    assert house.rules.groups() == []
    assert house.documents.kept == {}
    assert house.metric("prometheus_rule_group_rules", rule_group="r.yml;g") is None


async def test_view(house):
    """Groups, rules and alerts are shown in Prometheus' nouns, in the order of the files."""
    await house.start(TWO)
    await house.clock.advance(60)

    (group,) = house.rules.groups()

    held, now = group.rules
    assert (group.name, group.file, group.interval_s) == ("g", "r.yml", 60)
    assert (held.query, held.hold_s, held.state) == ("up == 0", 300, AlertState.PENDING)
    assert dict(now.alerts[0].labels) == {"alertname": "Now", "job": "x"}
    assert now.last_evaluation_ns > house.clock.now_ns() - 60 * NS_PER_S
    assert house.metric("anyascope_rule_alerts", state="firing") == 1
    assert house.metric("anyascope_rule_alerts", state="pending") == 1


async def test_damaged_state_is_left_out(house):
    """State that cannot be understood does not stop the start; what can be is used."""
    await house.start(TWO)
    await house.clock.advance(180)
    await house.rules.stop()
    (document,) = house.documents.kept.values()
    body = {
        **document.body,
        "rules": {key: [*alerts, {"state": "odd"}, 5] for key, alerts in document.body["rules"].items()},
    }
    house.documents.kept[document.kind, document.key] = type(document)(document.kind, document.key, body)

    await house.start(TWO)

    assert states(house)["Now"] is AlertState.FIRING
