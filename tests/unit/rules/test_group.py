"""A group's evaluation: order, series, alerts, limits, faults."""

from __future__ import annotations

import math

import pytest

from anyascope.clock import NS_PER_S
from anyascope.errors import InvalidInputError
from anyascope.model.alerts import AlertState
from anyascope.model.status import RuleHealth
from anyascope.ports import HealthStatus
from anyascope.promql.result import QueryResult, ResultKind
from anyascope.rules.options import RulesOptions
from support.rules_house import UNAVAILABLE, RulesHouse, vector

ALERT = """
groups:
- name: g
  interval: 60s
  rules:
  - alert: Down
    expr: up == 0
    for: 2m
    labels: {severity: page, who: "{{ $labels.job }}-{{ $value }}"}
    annotations: {summary: "{{ $labels.job }} of {{ $externalLabels.site }} at {{ $externalURL }}"}
"""
RECORD = "groups: [{name: g, interval: 60s, rules: [{record: 'a:b', expr: up, labels: {x: y, job: ''}}]}]"
DOWN = [({"__name__": "up", "job": "node"}, 0.0)]


@pytest.fixture
async def house():
    house = RulesHouse(
        options=RulesOptions(external_url="http://here/", external_labels={"site": "s1"}, restore_grace_s=0)
    )
    yield house
    if house.rules:
        await house.rules.stop()


async def test_recording(house):
    """A recording rule stores the answer under its name, its own labels over those of the answer."""
    house.engine.answers["up"] = [({"__name__": "up", "job": "node", "instance": "h"}, 3.0)]
    await house.start(RECORD)

    await house.clock.advance(60)

    ((labels, time_ms, value),) = house.pipe.written()
    assert (labels, value) == ({"__name__": "a:b", "instance": "h", "x": "y"}, 3.0)
    assert house.engine.asked == [("up", time_ms)]


async def test_scalar_is_recorded_without_labels(house):
    """A scalar becomes one series with the rule's labels alone."""
    scalar = vector([({}, 5.0)])
    house.engine.answers["up"] = QueryResult(ResultKind.SCALAR, scalar.frame, 0)
    await house.start(RECORD)

    await house.clock.advance(60)

    assert [(labels, value) for labels, _, value in house.pipe.written()] == [({"__name__": "a:b", "x": "y"}, 5.0)]


async def test_series_that_vanish_are_marked(house):
    """A recorded series that the answer no longer has ends with a staleness marker."""
    house.engine.answers["up"] = [({"instance": "1"}, 1.0), ({"instance": "2"}, 2.0)]
    await house.start(RECORD)
    await house.clock.advance(60)
    house.engine.answers["up"] = [({"instance": "2"}, 2.0)]

    await house.clock.advance(60)

    first, second = house.pipe.written()[2:]
    assert (first[0]["instance"], first[2]) == ("2", 2.0)
    assert second[0]["instance"] == "1"
    assert math.isnan(second[2])


async def test_same_labels_twice_is_an_error(house):
    """Two elements that the rule's labels make equal fail the rule, and nothing is stored."""
    house.engine.answers["up"] = [({"job": "1"}, 1.0), ({"job": "2"}, 2.0)]
    await house.start(RECORD)

    await house.clock.advance(60)

    rule = house.rules.groups()[0].rules[0]
    assert rule.health is RuleHealth.ERR
    assert rule.last_error == "vector contains metrics with the same labelset after applying rule labels"
    assert house.pipe.written() == []
    assert house.rules.health()[0].status is HealthStatus.DEGRADED


async def test_life_of_an_alert(house):
    """Pending, firing after `for`, repeated each minute, resolved, and the resolution repeated for 15 minutes."""
    house.engine.answers["up == 0"] = DOWN
    await house.start(ALERT)
    await house.clock.advance(60)
    rule = house.rules.groups()[0].rules[0]
    assert (rule.state, house.sink.received) == (AlertState.PENDING, [])
    pending_since = rule.alerts[0].active_ns

    await house.clock.advance(120)

    (alert,) = house.sink.take()
    fired_ns = pending_since + 120 * NS_PER_S
    assert dict(alert.labels) == {
        "alertname": "Down",
        "job": "node",
        "severity": "page",
        "site": "s1",
        "who": "node-0",
    }
    assert alert.annotations == {"summary": "node of s1 at http://here/"}
    assert (alert.starts_ns, alert.ends_ns) == (fired_ns, fired_ns + 240 * NS_PER_S)
    assert alert.generator_url == "http://here/graph?g0.expr=up+%3D%3D+0&g0.tab=1"
    await house.clock.advance(60)
    assert len(house.sink.take()) == 1
    house.engine.answers["up == 0"] = []
    await house.clock.advance(60)
    (resolved,) = house.sink.take()
    assert (resolved.starts_ns, resolved.ends_ns) == (fired_ns, fired_ns + 120 * NS_PER_S)
    await house.clock.advance(60 * 30)
    assert {alert.ends_ns for alert in house.sink.received} == {resolved.ends_ns}
    assert len(house.sink.take()) == 15


async def test_alert_series(house):
    """ALERTS and ALERTS_FOR_STATE are written while it is pending or firing, and marked when the state changes."""
    house.engine.answers["up == 0"] = DOWN
    await house.start(ALERT)
    await house.clock.advance(60)

    pending, for_state = house.pipe.written()
    assert (pending[0]["__name__"], pending[0]["alertstate"], pending[2]) == ("ALERTS", "pending", 1.0)
    assert for_state[0]["__name__"] == "ALERTS_FOR_STATE"
    assert "alertstate" not in for_state[0]
    assert for_state[2] == for_state[1] // 1000
    await house.clock.advance(120)
    marked = [labels for labels, _, value in house.pipe.written() if math.isnan(value)]
    assert [labels.get("alertstate") for labels in marked] == ["pending"]


async def test_failing_expression_keeps_alerts(house):
    """An expression that fails neither resolves nor forgets an alert."""
    house.engine.answers["up == 0"] = DOWN
    await house.start(ALERT)
    await house.clock.advance(180)
    house.sink.take()
    house.engine.answers["up == 0"] = InvalidInputError("many-to-many")

    await house.clock.advance(120)

    rule = house.rules.groups()[0].rules[0]
    assert (rule.state, rule.last_error) == (AlertState.FIRING, "many-to-many")
    assert house.sink.received == []
    assert house.metric("anyascope_rule_failures_total") == 2
    assert house.metric("prometheus_rule_evaluation_failures_total", rule_group="r.yml;g") == 2


async def test_limit(house):
    """More alerts than the group's limit are an error, and none of them lives on."""
    house.engine.answers["up"] = [({"job": str(job)}, 1.0) for job in range(3)]
    await house.start("groups: [{name: g, limit: 2, rules: [{alert: A, expr: up}, {record: r, expr: up}]}]")

    await house.clock.advance(60)

    alerting, recording = house.rules.groups()[0].rules
    assert (alerting.last_error, alerting.alerts) == ("exceeded limit of 2 with 3 alerts", ())
    assert recording.last_error == "exceeded limit of 2 with 3 series"
    assert house.pipe.written() == []


async def test_rules_see_what_those_before_them_recorded(house):
    """Before a rule that reads an earlier one's series is evaluated, these are stored; otherwise once at the end."""
    house.engine.answers.update({"up": [({}, 1.0)], "down": [({}, 1.0)], "a": [({}, 1.0)]})
    await house.start(
        "groups: [{name: g, rules: [{record: a, expr: up}, {record: b, expr: down}, {record: c, expr: a}]}]"
    )

    await house.clock.advance(60)

    stored = [[dict(labels)["__name__"] for labels in batch.samples.series] for _, batch in house.pipe.batches]
    assert stored == [["a", "b"], ["c"]]


async def test_query_offset(house):
    """With an offset a rule looks, and writes, that far in the past."""
    house.engine.answers["up"] = [({}, 1.0)]
    await house.start("groups: [{name: g, query_offset: 5m, rules: [{record: a, expr: up}]}]")

    await house.clock.advance(60)

    view = house.rules.groups()[0]
    ((_, time_ms, _),) = house.pipe.written()
    assert house.engine.asked == [("up", time_ms)]
    assert view.last_evaluation_ns // 1_000_000 - time_ms == 300_000


async def test_templates_can_query(house):
    """A template's query is answered at the evaluation's time; one that fails says so in the annotation."""
    house.engine.answers.update({
        "up": [({"job": "x"}, 1.0)],
        "load": [({"__name__": "load", "k": "v"}, 7.5)],
        "bad": InvalidInputError("nope"),
    })  # fmt: skip
    await house.start("""
groups:
- name: g
  rules:
  - alert: A
    expr: up
    annotations:
      good: '{{ with query "load" | first }}{{ .Labels.k }} {{ value . }}{{ end }}'
      bad: '{{ query "bad" }}'
""")

    await house.clock.advance(60)

    annotations = house.sink.received[0].annotations
    assert annotations["good"] == "v 7.5"
    assert "<error expanding template: " in annotations["bad"]
    assert annotations["bad"].endswith("error calling query: nope>")


async def test_alerting_that_refuses_is_asked_again(house):
    """Alerts that alerting could not take are handed over again within seconds, not at the next interval."""
    house.engine.answers["up"] = [({}, 1.0)]
    house.sink.error = UNAVAILABLE
    await house.start("groups: [{name: g, interval: 10m, rules: [{alert: A, expr: up}]}]")
    await house.clock.advance(600)
    assert house.rules.health()[0].message == "alerts wait to be handed on"
    house.sink.error = None

    await house.clock.advance(2)

    assert len(house.sink.received) == 1
    assert house.rules.health()[0].status is HealthStatus.HEALTHY


async def test_store_that_refuses_does_not_stop_alerts(house):
    """Where series cannot be stored alerts are still handed on, and health says what is lost."""
    house.engine.answers["up"] = [({}, 1.0)]
    house.pipe.error = UNAVAILABLE
    await house.start("groups: [{name: g, rules: [{alert: A, expr: up}]}]")

    await house.clock.advance(60)

    assert len(house.sink.received) == 1
    assert "recorded series are not stored (busy)" in house.rules.health()[0].message


async def test_correlation_id(house):
    """An alert carries the correlation id of its label or annotation."""
    house.engine.answers["up"] = [({"cid": "c-1"}, 1.0)]
    await house.start(
        "groups: [{name: g, rules: [{alert: A, expr: up, annotations: {correlation_id: '{{ $labels.cid }}'}}]}]"
    )

    await house.clock.advance(60)

    assert house.sink.received[0].correlation_id == "c-1"


async def test_unforeseen_fault_in_one_rule(house):
    """A fault of our own in one rule is its error; the next rule is evaluated."""
    house.engine.answers.update({"up": RuntimeError("boom"), "down": [({}, 1.0)]})
    await house.start("groups: [{name: g, rules: [{record: a, expr: up}, {record: b, expr: down}]}]")

    await house.clock.advance(60)

    first, second = house.rules.groups()[0].rules
    assert (first.last_error, second.health) == ("RuntimeError: boom", RuleHealth.OK)
